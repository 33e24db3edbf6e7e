/** Random arrays with NaN, infinities and equals: orders and extrema against their definition. */

import { compile, type DType, func, stack, type Tensor, tensor } from "@torchopt/torchopt";
import { assertEquals } from "@std/assert";

const list = (t: Tensor) => Array.from(t.to("float64").data(), Number).map((v) => v + 0);

/** A linear congruential generator, so that each run draws the same. */
let state = 12345;
const random = () => (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
const below = (n: number) => Math.floor(random() * n);

const special = [NaN, NaN, Infinity, -Infinity, 0, -0];
const element = () => random() < 0.45 ? special[below(special.length)] : below(10) - 5;

/** An order of numbers in which NaN is the largest. */
function compare(a: number, b: number): number {
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1;
  if (Number.isNaN(b)) return -1;
  return a === b ? 0 : a < b ? -1 : 1;
}

/** Places of a row's elements in order, equals as they stand. */
function order(row: number[], descending: boolean): number[] {
  const sign = descending ? -1 : 1;
  return row.map((_, i) => i).sort((i, j) => sign * compare(row[i], row[j]) || i - j);
}

/** The place of the first NaN, else of the first largest (or smallest). */
function extremum(row: number[], largest: boolean): number {
  const missing = row.findIndex(Number.isNaN);
  return missing >= 0 ? missing : order(row, largest)[0];
}

/** What a function of rows gives along a dimension, in row-major order. */
function along(data: number[], shape: number[], dim: number, fn: (row: number[]) => number[]) {
  const size = shape[dim], inner = shape.slice(dim + 1).reduce((a, b) => a * b, 1);
  const outer = shape.slice(0, dim).reduce((a, b) => a * b, 1), out: number[] = [];
  for (let o = 0; o < outer; o++) {
    const results = Array.from(
      { length: inner },
      (_, i) => fn(Array.from({ length: size }, (_, j) => data[(o * size + j) * inner + i])),
    );
    for (let k = 0; k < results[0].length; k++) for (const row of results) out.push(row[k] + 0);
  }
  return out;
}

Deno.test("random arrays: sort, topk, median and extrema by definition, in every mode", () => {
  for (let trial = 0; trial < 120; trial++) {
    const dtype = (["float16", "float32", "float64"] satisfies DType[])[trial % 3];
    const shape = Array.from({ length: 1 + below(3) }, () => 1 + below(5));
    const dim = below(shape.length), k = 1 + below(shape[dim]), descending = random() < 0.5;
    const data = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, element);
    const cases: Record<string, [(x: Tensor) => Tensor, (row: number[]) => number[]]> = {
      sort: [
        (x) => x.sort(dim, { descending }).values,
        (row) => order(row, descending).map((i) => row[i]),
      ],
      argsort: [(x) => x.argsort(dim, { descending }), (row) => order(row, descending)],
      topk: [
        (x) => x.topk(k, { dim, largest: descending }).indices,
        (row) => order(row, descending).slice(0, k),
      ],
      max: [(x) => x.max(dim).values, (row) => [row[extremum(row, true)]]],
      argmax: [(x) => x.argmax(dim), (row) => [extremum(row, true)]],
      argmin: [(x) => x.min(dim).indices, (row) => [extremum(row, false)]],
      amin: [(x) => x.amin(dim), (row) => [row[extremum(row, false)]]],
      median: [
        (x) => x.median(dim).values,
        (row) => row.some(Number.isNaN) ? [NaN] : [row[order(row, false)[(row.length - 1) >> 1]]],
      ],
    };
    const x = tensor(data, { dtype }).reshape(shape);
    for (const [name, [run, byRow]] of Object.entries(cases)) {
      const want = along(data, shape, dim, byRow), what = `${name} ${dtype} [${shape}] ${data}`;
      assertEquals(list(run(x)), want, what);
      if (trial % 8 > 0) continue;
      assertEquals(list(compile(run)(x)), want, `${what}, compiled`);
      assertEquals(list(func.vmap(run)(stack([x, x]))), [...want, ...want], `${what}, vmapped`);
    }
  }
});
