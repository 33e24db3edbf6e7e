/** Every loss against plain numbers: reductions, shapes, types, derivatives, compiled and batched. */

import { assertEquals } from "@std/assert";
import { compile, func, gradcheck, stack, type Tensor, tensor } from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import "../helpers/seed.ts";
import { losses, type LossRow } from "./loss_table.ts";
import { type Plain, softmax, sum } from "./plain.ts";

const tolerance = { float32: 2e-5, float64: 1e-11 };
type Float = keyof typeof tolerance;

const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** Numbers in the range that is asked for. */
function sample(kind: LossRow["input"], shape: readonly number[], seed: number): Plain {
  const data = Array.from({ length: size(shape) }, (_, i) => 2 * Math.sin(7.3 * i + seed));
  if (kind === "probabilities") return { shape, data: data.map((x) => 1 / (1 + Math.exp(-x))) };
  return kind === "log" ? softmax({ shape, data }, 1, true) : { shape, data };
}

function target(row: LossRow, shape: readonly number[]): Plain {
  if (row.target === "distribution") return softmax(sample("any", shape, 9), 1, false);
  if (row.target !== "classes") return sample(row.target, shape, 9);
  const [n, classes, ...rest] = shape, all = [n, ...rest];
  return { shape: all, data: Array.from({ length: size(all) }, (_, i) => (2 * i + 1) % classes) };
}

for (const [k, row] of losses.entries()) {
  const name = `${row.loss} (row ${k})`;
  const held = (shape: readonly number[], dtype: Float) => {
    const x = sample(row.input, shape, 1), y = target(row, shape);
    const type = row.target === "classes" ? "int64" : dtype;
    return {
      input: tensor(Float64Array.from(x.data), { shape, dtype }),
      wanted: tensor(Float64Array.from(y.data), { shape: y.shape, dtype: type }),
      reference: row.reference(x, y),
    };
  };

  for (const dtype of ["float32", "float64"] as const) {
    Deno.test(`${name} gives what its formula says, ${dtype}`, () => {
      for (const shape of row.shapes) {
        const { input, wanted, reference } = held(shape, dtype);
        const total = sum(reference.losses.data);
        const reduced = {
          none: reference.losses,
          sum: { shape: [], data: [total] },
          mean: { shape: [], data: [total / reference.count] },
        };
        for (const reduction of ["none", "sum", "mean"] as const) {
          // "mean" is what is left out.
          const loss = row.make(reduction === "mean" ? {} : { reduction });
          const call = (x: Tensor, y: Tensor): Tensor => loss.call(x, y);
          const { shape: outer, data } = reduced[reduction];
          const check = (y: Tensor, way: string) => {
            const what = `${way}, ${reduction}, [${shape}]`;
            assertEquals(y.shape, outer, what);
            assertClose(y, data, tolerance[dtype], what);
          };
          check(call(input, wanted), "eager");
          check(compile(call)(input, wanted), "compiled");
          const both = func.vmap(call)(stack([input, input]), stack([wanted, wanted]));
          check(both.select(0, 1), "vmapped");
        }
      }
    });
  }

  Deno.test(`${name} has the derivatives of its formula to order 2`, () => {
    for (const shape of row.shapes.filter((s) => !s.includes(0))) {
      const { input, wanted } = held(shape, "float64");
      const loss = row.make({});
      gradcheck((x) => loss.call(x, wanted), [input], {
        ...{ order: 2, eps: 1e-4, rtol: 1e-5, atol: 1e-6 },
      });
    }
  });
}
