/** An extremum of elements among which is NaN is NaN, in every memory layout. */

import {
  autograd,
  compile,
  type DType,
  func,
  nn,
  stack,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { assertEquals } from "@std/assert";

const list = (t: Tensor) => Array.from(t.to("float64").data(), Number).map((v) => v + 0);

const rows = [
  [1, NaN, 2],
  [NaN, 1, 2],
  [1, 2, NaN],
  [3, 1, 2],
  [NaN, NaN, NaN],
  [Infinity, NaN, -Infinity],
  [NaN, Infinity, -Infinity],
  [-Infinity, -Infinity, -Infinity],
  [Infinity, Infinity, 0],
  [-1, -2, -3],
];
/** The same rows, each stretched by repetitions of its last element. */
const long = rows.map((row) => [...row, ...new Array(37).fill(row[2])]);
const columns = (of: number[][]) => of[0].map((_, j) => of.map((row) => row[j]));

const place = (row: number[], extremum: (...of: number[]) => number) => {
  const missing = row.findIndex(Number.isNaN);
  return missing >= 0 ? missing : row.indexOf(extremum(...row));
};

type Case = [name: string, data: number[][], run: (x: Tensor) => Tensor, want: number[]];

function casesOf(name: "max" | "min"): Case[] {
  const extremum = Math[name], arg = `arg${name}` as const, all = `a${name}` as const;
  const places = rows.map((row) => place(row, extremum));
  const values = rows.map((row, i) => row[places[i]]);
  const first = rows.flat().findIndex(Number.isNaN);
  return [
    ["values of rows", rows, (x) => x[name](1).values, values],
    ["places of rows", rows, (x) => x[name](1).indices, places],
    ["values of columns", columns(rows), (x) => x[name](0).values, values],
    ["places of columns", columns(rows), (x) => x[name](0).indices, places],
    ["values of turned rows", rows, (x) => x.transpose(0, 1)[name](0).values, values],
    ["values of long rows", long, (x) => x[name](1).values, values],
    ["values of long columns", columns(long), (x) => x[name](0).values, values],
    [`${arg} of rows`, rows, (x) => x[arg](1), places],
    [`${arg} of long columns`, columns(long), (x) => x[arg](0), places],
    [`${arg} of all`, rows, (x) => x[arg](), [first]],
    [`${all} of rows`, rows, (x) => x[all](1), values],
    [`${all} of columns`, columns(rows), (x) => x[all](0), values],
    [`${all} of turned rows`, rows, (x) => x.transpose(0, 1)[all](0), values],
    [`${all} of long rows`, long, (x) => x[all](1), values],
    [`${all} of all`, rows, (x) => x[all](), [NaN]],
    [`${all} of all dimensions`, rows, (x) => x.unsqueeze(0)[all]([0, 1, 2]), [NaN]],
    [`${name}() of numbers`, [[3, 1, 2]], (x) => x[name](), [extremum(1, 2, 3)]],
    [
      `${name}imum`,
      rows,
      (x) => x[`${name}imum`](x.flip(1)),
      rows.flatMap((row) => row.map((v, i) => extremum(v, row[2 - i]))),
    ],
  ];
}

for (const dtype of ["float16", "float32", "float64"] satisfies DType[]) {
  for (const name of ["max", "min"] as const) {
    Deno.test(`${name}, arg${name} and a${name} do not pass over NaN, ${dtype}`, () => {
      for (const [what, data, run, want] of casesOf(name)) {
        const x = tensor(data, { dtype });
        assertEquals(list(run(x)), want, what);
        assertEquals(list(compile(run)(x)), want, `${what}, compiled`);
        const both = list(func.vmap(run)(stack([x, x])));
        assertEquals(both, [...want, ...want], `${what}, vmapped`);
      }
    });
  }
}

Deno.test("gradients of max() and min() go to the NaN elements, those of others to ties", () => {
  for (const extremum of ["max", "min", "amax", "amin"] as const) {
    const x = tensor([1, NaN, 2, NaN], { requiresGrad: true });
    assertEquals(list(autograd.grad(x[extremum](), [x])[0]!), [0, 0.5, 0, 0.5], extremum);
    const y = tensor([[1, NaN, 2], [4, 4, 4]], { requiresGrad: true });
    const [g] = autograd.grad(
      y[extremum === "max" || extremum === "amax" ? "amax" : "amin"](1).sum(),
      [y],
    );
    assertEquals(list(g!), [0, 1, 0, ...[4, 4, 4].map(() => list(tensor(1).div(3))[0])], extremum);
  }
});

Deno.test("max(dim) and min(dim) give their gradient to the NaN that is the extremum", () => {
  for (const extremum of ["max", "min"] as const) {
    const x = tensor([[1, NaN, 2], [3, 1, 2]], { requiresGrad: true });
    const [g] = autograd.grad(x[extremum](1).values.sum(), [x]);
    assertEquals(list(g!), [0, 1, 0, ...(extremum === "max" ? [1, 0, 0] : [0, 1, 0])]);
  }
});

Deno.test("max pooling finds NaN in every floating-point type, half precision included", () => {
  for (const dtype of ["float16", "float32", "float64"] satisfies DType[]) {
    const x = tensor([[[1, NaN, 2, 4, -3, -5]]], { dtype, requiresGrad: true });
    const y = nn.functional.maxPool1d(x, 2);
    assertEquals([y.dtype, list(y)], [dtype, [NaN, 4, -3]]);
    assertEquals(list(autograd.grad(y.sum(), [x])[0]!), [0, 1, 0, 1, 1, 0]);
    const two = func.vmap((x: Tensor) => nn.functional.maxPool1d(x, 2))(stack([x, x]).detach());
    assertEquals(list(two), [NaN, 4, -3, NaN, 4, -3]);
  }
});
