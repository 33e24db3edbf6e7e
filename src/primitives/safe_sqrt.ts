/**
 * Square roots that optimizers can be differentiated through.
 *
 * @module
 */

import { isGradEnabled, type Node } from "../graph/node.ts";
import { eq, num, sqrt, where } from "./elementwise.ts";

/**
 * The square root, with derivative 0 at 0, where that of `sqrt` is infinite: a second moment that
 * is still 0 would turn every gradient below it into NaN. Values are those of `sqrt`.
 */
export function safeSqrt(x: Node): Node {
  if (!x.requiresGrad || !isGradEnabled()) return sqrt(x);
  const zero = eq(x, num(0, x));
  return where(zero, num(0, x), sqrt(where(zero, num(1, x), x)));
}
