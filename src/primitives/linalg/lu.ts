/**
 * LU factorization with partial pivoting (Golub & Van Loan, Matrix Computations, 2013, ch. 3.4).
 *
 * @module
 */

import { attr } from "../../onnx/mod.ts";
import type { LowerContext } from "../../graph/lower_context.ts";
import {
  apply,
  type Aval,
  definePrimitive,
  type Node,
  type Primitive,
  type Target,
} from "../../graph/node.ts";
import { sizeOf } from "../../graph/shape.ts";
import { add, cast, eq, num, sub, where } from "../elementwise.ts";
import { gather } from "../index.ts";
import { iota, iotaAlong } from "../iota.ts";
import { dot } from "../matmul.ts";
import { concat, narrow } from "../movement.ts";
import { firstExtremum } from "../nan_order.ts";
import { prod } from "../reduce.ts";
import { project } from "../tuple.ts";
import { emitLoop } from "./loop.ts";
import {
  batchLeading,
  block,
  blocks,
  checkMatrices,
  flatSizes,
  identity,
  inverseOrder,
  lower,
  rowOf,
  takeRows,
  upper,
} from "./matrices.ts";
import { hasKernels, LOOP_SIZE, triangularSolve, triangularSolveRight } from "./triangular.ts";

/** Static arguments of the triangles in packed factors. */
const UNIT_LOWER = { upper: false, unit: true, transpose: false };
const UNIT_LOWER_T = { upper: false, unit: true, transpose: true };
const UPPER = { upper: true, unit: false, transpose: false };
const UPPER_T = { upper: true, unit: false, transpose: true };

/**
 * Factors of A [..., m, n] with A[rows] = L U. Results: L below the diagonal (of ones, not stored) and
 * U on and above it, packed as [..., m, n]; the order of the rows, int64 [..., m]; for each column the
 * row that it was exchanged with, int64 [..., min(m, n)]. A column without a pivot leaves zeros.
 */
export const luPrim: Primitive<null> = definePrimitive<null>({
  name: "lu",
  infer([a]): Aval[] {
    checkMatrices("lu", a);
    const lead = a.shape.slice(0, -2), [m, n] = a.shape.slice(-2);
    return [
      { shape: a.shape, dtype: a.dtype },
      { shape: [...lead, m], dtype: "int64" },
      { shape: [...lead, Math.min(m, n)], dtype: "int64" },
    ];
  },
  lower(c, [a], node) {
    if (!c.target.has("torchopt.Lu", node.inputs[0].dtype)) return emitElimination(c, a, node);
    return c.ops(`Lu${node.dtype === "float32" ? "F32" : "F64"}`, [a], {
      shape: attr.ints(node.shape),
    }, { domain: "torchopt", outputs: 3 });
  },
  vjp(g: readonly (Node | null)[], node) {
    if (g[0] === null) return [null];
    const [m, n] = node.shape.slice(-2), packed = project(node, 0);
    const order = inverseOrder(project(node, 1));
    const k = Math.min(m, n), square = block(packed, 0, k, 0, k);
    let gl = lower(block(g[0], 0, k, 0, k), -1), gu = upper(block(g[0], 0, k, 0, k));
    if (m > n) {
      // The rows below are L2 = A2 U^-1.
      const l2 = block(packed, n, m - n, 0, n);
      const below = triangularSolveRight(square, block(g[0], n, m - n, 0, n), UPPER_T);
      gu = upper(sub(gu, dot(l2, below, true, false)));
      const rows = [[squareGradient(square, gl, gu)], [below]];
      return [takeRows(blocks(rows), order)];
    }
    if (m === n) return [takeRows(squareGradient(square, gl, gu), order)];
    // The columns on the right are U2 = L^-1 A2.
    const u2 = block(packed, 0, m, m, n - m);
    const right = triangularSolve(square, block(g[0], 0, m, m, n - m), UNIT_LOWER_T);
    gl = lower(sub(gl, dot(right, u2, false, true)), -1);
    return [takeRows(blocks([[squareGradient(square, gl, gu), right]]), order)];
  },
  batch: (node, xs, batched, size) => batchLeading(node, xs, batched, size),
  unpack: (node, index, target) => large(node, target) ? inHalves(node.inputs[0])[index] : null,
});

/** Cotangent of L U, with cotangents of the strictly lower and of the upper factor. */
function squareGradient(packed: Node, gl: Node, gu: Node): Node {
  const l = add(lower(packed, -1), identity(packed.shape[packed.shape.length - 1], packed));
  const middle = add(
    lower(dot(l, gl, true, false), -1),
    upper(dot(gu, upper(packed), false, true)),
  );
  return triangularSolveRight(packed, triangularSolve(packed, middle, UNIT_LOWER_T), UPPER_T);
}

function large(node: Node, target: Target): boolean {
  const [m, n] = node.shape.slice(-2);
  return !hasKernels(target) && Math.min(m, n) > LOOP_SIZE;
}

/**
 * Factors in two halves of the columns, the work in products (Toledo, Locality of Reference in LU
 * Decomposition with Partial Pivoting, 1997): for graphs without kernels.
 */
function inHalves(a: Node): readonly [Node, Node, Node] {
  const [m, n] = a.shape.slice(-2), h = Math.floor(Math.min(m, n) / 2);
  const [left, order, pivots] = lu(block(a, 0, m, 0, h));
  const right = takeRows(block(a, 0, m, h, n - h), order);
  const top = block(left, 0, h, 0, h), below = block(left, h, m - h, 0, h);
  const u = triangularSolve(top, block(right, 0, h, 0, n - h), UNIT_LOWER);
  const rest = sub(block(right, h, m - h, 0, n - h), dot(below, u));
  const [factors, later, laterPivots] = lu(rest);
  const axis = order.shape.length - 1;
  const rows = gather(narrow(order, axis, h, m - h), axis, later);
  return [
    blocks([[top, u], [takeRows(below, later), factors]]),
    concat([narrow(order, axis, 0, h), rows], axis),
    concat([pivots, add(laterPivots, num(h, laterPivots))], axis),
  ];
}

/** Elimination as a loop over the columns. */
function emitElimination(c: LowerContext, a: string, node: Node): string[] {
  const { dtype } = node, [b, m, n] = flatSizes(node.shape), k = Math.min(m, n);
  const axis = (i: number) => ({ axis: attr.int(i) });
  const numbers = (size: number, shape: number[]) =>
    c.constant("int64", shape, Array.from({ length: size }, (_, i) => i));
  const rows = numbers(m, [1, m, 1]), columns = numbers(n, [1, 1, n]), places = numbers(k, [1, k]);
  const zero = c.scalar(dtype, 0), one = c.scalar(dtype, 1), never = c.scalar(dtype, -1);
  const start = c.op("Expand", [numbers(m, [1, m, 1]), c.ints([b, m, 1])]);
  const [packed, order, pivots] = emitLoop(c, k, [
    { name: c.op("Reshape", [a, c.ints([b, m, n])]), dtype, shape: [b, m, n] },
    { name: start, dtype: "int64", shape: [b, m, 1] },
    { name: c.op("Expand", [places, c.ints([b, k])]), dtype: "int64", shape: [b, k] },
  ], (turn, [before, orderBefore, pivotsBefore]) => {
    const at = c.op("Reshape", [turn, c.ints([1])]);
    const size = c.op("Abs", [c.op("Gather", [before, at], axis(2))]);
    const below = c.op("Greater", [rows, at]);
    const candidates = c.op("Where", [c.op("Less", [rows, at]), never, size]);
    const best = firstExtremum(c, "ArgMax", {
      x: candidates,
      dtype,
      shape: [b, m, 1],
      axis: 1,
    }, true);
    const isTop = c.op("Equal", [rows, at]), isBest = c.op("Equal", [rows, best]);
    const swap = c.op("Where", [isTop, best, c.op("Where", [isBest, at, rows])]);
    // Rows of a single matrix are moved as a whole.
    const x = b === 1
      ? c.op("Gather", [before, c.op("Reshape", [swap, c.ints([m])])], axis(1))
      : c.op("GatherElements", [before, c.op("Expand", [swap, c.ints([b, m, n])])], axis(1));
    const nextOrder = c.op("GatherElements", [orderBefore, swap], axis(1));
    const top = c.op("Gather", [x, at], axis(1)), column = c.op("Gather", [x, at], axis(2));
    const pivot = c.op("Gather", [top, at], axis(2));
    // Where the pivot is 0, so is all below it.
    const divisor = c.op("Where", [c.op("Equal", [pivot, zero]), one, pivot]);
    const factors = c.op("Where", [below, c.op("Div", [column, divisor]), zero]);
    const rest = c.op("Where", [c.op("Greater", [columns, at]), top, zero]);
    const cleared = c.op("Sub", [x, c.op("Mul", [factors, rest])]);
    const own = c.op("And", [below, c.op("Equal", [columns, at])]);
    const next = c.op("Where", [own, factors, cleared]);
    const chosen = c.op("Where", [
      c.op("Equal", [places, at]),
      c.op("Reshape", [best, c.ints([b, 1])]),
      pivotsBefore,
    ]);
    return { states: [next, nextOrder, chosen] };
  });
  const shapes = node.outs!.map(({ shape }) => c.ints(shape));
  return [packed, order, pivots].map((x, i) => c.op("Reshape", [x, shapes[i]]));
}

/** Packed factors, order of the rows, and exchanges of matrices [..., m, n]. */
export function lu(a: Node): [Node, Node, Node] {
  const node = apply(luPrim, [a], null);
  return [project(node, 0), project(node, 1), project(node, 2)];
}

/** Sign of the permutations that exchanges [..., k] make: 1 or -1, in the type of `like`. */
export function signOf(pivots: Node, like: Node): Node {
  const axis = pivots.shape.length - 1, stays = eq(pivots, iota(pivots.shape[axis], "int64"));
  return prod(where(stays, num(1, like), num(-1, like)), [axis], false);
}

/** X with A X = B, or A^T X = B, from the factors of A: packed, and the order of the rows. */
export function luSolve(packed: Node, order: Node, b: Node, transpose: boolean): Node {
  if (transpose) {
    const y = triangularSolve(packed, triangularSolve(packed, b, UPPER_T), UNIT_LOWER_T);
    return takeRows(y, inverseOrder(order));
  }
  const y = triangularSolve(packed, takeRows(b, order), UNIT_LOWER);
  return triangularSolve(packed, y, UPPER);
}

/** Order of the rows that exchanges [..., k] of `m` rows make, one after the other. */
export function orderOf(pivots: Node, m: number): Node {
  return apply(orderOfPivotsPrim, [pivots], { m });
}

/** The order of `m` rows after exchanges, int64 [..., m]. Input: exchanges, int64 [..., k]. */
export const orderOfPivotsPrim: Primitive<{ m: number }> = definePrimitive<{ m: number }>({
  name: "orderOfPivots",
  infer: ([p], { m }) => ({ shape: [...p.shape.slice(0, -1), m], dtype: "int64" }),
  vjp: "places are whole numbers, which have no derivative",
  batch: (node, [p]) => orderOf(p, node.attrs.m),
  lower(c, [pivots], node) {
    const { m } = node.attrs, b = sizeOf(node.shape.slice(0, -1));
    const k = node.inputs[0].shape[node.inputs[0].shape.length - 1];
    const rows = c.constant("int64", [1, m], Array.from({ length: m }, (_, i) => i));
    const flat = c.op("Reshape", [pivots, c.ints([b, k])]);
    const start = c.op("Expand", [rows, c.ints([b, m])]);
    const axis = { axis: attr.int(1) };
    const [order] = emitLoop(
      c,
      k,
      [{ name: start, dtype: "int64", shape: [b, m] }],
      (turn, [before]) => {
        const at = c.op("Reshape", [turn, c.ints([1])]);
        const other = c.op("Gather", [flat, at], axis);
        const swap = c.op("Where", [
          c.op("Equal", [rows, at]),
          other,
          c.op("Where", [c.op("Equal", [rows, other]), at, rows]),
        ]);
        return { states: [c.op("GatherElements", [before, swap], axis)] };
      },
    );
    return c.op("Reshape", [order, c.ints(node.shape)]);
  },
});

/** The permutation matrix P with A = P L U, from the order of the rows, in the type of `like`. */
export function permutationMatrix(order: Node, like: Node): Node {
  const m = order.shape[order.shape.length - 1];
  return cast(eq(rowOf(order), iotaAlong(m, 0, 2, "int64")), like.dtype);
}
