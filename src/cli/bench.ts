/**
 * `torchopt bench`: times whole training steps on this machine.
 *
 * @module
 */

import { type Command, UsageError } from "./arguments.ts";
import { CommandError, runOwn } from "./child.ts";

/** A line that a workload prints. */
interface Result {
  readonly workload: string;
  readonly metric: string;
  readonly median: number;
  readonly min: number;
  readonly n: number;
  readonly first_call_ms?: number | null;
}

/** Workloads that run where no names are given: some seconds in all. */
const USUAL = ["w1a", "w2", "w3a", "w5", "w7"];

function asText(results: readonly Result[]): string {
  const cell = (v: number | null | undefined) => (v?.toFixed(3) ?? "-").padStart(12);
  return [
    `${"workload".padEnd(24)}${"metric".padEnd(22)}${"median".padStart(12)}${
      "least".padStart(12)
    }` +
    `${"first call".padStart(12)}`,
    ...results.map((r) =>
      r.workload.padEnd(24) + r.metric.padEnd(22) + cell(r.median) + cell(r.min) +
      cell(r.first_call_ms)
    ),
  ].join("\n");
}

export const bench: Command = {
  about: "Time whole training steps on this machine",
  usage: "[options] [WORKLOAD ...]",
  details: `Without names: ${USUAL.join(", ")}. Times are milliseconds. What each workload is, is
written in bench/README.md of the sources.`,
  options: {
    list: { about: "print the names of the workloads" },
    all: { about: "run all workloads: several minutes" },
    quick: { about: "few runs, for a look" },
    json: { about: "print a list of JSON objects" },
  },
  async run(line) {
    if (Deno.build.standalone) {
      throw new CommandError(
        "the workloads are not part of a compiled binary: deno run -A jsr:@torchopt/torchopt/cli bench",
      );
    }
    const list = line.has("list"), all = line.has("all");
    if (list && line.words.length > 0) throw new UsageError("--list takes no names.");
    if (all && line.words.length > 0) throw new UsageError("names and --all, wants one of them.");
    const names = list ? ["--list"] : all || line.words.length > 0 ? line.words : USUAL;
    const { code, out } = await runOwn("bench/workloads.ts", names, {
      env: line.has("quick") ? { BENCH_QUICK: "1" } : {},
      caught: true,
    });
    if (code !== 0) return code;
    if (list) {
      const found = out.trim().split("\n");
      console.log(line.has("json") ? JSON.stringify(found) : found.join("\n"));
      return 0;
    }
    const results = out.split("\n").filter((text) => text.startsWith("{"))
      .map((text) => JSON.parse(text) as Result);
    console.log(line.has("json") ? JSON.stringify(results, null, 2) : asText(results));
    return 0;
  },
};
