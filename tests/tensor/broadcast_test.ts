import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { autograd, ShapeError, type Tensor, tensor } from "../../mod.ts";
import { assertClose } from "../helpers/close.ts";

/** A pair of shapes that broadcast, and the common shape. */
const pairs = fc.array(
  fc.tuple(fc.integer({ min: 0, max: 3 }), fc.constantFrom("both", "left", "right")),
  { maxLength: 4 },
).chain((dims) =>
  fc.record({
    dropLeft: fc.integer({ min: 0, max: dims.length }),
    dims: fc.constant(dims),
  })
).map(({ dims, dropLeft }) => {
  const common = dims.map(([d]) => d);
  const left = dims.map(([d, side]) => side === "right" ? 1 : d).slice(dropLeft);
  const right = dims.map(([d, side], i) => side === "left" && i >= dropLeft ? 1 : d);
  // Where the left operand has no such dimension or repeats it, the right one has the size.
  const shape = common.map((_, i) => {
    const l = i < dropLeft ? 1 : left[i - dropLeft];
    return l === 1 ? right[i] : l;
  });
  return { left, right, shape };
});

function filled(shape: number[], seed: number): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  return tensor(Float64Array.from({ length: n }, (_, i) => Math.sin(seed + 1.3 * i)), { shape });
}

Deno.test("broadcasting: the result has the common shape, and operands commute", () => {
  fc.assert(
    fc.property(pairs, ({ left, right, shape }) => {
      const a = filled(left, 1), b = filled(right, 2);
      const sum = a.add(b);
      assertEquals([...sum.shape], shape);
      assertEquals(sum.toArray(), b.add(a).toArray());
      assertEquals(sum.toArray(), a.expand(shape).add(b.expand(shape)).toArray());
      assertEquals(a.mul(b).toArray(), b.mul(a).toArray());
    }),
    { numRuns: 40, seed: 11 },
  );
});

Deno.test("broadcasting: the gradient of an operand is the sum over its repetitions", () => {
  fc.assert(
    fc.property(pairs, ({ left, right, shape }) => {
      const a = filled(left, 1).requiresGrad_(), b = filled(right, 2);
      const [g] = autograd.grad(a.mul(b).sum(), [a]);
      const whole = filled(left, 1).expand(shape).clone().requiresGrad_();
      const [full] = autograd.grad(whole.mul(b).sum(), [whole]);
      const skip = shape.length - left.length;
      const axes = shape.map((_, i) => i).filter((i) => i < skip || left[i - skip] === 1);
      const want = axes.length === 0 ? full! : full!.sum(axes).reshape(left);
      assertClose(g!, want, 1e-12);
    }),
    { numRuns: 40, seed: 12 },
  );
});

Deno.test("broadcasting: shapes that do not fit are reported with both shapes", () => {
  const error = assertThrows(() => filled([2, 3], 0).add(filled([2], 0)), ShapeError);
  assert(error.message.includes("[2, 3]") && error.message.includes("[2]"), error.message);
});

Deno.test("a number takes the dtype of the tensor, and a fraction makes whole numbers floating", () => {
  assertEquals(tensor([1, 2], { dtype: "float64" }).mul(0.1).dtype, "float64");
  assertEquals(tensor([1, 2], { dtype: "int64" }).add(1).dtype, "int64");
  assertEquals(tensor([1, 2], { dtype: "int64" }).mul(0.5).toArray(), [0.5, 1]);
  assertEquals(tensor([1, 2], { dtype: "int64" }).mul(0.5).dtype, "float32");
});
