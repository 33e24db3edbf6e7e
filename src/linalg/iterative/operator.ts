/**
 * The forms in which a linear operator is given: a matrix, a tree of matrices, a function.
 *
 * @module
 */

import type { TensorTree } from "../../base.ts";
import type { Leaves, LinearMap } from "../../autodiff/implicit.ts";
import { frozen } from "../../autodiff/frozen.ts";
import { DTypeError, ShapeError } from "../../graph/errors.ts";
import { isFloat } from "../../graph/node.ts";
import { sameShape, showShape } from "../../graph/shape.ts";
import {
  flattenUpTo,
  formatPath,
  type TreeDef,
  treeFlatten,
  treeUnflatten,
} from "../../pytree/mod.ts";
import { describe } from "../../tensor/describe.ts";
import { Tensor } from "../../tensor/tensor.ts";

/** A tree of tensors, taken apart. */
export interface Vector {
  readonly leaves: Tensor[];
  readonly def: TreeDef;
}

/** Takes a tree of floating-point tensors apart. */
export function takeVector(op: string, name: string, tree: unknown): Vector {
  const { leaves, def } = treeFlatten(tree as TensorTree);
  if (leaves.length === 0) {
    throw new TypeError(
      `${op}: ${name} is ${describe(tree)}, wants a tensor or a tree of tensors.`,
    );
  }
  leaves.forEach((leaf, i) => {
    const at = leaves.length === 1 ? "" : ` at ${formatPath(def.paths()[i])}`;
    if (!(leaf instanceof Tensor)) {
      throw new TypeError(
        `${op}: ${name}${at} is ${describe(leaf)}, wants a tensor or a tree of tensors.`,
      );
    }
    if (!isFloat(leaf.dtype)) {
      throw new DTypeError(
        `${op}: ${name}${at} is ${leaf.dtype}, wants floating point; convert it with to("float32").`,
      );
    }
  });
  return { leaves: leaves as Tensor[], def };
}

/** The leaves of a tree that has to be like a vector: in structure and, unless `free`, in shapes. */
export function takeLike(
  op: string,
  name: string,
  tree: unknown,
  { leaves, def }: Vector,
  whose: string,
): Tensor[] {
  let found: unknown[];
  try {
    found = flattenUpTo(def, tree, name);
  } catch (cause) {
    throw new TypeError(
      `${op}: ${name} has another structure than ${whose}. ${(cause as Error).message}`,
      { cause },
    );
  }
  leaves.forEach((leaf, i) => {
    const x = found[i], at = leaves.length === 1 ? "" : ` at ${formatPath(def.paths()[i])}`;
    if (!(x instanceof Tensor)) {
      throw new TypeError(`${op}: ${name}${at} is ${describe(x)}, wants a tensor.`);
    }
    if (!sameShape(x.shape, leaf.shape)) {
      throw new ShapeError(
        `${op}: ${name}${at} has shape ${showShape(x.shape)}, that of ${whose} is ` +
          `${showShape(leaf.shape)}; they must be equal.`,
      );
    }
    if (x.dtype !== leaf.dtype) {
      throw new DTypeError(
        `${op}: ${name}${at} is ${x.dtype}, that of ${whose} ${leaf.dtype}; convert one.`,
      );
    }
  });
  return found as Tensor[];
}

function checkMatrix(op: string, name: string, at: string, A: unknown, x: Tensor): Tensor {
  if (!(A instanceof Tensor)) {
    throw new TypeError(
      `${op}: ${name}${at} is ${describe(A)}, wants a matrix, a tree of matrices like b, or a ` +
        `function of such a tree.`,
    );
  }
  const scalar = A.ndim === 0 && x.ndim === 0;
  const fits = scalar || (A.ndim === 2 && A.shape[0] === A.shape[1] &&
    (x.ndim === 1 || x.ndim === 2) && x.shape[0] === A.shape[0]);
  if (!fits) {
    throw new ShapeError(
      `${op}: ${name}${at} has shape ${showShape(A.shape)} for b of shape ${showShape(x.shape)}, ` +
        `wants a square matrix of as many columns as b has rows; give a function for anything else.`,
    );
  }
  if (A.dtype !== x.dtype) {
    throw new DTypeError(`${op}: ${name}${at} is ${A.dtype}, b is ${x.dtype}; convert one.`);
  }
  return A;
}

/** An operator as a function of lists of tensors like `b`, with the values of now. */
export function takeOperator(op: string, name: string, A: unknown, b: Vector): LinearMap {
  if (typeof A === "function") {
    return frozen(op, (x: Leaves) => {
      const y = A(treeUnflatten(b.def, x));
      return takeLike(op, `what ${name} returned`, y, b, "b");
    });
  }
  let parts: unknown[];
  try {
    parts = flattenUpTo(b.def, A, name);
  } catch (cause) {
    throw new TypeError(
      `${op}: ${name} is ${
        describe(A)
      }, wants a matrix, a tree of matrices like b, or a function ` +
        `of such a tree. ${(cause as Error).message}`,
      { cause },
    );
  }
  const matrices = parts.map((part, i) => {
    const at = parts.length === 1 ? "" : ` at ${formatPath(b.def.paths()[i])}`;
    return checkMatrix(op, name, at, part, b.leaves[i]);
  });
  return frozen(
    op,
    (x: Leaves) => x.map((v, i) => v.ndim === 0 ? matrices[i].mul(v) : matrices[i].matmul(v)),
  );
}
