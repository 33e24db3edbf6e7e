/**
 * Arguments of the functions of dense linear algebra.
 *
 * @module
 */

import { DTypeError, ShapeError } from "../../graph/errors.ts";
import type { Node } from "../../graph/node.ts";
import { sameShape, showShape } from "../../graph/shape.ts";
import { columnOf, transposed } from "../../primitives/linalg/matrices.ts";
import { reshape } from "../../primitives/movement.ts";
import { wrap } from "../../tensor/core.ts";
import { describe } from "../../tensor/describe.ts";
import { checkTensor } from "../../tensor/promotion.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** The node of an argument that has to be a batch of float32 or float64 matrices [..., m, n]. */
export function matricesOf(op: string, a: Tensor, name = "A"): Node {
  checkTensor(op, name, a);
  const { node } = a;
  if (node.dtype !== "float32" && node.dtype !== "float64") {
    throw new DTypeError(
      `${op}: ${name} is ${node.dtype}, wants float32 or float64; convert it with to("float64").`,
    );
  }
  if (node.shape.length < 2) {
    throw new ShapeError(
      `${op}: ${name} is ${
        showShape(node.shape)
      }, wants matrices [..., m, n]; unsqueeze(-1) turns ` +
        `a vector into a column.`,
    );
  }
  return node;
}

/** The node of an argument that has to be a batch of square matrices [..., n, n]. */
export function squareOf(op: string, a: Tensor, name = "A"): Node {
  const node = matricesOf(op, a, name);
  const [m, n] = node.shape.slice(-2);
  if (m === n) return node;
  throw new ShapeError(
    `${op}: ${name} is ${showShape(node.shape)}, wants square matrices [..., n, n].`,
  );
}

/**
 * Applies `fn` to a right side that is a vector [m], a batch of vectors of just the batch of A, or
 * matrices [..., m, k]; the result is a vector where B is one. `m` says what length B needs. With
 * `left` false matrices are [..., k, m], and both they and the result are transposed.
 */
export function withRightSide(
  op: string,
  a: Node,
  b: Tensor,
  m: number,
  fn: (b: Node) => Node,
  left = true,
): Tensor {
  checkTensor(op, "B", b);
  const { node } = b, { shape } = node;
  if (node.dtype !== a.dtype) {
    throw new DTypeError(
      `${op}: A is ${a.dtype} and B ${node.dtype}; convert one with to("${a.dtype}").`,
    );
  }
  const isVector = shape.length === 1 || sameShape(shape, [...a.shape.slice(0, -2), m]);
  const length = shape[shape.length - (isVector || !left ? 1 : 2)];
  if (shape.length === 0 || length !== m) {
    throw new ShapeError(
      `${op}: got A ${showShape(a.shape)} and B ${showShape(shape)}, wants B [${m}] or ` +
        `${left ? `[..., ${m}, k]` : `[..., k, ${m}]`}.`,
    );
  }
  if (!isVector) return wrap(left ? fn(node) : transposed(fn(transposed(node))));
  const x = fn(columnOf(node));
  return wrap(reshape(x, x.shape.slice(0, -1)));
}

/** Refuses a flag that is no boolean. */
export function checkFlag(op: string, name: string, value: unknown): asserts value is boolean {
  if (typeof value === "boolean") return;
  throw new TypeError(`${op}: ${name} is ${describe(value)}, wants true or false.`);
}

/** Refuses a tolerance that is no number >= 0. */
export function checkTolerance(op: string, name: string, value: unknown): void {
  if (typeof value !== "number") {
    throw new TypeError(`${op}: ${name} is ${describe(value)}, wants a number >= 0.`);
  }
  if (!(value >= 0)) throw new RangeError(`${op}: ${name} is ${value}, wants a number >= 0.`);
}

/** Part of the largest singular value up to which others count as zero by default. */
export function defaultTolerance({ shape, dtype }: Node): number {
  return Math.max(...shape.slice(-2)) * (dtype === "float32" ? 2 ** -23 : 2 ** -52);
}
