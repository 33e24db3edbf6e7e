/**
 * Products and running products along the last dimension, of polynomials of wide numbers: balanced
 * trees, so that there is no division and the work is linear. Numbers lie in [rows, n].
 *
 * @module
 */

import type { Node } from "../graph/node.ts";
import { num } from "./elementwise.ts";
import { concat, expand, narrow, pad, reshape, slice } from "./movement.ts";
import {
  exponentOf,
  exponents,
  type Polynomial,
  polynomialPlus,
  polynomialTimes,
  times,
  type Wide,
} from "./wide.ts";

/** A movement of elements; what it adds is the number `fill`. */
type Move = (x: Node, fill: number) => Node;

const moveWide = ({ m, q, bound }: Wide, move: Move, fill: number): Wide => ({
  m: move(m, fill),
  q: q === null ? null : move(q, exponentOf(fill)),
  bound,
});

/** Moves all coefficients; what is added is the polynomial `fill` (a number). */
function moved(p: Polynomial, move: Move, fill: number): Polynomial {
  return p.map((x, set) => x === null ? null : moveWide(x, move, set === 0 ? fill : 0));
}

const lengthOf = (p: Polynomial) => p.find((x) => x !== null)!.m.shape[1];

/** Elements behind the end of each row. */
const padTo = (n: number): Move => (x, fill) => pad(x, [0, 0], [0, n - x.shape[1]], fill);

/** Elements from `start` on. */
const part = (start: number, size: number): Move => (x) => narrow(x, 1, start, size);

/** Every other element. */
const every2 = (start: number): Move => (x) =>
  slice(x, { starts: [0, start], sizes: [x.shape[0], x.shape[1] / 2], steps: [1, 2] });

/** One element in front of each row instead of the last, or at its end instead of the first. */
const shift = (forward: boolean): Move => (x, fill) => {
  if (x.shape[1] === 1) return expand(num(fill, x), x.shape);
  const rest = narrow(x, 1, forward ? 0 : 1, x.shape[1] - 1);
  return pad(rest, [0, forward ? 1 : 0], [0, forward ? 0 : 1], fill);
};

/** Pairs up the coefficients of two polynomials of equal shape; a missing one counts as 0. */
function joined(a: Polynomial, b: Polynomial, join: (x: Node, y: Node) => Node): Polynomial {
  const zero = ({ m }: Wide): Wide => ({ m: expand(num(0, m), m.shape), q: null, bound: 0 });
  return a.map((x, set) => {
    const y = b[set];
    if (x === null && y === null) return null;
    const left = x ?? zero(y!), right = y ?? zero(x!);
    return {
      m: join(left.m, right.m),
      q: left.q === null && right.q === null ? null : join(exponents(left), exponents(right)),
      bound: Math.max(left.bound, right.bound),
    };
  });
}

const oneBehindTheOther = (x: Node, y: Node) => concat([x, y], 1);

const inTurn = (x: Node, y: Node) => {
  const [rows, n] = x.shape, single = [rows, n, 1];
  return reshape(concat([reshape(x, single), reshape(y, single)], 2), [rows, 2 * n]);
};

/** The product of each row: [rows, n] to [rows, 1]. */
export function productOf(x: Wide): Wide {
  const n = x.m.shape[1];
  if (n === 1) return x;
  const half = Math.ceil(n / 2), full = moveWide(x, padTo(2 * half), 1);
  return productOf(
    times(moveWide(full, part(0, half), 0), moveWide(full, part(half, half), 0)),
  );
}

/** The product of each row. */
export function polynomialProduct(p: Polynomial): Polynomial {
  const n = lengthOf(p);
  if (n === 1) return p;
  const half = Math.ceil(n / 2), full = moved(p, padTo(2 * half), 1);
  return polynomialProduct(
    polynomialTimes(moved(full, part(0, half), 0), moved(full, part(half, half), 0)),
  );
}

/** For each element `all` (of [rows, 1]) times the product of all others in its row. */
export function productOfOthers(p: Polynomial, all: Polynomial): Polynomial {
  const n = lengthOf(p);
  if (n === 1) return all;
  const half = Math.ceil(n / 2), full = moved(p, padTo(2 * half), 1);
  const a = moved(full, part(0, half), 0), b = moved(full, part(half, half), 0);
  const others = productOfOthers(polynomialTimes(a, b), all);
  const both = joined(polynomialTimes(others, b), polynomialTimes(others, a), oneBehindTheOther);
  return moved(both, part(0, n), 0);
}

/** What is scanned: several polynomials for each element, and what joins an element to the next. */
interface Scan {
  readonly join: (a: readonly Polynomial[], b: readonly Polynomial[]) => Polynomial[];
  /** The numbers that change nothing. */
  readonly identity: readonly number[];
  /** Whether elements are joined from the end. */
  readonly reverse: boolean;
}

function scan(xs: readonly Polynomial[], how: Scan): readonly Polynomial[] {
  const n = lengthOf(xs[0]);
  if (n === 1) return xs;
  const { join, identity, reverse } = how, even = n + n % 2;
  const each = (ys: readonly Polynomial[], move: Move) =>
    ys.map((y, i) => moved(y, move, identity[i]));
  const full = each(xs, padTo(even));
  const first = each(full, every2(0)), second = each(full, every2(1));
  const pairs = scan(join(first, second), how);
  const beside = each(pairs, shift(!reverse));
  const others = reverse ? join(second, beside) : join(beside, first);
  return pairs.map((p, i) => {
    const both = reverse ? joined(p, others[i], inTurn) : joined(others[i], p, inTurn);
    return moved(both, part(0, n), 0);
  });
}

/** Running products. */
export function runningProduct(p: Polynomial): Polynomial {
  return scan([p], {
    join: ([a], [b]) => [polynomialTimes(a, b)],
    identity: [1],
    reverse: false,
  })[0];
}

/**
 * For each element i the sum over k >= i of g_k times the product of all up to k but i itself: the
 * products before i, times s_i = g_i + x_(i + 1) s_(i + 1).
 */
export function runningOthers(p: Polynomial, g: Polynomial): Polynomial {
  const before = moved(runningProduct(p), shift(true), 1);
  const next = moved(p, shift(false), 1);
  const [, sums] = scan([next, g], {
    join: ([a, s], [b, t]) => [
      polynomialTimes(a, b),
      polynomialPlus(s, polynomialTimes(a, t)),
    ],
    identity: [1, 0],
    reverse: true,
  });
  return polynomialTimes(before, sums);
}
