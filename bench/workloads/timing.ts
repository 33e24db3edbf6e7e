/**
 * Timing and reporting in the peers' format.
 *
 * @module
 */

const QUICK = Deno.env.get("BENCH_QUICK") === "1";
const BUDGET_MS = 1e3 * Number(Deno.env.get("BENCH_BUDGET_S") ?? (QUICK ? "1" : "8"));
const MIN_RUNS = Number(Deno.env.get("BENCH_MIN_N") ?? (QUICK ? "3" : "10"));
const MAX_RUNS = Number(Deno.env.get("BENCH_MAX_N") ?? (QUICK ? "10" : "400"));

/** Times of single runs in milliseconds. */
export interface Times {
  /** One entry for each counted run. */
  readonly runs: number[];
  /** The first call, with tracing and compilation. */
  readonly first: number;
}

/** Calls `fn` until the budget is spent. `fn` returns when its work is done. */
export function time(fn: () => void): Times {
  const begin = performance.now();
  fn();
  const first = performance.now() - begin;
  const warm = first > BUDGET_MS / 3 ? 1 : QUICK ? 1 : 5;
  for (let i = 0; i < warm; i++) fn();
  const runs: number[] = [], start = performance.now();
  while (
    runs.length < MAX_RUNS && (runs.length < MIN_RUNS || performance.now() - start < BUDGET_MS)
  ) {
    const t = performance.now();
    fn();
    runs.push(performance.now() - t);
  }
  return { runs, first };
}

/** Prints one JSON line. */
export function report(
  workload: string,
  times: Times,
  check: readonly number[],
  extra: Record<string, unknown> = {},
): void {
  const sorted = [...times.runs].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1
    ? sorted[middle]
    : (sorted[middle - 1] + sorted[middle]) / 2;
  console.log(JSON.stringify({
    peer: "torchopt-deno",
    workload,
    metric: "ms_per_iter",
    median,
    min: sorted[0],
    n: sorted.length,
    check,
    first_call_ms: times.first,
    ...extra,
  }));
}
