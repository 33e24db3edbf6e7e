import { assert, assertEquals } from "@std/assert";
import { type Bound, column, errorOf, readAccuracies } from "./accuracy.ts";
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

/** The worst errors of value, first and second derivatives, with the places where they are. */
function worst(
  name: string,
  dtype: Width,
  bounds: (ops: boolean) => readonly Bound[],
): { ops: boolean; order: number; error: number; bound: number; where: string }[] {
  const { points: set, values } = table.functions[name], all = table.points[set];
  const used = all.map((_, i) => i).filter((i) =>
    dtype === "float64" || all[i].every((x) => Math.fround(x) === x)
  );
  const points = used.map((i) => all[i]), orders = entries(points[0].length);
  return derivatives(functions[name], points, dtype).flatMap(({ ops, at }) =>
    orders.map((columns, order) => {
      const bound = bounds(ops)[order];
      const result = { ops, order, error: 0, bound: "ulp" in bound ? bound.ulp : 1, where: "" };
      const first = orders.slice(0, order).reduce((sum, o) => sum + o.length, 0);
      points.forEach((point, i) => {
        const wanted = columns.map((_, k) => values[used[i]][first + k]);
        // Of several entries, the largest is the measure.
        const scale = Math.min(Math.max(...wanted.map(Math.abs)), Number.MAX_VALUE);
        columns.forEach((c, k) => {
          const got = at[c][i], want = wanted[k];
          const error = "ulp" in bound
            ? errorOf(dtype, got, want, scale)
            : Math.abs(got - want) / (bound.absolute * Math.max(1, Math.abs(point[0])));
          if (error > result.error || Number.isNaN(error)) {
            result.error = Number.isNaN(error) ? Infinity : error;
            result.where = `at [${point}]: got ${got}, want ${want}`;
          }
        });
      });
      return result;
    })
  );
}

Deno.test("docs/accuracy.md lists the functions of the table of values", () => {
  assertEquals([...accuracies.keys()].sort(), Object.keys(table.functions).sort());
});

for (const name of Object.keys(table.functions)) {
  Deno.test(`${name} is as accurate as docs/accuracy.md says, with both derivatives`, () => {
    const promised = accuracies.get(name)!;
    for (const dtype of ["float32", "float64"] as const) {
      for (
        const { ops, order, error, bound, where } of worst(
          name,
          dtype,
          (ops) => promised.get(column(dtype, ops))!,
        )
      ) {
        const what = `${name}, ${column(dtype, ops)}, derivative of order ${order}`;
        assert(error <= bound, `${what}: error ${error} is above ${bound} ${where}`);
      }
    }
  });
}
