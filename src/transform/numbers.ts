/**
 * Coefficients of an update.
 *
 * @module
 */

import { numberNode } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import type { DType } from "../runtime/mod.ts";

/** Numbers as nodes of an element type. */
export type NumberOf = (value: number, dtype: DType) => Node;

/**
 * Makes each number once for one update, so that all leaves share it: equal operands let the steps of
 * several tensors become one kernel.
 */
export function sharedNumbers(): NumberOf {
  // They are few, so that looking through all of them is faster than a map.
  const known: { readonly value: number; readonly dtype: DType; readonly node: Node }[] = [];
  return (value, dtype) => {
    for (const made of known) {
      if (Object.is(made.value, value) && made.dtype === dtype) return made.node;
    }
    const node = numberNode(value, dtype);
    known.push({ value, dtype, node });
    return node;
  };
}
