/**
 * Stored results of the micro-benchmarks: one file a commit.
 *
 * @module
 */

import type { Origin } from "./machine.ts";

/** Folder of stored results. */
export const RESULTS = new URL("../../bench/results/", import.meta.url);

/** Nanoseconds of one benchmark. */
export interface Times {
  readonly min: number;
  readonly avg: number;
  readonly p75: number;
  readonly n: number;
}

/** A stored result. */
export interface Result extends Origin {
  /** By file, group and name. */
  readonly benches: Readonly<Record<string, Times>>;
}

/** What `deno bench --json` prints, as far as is looked at. */
export interface DenoBench {
  readonly benches: readonly {
    readonly origin: string;
    readonly group: string | null;
    readonly name: string;
    readonly results: readonly { readonly ok?: Times }[];
  }[];
}

/** Times by names, those that failed left out. */
export function measured({ benches }: DenoBench): Record<string, Times> {
  return Object.fromEntries(benches.flatMap(({ origin, group, name, results }) => {
    const ok = results[0]?.ok;
    const path = [origin.replace(/^.*\/|_bench\.ts$/g, ""), group, name].filter((p) => p !== null);
    return ok ? [[path.join(" / "), { min: ok.min, avg: ok.avg, p75: ok.p75, n: ok.n }]] : [];
  }));
}

/** Name of the file of a result: they sort by date. */
export function fileName({ date, commit, kernels }: Origin): string {
  const time = date.slice(0, 16).replaceAll(/[-:]/g, "").replace("T", "-");
  return `${time}-${commit.replace("+", "-changed")}${kernels ? "" : "-no-kernels"}.json`;
}

/** All results in a folder, oldest first. */
export function readResults(folder: URL = RESULTS): Result[] {
  let names: string[];
  try {
    names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return names.filter((name) => name.endsWith(".json")).sort()
    .map((name) => JSON.parse(Deno.readTextFileSync(new URL(name, folder))));
}

/** What the stored results of one machine tell about one commit beside another. */
export interface Change {
  readonly name: string;
  /** Least times, second to first. */
  readonly ratio: number;
  /** Whether least time and third quartile are both beyond the threshold. */
  readonly verdict: "slower" | "faster" | "same";
}

/** Compares two stored results, which were measured at different times: only large changes count. */
export function changes(first: Result, second: Result, threshold: number): Change[] {
  return Object.entries(second.benches).flatMap(([name, b]) => {
    const a = first.benches[name];
    if (a === undefined) return [];
    const ratio = b.min / a.min, upper = b.p75 / a.p75;
    const verdict = Math.min(ratio, upper) > 1 + threshold
      ? "slower"
      : Math.max(ratio, upper) < 1 / (1 + threshold)
      ? "faster"
      : "same";
    return [{ name, ratio, verdict } as const];
  });
}
