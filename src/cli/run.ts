/**
 * `torchopt run`: a program on several ranks of this host.
 *
 * @module
 */

import type { LaunchSettings } from "../distributed/launch/settings.ts";
import { type Command, type Line, UsageError } from "./arguments.ts";

/**
 * The settings that a command line says.
 *
 * @throws {UsageError} where it says none
 */
export function launchSettings(line: Line): LaunchSettings {
  const nproc = line.count("nproc", 1);
  if (nproc === undefined) throw new UsageError("--nproc is missing: how many ranks?");
  const [program, ...args] = line.words, flags = line.texts("flag");
  if (program === undefined) throw new UsageError("the program is missing.");
  return {
    nproc,
    program,
    args,
    workers: line.has("workers"),
    maxRestarts: line.count("max-restarts", 0) ?? 0,
    grace: line.count("grace", 0) ?? 10,
    flags: flags.length === 0 ? ["-A"] : flags,
  };
}

export const run: Command = {
  about: "Run a program on several ranks of this host",
  usage: "--nproc N [options] PROGRAM [arguments]",
  details:
    `Ranks are processes that meet by themselves (distributed.autoInitRpc). Output gets the rank in front of
each line, signals are passed on, and the first rank that fails ends all: its exit code is that of run.`,
  options: {
    nproc: { value: "N", about: "ranks to start", alias: "nproc-per-node" },
    workers: { about: "ranks are Workers of one process: quick to start, one crash takes all" },
    "max-restarts": {
      value: "N",
      about: "after a failure, start all ranks again up to N times (default 0)",
    },
    grace: {
      value: "SECONDS",
      about: "between asking ranks to end and killing them (default 10)",
    },
    flag: {
      value: "FLAG",
      about: "flag of deno run for the ranks, once for each (default -A)",
    },
  },
  takesProgram: true,
  async run(line) {
    const settings = launchSettings(line);
    if (settings.workers) {
      const { launchWorkers } = await import("../distributed/launch/workers.ts");
      return await launchWorkers(settings);
    }
    const { launchProcesses } = await import("../distributed/launch/processes.ts");
    return await launchProcesses(settings);
  },
};
