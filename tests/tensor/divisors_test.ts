/** Numbers beside whole numbers in functions of floating point: no whole type has to hold them. */

import { compile, type DType, func, type Tensor, tensor } from "@torchopt/torchopt";
import { assertAlmostEquals, assertEquals } from "@std/assert";

const forms: Record<string, (fn: (x: Tensor) => Tensor, x: Tensor) => Tensor> = {
  eager: (fn, x) => fn(x),
  compiled: (fn, x) => compile(fn)(x),
  vmapped: (fn, x) => func.vmap(fn)(x),
};

for (const [form, run] of Object.entries(forms)) {
  for (const dtype of ["uint8", "int32", "int64", "float32"] as DType[]) {
    const x = tensor([6, 200, 0], { dtype }), values = [6, 200, 0];
    for (const number of [-2, -200, 300, 2 ** 40, 1e20, 0.5]) {
      Deno.test(`div(), atan2() and lerp() of ${dtype} and ${number}, ${form}`, () => {
        const quotients = run((t) => t.div(number), x);
        assertEquals(quotients.dtype, "float32");
        quotients.data().forEach((q, i) => {
          const want = values[i] / number;
          assertAlmostEquals(Number(q), want, 1e-6 * Math.abs(want));
        });
        run((t) => t.atan2(number), x).data().forEach((a, i) =>
          assertAlmostEquals(Number(a), Math.atan2(values[i], number), 1e-6)
        );
        run((t) => t.lerp(number, 0.25), x).data().forEach((v, i) => {
          const want = values[i] + (number - values[i]) / 4;
          assertAlmostEquals(Number(v), want, 1e-6 * Math.abs(want) + 1e-6);
        });
      });
    }
  }
}

Deno.test("addcdiv() divides whole numbers by a number that their type cannot hold", () => {
  const bytes = tensor([6], { dtype: "uint8" });
  assertEquals(tensor([1]).addcdiv(bytes, -2).toArray(), [-2]);
  assertEquals(tensor([1]).addcdiv(-12, bytes).toArray(), [-1]);
});

Deno.test("truth values are divided as 0 and 1", () => {
  assertEquals(tensor([true, false]).div(-2).toArray(), [-0.5, -0]);
});
