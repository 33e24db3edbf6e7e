/**
 * Workloads and peers as processes, and the lines that they print.
 *
 * @module
 */

/** A line that a workload prints. */
export interface Line {
  readonly peer: string;
  readonly workload: string;
  readonly metric: string;
  readonly median: number | null;
  readonly min: number | null;
  readonly n: number;
  readonly check: readonly (number | null)[] | null;
  readonly first_call_ms?: number | null;
  /** Why there is none, where the metric is `"skipped"`. */
  readonly why?: string;
}

/** What a check should give. */
export type Expected = Record<string, { readonly value: readonly number[]; readonly rtol: number }>;

/** Relative deviation of a check that is still right where no file says otherwise. */
export const RTOL = 1e-3;

/** How a process that prints lines ended. */
export interface Run {
  readonly lines: readonly Line[];
  readonly success: boolean;
  /** What it said about its end. */
  readonly said: string;
}

/** The line with an error, else the last one. */
function reason(stderr: string): string {
  // deno-lint-ignore no-control-regex
  const lines = stderr.replace(/\x1b\[[0-9;]*m/g, "").trim().split("\n");
  return lines.findLast((line) => /^(error: |\w*(Error|Exception): )/.test(line)) ?? lines.at(-1)!;
}

/** Runs a command and reads its lines; ends it after so many seconds. */
export async function runLines(
  [command, ...args]: readonly string[],
  env: Record<string, string> = {},
  limit = 900,
): Promise<Run> {
  const signal = AbortSignal.timeout(1000 * limit);
  try {
    const process = new Deno.Command(command, { args, env, signal });
    const { success, stdout, stderr } = await process.output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return {
      success,
      said: signal.aborted ? `ended after ${limit} s` : reason(text(stderr)),
      lines: text(stdout).split("\n").filter((line) => line.startsWith("{"))
        // Python writes NaN as it is.
        .map((line) => JSON.parse(line.replaceAll(/\bNaN\b|-?\bInfinity\b/g, "null"))),
    };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { lines: [], success: false, said: `${command} is not there` };
  }
}

/** Largest relative deviation of a check, or null where there is nothing to compare. */
export function deviation(check: Line["check"], wanted?: readonly number[]): number | null {
  if (!check || !wanted) return null;
  if (check.length !== wanted.length) return Infinity;
  return Math.max(
    ...check.map((v, i) => Math.abs((v ?? NaN) - wanted[i]) / Math.max(Math.abs(wanted[i]), 1e-12)),
  );
}

/** Whether a line's result is wrong: its time says nothing then. */
export function isWrong(line: Pick<Line, "workload" | "check">, expected: Expected): boolean {
  const want = expected[line.workload], off = deviation(line.check, want?.value);
  return off !== null && !(off <= (want?.rtol ?? RTOL));
}
