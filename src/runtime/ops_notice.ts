/**
 * The notice that compiled kernels are missing.
 *
 * @module
 */

import { buildInBackground } from "./ops_background.ts";
import { opsLibrary } from "./ops_library.ts";

/** Holds the process that has given the notice: threads of one process share their variables. */
const GIVEN = "TORCHOPT_NOTICE_GIVEN";

let settled = false;

/**
 * Says once in a process, on stderr, that the compiled kernels are missing, when one would have served
 * for the first time, and has them built beside the program where there is a compiler; nothing where `TORCHOPT_OPS=off` leaves them out on purpose.
 *
 * @param wouldServe whether one would have served; asked only as long as nothing was said
 */
export function noticeMissingOps(wouldServe: () => boolean): void {
  if (settled) return;
  const { loaded, why, buildable: opsMissing } = opsLibrary();
  // They may be built later, by buildOps().
  if (loaded) return;
  const silent = Deno.env.get("TORCHOPT_OPS") === "off" || Deno.env.get(GIVEN) === `${Deno.pid}`;
  if (!silent && !wouldServe()) return;
  settled = true;
  if (silent) return;
  Deno.env.set(GIVEN, `${Deno.pid}`);
  const slow = "Without them everything works, but small tensors take up to 17 times as long.";
  const background = opsMissing ? buildInBackground() : { why };
  console.warn(
    "doing" in background
      ? `torchopt: the compiled kernels are being ${background.doing}; programs that start in a ` +
        `minute use them. ${slow} TORCHOPT_BUILD=off builds nothing unasked, TORCHOPT_OPS=off goes ` +
        "without."
      : `torchopt: the compiled kernels are ${why}. ${
        opsMissing ? `${background.why}. ` : ""
      }${slow} ` +
        "TORCHOPT_OPS=off silences this line.",
  );
}
