/**
 * Jacobi's method in ONNX operators, for eigenvalues of symmetric matrices and for singular values
 * (Golub & Van Loan, Matrix Computations, 2013, ch. 8.5 and 8.6.3). All pairs of columns that do not
 * meet are rotated at once, in the order of a round-robin tournament, after which all are back in
 * their places (Brent & Luk, 1985).
 *
 * @module
 */

import { attr } from "../../onnx/mod.ts";
import type { LowerContext } from "../../graph/lower_context.ts";
import type { DType } from "../../runtime/mod.ts";
import type { Aval } from "../../graph/node.ts";
import type { Shape } from "../../graph/shape.ts";
import { lowerReduce } from "../reduce_stages.ts";
import { emitLoop, type LoopState } from "./loop.ts";

/** Sweeps after which the rotations end in any case; six to ten is what matrices take. */
const SWEEPS = 40;

const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const axis = (i: number) => ({ axis: attr.int(i) });

/** Places after a round in the places before it; the first `n / 2` meet the others. */
function nextRound(n: number): number[] {
  const h = n / 2;
  if (h < 2) return range(n);
  const top = range(h).map((i) => i === 0 ? 0 : i === 1 ? h : i - 1);
  return [...top, ...range(h).map((i) => i < h - 1 ? h + i + 1 : h - 1)];
}

/** Distance of 1 from the next larger number. */
export function epsilonOf(dtype: DType): number {
  return dtype === "float32" ? 2 ** -23 : 2 ** -52;
}

/** Matrices scaled by powers of two to entries of at most one in size, and the factors [b, 1, 1] that undo it. */
function scaled(c: LowerContext, x: string, of: Aval): [string, string] {
  const { dtype } = of;
  const largest = lowerReduce(c, "ReduceMax", c.op("Abs", [x]), of, [1, 2], true);
  const tiny = c.scalar(dtype, dtype === "float32" ? 1e-30 : 1e-290);
  const two = c.scalar(dtype, 2), lnTwo = c.scalar(dtype, Math.LN2);
  const exponent = c.op("Ceil", [
    c.op("Div", [c.op("Log", [c.op("Max", [largest, tiny])]), lnTwo]),
  ]);
  return [
    c.op("Mul", [x, c.op("Pow", [two, c.op("Neg", [exponent])])]),
    c.op("Pow", [two, exponent]),
  ];
}

/** Sweeps of rounds until one leaves all pairs alone: `round` says whether it turned some. */
function sweeps(
  c: LowerContext,
  n: number,
  states: readonly LoopState[],
  round: (values: readonly string[]) => { states: string[]; turned: string },
): string[] {
  const idle = c.scalar("bool", 0);
  return emitLoop(c, SWEEPS, states, (_sweep, values) => {
    const named = states.map((s, i) => ({ ...s, name: values[i] }));
    const flag = { name: idle, dtype: "bool" as const, shape: [] };
    const all = emitLoop(c, n - 1, [...named, flag], (_round, inner) => {
      const { states: after, turned } = round(inner.slice(0, -1));
      return { states: [...after, c.op("Or", [inner[inner.length - 1], turned])] };
    });
    return { states: all.slice(0, -1), go: all[all.length - 1] };
  });
}

/** Whether any of some truth values holds. */
function anyOf(c: LowerContext, x: string, shape: Shape): string {
  const of = { dtype: "float32", shape } as const;
  const most = lowerReduce(c, "ReduceMax", c.cast(x, "float32"), of, shape.map((_, i) => i), false);
  return c.op("Greater", [most, c.scalar("float32", 0)]);
}

/** Cosines and sines that clear `between`, where `wanted` says so. */
function rotation(
  c: LowerContext,
  [first, second, between]: readonly [string, string, string],
  wanted: string,
  dtype: DType,
): [string, string] {
  const one = c.scalar(dtype, 1), zero = c.scalar(dtype, 0), two = c.scalar(dtype, 2);
  const safe = c.op("Where", [wanted, between, one]);
  const zeta = c.op("Div", [c.op("Sub", [second, first]), c.op("Mul", [two, safe])]);
  const root = c.op("Sqrt", [c.op("Add", [one, c.op("Mul", [zeta, zeta])])]);
  const size = c.op("Div", [one, c.op("Add", [c.op("Abs", [zeta]), root])]);
  const tangent = c.op("Where", [c.op("Less", [zeta, zero]), c.op("Neg", [size]), size]);
  const t = c.op("Where", [wanted, tangent, zero]);
  const cosine = c.op("Div", [one, c.op("Sqrt", [c.op("Add", [one, c.op("Mul", [t, t])])])]);
  return [cosine, c.op("Mul", [cosine, t])];
}

/** The two halves along an axis, rotated pairwise, in the places of the next round. */
function turn(
  c: LowerContext,
  x: string,
  along: number,
  [cosine, sine]: readonly [string, string],
  next: string,
): string {
  const [a, b] = halves(c, x, along);
  const times = (factor: string, value: string) => c.op("Mul", [factor, value]);
  const both = c.op("Concat", [
    c.op("Sub", [times(cosine, a), times(sine, b)]),
    c.op("Add", [times(sine, a), times(cosine, b)]),
  ], axis(along));
  return c.op("Gather", [both, next], axis(along));
}

function halves(c: LowerContext, x: string, along: number): string[] {
  return c.ops("Split", [x], { ...axis(along), num_outputs: attr.int(2) }, { outputs: 2 });
}

/** Zeros for a number of columns (and rows) that makes it even; one more column does no harm. */
function padded(c: LowerContext, x: string, dtype: DType, rows: number, columns: number): string {
  if (rows + columns === 0) return x;
  return c.op("Pad", [x, c.ints([0, 0, 0, 0, rows, columns]), c.scalar(dtype, 0)]);
}

function identities(c: LowerContext, b: number, n: number, dtype: DType): string {
  const data = range(n * n).map((i) => i % n === Math.floor(i / n) ? 1 : 0);
  return c.op("Expand", [c.constant(dtype, [1, n, n], data), c.ints([b, n, n])]);
}

/**
 * V and A V with orthogonal columns, for matrices [b, m, n] with m >= n (Hestenes, 1958).
 *
 * @returns names of A V [b, m, n] and V [b, n, n]
 */
export function emitOneSidedJacobi(
  c: LowerContext,
  a: string,
  [b, m, n]: readonly [number, number, number],
  dtype: DType,
): [string, string] {
  const even = n + n % 2, next = c.ints(nextRound(even));
  const tolerance = c.scalar(dtype, epsilonOf(dtype) * Math.sqrt(m));
  const [small, scale] = scaled(c, a, { dtype, shape: [b, m, n] });
  const over = (x: string) =>
    lowerReduce(c, "ReduceSum", x, { dtype, shape: [b, m, even / 2] }, [1], true);
  const [w, v] = sweeps(c, even, [
    { name: padded(c, small, dtype, 0, even - n), dtype, shape: [b, m, even] },
    { name: identities(c, b, even, dtype), dtype, shape: [b, even, even] },
  ], ([w, v]) => {
    const [x, y] = halves(c, w, 2);
    const xx = over(c.op("Mul", [x, x])), yy = over(c.op("Mul", [y, y]));
    const xy = over(c.op("Mul", [x, y]));
    const sizes = c.op("Mul", [c.op("Sqrt", [xx]), c.op("Sqrt", [yy])]);
    const wanted = c.op("Greater", [c.op("Abs", [xy]), c.op("Mul", [tolerance, sizes])]);
    const by = rotation(c, [xx, yy, xy], wanted, dtype);
    return {
      states: [turn(c, w, 2, by, next), turn(c, v, 2, by, next)],
      turned: anyOf(c, wanted, [b, 1, even / 2]),
    };
  });
  const own = (x: string, rows: number) =>
    even === n ? x : c.op("Slice", [x, c.ints([0, 0]), c.ints([rows, n]), c.ints([1, 2])]);
  return [c.op("Mul", [own(w, m), scale]), own(v, n)];
}

/**
 * Eigenvalues, in any order, and eigenvectors of symmetric matrices [b, n, n].
 *
 * @returns names of the values [b, n] and of the vectors, the columns of [b, n, n]
 */
export function emitSymmetricJacobi(
  c: LowerContext,
  a: string,
  [b, n]: readonly [number, number],
  dtype: DType,
): [string, string] {
  const even = n + n % 2, h = even / 2, next = c.ints(nextRound(even));
  const tolerance = c.scalar(dtype, epsilonOf(dtype) / 8);
  const [small, scale] = scaled(c, a, { dtype, shape: [b, n, n] });
  const at = (places: number[], x: string) => {
    const flat = c.op("Reshape", [x, c.ints([b, even * even])]);
    return c.op("Gather", [flat, c.ints(places)], axis(1));
  };
  const diagonal = range(even).map((i) => i * even + i);
  const beside = range(h).map((i) => i * even + h + i);
  const asRow = (x: string) => c.op("Reshape", [x, c.ints([b, 1, h])]);
  const asColumn = (x: string) => c.op("Reshape", [x, c.ints([b, h, 1])]);
  const [values, vectors] = sweeps(c, even, [
    { name: padded(c, small, dtype, even - n, even - n), dtype, shape: [b, even, even] },
    { name: identities(c, b, even, dtype), dtype, shape: [b, even, even] },
  ], ([x, v]) => {
    const between = at(beside, x);
    const wanted = c.op("Greater", [c.op("Abs", [between]), tolerance]);
    const first = at(diagonal.slice(0, h), x), second = at(diagonal.slice(h), x);
    const [cosine, sine] = rotation(c, [first, second, between], wanted, dtype);
    const row = [asRow(cosine), asRow(sine)] as const;
    const column = [asColumn(cosine), asColumn(sine)] as const;
    return {
      states: [turn(c, turn(c, x, 2, row, next), 1, column, next), turn(c, v, 2, row, next)],
      turned: anyOf(c, wanted, [b, h]),
    };
  });
  const flat = c.op("Reshape", [values, c.ints([b, even * even])]);
  const own = c.op("Gather", [flat, c.ints(diagonal.slice(0, n))], axis(1));
  const factor = c.op("Reshape", [scale, c.ints([b, 1])]);
  return [
    c.op("Mul", [own, factor]),
    c.op("Slice", [vectors, c.ints([0, 0]), c.ints([n, n]), c.ints([1, 2])]),
  ];
}
