/**
 * Matrix products of any ranks.
 *
 * @module
 */

import { ShapeError } from "../../graph/errors.ts";
import type { Node } from "../../graph/node.ts";
import { showShape, sizeOf } from "../../graph/shape.ts";
import { mul } from "../../primitives/elementwise.ts";
import { dot } from "../../primitives/matmul.ts";
import { reshape } from "../../primitives/movement.ts";
import { sum } from "../../primitives/reduce.ts";

/** PyTorch's matmul: vectors are rows on the left and columns on the right, batches broadcast. */
export function matmul(a: Node, b: Node): Node {
  const ra = a.shape.length, rb = b.shape.length;
  if (ra === 0 || rb === 0) {
    throw new ShapeError(
      `matmul: got ${showShape(a.shape)} and ${showShape(b.shape)}, wants at least one dimension ` +
        `each; use mul() for scalars.`,
    );
  }
  if (ra === 1 && rb === 1) return inner("matmul", a, b);
  if (rb === 1) {
    const y = matmul(a, reshape(b, [b.shape[0], 1]));
    return reshape(y, y.shape.slice(0, -1));
  }
  if (ra === 1) {
    const y = dot(reshape(a, [1, a.shape[0]]), b);
    return reshape(y, [...y.shape.slice(0, -2), y.shape[y.shape.length - 1]]);
  }
  if (ra > 2 && rb === 2) {
    // One large product instead of a batch of small ones; the weight's gradient is one as well.
    const lead = a.shape.slice(0, -1), k = a.shape[ra - 1];
    const y = dot(reshape(a, [sizeOf(lead), k]), b);
    return reshape(y, [...lead, b.shape[1]]);
  }
  return dot(a, b);
}

/** Sum of products of two vectors. */
export function inner(op: string, a: Node, b: Node): Node {
  if (a.shape.length !== 1 || b.shape.length !== 1 || a.shape[0] !== b.shape[0]) {
    throw new ShapeError(
      `${op}: got ${showShape(a.shape)} and ${
        showShape(b.shape)
      }, wants two vectors of one length.`,
    );
  }
  return sum(mul(a, b), [0], false);
}
