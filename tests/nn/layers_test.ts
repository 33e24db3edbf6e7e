/** Every layer against plain loops over numbers: shapes, types, derivatives, compiled and batched. */

import { assertEquals } from "@std/assert";
import {
  compile,
  func,
  gradcheck,
  nn,
  noGrad,
  stack,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import "../helpers/seed.ts";
import { type LayerRow, layers, type Named } from "./layer_table.ts";
import { losses } from "./loss_table.ts";
import type { Plain } from "./plain.ts";

/** Modules that are no layers with a formula of their own; other tests name them. */
const OTHERS = /Module$|^(BatchNorm|ModuleList|Sequential)$/;

Deno.test("every layer and loss has a row", () => {
  const modules = Object.entries(nn).filter(([, value]) =>
    typeof value === "function" && (value === nn.Module || value.prototype instanceof nn.Module)
  ).map(([name]) => name);
  const rows = new Set<string>([...layers.map((r) => r.layer), ...losses.map((r) => r.loss)]);
  assertEquals(modules.filter((name) => !rows.has(name) && !OTHERS.test(name)), []);
});

const tolerance = { float16: 1e-2, float32: 2e-5, float64: 1e-11 };
type Float = keyof typeof tolerance;

/** Numbers without ties and away from kinks. */
function sample({ classes }: LayerRow, shape: readonly number[], dtype: Float, seed = 0): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  if (classes !== undefined) {
    const whole = Int32Array.from({ length: size }, (_, i) => (i * 3 + 1 + seed) % classes);
    return tensor(whole, { shape, dtype: "int64" });
  }
  const numbers = Float64Array.from({ length: size }, (_, i) => 2 * Math.sin(7.3 * i + 1 + seed));
  return tensor(numbers, { shape, dtype });
}

const plain = (x: Tensor): Plain => ({ shape: x.shape, data: Array.from(x.data(), Number) });

/** A layer with parameters and statistics that no formula takes for granted. */
function made(row: LayerRow, dtype: Float): { layer: nn.Module; parts: Named } {
  const layer = row.make({ dtype });
  if (row.eval) layer.eval();
  const held = [...layer.namedParameters(), ...layer.namedBuffers()];
  noGrad(() => {
    for (const [k, [name, x]] of held.entries()) {
      if (x.dtype !== dtype) continue;
      const numbers = Float64Array.from({ length: x.size }, (_, i) => Math.sin(3.1 * i + k));
      x.copy_(tensor(numbers.map((v) => name === "runningVar" ? 1.5 + v : v), { shape: x.shape }));
    }
  });
  return { layer, parts: Object.fromEntries(held.map(([name, x]) => [name, plain(x)])) };
}

/** Whether calling the layer changes its buffers, which knows no batch of examples. */
const changes = (layer: nn.Module) => layer.training && layer.namedBuffers().length > 0;

for (const [k, row] of layers.entries()) {
  const name = `${row.layer} (row ${k})`;
  for (const dtype of ["float16", "float32", "float64"] as const) {
    Deno.test(`${name} gives what its formula says, ${dtype}`, () => {
      const { layer, parts } = made(row, dtype);
      const call = (x: Tensor): Tensor => layer.call(x);
      for (const shape of row.shapes) {
        const x = sample(row, shape, dtype), want = row.reference(plain(x), parts);
        const check = (y: Tensor, way: string) => {
          const what = `${way}, [${shape}]`;
          assertEquals([y.dtype, ...y.shape], [dtype, ...want.shape], what);
          assertClose(y, want.data, tolerance[dtype], what);
        };
        check(call(x), "eager");
        check(compile(call)(x), "compiled");
        if (changes(layer)) continue;
        const both = func.vmap(call)(stack([sample(row, shape, dtype, 2), x]));
        check(both.select(0, 1), "vmapped");
      }
    });
  }

  Deno.test(`${name} has the derivatives of its formula to order 2`, () => {
    const { layer } = made(row, "float64"), params = layer.namedParameters();
    for (const shape of row.shapes.filter((s) => !s.includes(0))) {
      const x = sample(row, shape, "float64");
      const given = row.classes === undefined ? [x] : [];
      const call = (...all: Tensor[]) => {
        const named = Object.fromEntries(params.map(([name], i) => [name, all[i]]));
        return func.functionalCall(layer, named, all[params.length] ?? x);
      };
      const operands = [...params.map(([, p]) => p.detach()), ...given];
      gradcheck(call, operands, { order: 2, eps: 1e-4, rtol: 1e-5, atol: 1e-6 });
    }
  });
}
