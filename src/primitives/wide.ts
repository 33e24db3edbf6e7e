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
import { expand } from "./movement.ts";

/** One step of the exponent; how far from 1 settled numbers are, and numbers at most (powers of 2). */
const UNIT = 340, SETTLED = UNIT / 2, MOST = 3 * UNIT;

/** Exponent beyond all others: of zeros (negative) and infinities in sums. */
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

/** The exponents of a number. */
export function exponents({ m, q }: Wide): Node {
  return q ?? expand(num(0, m), m.shape);
}

/** Moves numbers that are further from 1 than 2 ** `edge` by some steps towards it. */
function moveBy(x: Wide, steps: number, edge: number): Wide {
  const { m, bound } = x, size = abs(m), unit = 2 ** (steps * UNIT);
  const large = lt(num(2 ** edge, m), size), small = lt(size, num(2 ** -edge, m));
  const choice = (up: number, down: number, none: number) =>
    where(large, num(up, m), where(small, num(down, m), num(none, m)));
  const change = choice(steps, -steps, 0);
  return {
    m: mul(m, choice(1 / unit, unit, 1)),
    q: x.q === null ? change : add(x.q, change),
    bound: Math.max(edge, bound - steps * UNIT),
  };
}

/** The same numbers near 1. */
function settle(x: Wide): Wide {
  let y = x;
  if (y.bound > SETTLED + UNIT) y = moveBy(y, 2, SETTLED + UNIT);
  return y.bound > SETTLED ? moveBy(y, 1, SETTLED) : y;
}

/** The number in a type, infinite or 0 where it is out of range. */
export function lower(x: Wide, dtype: DType): Node {
  if (x.q === null) return cast(x.m, dtype);
  const { m, q } = settle(x);
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
    return a.bound >= b.bound ? times(settle(a), b) : times(a, settle(b));
  }
  const q = a.q === null ? b.q : b.q === null ? a.q : add(a.q, b.q);
  return { m: mul(a.m, b.m), q, bound: a.bound + b.bound };
}

/** The exponent as it counts in a sum: zeros leave it to the other number, infinities take it over. */
function rank(x: Wide): Node {
  const q = exponents(x), { m } = x;
  const finite = where(eq(abs(m), num(Infinity, m)), num(BEYOND, q), q);
  return where(eq(m, num(0, m)), num(-BEYOND, q), finite);
}

/** The sum of two numbers. */
export function plus(x: Wide, y: Wide): Wide {
  if (x.q === null && y.q === null && Math.max(x.bound, y.bound) < MOST) {
    // What is left after cancellation is at least a unit in the last place.
    return { m: add(x.m, y.m), q: null, bound: Math.max(x.bound, y.bound) + 53 };
  }
  const a = settle(x), b = settle(y), ra = rank(a), rb = rank(b), q = maximum(ra, rb);
  // What is two steps below is less than half a unit in the last place.
  const share = ({ m }: Wide, r: Node) => {
    const below = sub(r, q), zero = num(0, q);
    const one = where(eq(below, num(-1, q)), num(2 ** -UNIT, q), zero);
    return mul(m, where(eq(below, zero), num(1, q), one));
  };
  return { m: add(share(a, ra), share(b, rb)), q, bound: SETTLED + 53 };
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
