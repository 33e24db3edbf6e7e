/**
 * The notice that compiled kernels are missing.
 *
 * @module
 */

import { opsLibrary } from "./ops_library.ts";

/** Holds the process that has given the notice: threads of one process share their variables. */
const GIVEN = "TORCHOPT_NOTICE_GIVEN";

let settled = false;

/**
 * Says once in a process, on stderr, that the compiled kernels are missing, when one would have served
 * for the first time; nothing where `TORCHOPT_OPS=off` leaves them out on purpose.
 *
 * @param wouldServe whether one would have served; asked only as long as nothing was said
 */
export function noticeMissingOps(wouldServe: () => boolean): void {
  if (settled) return;
  const { loaded, why } = opsLibrary();
  // They may be built later, by buildOps().
  if (loaded) return;
  const silent = Deno.env.get("TORCHOPT_OPS") === "off" || Deno.env.get(GIVEN) === `${Deno.pid}`;
  if (!silent && !wouldServe()) return;
  settled = true;
  if (silent) return;
  Deno.env.set(GIVEN, `${Deno.pid}`);
  console.warn(
    `torchopt: the compiled kernels are ${why}. Without them everything works, but small tensors ` +
      "take up to 17 times as long. TORCHOPT_OPS=off silences this line.",
  );
}
