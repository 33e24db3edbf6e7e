/**
 * What the launcher is told.
 *
 * @module
 */

/** What to launch. */
export interface LaunchSettings {
  /** Number of ranks. */
  readonly nproc: number;
  /** Program that each of them runs. */
  readonly program: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** Whether ranks are Workers of one process (default: processes). */
  readonly workers: boolean;
  /** How often all ranks are started again after a failure (default 0). */
  readonly maxRestarts: number;
  /** Seconds between asking ranks to end and killing them (default 10). */
  readonly grace: number;
  /** Flags of `deno run` for processes (default `-A`). */
  readonly flags: readonly string[];
}

/** How the launcher is called. */
export const USAGE = `usage: launch --nproc N [options] PROGRAM [arguments]

  --nproc N          ranks to start on this host
  --workers          ranks are Workers of one process: quick to start, one crash takes all
  --max-restarts N   after a failure, start all ranks again up to N times (default 0)
  --grace SECONDS    between asking ranks to end and killing them (default 10)
  --flag FLAG        flag of deno run for the ranks, once for each (default -A)`;

/** A command line that cannot be understood. */
export class UsageError extends Error {}

function count(name: string, text: string | undefined, least: number): number {
  const n = Number(text);
  if (text !== undefined && Number.isInteger(n) && n >= least) return n;
  throw new UsageError(
    `${name} is ${text ?? "missing"}, wants a whole number of at least ${least}.`,
  );
}

/**
 * The settings that a command line says.
 *
 * @throws {UsageError} where it says none
 */
export function parseArguments(line: readonly string[]): LaunchSettings {
  let nproc: number | null = null, workers = false, maxRestarts = 0, grace = 10, at = 0;
  const flags: string[] = [];
  for (; at < line.length && line[at].startsWith("-"); at++) {
    const [name, joined] = line[at].split(/=(.*)/s);
    const value = () => joined ?? line[++at];
    if (name === "--nproc" || name === "--nproc-per-node") nproc = count(name, value(), 1);
    else if (name === "--workers") workers = true;
    else if (name === "--max-restarts") maxRestarts = count(name, value(), 0);
    else if (name === "--grace") grace = count(name, value(), 0);
    else if (name === "--flag") flags.push(value() ?? "");
    else throw new UsageError(`there is no option ${name}.`);
  }
  if (nproc === null) throw new UsageError("--nproc is missing: how many ranks?");
  const program = line[at];
  if (program === undefined) throw new UsageError("the program is missing.");
  const args = line.slice(at + 1);
  if (flags.length === 0) flags.push("-A");
  return { nproc, program, args, workers, maxRestarts, grace, flags };
}
