/**
 * Half-open intervals of floating-point numbers: which numbers of a type lie in [low, high).
 *
 * @module
 */

import type { DType } from "../../runtime/mod.ts";
import { newArray } from "../core.ts";

/**
 * A function that brings numbers from [low, high] to those of a floating-point type in [low, high),
 * which rounding would leave. Where the type has none there, it gives the one nearest to `low`.
 */
export function intoInterval(low: number, high: number, dtype: DType): (value: number) => number {
  // One number, rounded to its type as it is stored, and its bits, which count up with its size.
  const cell = newArray(dtype, 1) as Float32Array, bits = new BigInt64Array(cell.buffer, 0, 1);
  const nearest = (value: number) => {
    cell[0] = value;
    return cell[0];
  };
  const neighbour = (value: number, towards: 1 | -1) => {
    bits[0] = 0n;
    cell[0] = value;
    if (value === 0) {
      bits[0] = 1n;
      return towards * cell[0];
    }
    bits[0] += value > 0 === towards > 0 ? 1n : -1n;
    return cell[0];
  };
  const start = nearest(low), first = start < low ? neighbour(start, 1) : start;
  // What `high` is rounded to is out of the interval too: in comparisons it stands for `high`.
  const last = neighbour(nearest(high), -1);
  if (first > last) return () => start;
  return (value) => {
    const near = nearest(value);
    return near < first ? first : near > last ? last : near;
  };
}
