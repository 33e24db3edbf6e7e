/**
 * Reading the table of accuracies in `docs/accuracy.md`, which the tests enforce.
 *
 * @module
 */

import type { Width } from "./derivatives.ts";

/**
 * What is promised: so many units in the last place, or an absolute error (relative to |x| above 1);
 * where both are, the absolute one may serve for |x| below 4.
 */
export interface Bound {
  readonly ulp?: number;
  readonly absolute?: number;
}

/** Bounds of value, first and second derivatives. */
export type Bounds = readonly Bound[];

/** Name of a column of the table. */
export function column(dtype: Width, ops: boolean): string {
  return ops ? dtype : `${dtype}, without kernels`;
}

function parse(cell: string): Bounds {
  return cell.split("/").map((part) => {
    const [, ulp, absolute] = /^(\d+)?(?: or )?(?:±(.*))?$/.exec(part.trim())!;
    return {
      ulp: ulp === undefined ? undefined : Number(ulp),
      absolute: absolute === undefined ? undefined : Number(absolute),
    };
  });
}

/** The table: bounds by function, then by column. */
export function readAccuracies(): Map<string, Map<string, Bounds>> {
  const text = Deno.readTextFileSync(new URL("../../docs/accuracy.md", import.meta.url));
  const lines = text.split("\n"), start = lines.findIndex((line) => line.startsWith("| function"));
  const end = lines.findIndex((line, i) => i > start && !line.startsWith("|"));
  const rows = lines.slice(start, end)
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  const [head, , ...body] = rows;
  return new Map(
    body.map(([name, ...cells]) => [
      name.replaceAll("`", ""),
      new Map(cells.map((cell, i) => [head[i + 1], parse(cell)])),
    ]),
  );
}

const types = {
  float32: { epsilon: 2 ** -23, smallest: 2 ** -126, round: Math.fround },
  float64: { epsilon: 2 ** -52, smallest: 2 ** -1022, round: (x: number) => x },
} as const;

/** From here on results count: nearer to 0 they may lose digits, or be 0. */
const FLOOR = 1024;

/**
 * Error of `got` in units in the last place of the larger of `want` and `scale`, less what is allowed
 * near 0.
 */
export function errorOf(dtype: Width, got: number, want: number, scale: number): number {
  const { epsilon, smallest, round } = types[dtype];
  const rounded = round(want);
  if (got === rounded || (Number.isNaN(got) && Number.isNaN(want))) return 0;
  // At the end of the range, one step to infinity or back is a rounding error.
  const end = dtype === "float32" ? 3.4e38 : 1.79e308;
  if (!Number.isFinite(rounded)) {
    return Math.sign(got) * Math.sign(want) * Math.abs(got) > end ? 1 : Infinity;
  }
  if (!Number.isFinite(got)) return Infinity;
  const size = Math.max(Math.abs(want), scale, smallest);
  const error = Math.max(0, Math.abs(got - want) - FLOOR * smallest);
  return error / (2 ** Math.floor(Math.log2(size)) * epsilon);
}

/** Whether `got` is as near to `want` as promised; `scale` is that of `errorOf`. */
export function withinBound(
  bound: Bound,
  dtype: Width,
  [x]: readonly number[],
  { got, want, scale }: { got: number; want: number; scale: number },
): boolean {
  const { ulp, absolute } = bound;
  if (ulp !== undefined && errorOf(dtype, got, want, scale) <= ulp) return true;
  if (absolute === undefined || (ulp !== undefined && Math.abs(x) >= 4)) return false;
  return Math.abs(got - want) <= absolute * Math.max(1, Math.abs(x));
}
