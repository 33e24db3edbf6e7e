/**
 * Views: reshape, permute, expand, slice and aliases are other ways to walk the same memory. Inside
 * a Program they cost nothing; this file follows them down to the value in memory.
 *
 * @module
 */

import type { Node } from "./node.ts";
import type { NodeTable } from "./order.ts";
import type { View } from "./program_rule.ts";
import { contiguousStrides, type Shape, sizeOf } from "./shape.ts";

/** A value in memory and the way a reader walks it. */
export interface Operand {
  /** The value. */
  readonly root: Node;
  /** How it is read. */
  readonly view: View;
}

/** How a node reads operand `i`: the value in memory and the walk over it. */
export type OperandOf = (node: Node, i: number) => Operand;

/** View of a whole tensor in its own order. */
export function wholeView(shape: Shape): View {
  return { dims: shape, strides: contiguousStrides(shape), offset: 0 };
}

/** Whether a view runs through memory without gaps, from wherever it starts. */
export function isContiguous(view: View): boolean {
  let step = 1;
  for (let i = view.dims.length - 1; i >= 0; i--) {
    if (view.dims[i] !== 1 && view.strides[i] !== step) return false;
    step *= view.dims[i];
  }
  return true;
}

/** Whether a node only looks at its operand differently. */
export function isView(node: Node): boolean {
  return node.prim.program?.kind === "view";
}

/** Follows views; `materialized` collects view nodes that have to be written out on the way. */
export function resolve(
  node: Node,
  materialized: Set<Node>,
  memo: NodeTable<Operand>,
): Operand {
  const known = memo.get(node);
  if (known !== undefined) return known;
  // A chain of views may be long.
  const chain: Node[] = [];
  let at = node;
  while (isView(at) && !materialized.has(at) && !memo.has(at)) {
    chain.push(at);
    at = at.inputs[0];
  }
  let below = memo.get(at);
  if (below === undefined) memo.set(at, below = { root: at, view: wholeView(at.shape) });
  for (let i = chain.length - 1; i >= 0; i--) {
    below = viewOf(chain[i], below, materialized, memo);
    memo.set(chain[i], below);
  }
  return below;
}

/** How a view reads its operand, which is written out where it has to be. */
function viewOf(
  node: Node,
  below: Operand,
  materialized: Set<Node>,
  memo: NodeTable<Operand>,
): Operand {
  const rule = node.prim.program;
  if (rule?.kind !== "view") throw new Error("internal: not a view");
  const view = rule.view(node, below.view);
  if (view !== null) return { root: below.root, view };
  const inner = node.inputs[0], own = { root: inner, view: wholeView(inner.shape) };
  materialized.add(inner);
  memo.set(inner, own);
  return { root: inner, view: rule.view(node, own.view)! };
}

/** The view broadcast to `shape`. */
export function broadcastView(view: View, shape: Shape): View {
  const skip = shape.length - view.dims.length;
  const strides = shape.map((_, i) =>
    i < skip || view.dims[i - skip] === 1 ? 0 : view.strides[i - skip]
  );
  return { dims: shape, strides, offset: view.offset };
}

/** The same walk with as few dimensions as possible. */
export function collapse(view: View): View {
  const dims: number[] = [], strides: number[] = [];
  for (let i = 0; i < view.dims.length; i++) {
    const d = view.dims[i], s = view.strides[i];
    if (d === 1) continue;
    const last = dims.length - 1;
    if (last >= 0 && strides[last] === s * d) {
      dims[last] *= d;
      strides[last] = s;
    } else {
      dims.push(d);
      strides.push(s);
    }
  }
  return { dims, strides, offset: view.offset };
}

/** Whether a collapsed view is all of `root` in order. */
export function isWhole(view: View, root: Node): boolean {
  if (view.offset !== 0) return false;
  const n = sizeOf(root.shape);
  if (view.dims.length === 0) return n === 1;
  return view.dims.length === 1 && view.strides[0] === 1 && view.dims[0] === n;
}
