/**
 * The command line: `deno run -A jsr:@torchopt/torchopt/cli COMMAND`, `deno task torchopt COMMAND` in a
 * checkout, or `torchopt COMMAND` after `deno install --global`.
 *
 * @module
 */

import { type Command, helpOf, parse, table, UsageError } from "./arguments.ts";
import { VERSION } from "./version.ts";

/** Commands by name. Each is loaded when it is called, so that a start takes no longer than it needs. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  info: async () => (await import("./info.ts")).info,
  doctor: async () => (await import("./doctor.ts")).doctor,
  demo: async () => (await import("./demo.ts")).demo,
  run: async () => (await import("./run.ts")).run,
  graph: async () => (await import("./graph.ts")).graph,
  bench: async () => (await import("./bench.ts")).bench,
  compile: async () => (await import("./compile.ts")).compile,
};

/** The line cannot be understood. */
const MISUSED = 2;

/** The work failed. */
const FAILED = 1;

async function overview(): Promise<string> {
  const rows = await Promise.all(
    Object.entries(COMMANDS).map(async ([name, load]) => [name, (await load()).about] as const),
  );
  return [
    "usage: torchopt COMMAND [options]",
    "",
    ...table(rows),
    "",
    "torchopt COMMAND --help tells more. Exit code: 0, 1 where the work failed, 2 where the command line",
    "is wrong; that of the program for run.",
  ].join("\n");
}

/**
 * Runs a command.
 *
 * Results go to stdout, as text or (`--json`) as one JSON value; all else goes to stderr.
 *
 * @param args command and its options, as `Deno.args`
 * @returns the exit code: 0, 1 where the work failed, 2 where the command line is wrong; the program's
 * for `run`
 *
 * @example
 * ```ts
 * import { main } from "@torchopt/torchopt/cli";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await main(["info", "--json"]), 0);
 * assertEquals(await main(["no-such-command"]), 2);
 * ```
 */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args[0] === "help" ? [...args.slice(1), "--help"] : args;
  if (name === undefined || name === "--help" || name === "-h") {
    console[name === undefined ? "error" : "log"](await overview());
    return name === undefined ? MISUSED : 0;
  }
  if (name === "--version" || name === "-V") {
    console.log(VERSION);
    return 0;
  }
  if (!Object.hasOwn(COMMANDS, name)) {
    const all = Object.keys(COMMANDS).join(", ");
    console.error(`torchopt: there is no command "${name}"; the commands are ${all}.`);
    return MISUSED;
  }
  const command = await COMMANDS[name]();
  if (asksForHelp(command, rest)) {
    console.log(helpOf(name, command));
    return 0;
  }
  try {
    return await command.run(parse(command, rest));
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`torchopt ${name}: ${error.message}\n(torchopt ${name} --help)`);
      return MISUSED;
    }
    console.error(`torchopt ${name}: ${messageOf(error)}`);
    return FAILED;
  }
}

/** `--help` in front of a program is for the command, behind it for the program. */
function asksForHelp(command: Command, args: readonly string[]): boolean {
  const options = { ...command.options, help: { about: "" } };
  try {
    return parse({ ...command, options }, args.map((a) => a === "-h" ? "--help" : a)).has("help");
  } catch {
    return args.includes("--help");
  }
}

/** Errors that teach are shown without the way to the line that threw them. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof Deno.errors.NotCapable) {
    return `${error.message}. Run it with -A, or see torchopt doctor.`;
  }
  const known = ["BackendError", "ShapeError", "DTypeError", "GradientError", "CommandError"];
  return known.includes(error.name) ? error.message : error.stack ?? error.message;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
