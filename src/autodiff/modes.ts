/**
 * Switching the recording of operations.
 *
 * @module
 */

import { isGradEnabled as enabled, withGrad } from "../graph/node.ts";
import { checkFunction } from "../tensor/describe.ts";

/**
 * Runs `fn` without recording operations for differentiation. Async functions are refused: what is done
 * after `fn` returned, by a promise, say, is recorded again.
 *
 * @example
 * ```ts
 * import { noGrad, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const x = tensor(2, { requiresGrad: true });
 * assert(!noGrad(() => x.mul(3)).requiresGrad);
 * ```
 */
export function noGrad<T>(fn: () => T): T {
  checkFunction("noGrad", fn);
  return withGrad(false, fn);
}

/**
 * Runs `fn` with recording, also inside `noGrad`.
 *
 * @example
 * ```ts
 * import { enableGrad, noGrad, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const x = tensor(2, { requiresGrad: true });
 * assert(noGrad(() => enableGrad(() => x.mul(3))).requiresGrad);
 * ```
 */
export function enableGrad<T>(fn: () => T): T {
  checkFunction("enableGrad", fn);
  return withGrad(true, fn);
}

/**
 * Whether operations are recorded now.
 *
 * @example
 * ```ts
 * import { isGradEnabled, noGrad } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * assert(isGradEnabled());
 * assert(!noGrad(() => isGradEnabled()));
 * ```
 */
export function isGradEnabled(): boolean {
  return enabled();
}
