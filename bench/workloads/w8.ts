/**
 * W8: calls between two ranks, processes and Workers. W16: distributed MAML on two processes.
 *
 * @module
 */

import { ownModule, runOwn } from "../../src/cli/child.ts";

/** Starts the ranks, and prints the lines of rank 0. */
async function launch(name: string, ...flags: string[]): Promise<void> {
  const program = ownModule("bench/workloads/ranks.ts");
  const line = ["run", "--nproc", "2", ...flags, program, name];
  const { code, out } = await runOwn("src/cli/mod.ts", line, { caught: true });
  if (code !== 0) throw new Error(`bench: the ranks of ${name} ended with code ${code}`);
  for (const [line] of out.matchAll(/\{.*\}/g)) console.log(line);
}

/** Calls between processes. */
export const w8 = (): Promise<void> => launch("w8");

/** Calls between Workers of one process. */
export const w8w = (): Promise<void> => launch("w8w", "--workers");

/** An iteration of distributed MAML on one rank (`w16_one`), half of it, and on two (`w16_all`). */
export const w16 = (): Promise<void> => launch("w16");
