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
  const known = new Map<DType, Map<number, Node>>();
  return (value, dtype) => {
    let nodes = known.get(dtype);
    if (nodes === undefined) known.set(dtype, nodes = new Map());
    let node = nodes.get(value);
    if (node === undefined) nodes.set(value, node = numberNode(value, dtype));
    return node;
  };
}
