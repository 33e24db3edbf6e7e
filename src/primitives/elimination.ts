/**
 * Elimination in ONNX operators: how `solve` and `det` are lowered.
 *
 * @module
 */

import { attr, type NodeDef } from "../onnx/mod.ts";
import type { DType } from "../runtime/mod.ts";
import type { LowerContext } from "../graph/lower_context.ts";

/** Columns up to which the steps are written out; an ONNX Loop costs more than its small nodes. */
const UNROLLED = 16;
/** Size from which columns are eliminated in blocks of `BLOCK`, most of the work in matrix products. */
const BLOCKED = 256, BLOCK = 32;

type Emit = (type: string, inputs: string[], attributes?: NodeDef["attributes"]) => string;

const axis = (i: number) => ({ axis: attr.int(i) });

/** What elimination leaves: names of ONNX values. */
interface Eliminated {
  /** The matrices, each eliminated column with one entry that is not zero: [b, n, m]. */
  readonly matrices: string;
  /** Row of the pivot of each column: int64 [b, columns, 1]. */
  readonly rows: string;
  /** The pivots: [b, columns, 1]. */
  readonly pivots: string;
  /** Whether a row was a pivot: bool [b, n, 1]. */
  readonly used: string;
}

/** Sizes of an elimination: [b, n, m] matrices whose first `columns` columns are eliminated. */
interface Sizes {
  readonly b: number;
  readonly n: number;
  readonly m: number;
  readonly columns: number;
}

/**
 * Gauss-Jordan elimination. The pivot is the largest entry of the column among rows that were no
 * pivot yet; rows stay where they are, and which one served each column is noted instead.
 */
function eliminate(
  c: LowerContext,
  matrices: string,
  before: string,
  { b, n, m, columns }: Sizes,
  dtype: DType,
): Eliminated {
  const numbers = c.constant("int64", [1, n, 1], Array.from({ length: n }, (_, i) => i));
  const rowShape = c.ints([b, 1, m]), zero = c.scalar(dtype, 0), never = c.scalar(dtype, -1);
  const step = (op: Emit, a: string, used: string, at: string) => {
    const column = op("Gather", [a, at], axis(2));
    const size = op("Where", [used, never, op("Abs", [column])]);
    const pivotRow = op("ArgMax", [size], { ...axis(1), keepdims: attr.int(1) });
    const row = op("GatherElements", [a, op("Expand", [pivotRow, rowShape])], axis(1));
    const pivot = op("Gather", [row, at], axis(2));
    const isPivot = op("Equal", [pivotRow, numbers]);
    const factor = op("Where", [isPivot, zero, op("Div", [column, pivot])]);
    const next = op("Sub", [a, op("Mul", [factor, row])]);
    return { next, usedNext: op("Or", [used, isPivot]), pivotRow, pivot };
  };
  if (columns <= UNROLLED) {
    const rows: string[] = [], pivots: string[] = [];
    let a = matrices, used = before;
    for (let i = 0; i < columns; i++) {
      const done = step((...node) => c.op(...node), a, used, c.ints([i]));
      [a, used] = [done.next, done.usedNext];
      rows.push(done.pivotRow);
      pivots.push(done.pivot);
    }
    return {
      matrices: a,
      rows: c.op("Concat", rows, axis(1)),
      pivots: c.op("Concat", pivots, axis(1)),
      used,
    };
  }
  const nodes: NodeDef[] = [];
  const name = () => c.fresh("gj");
  const inside: Emit = (opType, inputs, attributes) => {
    const out = name();
    nodes.push({ opType, inputs, outputs: [out], attributes });
    return out;
  };
  const [turn, go, a, used] = [name(), name(), name(), name()];
  const done = step(inside, a, used, inside("Reshape", [turn, c.ints([1])]));
  const goOn = inside("Identity", [go]);
  const body = {
    name: c.fresh("eliminate"),
    nodes,
    inputs: [
      { name: turn, dtype: "int64" as const, shape: [] },
      { name: go, dtype: "bool" as const, shape: [] },
      { name: a, dtype, shape: [b, n, m] },
      { name: used, dtype: "bool" as const, shape: [b, n, 1] },
    ],
    outputs: [
      { name: goOn, dtype: "bool" as const, shape: [] },
      { name: done.next, dtype, shape: [b, n, m] },
      { name: done.usedNext, dtype: "bool" as const, shape: [b, n, 1] },
      { name: done.pivotRow, dtype: "int64" as const, shape: [b, 1, 1] },
      { name: done.pivot, dtype, shape: [b, 1, 1] },
    ],
  };
  const [reduced, after, rows, pivots] = c.ops(
    "Loop",
    [c.scalar("int64", columns), c.scalar("bool", 1), matrices, before],
    { body: attr.graph(body) },
    { outputs: 4 },
  );
  // The Loop stacks its notes: [columns, b, 1, 1].
  const perMatrix = (x: string) => {
    const flat = c.op("Reshape", [x, c.ints([columns, b])]);
    const turned = c.op("Transpose", [flat], { perm: attr.ints([1, 0]) });
    return c.op("Reshape", [turned, c.ints([b, columns, 1])]);
  };
  return { matrices: reduced, rows: perMatrix(rows), pivots: perMatrix(pivots), used: after };
}

/** Rows of a [b, n, m] value in the order of [b, columns, 1] row numbers. */
function take(
  c: LowerContext,
  x: string,
  rows: string,
  [b, columns, m]: readonly [number, number, number],
): string {
  return c.op("GatherElements", [x, c.op("Expand", [rows, c.ints([b, columns, m])])], axis(1));
}

/** Columns `from` to `to` of a [b, n, m] value. */
function columnsOf(c: LowerContext, x: string, from: number, to: number): string {
  return c.op("Slice", [x, c.ints([from]), c.ints([to]), c.ints([2])]);
}

function noneUsed(c: LowerContext, b: number, n: number): string {
  return c.op("Expand", [c.scalar("bool", 0), c.ints([b, n, 1])]);
}

/** X with A X = B for A [b, n, n] and B [b, n, k], in one elimination. */
function solveAtOnce(
  c: LowerContext,
  matrix: string,
  rhs: string,
  [b, n, k]: readonly [number, number, number],
  dtype: DType,
): string {
  const joined = c.op("Concat", [matrix, rhs], axis(2));
  const sizes = { b, n, m: n + k, columns: n };
  const { matrices, rows, pivots } = eliminate(c, joined, noneUsed(c, b, n), sizes, dtype);
  const right = columnsOf(c, matrices, n, n + k);
  return c.op("Div", [take(c, right, rows, [b, n, k]), pivots]);
}

/** A block of eliminated columns. */
interface Block {
  readonly rows: string;
  readonly pivots: string;
  /** The pivot rows within the block: [b, width, width]. */
  readonly square: string;
  readonly width: number;
}

/**
 * Elimination of [b, n, n + k] in blocks of columns. A block finds its pivot rows among its own
 * columns; these rows are solved for the block, and one matrix product clears it from all other rows.
 * (An inverse of the pivot rows in place of the solution costs digits.) Returns the blocks and what
 * is left of the last k columns.
 */
function eliminateBlocks(
  c: LowerContext,
  joined: string,
  [b, n, k]: readonly [number, number, number],
  dtype: DType,
): { blocks: Block[]; right: string } {
  const blocks: Block[] = [];
  let a = joined, used = noneUsed(c, b, n);
  for (let start = 0; start < n; start += BLOCK) {
    const width = Math.min(BLOCK, n - start), rest = n - start - width + k;
    const panel = columnsOf(c, a, 0, width);
    const found = eliminate(c, panel, used, { b, n, m: width, columns: width }, dtype);
    const square = take(c, panel, found.rows, [b, width, width]);
    blocks.push({ rows: found.rows, pivots: found.pivots, square, width });
    if (rest === 0) break;
    const others = columnsOf(c, a, width, width + rest);
    const fresh = c.op("And", [found.used, c.op("Not", [used])]);
    const factors = c.op("Where", [fresh, c.scalar(dtype, 0), panel]);
    const pivotRows = take(c, others, found.rows, [b, width, rest]);
    const solved = solveAtOnce(c, square, pivotRows, [b, width, rest], dtype);
    a = c.op("Sub", [others, c.op("MatMul", [factors, solved])]);
    used = found.used;
  }
  return { blocks, right: a };
}

/**
 * Emits X with A X = B for A [b, n, n] and B [b, n, k], by elimination with partial pivoting.
 *
 * @returns name of X [b, n, k]
 */
export function emitSolve(
  c: LowerContext,
  matrix: string,
  rhs: string,
  [b, n, k]: readonly [number, number, number],
  dtype: DType,
): string {
  if (n < BLOCKED) return solveAtOnce(c, matrix, rhs, [b, n, k], dtype);
  const joined = c.op("Concat", [matrix, rhs], axis(2));
  const { blocks, right } = eliminateBlocks(c, joined, [b, n, k], dtype);
  const parts = blocks.map(({ square, rows, width }) =>
    solveAtOnce(c, square, take(c, right, rows, [b, width, k]), [b, width, k], dtype)
  );
  return c.op("Concat", parts, axis(1));
}

/**
 * Emits the pivots of A [b, n, n] and their rows, both [b, n, 1]. The product of the pivots is the
 * determinant up to the sign of the rows' order.
 */
export function emitPivots(
  c: LowerContext,
  matrix: string,
  [b, n]: readonly [number, number],
  dtype: DType,
): { rows: string; pivots: string } {
  if (n < BLOCKED) {
    return eliminate(c, matrix, noneUsed(c, b, n), { b, n, m: n, columns: n }, dtype);
  }
  const { blocks } = eliminateBlocks(c, matrix, [b, n, 0], dtype);
  return {
    rows: c.op("Concat", blocks.map((block) => block.rows), axis(1)),
    pivots: c.op("Concat", blocks.map((block) => block.pivots), axis(1)),
  };
}
