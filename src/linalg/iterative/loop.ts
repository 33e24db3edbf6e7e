/**
 * Loops of solvers.
 *
 * @module
 */

import { whileLoop } from "../../autodiff/control_flow.ts";
import { isGradEnabled } from "../../graph/node.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** What a loop carries on. */
export type LoopState = { readonly [name: string]: Tensor | readonly Tensor[] };

/** Repeats `body` as long as `condition` holds; `most` bounds the iterations that are differentiated. */
export function repeat<S extends LoopState>(
  condition: (state: S) => Tensor,
  body: (state: S) => S,
  init: S,
  most: number,
): S {
  return whileLoop(condition, body, init, isGradEnabled() ? { maxIterations: most } : {});
}
