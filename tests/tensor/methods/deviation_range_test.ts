/** Standard deviations of numbers whose squares leave the range of their type. */

import { compile, type DType, func, type Tensor, tensor } from "@torchopt/torchopt";
import { assert, assertEquals } from "@std/assert";
import { assertClose } from "../../helpers/close.ts";

const forms: Record<string, (fn: (x: Tensor) => Tensor, x: Tensor) => Tensor> = {
  eager: (fn, x) => fn(x),
  compiled: (fn, x) => compile(fn)(x),
  vmapped: (fn, x) => func.vmap(fn)(x.unsqueeze(0)).squeeze(0),
};

/** Units in which the numbers are measured, and digits of the type. */
const units: [DType, number[], number][] = [
  ["float16", [2 ** -10, 1, 2 ** 12], 2e-3],
  ["float32", [2 ** -100, 1, 2 ** 100], 1e-6],
  ["float64", [2 ** -900, 1, 2 ** 900], 1e-14],
];

for (const [form, run] of Object.entries(forms)) {
  for (const [dtype, list, digits] of units) {
    for (const unit of list) {
      Deno.test(`std() and its derivative in units of ${unit}, ${dtype}, ${form}`, () => {
        const x = tensor([1 * unit, 2 * unit, 6 * unit], { dtype });
        const near = (got: Tensor, want: number[], scale: number) =>
          assertClose(Array.from(got.data(), Number).map((v) => v / scale), want, {
            rtol: 0,
            atol: 4 * digits * Math.max(...want),
          });
        // Mean 3, squares of distances 4 + 1 + 9.
        near(run((t) => t.std().view(1), x), [Math.sqrt(7)], unit);
        near(run((t) => t.std(0, { correction: 0 }).view(1), x), [Math.sqrt(14 / 3)], unit);
        const slopes = [-2, -1, 3].map((d) => d / (2 * Math.sqrt(7)));
        near(run(func.grad((t: Tensor) => t.std()), x), slopes, 1);
      });
    }
  }
}

Deno.test("std() of equal numbers, and of too few", () => {
  const slope = func.grad((t: Tensor) => t.std());
  assertEquals(tensor([2, 2]).std().item(), 0);
  assertEquals(slope(tensor([2, 2])).toArray(), [0, 0]);
  assert(Number.isNaN(tensor([2]).std().item()));
  assert(Number.isNaN(slope(tensor([2])).item()));
  assert(Number.isNaN(tensor([1, Infinity]).std().item()));
});
