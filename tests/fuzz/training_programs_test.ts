/**
 * Random training programs against a slow reference that copies everything: optimizers over parts of
 * the parameters, `backward()` early and late, in-place methods, compiled functions, `vmap`,
 * differentiable and functional optimizers, values that are read late, or never. Each handle has the
 * value of the time at which it was made. `TORCHOPT_PROGRAMS=FIRST-LAST` runs other seeds.
 */

import { assert } from "@std/assert";
import { generate } from "./training/generate.ts";
import { run, shrink } from "./training/run.ts";

const [first, last] = (Deno.env.get("TORCHOPT_PROGRAMS") ?? "0-79").split("-").map(Number);

Deno.test(`training programs ${first} to ${last} give what the reference gives`, async () => {
  assert(first >= 0 && last >= first, "TORCHOPT_PROGRAMS wants FIRST-LAST");
  const failed: string[] = [];
  for (let seed = first; seed <= last && failed.length < 5; seed++) {
    const program = generate(seed), failure = await run(program);
    if (failure !== null) failed.push(await shrink(program, failure));
    // What was collected is freed between turns of the event loop.
    await new Promise((resolve) => setTimeout(resolve));
  }
  assert(failed.length === 0, `\n${failed.join("\n\n")}`);
});
