/**
 * Numbers with an exponent of their own, as graphs: m * 2 ** (340 q) in float64, which no product of
 * numbers in range leaves. And truncated polynomials of them.
 *
 * Only lowering uses them: derivatives are taken of the primitives that are made of them.
 *
 * @module
 */

import type { DType } from "../runtime/mod.ts";
import type { Node } from "../graph/node.ts";
import { abs, add, cast, eq, lt, maximum, mul, num, sub, where } from "./elementwise.ts";

/** One step of the exponent, and how far from 1 numbers are (powers of 2): after a move, at most. */
const UNIT = 340, SETTLED = UNIT / 2, MOST = 3 * UNIT;

/** Exponent beyond all others: of zeros (negative) and infinities, so that sums leave them be. */
const BEYOND = 2 ** 40;

/** How far from 1 the numbers of a type are. */
const reach: Partial<Record<DType, number>> = { float16: 24, float32: 149, float64: 1074 };

/** m * 2 ** (340 q). */
export interface Wide {
  /** Factor, of float64. */
  readonly m: Node;
  /** Whole exponent, of float64; null is 0. */
  readonly q: Node | null;
  /** The size of m is 0, infinite, or between 2 ** -bound and 2 ** bound. */
  readonly bound: number;
}

/** A tensor of floating point. */
export function lift(x: Node): Wide {
  return { m: cast(x, "float64"), q: null, bound: reach[x.dtype]! };
}

/** The exponent of what is 0 (or not). */
export const exponentOf = (m: number): number => m === 0 ? -BEYOND : 0;

/** The exponents of numbers. */
export function exponents({ m, q }: Wide): Node {
  return q ?? where(eq(m, num(0, m)), num(-BEYOND, m), num(0, m));
}

/** Moves numbers that are further from 1 than 2 ** `edge` by some steps towards it. */
function moveBy(x: Wide, steps: number, edge: number): Wide {
  const { m, bound } = x, size = abs(m), unit = 2 ** (steps * UNIT);
  const large = lt(num(2 ** edge, m), size), small = lt(size, num(2 ** -edge, m));
  let up = num(steps, m), down = num(-steps, m);
  if (x.q === null) {
    up = where(eq(size, num(Infinity, m)), num(BEYOND, m), up);
    down = where(eq(size, num(0, m)), num(-BEYOND, m), down);
  }
  const change = where(large, up, where(small, down, num(0, m)));
  const factor = where(large, num(1 / unit, m), where(small, num(unit, m), num(1, m)));
  return {
    m: mul(m, factor),
    q: x.q === null ? change : add(x.q, change),
    bound: Math.max(edge, bound - steps * UNIT),
  };
}

/** The same numbers nearer to 1. */
const nearer = (x: Wide) =>
  x.bound > SETTLED + UNIT ? moveBy(x, 2, SETTLED + UNIT) : moveBy(x, 1, SETTLED);

/** The same numbers, not further from 1 than 2 ** `bound`. */
function within(x: Wide, bound: number): Wide {
  return x.bound > bound ? within(nearer(x), bound) : x;
}

/** The number in a type, infinite or 0 where it is out of range. */
export function lower(x: Wide, dtype: DType): Node {
  if (x.q === null) return cast(x.m, dtype);
  const { m, q } = within(x, SETTLED);
  // Numbers of more steps are out of range.
  const steps = dtype === "float64" ? 4 : 1, unit = 2 ** UNIT;
  let y = m;
  for (let step = 0; step < steps; step++) {
    const up = lt(num(step, m), q!), down = lt(q!, num(-step, m));
    y = mul(y, where(up, num(unit, m), where(down, num(1 / unit, m), num(1, m))));
  }
  return cast(y, dtype);
}

/** The product of two numbers. */
export function times(a: Wide, b: Wide): Wide {
  if (a.bound + b.bound > MOST) {
    return a.bound >= b.bound ? times(nearer(a), b) : times(a, nearer(b));
  }
  const q = a.q === null ? b.q : b.q === null ? a.q : add(a.q, b.q);
  return { m: mul(a.m, b.m), q, bound: a.bound + b.bound };
}

/** The sum of two numbers. */
function plus(x: Wide, y: Wide): Wide {
  // What is left after cancellation is at least a unit in the last place.
  const cancelled = 53;
  if (x.q === null && y.q === null && Math.max(x.bound, y.bound) + cancelled <= MOST) {
    return { m: add(x.m, y.m), q: null, bound: Math.max(x.bound, y.bound) + cancelled };
  }
  const a = within(x, UNIT), b = within(y, UNIT), qa = exponents(a), qb = exponents(b);
  const apart = sub(qa, qb);
  // What is three steps below is less than half a unit in the last place.
  const share = (m: Node, below: (steps: number) => Node) => {
    const far = where(below(3), num(0, m), num(2 ** (-2 * UNIT), m));
    return mul(m, where(below(1), where(below(2), far, num(2 ** -UNIT, m)), num(1, m)));
  };
  return {
    m: add(
      share(a.m, (steps) => lt(apart, num(0.5 - steps, apart))),
      share(b.m, (steps) => lt(num(steps - 0.5, apart), apart)),
    ),
    q: maximum(qa, qb),
    bound: UNIT + cancelled,
  };
}

/**
 * A polynomial in variables whose squares are 0: the coefficient of a set of variables is at the number
 * whose bits they are; null is 0.
 */
export type Polynomial = readonly (Wide | null)[];

/** The product of two polynomials. */
export function polynomialTimes(a: Polynomial, b: Polynomial): Polynomial {
  return a.map((_, set) => {
    let total: Wide | null = null;
    // The subsets of the set, in descending order.
    for (let part = set; part >= 0; part = part === 0 ? -1 : (part - 1) & set) {
      const x = a[part], y = b[set ^ part];
      if (x === null || y === null) continue;
      const product = times(x, y);
      total = total === null ? product : plus(total, product);
    }
    return total;
  });
}

/** The sum of two polynomials. */
export function polynomialPlus(a: Polynomial, b: Polynomial): Polynomial {
  return a.map((x, set) => {
    const y = b[set];
    return x === null ? y : y === null ? x : plus(x, y);
  });
}
