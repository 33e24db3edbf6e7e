/**
 * W8: calls between two ranks, processes and Workers. W16: distributed MAML on two processes.
 *
 * @module
 */

/** Starts the ranks, and prints the lines of rank 0. */
async function launch(name: string, ...flags: string[]): Promise<void> {
  const root = new URL("../../", import.meta.url).pathname;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      `${root}src/cli/mod.ts`,
      "run",
      "--nproc",
      "2",
      ...flags,
      `${root}bench/workloads/ranks.ts`,
      name,
    ],
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!success) throw new Error(text(stderr));
  for (const [line] of text(stdout).matchAll(/\{.*\}/g)) console.log(line);
}

/** Calls between processes. */
export const w8 = (): Promise<void> => launch("w8");

/** Calls between Workers of one process. */
export const w8w = (): Promise<void> => launch("w8w", "--workers");

/** An iteration of distributed MAML on one rank (`w16_one`), half of it, and on two (`w16_all`). */
export const w16 = (): Promise<void> => launch("w16");
