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
