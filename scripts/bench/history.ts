/**
 * Stored results as curves.
 *
 * @module
 */

import type { Result } from "./results.ts";
import { median } from "./statistics.ts";

/** Curves over results, oldest first. */
export interface History {
  /** The machine that most results are from; the others are left out. */
  readonly machine: string;
  /** Commits of the results. */
  readonly commits: readonly string[];
  /** For each benchmark, or for each file of them, times to those of the first result that has it. */
  readonly curves: readonly { readonly name: string; readonly values: readonly number[] }[];
}

/** At most so many curves can be told apart; above, those of a file are one. */
const MOST = 6;

/**
 * Makes curves.
 *
 * @param results oldest first
 * @param match text that names of benchmarks have to contain
 */
export function history(results: readonly Result[], match = ""): History {
  const kinds = Map.groupBy(results, (r) => `${r.machine}${r.kernels ? "" : ", no kernels"}`);
  const [machine = "", own = []] = [...kinds].sort((a, b) => b[1].length - a[1].length)[0] ?? [];
  const names = [...new Set(own.flatMap((r) => Object.keys(r.benches)))]
    .filter((name) => name.includes(match));
  const relative = names.map((name) => {
    const times = own.map((r) => r.benches[name]?.min ?? NaN);
    const first = times.find(Number.isFinite)!;
    return { name, values: times.map((t) => t / first) };
  });
  const curves = relative.length <= MOST
    ? relative
    : [...Map.groupBy(relative, ({ name }) => name.split(" / ")[0])].map(([name, all]) => ({
      name: `${name} (median of ${all.length})`,
      values: own.map((_, i) => median(all.map((c) => c.values[i]).filter(Number.isFinite))),
    }));
  return { machine, commits: own.map(({ commit }) => commit), curves };
}
