import { assertEquals, assertThrows } from "@std/assert";
import { DTypeError, ShapeError } from "../../src/graph/errors.ts";
import type { Shape } from "../../src/graph/shape.ts";
import { mul } from "../../src/primitives/elementwise.ts";
import { avgPool, maxPool, type PoolAttrs } from "../../src/primitives/pool.ts";
import { assertClose } from "../helpers/close.ts";
import { evaluate } from "../helpers/evaluate.ts";
import { kernels } from "../helpers/needs.ts";
import { checkDerivatives, node, point, sample, values, valuesOf } from "./nodes.ts";

function windows(kernel: Shape, options: Partial<PoolAttrs> = {}): PoolAttrs {
  const all = (n: number) => kernel.map(() => n);
  return { kernel, strides: kernel, low: all(0), high: all(0), dilations: all(1), ...options };
}

const plain = windows([2, 2]);
const overlapping = windows([3, 2], { strides: [2, 1], low: [1, 0], high: [0, 1] });
const dilated = windows([2, 3], { strides: [1, 2], low: [0, 2], high: [1, 0], dilations: [2, 2] });

/** Values inside each window of a [N, C, H, W] tensor, with their flat places. */
function reference(shape: Shape, attrs: PoolAttrs): number[][] {
  const [n, c, h, w] = shape, { kernel, strides, low, high, dilations } = attrs;
  const count = (d: number, i: number) =>
    Math.floor((d + low[i] + high[i] - (kernel[i] - 1) * dilations[i] - 1) / strides[i]) + 1;
  const found: number[][] = [];
  for (let plane = 0; plane < n * c; plane++) {
    for (let oy = 0; oy < count(h, 0); oy++) {
      for (let ox = 0; ox < count(w, 1); ox++) {
        const places: number[] = [];
        for (let ky = 0; ky < kernel[0]; ky++) {
          for (let kx = 0; kx < kernel[1]; kx++) {
            const y = oy * strides[0] - low[0] + ky * dilations[0];
            const x = ox * strides[1] - low[1] + kx * dilations[1];
            if (y >= 0 && y < h && x >= 0 && x < w) places.push((plane * h + y) * w + x);
          }
        }
        found.push(places);
      }
    }
  }
  return found;
}

Deno.test("maxPool() gives values and flat places, the first of equals", () => {
  const shape = [2, 2, 5, 6];
  // Rounded numbers have many ties; negative ones show that padding never wins.
  const x = sample(shape, 1, 2).map((v) => Math.round(v) - 5);
  for (const attrs of [plain, overlapping, dilated]) {
    const places = reference(shape, attrs);
    const want = places.map((p) => p.reduce((best, i) => x[i] > x[best] ? i : best, p[0]));
    for (const dtype of ["float32", "float64"] as const) {
      const [y, at] = valuesOf(maxPool(node(x, shape, dtype), attrs));
      assertEquals(at, want);
      assertEquals(y, want.map((i) => x[i]));
    }
  }
});

Deno.test("maxPool() has derivatives of both orders", () => {
  for (const attrs of [plain, overlapping]) {
    checkDerivatives((x) => {
      const [y] = maxPool(mul(x, x), attrs);
      return mul(y, y);
    }, [point([1, 2, 4, 4], 1)]);
  }
  checkDerivatives((x) => maxPool(x, windows([2], { strides: [1] }))[0], [point([1, 2, 5], 1)]);
});

Deno.test("avgPool() averages windows, with or without padding in the count", () => {
  const shape = [2, 1, 6, 5], x = sample(shape, 2);
  const padded = windows([2, 3], { strides: [2, 3], low: [1, 0], high: [1, 1] });
  for (const attrs of [plain, overlapping, padded]) {
    const places = reference(shape, attrs);
    const size = attrs.kernel[0] * attrs.kernel[1];
    const totals = places.map((p) => p.reduce((s, i) => s + x[i], 0));
    for (const [dtype, tolerance] of [["float32", 1e-6], ["float64", 1e-14]] as const) {
      const n = node(x, shape, dtype);
      assertClose(values(avgPool(n, attrs, true)), totals.map((t) => t / size), tolerance);
      assertClose(
        values(avgPool(n, attrs, false)),
        totals.map((t, i) => t / places[i].length),
        tolerance,
      );
    }
  }
});

Deno.test("avgPool() has derivatives of both orders", () => {
  for (const include of [true, false]) {
    checkDerivatives((x) => {
      const y = avgPool(x, overlapping, include);
      return mul(y, y);
    }, [point([1, 2, 4, 3], 3)]);
  }
});

Deno.test("pooling accepts one spatial dimension and an empty batch", () => {
  const x = node([1, 4, 2, 8, 5, 7], [1, 1, 6]);
  assertEquals(values(maxPool(x, windows([3]))[0]), [4, 8]);
  assertEquals(values(avgPool(x, windows([2]), true)), [2.5, 5, 6]);
  const long = node(Array.from({ length: 19 }, (_, i) => i), [1, 1, 19]);
  assertEquals(values(avgPool(long, windows([9]), true)), [4, 13]);
  assertEquals([...maxPool(node([], [0, 1, 4, 4]), plain)[0].shape], [0, 1, 2, 2]);
  assertEquals(values(maxPool(node([], [0, 1, 4, 4]), plain)[0]), []);
});

Deno.test("pooling names operation, got and wanted", () => {
  const x = node(sample([1, 1, 3, 3], 1), [1, 1, 3, 3]);
  assertThrows(() => maxPool(x, windows([4, 2])), ShapeError, "spans 4 element(s)");
  assertThrows(() => avgPool(x, windows([2]), true), ShapeError, "avgPool: got [1, 1, 3, 3]");
  assertThrows(
    () => maxPool(x, windows([2, 2], { low: [2, 0] })),
    ShapeError,
    "half of the window",
  );
  assertThrows(() => maxPool(node([1], [1, 1, 1], "int64"), windows([1])), DTypeError, "int64");
});

/** A plane with NaN at single places, in a corner and side by side. */
const withNan = [NaN, 1, 3, 4, 2, 0, -1, NaN, NaN, -5, 7, 8, -0, 0, NaN, 6, 5, 9, -2, -3]
  .concat([1, 2, NaN, 4, 3]);

Deno.test("maxPool() gives a window's first NaN, with padding and without", () => {
  const shape = [1, 1, 5, 5];
  for (
    const attrs of [plain, overlapping, dilated, windows([3, 3], { low: [1, 1], high: [1, 1] })]
  ) {
    const want = reference(shape, attrs).map((places) =>
      places.find((i) => Number.isNaN(withNan[i])) ??
        places.reduce((best, i) => withNan[i] > withNan[best] ? i : best, places[0])
    );
    for (const dtype of ["float32", "float64"] as const) {
      const results = maxPool(node(withNan, shape, dtype), attrs);
      for (const ops of kernels.met ? [true, false] : [false]) {
        const [y, at] = results.map((r) => Array.from(evaluate([r], ops)[0], Number));
        assertEquals(at, want);
        assertEquals(y, want.map((i) => withNan[i]));
      }
    }
  }
});

Deno.test("maxPool() of minus infinities names an element inside", () => {
  const shape = [1, 2, 3, 3], x = node(new Array(18).fill(-Infinity), shape);
  const attrs = windows([2, 2], { low: [1, 1], high: [1, 1] });
  const want = reference(shape, attrs).map((places) => places[0]);
  for (const ops of kernels.met ? [true, false] : [false]) {
    const [y, at] = evaluate(maxPool(x, attrs), ops).map((r) => Array.from(r, Number));
    assertEquals([y, at], [want.map(() => -Infinity), want]);
  }
});

Deno.test("avgPool() of long windows, whatever their step", () => {
  const n = 1000, x = sample([n], 4);
  for (const size of [9, 16, 31, 100, 255, 256, 999]) {
    for (const step of [1, 2, 7, 50, 100, size]) {
      const attrs = windows([size], { strides: [step] });
      const want: number[] = [];
      for (let at = 0; at + size <= n; at += step) {
        want.push(x.slice(at, at + size).reduce((a, b) => a + b, 0) / size);
      }
      assertClose(values(avgPool(node(x, [1, 1, n]), attrs, true)), want, {
        rtol: 1e-13,
        atol: 1e-13,
      });
    }
  }
});

Deno.test("avgPool() of windows of 100 000 elements keeps its digits", () => {
  const x = node(new Float32Array(200_000).fill(0.1), [1, 1, 200_000], "float32");
  for (const step of [1, 3, 50_000]) {
    for (const y of values(avgPool(x, windows([100_000], { strides: [step] }), true))) {
      assertClose([y], [Math.fround(0.1)], 3e-6);
    }
  }
});
