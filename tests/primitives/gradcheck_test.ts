import { assert } from "@std/assert";
import { gradcheck } from "../../src/autodiff/gradcheck.ts";
import { type PrimitiveName, primitives } from "../../src/primitives/table.ts";
import { wrap } from "../../src/tensor/core.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { argument, cases } from "./cases.ts";

for (const name of Object.keys(primitives) as PrimitiveName[]) {
  const c = cases[name];
  Deno.test(`${name}: derivatives of orders 1 and 2 agree with finite differences`, () => {
    if (typeof c === "string") {
      assert(c.length > 0);
      return;
    }
    const { shapes, run, from = -1, to = 1 } = c;
    const inputs = shapes.map((s, k) => argument(s, k, from, to));
    const fn = (...xs: Tensor[]) => {
      const ys = run(...xs.map((x) => x.node));
      return (Array.isArray(ys) ? ys : [ys]).map(wrap);
    };
    assert(gradcheck(fn, inputs, { order: 2, rtol: 1e-5, atol: 1e-6 }));
  });
}

Deno.test("primitives without a derivative state the reason", () => {
  for (const [name, c] of Object.entries(cases)) {
    if (typeof c !== "string" || name === "project" || name === "custom") continue;
    assert(typeof primitives[name as PrimitiveName].vjp === "string" || name === "iota", name);
  }
});
