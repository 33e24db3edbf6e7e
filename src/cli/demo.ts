/**
 * `torchopt demo`: meta-learns on sinusoids.
 *
 * @module
 */

import { type Command, type Option, UsageError } from "./arguments.ts";
import { ownConfig, runOwn } from "./child.ts";

/** Options of the example. */
const OPTIONS: Readonly<Record<string, Option>> = {
  seconds: { value: "N", about: "seconds of meta-training at most (default 30)" },
  iterations: { value: "N", about: "meta-training iterations at most" },
  tasks: { value: "N", about: "tasks in each iteration (default 10)" },
  shots: { value: "N", about: "known points of a task (default 10)" },
  lr: { value: "RATE", about: "step size of meta-training (default 0.003)" },
  "inner-lr": { value: "RATE", about: "step size of adaptation (default 0.01)" },
  seed: { value: "N", about: "seed of parameters and tasks (default 0)" },
  out: { value: "FILE", about: "picture of one adaptation (default maml_sinusoid.svg)" },
};

/** Set in the process that {@linkcode demo} starts where a checkout's import map is not in use. */
const AGAIN = "TORCHOPT_CLI_AGAIN";

/** The example, where what it imports is found from here; else null. */
async function example(): Promise<typeof import("../../examples/maml_sinusoid.ts") | null> {
  try {
    return await import("../../examples/maml_sinusoid.ts");
  } catch (error) {
    // Installed from a checkout, without its import map.
    if (ownConfig().length === 0 || Deno.env.has(AGAIN)) throw error;
    return null;
  }
}

export const demo: Command = {
  about: "Meta-learn on sinusoids for half a minute, and draw what was learned",
  usage: "[options]",
  options: { ...OPTIONS, json: { about: "print JSON" } },
  async run(line) {
    if (line.words.length > 0) throw new UsageError(`there is nothing like ${line.words[0]}.`);
    const args = Object.keys(OPTIONS).flatMap((name) => {
      const value = line.text(name);
      return value === undefined ? [] : [`--${name}=${value}`];
    });
    const json = line.has("json"), found = await example();
    if (found === null) {
      const again = ["demo", ...args, ...json ? ["--json"] : []];
      return (await runOwn("src/cli/mod.ts", again, { env: { [AGAIN]: "1" } })).code;
    }
    try {
      const result = await found.demo(args, { quiet: json || !Deno.stderr.isTerminal() });
      console.log(json ? JSON.stringify(result, null, 2) : found.asText(result));
    } catch (error) {
      if (error instanceof RangeError && error.name === "UsageError") {
        throw new UsageError(error.message);
      }
      throw error;
    }
    return 0;
  },
};
