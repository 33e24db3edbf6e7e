/**
 * Loops of solvers.
 *
 * @module
 */

import type { Tensor } from "../../tensor/tensor.ts";

/** What a loop carries on. */
export type LoopState = { readonly [name: string]: Tensor | readonly Tensor[] };

/** Repeats `body` as long as `condition` holds. */
export function repeat<S extends LoopState>(
  condition: (state: S) => Tensor,
  body: (state: S) => S,
  init: S,
): S {
  let state = init;
  while (condition(state).item()) state = body(state);
  return state;
}
