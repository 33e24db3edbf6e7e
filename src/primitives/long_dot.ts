/**
 * Matrix products that sum over a long dimension, as sums of products over parts of it.
 *
 * @module
 */

import { apply, type Node } from "../graph/node.ts";
import type { DotAttrs } from "./matmul.ts";
import { narrow, permute, reshape } from "./movement.ts";
import { divisor } from "./reduce_stages.ts";
import { sum } from "./reduce.ts";
import { add } from "./elementwise.ts";

/**
 * Products of few rows or columns are summed element by element: their rounding errors grow with the
 * length. Others are summed in blocks, and do so later. Each with the longest sum, the longest where a
 * factor would have to be moved (which is more work than the product), and the length of a part.
 */
const THIN = { rows: 8, longest: 1 << 12, moved: 1 << 16, part: 1 << 10 };
const WIDE = { longest: 1 << 15, moved: 1 << 17, part: 1 << 14 };

/** Parts of which the dimension is cut so that they are equal; with fewer, the rest is cut off. */
const FEWEST = 16;

/** A factor as [...batch, rows, summed], or [...batch, summed, rows] where it is `along` that way. */
interface Factor {
  readonly x: Node;
  readonly rows: number;
  /** Whether the summed dimension is the last. */
  readonly along: boolean;
}

function factorsOf(node: Node<DotAttrs>): [Factor, Factor, number] {
  const { inputs: [a, b], attrs: { ta, tb } } = node;
  const [m, n] = node.shape.slice(-2);
  return [{ x: a, rows: m, along: !ta }, { x: b, rows: n, along: tb }, summedOf(node)];
}

function summedOf({ inputs: [a], attrs: { ta } }: Node<DotAttrs>): number {
  return a.shape[a.shape.length - (ta ? 2 : 1)];
}

/** The part of a factor that sums over [from, from + count). */
function cut({ x, along }: Factor, from: number, count: number): Node {
  return narrow(x, x.shape.length - (along ? 1 : 2), from, count);
}

/** A factor with its parts as one more dimension: [..., parts, rows, part] or [..., parts, part, rows]. */
function inParts({ x, rows, along }: Factor, parts: number, part: number): Node {
  const batch = x.shape.slice(0, -2), at = batch.length;
  if (!along) return reshape(x, [...batch, parts, part, rows]);
  if (rows === 1) return reshape(x, [...batch, parts, 1, part]);
  const order = [...batch.keys(), at + 1, at, at + 2];
  return permute(reshape(x, [...batch, rows, parts, part]), order);
}

/**
 * A long product as a sum of shorter ones; null where it is short. In float32 only: in float64 the
 * rounding errors of 10^9 additions would not show in a float32 result.
 */
export function splitDot(node: Node<DotAttrs>): Node | null {
  if (node.dtype !== "float32") return null;
  const [a, b, k] = factorsOf(node);
  const { longest, moved, part } = Math.min(a.rows, b.rows) < THIN.rows ? THIN : WIDE;
  if (k <= ([a, b].some((f) => f.along && f.rows > 1) ? moved : longest)) return null;
  const length = divisor(k, part);
  const dot = (x: Node, y: Node) => apply(node.prim, [x, y], node.attrs);
  if (length * FEWEST < part) {
    const rest = k % part;
    return add(
      dot(cut(a, 0, k - rest), cut(b, 0, k - rest)),
      dot(cut(a, k - rest, rest), cut(b, k - rest, rest)),
    );
  }
  const parts = k / length, at = node.shape.length - 2;
  return sum(dot(inParts(a, parts, length), inParts(b, parts, length)), [at], false);
}
