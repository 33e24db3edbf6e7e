/**
 * The trees that go into loops and choices, and come out.
 *
 * @module
 */

import { defaultDtype } from "../graph/defaults.ts";
import { DTypeError, ShapeError } from "../graph/errors.ts";
import type { Aval, Node } from "../graph/node.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import { type PyTree, type TreeDef, treeFlatten, treeUnflatten } from "../pytree/mod.ts";
import { describe } from "../tensor/describe.ts";
import { lift } from "../tensor/promotion.ts";
import { Tensor } from "../tensor/tensor.ts";

type Tree = PyTree<unknown>;

/** A tree of tensors, flat. */
export interface Flat {
  readonly nodes: Node[];
  readonly def: TreeDef;
}

/** Where a tree goes: into a function that is traced, or out of it. */
type Way = { readonly into: true } | { readonly into: false; readonly like?: Flat };

/**
 * The tensors of a tree; numbers become some, of the type that `like` has there. Truth values do on the
 * way out only: inside, `if` would take any tensor for true.
 */
export function flatten(op: string, what: string, tree: unknown, way: Way): Flat {
  const { leaves, def } = treeFlatten((tree ?? null) as Tree);
  const nodes = leaves.map((x, i) => {
    if (x instanceof Tensor) return x.node;
    const dtype = way.into ? undefined : way.like?.nodes[i]?.dtype;
    if (typeof x === "number") return lift(x, dtype ?? defaultDtype(), op);
    if (typeof x === "boolean") {
      if (!way.into) return lift(x, dtype ?? "bool", op);
      throw new TypeError(
        `${op}: ${what} has the truth value ${x}, wants tensor(${x}): inside it is a tensor, to be used ` +
          "with where(), cond() and logicalAnd() in place of if.",
      );
    }
    throw new TypeError(`${op}: ${what} is a tree of tensors and numbers, got ${describe(x)}.`);
  });
  return { nodes, def };
}

/** A tree of tensors. */
export function unflatten<T>(def: TreeDef, tensors: readonly Tensor[]): T {
  return treeUnflatten(def, tensors as unknown[]) as T;
}

const kind = ({ shape, dtype }: Aval) => `${dtype} of shape ${showShape(shape)}`;

/** Throws unless a carry comes out of the body as it went in. */
export function checkCarry(op: string, before: Flat, after: Flat): void {
  if (!before.def.equals(after.def)) {
    throw new TypeError(
      `${op}: the carry has the structure ${before.def}, and the body returns ${after.def}; ` +
        "it has to return all of the carry, in the same structure.",
    );
  }
  before.nodes.forEach((x, i) => {
    const y = after.nodes[i];
    if (x.dtype === y.dtype && sameShape(x.shape, y.shape)) return;
    const path = before.def.paths()[i].join(".");
    const what = path === "" ? "the carry" : `the carry's ${path}`;
    const problem = `${op}: ${what} is ${kind(x)} at first, and ${kind(y)} after an iteration; `;
    if (x.dtype !== y.dtype) {
      throw new DTypeError(`${problem}both must be equal. Convert it with to("${x.dtype}").`);
    }
    throw new ShapeError(`${problem}both must be equal.`);
  });
}

/** The node of a condition: one bool. */
export function checkCondition(op: string, condition: unknown): Node {
  if (!(condition instanceof Tensor)) {
    throw new TypeError(
      `${op}: the condition is ${describe(condition)}, wants a tensor with one bool.`,
    );
  }
  const { node } = condition;
  if (node.dtype !== "bool") {
    throw new DTypeError(
      `${op}: the condition is ${node.dtype}, wants bool; compare, as in x.ne(0).`,
    );
  }
  if (node.shape.length > 0) {
    throw new ShapeError(
      `${op}: the condition has shape ${
        showShape(node.shape)
      }, wants one bool, []; reduce it with ` +
        "any() or all().",
    );
  }
  return node;
}
