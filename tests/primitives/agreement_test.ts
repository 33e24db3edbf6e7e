/** With kernels and without, each primitive gives the same at special values, as far as is said. */

import { assert } from "@std/assert";
import type { Node } from "../../src/graph/node.ts";
import { type PrimitiveName, primitives } from "../../src/primitives/table.ts";
import { evaluate } from "../helpers/evaluate.ts";
import { kernels, testWith } from "../helpers/needs.ts";
import { type Agreement, agreements, type Float } from "./agreement.ts";

const unit: Record<Float, number> = { float32: 2 ** -23, float64: 2 ** -52 };

/** What is nearer to 0 may lose its digits, or be 0. */
const nothing: Record<Float, number> = { float32: 2 ** -126, float64: 2 ** -1022 };

function agree(a: number, b: number, dtype: Float, rule: Agreement): boolean {
  if (Object.is(a, b)) return true;
  if (a === b) return a !== 0 || rule.anySign === true;
  const ulps = rule.ulps[dtype === "float32" ? 0 : 1];
  if (ulps === 0) return false;
  const size = rule.of ?? Math.max(Math.abs(a), Math.abs(b));
  return Number.isFinite(size) && Math.abs(a - b) <= ulps * unit[dtype] * size + nothing[dtype];
}

for (const name of Object.keys(primitives) as PrimitiveName[]) {
  const rule = agreements[name];
  // What a string says is why the two need not agree.
  if (typeof rule === "string") {
    Deno.test(`${name}: may differ with kernels: ${rule}`, () => assert(rule.length > 0));
    continue;
  }
  testWith(kernels, `${name}: the same at special values with kernels and without`, () => {
    for (const dtype of ["float32", "float64"] as const) {
      const graphs: Node[] = rule.graphs(dtype);
      const [on, off] = [true, false].map((ops) => evaluate(graphs, ops));
      on.forEach((values, k) =>
        values.forEach((v, i) => {
          const a = Number(v), b = Number(off[k][i]);
          assert(
            agree(a, b, dtype, rule),
            `${dtype}, graph ${k}, element ${i}: ${a} with kernels, ${b} without`,
          );
        })
      );
    }
  });
}
