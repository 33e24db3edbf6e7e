import { assert, assertEquals } from "@std/assert";
import { type Bounds, column, readAccuracies, withinBound } from "./accuracy.ts";
import { derivatives, type Width } from "./derivatives.ts";
import { functions } from "./functions.ts";

/** See `make_values.py`. */
interface Table {
  points: Record<string, number[][]>;
  functions: Record<string, { points: string; values: number[][] }>;
}

const table: Table = JSON.parse(Deno.readTextFileSync(new URL("values.json", import.meta.url)));
const accuracies = readAccuracies();

/** Entries of value, gradient and upper half of the Hessian among those that are computed. */
function entries(n: number): number[][] {
  const index = Array.from({ length: n }, (_, i) => i);
  const upper = index.flatMap((i) => index.filter((j) => j >= i).map((j) => 1 + n + i * n + j));
  return [[0], index.map((i) => 1 + i), upper];
}

/** Compares a function with the table; every derivative at every point is within its bound. */
function check(name: string, dtype: Width, promised: (ops: boolean) => Bounds): void {
  const { points: set, values } = table.functions[name], all = table.points[set];
  const used = all.map((_, i) => i).filter((i) =>
    dtype === "float64" || all[i].every((x) => Math.fround(x) === x)
  );
  const points = used.map((i) => all[i]), orders = entries(points[0].length);
  for (const { ops, at } of derivatives(functions[name], points, dtype)) {
    orders.forEach((columns, order) => {
      const bound = promised(ops)[order];
      const first = orders.slice(0, order).reduce((sum, o) => sum + o.length, 0);
      points.forEach((point, i) => {
        const wanted = columns.map((_, k) => values[used[i]][first + k]);
        // Of several entries, the largest is the measure.
        const scale = Math.min(Math.max(...wanted.map(Math.abs)), Number.MAX_VALUE);
        columns.forEach((c, k) => {
          const got = at[c][i], want = wanted[k];
          assert(
            withinBound(bound, dtype, point, { got, want, scale }),
            `${name} at [${point}], ${column(dtype, ops)}, derivative of order ${order}: got ` +
              `${got}, want ${want} (${JSON.stringify(bound)})`,
          );
        });
      });
    });
  }
}

Deno.test("docs/accuracy.md lists the functions of the table of values", () => {
  assertEquals([...accuracies.keys()].sort(), Object.keys(table.functions).sort());
});

for (const name of Object.keys(table.functions)) {
  Deno.test(`${name} is as accurate as docs/accuracy.md says, with both derivatives`, () => {
    const promised = accuracies.get(name)!;
    for (const dtype of ["float32", "float64"] as const) {
      check(name, dtype, (ops) => promised.get(column(dtype, ops))!);
    }
  });
}
