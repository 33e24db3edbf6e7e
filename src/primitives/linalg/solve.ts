/**
 * Linear systems of square matrices, and inverses.
 *
 * @module
 */

import { ShapeError } from "../../graph/errors.ts";
import { apply, definePrimitive, type Node, type Primitive } from "../../graph/node.ts";
import { broadcastShapes, showShape, sizeOf } from "../../graph/shape.ts";
import { div, neg } from "../elementwise.ts";
import { dot } from "../matmul.ts";
import { batchAll, expand } from "../movement.ts";
import { lu, luSolve } from "./lu.ts";
import { checkSquare, checkSystem, identity, inOneMatrix } from "./matrices.ts";

/** Static arguments of `solve`. */
export interface SolveAttrs {
  /** Whether the matrix is used transposed. */
  readonly transpose: boolean;
}

/**
 * X with A X = B (or A^T X = B), by LU factorization with partial pivoting. A singular A gives
 * infinities or NaN. The factors are shared by all systems of one matrix in a graph, so that the way
 * back costs no factorization. Inputs: A [..., n, n], B [..., n, k] with equal leading dimensions.
 */
export const solvePrim: Primitive<SolveAttrs> = definePrimitive<SolveAttrs>({
  name: "solve",
  infer([a, b]) {
    checkSystem("solve", a, b);
    return { shape: b.shape, dtype: b.dtype };
  },
  lower: () => {
    throw new Error("internal: solve is lowered as lu and triangular systems");
  },
  vjp(g, node, needs) {
    const [a] = node.inputs, { transpose } = node.attrs;
    const gb = solve(a, g, !transpose);
    const ga = () => neg(transpose ? dot(node, gb, false, true) : dot(gb, node, false, true));
    return [needs[0] ? ga() : null, needs[1] ? gb : null];
  },
  batch(node, [a, b], batched, size) {
    const { transpose } = node.attrs;
    // One matrix for all examples is factored once.
    if (!batched[0] && node.shape.length === 2) return solve(a, b, transpose);
    const [all, sides] = batchAll([a, b], batched, size);
    return solve(all, sides, transpose);
  },
  simplify(node) {
    const [a, b] = node.inputs;
    if (sizeOf(node.shape) === 0) return b;
    return a.shape[a.shape.length - 1] === 1 ? div(b, a) : node;
  },
  decompose({ inputs: [a, b], attrs }) {
    const [packed, order] = lu(a);
    return luSolve(packed, order, b, attrs.transpose);
  },
});

/** X with A X = B, or A^T X = B; leading dimensions broadcast. */
export function solve(a: Node, b: Node, transpose = false): Node {
  checkSquare("solve", a);
  if (b.shape.length < 2) {
    throw new ShapeError(
      `solve: got B ${
        showShape(b.shape)
      }, wants [..., n, k]; unsqueeze(-1) turns a vector into a ` +
        `column.`,
    );
  }
  return broadcastSystem("solve", a, b, (x, y) => apply(solvePrim, [x, y], { transpose }));
}

/** Both with the leading dimensions that they broadcast to. */
function equalBatches(a: Node, b: Node, op = "solve"): [Node, Node] {
  const batch = broadcastShapes(op, a.shape.slice(0, -2), b.shape.slice(0, -2));
  const grow = (x: Node): Node => expand(x, [...batch, ...x.shape.slice(-2)]);
  return [grow(a), grow(b)];
}

/** `fn` of matrices A [..., m, n] and B [..., m, k], whose leading dimensions broadcast. */
export function broadcastSystem(
  op: string,
  a: Node,
  b: Node,
  fn: (a: Node, b: Node) => Node,
): Node {
  return a.shape.length === 2 ? inOneMatrix(b, (y) => fn(a, y)) : fn(...equalBatches(a, b, op));
}

/** Inverse of [..., n, n] matrices; infinities or NaN where there is none. */
export function inv(a: Node): Node {
  checkSquare("inv", a);
  return solve(a, identity(a.shape[a.shape.length - 1], a));
}
