/**
 * Rearrangements of elements that are built from primitives.
 *
 * @module
 */

import { ShapeError } from "../../graph/errors.ts";
import { constantNode, numberNode } from "../../graph/leaf.ts";
import type { Node } from "../../graph/node.ts";
import { checkShape, type Shape, showShape, sizeOf } from "../../graph/shape.ts";
import * as p from "../../primitives/elementwise.ts";
import { iotaAlong } from "../../primitives/iota.ts";
import * as m from "../../primitives/movement.ts";
import { where } from "./basic.ts";

/** How `pad` continues a tensor beyond its border. */
export type PadMode = "constant" | "reflect" | "replicate" | "circular";

/** Target of a reshape, with one -1 worked out. Throws a ShapeError that names `op`. */
export function inferShape(op: string, from: Shape, to: Shape): number[] {
  const free = to.indexOf(-1);
  checkShape(op, to.filter((d) => d !== -1));
  if (free < 0) return [...to];
  const known = to.reduce((n, d, i) => i === free ? n : n * d, 1);
  const size = sizeOf(from);
  if (to.lastIndexOf(-1) !== free || known === 0 || size % known !== 0) {
    throw new ShapeError(
      `${op}: ${showShape(from)} does not become ${showShape(to)}; at most one size may be -1, ` +
        `and the others must divide ${size} elements.`,
    );
  }
  return to.map((d, i) => i === free ? size / known : d);
}

/** The whole of x repeated: `repeats[i]` times along dimension i, new dimensions in front. */
export function repeat(op: string, x: Node, repeats: Shape): Node {
  const rank = repeats.length, skip = rank - x.shape.length;
  if (skip < 0 || repeats.some((n) => !Number.isInteger(n) || n < 0)) {
    throw new ShapeError(
      `${op}: ${showShape(repeats)} does not fit ${
        showShape(x.shape)
      }; give a count >= 0 for each ` +
        `dimension (more counts add dimensions in front).`,
    );
  }
  const sizes = repeats.map((_, i) => i < skip ? 1 : x.shape[i - skip]);
  if (repeats.every((n) => n === 1)) return m.reshape(x, sizes);
  const apart = m.reshape(x, sizes.flatMap((d) => [1, d]));
  const spread = m.expand(apart, sizes.flatMap((d, i) => [repeats[i], d]));
  return m.reshape(spread, sizes.map((d, i) => d * repeats[i]));
}

/** Each element repeated `n` times along an axis. */
export function repeatInterleave(x: Node, n: number, axis: number): Node {
  const shape = x.shape.length === 0 ? [1] : x.shape;
  const apart = m.reshape(x, [...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)]);
  const spread = m.expand(apart, [...shape.slice(0, axis + 1), n, ...shape.slice(axis + 1)]);
  return m.reshape(spread, shape.map((d, i) => i === axis ? d * n : d));
}

/** Elements moved along an axis; those that fall off come back at the other end. */
export function roll(x: Node, shift: number, axis: number): Node {
  const n = x.shape[axis];
  const by = n === 0 ? 0 : ((shift % n) + n) % n;
  if (by === 0) return x;
  return m.concat([m.narrow(x, axis, n - by, by), m.narrow(x, axis, 0, n - by)], axis);
}

/** One border of `pad` modes other than a constant: what comes before or after x along an axis. */
function border(x: Node, axis: number, count: number, mode: PadMode, before: boolean): Node {
  const n = x.shape[axis];
  const most = mode === "reflect" ? n - 1 : mode === "circular" ? n : Infinity;
  if (count > most || n === 0) {
    throw new ShapeError(
      `pad: mode "${mode}" can add at most ${Math.max(0, n === 0 ? 0 : most)} element(s) to ` +
        `dimension ${axis} of ${showShape(x.shape)}, got ${count}.`,
    );
  }
  if (mode === "replicate") {
    const edge = m.narrow(x, axis, before ? 0 : n - 1, 1);
    return m.expand(edge, x.shape.map((d, i) => i === axis ? count : d));
  }
  if (mode === "circular") return m.narrow(x, axis, before ? n - count : 0, count);
  return m.flip(m.narrow(x, axis, before ? 1 : n - 1 - count, count), [axis]);
}

/** A border around x. `low` and `high` count the elements of each side; negative counts crop. */
export function pad(x: Node, low: Shape, high: Shape, mode: PadMode, value: number): Node {
  if (!["constant", "reflect", "replicate", "circular"].includes(mode)) {
    throw new TypeError(
      `pad: got mode "${mode}", wants "constant", "reflect", "replicate" or "circular".`,
    );
  }
  let y = x;
  for (let i = 0; i < low.length; i++) {
    const left = Math.max(0, -low[i]), right = Math.max(0, -high[i]);
    if (left + right === 0) continue;
    if (left + right > y.shape[i]) {
      throw new ShapeError(
        `pad: dimension ${i} of ${showShape(x.shape)} cannot lose ${left} + ${right} elements.`,
      );
    }
    y = m.narrow(y, i, left, y.shape[i] - left - right);
  }
  const before = low.map((n) => Math.max(0, n)), after = high.map((n) => Math.max(0, n));
  if (mode === "constant") {
    if (y.dtype !== "bool") return m.pad(y, before, after, value);
    return p.cast(m.pad(p.cast(y, "int32"), before, after, value === 0 ? 0 : 1), "bool");
  }
  for (let i = 0; i < low.length; i++) {
    const parts = [y];
    if (before[i] > 0) parts.unshift(border(y, i, before[i], mode, true));
    if (after[i] > 0) parts.push(border(y, i, after[i], mode, false));
    if (parts.length > 1) y = m.concat(parts, i);
  }
  return y;
}

/** Column minus row of each element of a matrix, as numbers that comparisons can be fused with. */
function diagonalNumber(x: Node): Node {
  const [rows, columns] = x.shape.slice(-2);
  const dtype = x.dtype === "float32" || x.dtype === "float64" ? x.dtype : "int64";
  return p.sub(iotaAlong(columns, 1, 2, dtype), iotaAlong(rows, 0, 2, dtype));
}

/** The lower (or upper) triangle of matrices up to (from) a diagonal, zeros elsewhere. */
export function triangle(op: string, x: Node, diagonal: number, upper: boolean): Node {
  if (x.shape.length < 2) {
    throw new ShapeError(`${op}: got ${showShape(x.shape)}, wants matrices [..., n, m].`);
  }
  const at = diagonalNumber(x), limit = numberNode(diagonal, at.dtype);
  return where(upper ? p.le(limit, at) : p.le(at, limit), x, constantNode(0, x.dtype));
}

/** Elements [..., i, i + offset] of the last two dimensions. */
export function diagonal(x: Node, offset: number): Node {
  const lead = x.shape.slice(0, -2), [rows, columns] = x.shape.slice(-2);
  const row = Math.max(0, -offset), column = Math.max(0, offset);
  const n = Math.max(0, Math.min(rows - row, columns - column));
  const flat = m.reshape(x, [...lead, rows * columns]);
  const axis = lead.length;
  return m.slice(flat, {
    starts: flat.shape.map((_, i) => i === axis && n > 0 ? row * columns + column : 0),
    sizes: [...lead, n],
    steps: flat.shape.map((_, i) => i === axis ? columns + 1 : 1),
  });
}

/**
 * Matrices with x on a diagonal and zeros elsewhere: [..., n] to [..., n + |offset|, n + |offset|].
 */
export function diagonalMatrix(x: Node, offset: number): Node {
  const rank = x.shape.length, n = x.shape[rank - 1], size = n + Math.abs(offset);
  // Each row of the matrix is one element and then `size` zeros, shifted by one from row to row.
  const column = m.reshape(x, [...x.shape, 1]);
  const none = x.shape.map(() => 0);
  const spread = pad(column, [...none, 0], [...none, size], "constant", 0);
  const lead = x.shape.slice(0, -1);
  const flat = m.reshape(spread, [...lead, n * (size + 1)]);
  const at = Math.max(0, offset) + Math.max(0, -offset) * size;
  // The flat matrix has size * size elements; the last row's zeros run past it or fall short of it.
  const excess = at + n * (size + 1) - size * size;
  const lows = [...lead.map(() => 0), at], highs = [...lead.map(() => 0), -excess];
  return m.reshape(pad(flat, lows, highs, "constant", 0), [...lead, size, size]);
}

/** Windows of `size` elements along an axis, `step` apart, as a new last dimension. */
export function unfold(x: Node, axis: number, size: number, step: number): Node {
  const n = x.shape[axis];
  if (size > n || size < 1 || step < 1) {
    throw new ShapeError(
      `unfold: dimension ${axis} of ${showShape(x.shape)} has no windows of ${size} elements ` +
        `${step} apart; wants 1 <= size <= ${n} and step >= 1.`,
    );
  }
  const count = Math.floor((n - size) / step) + 1;
  const columns = Array.from({ length: size }, (_, k) => {
    const part = m.slice(x, {
      starts: x.shape.map((_, i) => i === axis ? k : 0),
      sizes: x.shape.map((d, i) => i === axis ? count : d),
      steps: x.shape.map((_, i) => i === axis ? step : 1),
    });
    return m.reshape(part, [...part.shape, 1]);
  });
  return m.concat(columns, x.shape.length);
}
