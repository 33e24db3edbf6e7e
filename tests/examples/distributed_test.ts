/** The examples that run on several ranks. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { autograd, distributed, Generator } from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import {
  makeParams,
  metaLoss,
  type Params,
  sampleTasks,
  type Tasks,
} from "../../examples/maml_sinusoid.ts";
import { mean, parallelPart, part } from "../../examples/distributed_maml.ts";

const root = new URL("../../", import.meta.url).pathname;

async function launch(nproc: number, example: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "src/cli/mod.ts",
      "run",
      "--nproc",
      String(nproc),
      "--flag=-A",
      "--flag=--no-check",
      `examples/${example}`,
      ...args,
    ],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assertEquals([code, code === 0 ? "" : text(stderr)], [0, ""]);
  return text(stdout);
}

Deno.test("distributed MAML: the mean over unequal parts is that over all tasks", async () => {
  const params = makeParams(new Generator(0), 6), inner = { steps: 2, lr: 0.01 };
  const tasks = sampleTasks(new Generator(1), 7, 5),
    names = Object.keys(params) as (keyof Params)[];
  const loss = metaLoss(params, tasks, inner);
  const want = autograd.grad(loss, names.map((name) => params[name]));
  const cut = (start: number, count: number) =>
    Object.fromEntries(
      Object.entries(tasks).map(([name, x]) => [name, x.narrow(0, start, count)]),
    ) as unknown as Tasks;
  await distributed.initRpc();
  const found = [
    mean([part(params, cut(0, 3), inner), part(params, cut(3, 4), inner)]),
    await parallelPart(params, tasks, inner),
  ];
  await distributed.shutdown();
  for (const { loss: own, gradient } of found) {
    assertClose(own, loss, 1e-4);
    names.forEach((name, i) => assertClose(gradient[name], want[i]!, 1e-4, name));
  }
});

Deno.test("distributed MAML learns on two ranks", async () => {
  const args = ["--iterations", "30", "--tasks", "8", "--hidden", "8", "--inner-steps", "1"];
  const out = await launch(2, "distributed_maml.ts", ...args);
  const [, before, after] = /trained on: ([\d.]+) before meta-training, ([\d.]+) after/.exec(out)!;
  assert(Number(after) < Number(before), out);
  assertMatch(out, /8 tasks: [\d.]+ ms on one rank, [\d.]+ ms on 2: [\d.]+ times as fast/);
});

Deno.test("parameter server: two trainers learn one network", async () => {
  const out = await launch(3, "parameter_server.ts", "--iterations", "120", "--batch", "32");
  const lines = [...out.matchAll(/trainer (\d): loss ([\d.]+) -> ([\d.]+)/g)];
  assertEquals(lines.map(([, rank]) => rank).sort(), ["1", "2"]);
  for (const [line, , before, after] of lines) assert(Number(after) < 0.6 * Number(before), line);
});

Deno.test("parallel search finds a rule on two ranks", async () => {
  const out = await launch(
    2,
    "parallel_search.ts",
    "--iterations",
    "25",
    "--points",
    "400",
    "--steps",
    "32",
  );
  const [, before, after] = /wrong: ([\d.]+) % before, ([\d.]+) % after/.exec(out)!;
  assert(Number(after) < Number(before) / 2, out);
  assertMatch(out, /32 steps: [\d.]+ ms on one rank, [\d.]+ ms on 2: [\d.]+ times as fast/);
});
