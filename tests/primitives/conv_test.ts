import { assertEquals, assertThrows } from "@std/assert";
import { DTypeError, ShapeError } from "../../src/graph/errors.ts";
import { contiguousStrides, type Shape, sizeOf } from "../../src/graph/shape.ts";
import { conv, convInputGrad, convWeightGrad } from "../../src/primitives/conv.ts";
import { type ConvAttrs, convShape } from "../../src/primitives/conv_shape.ts";
import { checkDerivatives, node, point, sample, values, valuesOf } from "./nodes.ts";
import { assertClose } from "../helpers/close.ts";

interface Case {
  x: Shape;
  w: Shape;
  attrs: ConvAttrs;
}

function make(x: Shape, w: Shape, options: Partial<ConvAttrs> = {}): Case {
  const all = (n: number) => new Array<number>(x.length - 2).fill(n);
  const attrs = { strides: all(1), low: all(0), high: all(0), dilations: all(1), groups: 1 };
  return { x, w, attrs: { ...attrs, ...options } };
}

const cases: Case[] = [
  make([2, 3, 5, 6], [4, 3, 3, 2]),
  make([1, 2, 7, 6], [2, 2, 3, 3], { strides: [2, 3], low: [1, 0], high: [0, 2] }),
  make([2, 4, 6, 6], [6, 2, 2, 3], { groups: 2, dilations: [2, 1], low: [1, 1], high: [1, 1] }),
  make([1, 3, 8, 5], [3, 1, 3, 2], { groups: 3, strides: [3, 1], dilations: [2, 2], high: [1, 0] }),
  make([2, 2, 4, 4], [3, 2, 1, 1], { low: [1, 2], high: [2, 1], strides: [2, 1] }),
  make([3, 2, 9], [4, 2, 3], { strides: [2], low: [1], high: [2] }),
  make([1, 4, 9], [2, 2, 2], { groups: 2, dilations: [3] }),
  make([2, 9, 6, 6], [5, 9, 3, 3], { low: [1, 1], high: [1, 1] }),
];

/** Calls `visit` with the flat places (x, w, y) of every product that a convolution sums. */
function products(c: Case, y: Shape, visit: (x: number, w: number, y: number) => void): void {
  const { strides, low, dilations, groups } = c.attrs;
  const sx = contiguousStrides(c.x), sw = contiguousStrides(c.w);
  const position = (flat: number, shape: Shape) => {
    const at = contiguousStrides(shape);
    return shape.map((d, i) => Math.floor(flat / at[i]) % d);
  };
  for (let iy = 0; iy < sizeOf(y); iy++) {
    const [n, o, ...p] = position(iy, y);
    const group = Math.floor(o / (c.w[0] / groups));
    for (let iw = 0; iw < sizeOf(c.w.slice(1)); iw++) {
      const [ch, ...k] = position(iw, c.w.slice(1));
      const q = p.map((v, i) => v * strides[i] - low[i] + k[i] * dilations[i]);
      if (q.some((v, i) => v < 0 || v >= c.x[i + 2])) continue;
      const place = [n, group * c.w[1] + ch, ...q].reduce((s, v, i) => s + v * sx[i], 0);
      visit(place, o * sw[0] + iw, iy);
    }
  }
}

Deno.test("conv() and its adjoints agree with their definition in both types", () => {
  for (const c of cases) {
    const shape = convShape("conv", c.x, c.w, c.attrs);
    const x = sample(c.x, 1), w = sample(c.w, 2), g = sample(shape, 3);
    const y = new Array(g.length).fill(0), gx = new Array(x.length).fill(0);
    const gw = new Array(w.length).fill(0);
    products(c, shape, (ix, iw, iy) => {
      y[iy] += x[ix] * w[iw];
      gx[ix] += g[iy] * w[iw];
      gw[iw] += g[iy] * x[ix];
    });
    for (const dtype of ["float64", "float32"] as const) {
      const [nx, nw] = [node(x, c.x, dtype), node(w, c.w, dtype)], ng = node(g, shape, dtype);
      const got = valuesOf([
        conv(nx, nw, c.attrs),
        convInputGrad(ng, nw, c.x, c.attrs),
        convWeightGrad(nx, ng, c.w, c.attrs),
      ]);
      const tolerance = dtype === "float64" ? 1e-13 : 2e-5;
      assertClose(got[0], y, tolerance);
      assertClose(got[1], gx, tolerance);
      assertClose(got[2], gw, tolerance);
    }
  }
});

Deno.test("conv() and its adjoints have derivatives of both orders", () => {
  const small = [
    make([2, 2, 4, 3], [2, 1, 2, 2], { groups: 2, strides: [2, 1], low: [1, 0], high: [0, 1] }),
    make([1, 2, 6], [2, 2, 2], { dilations: [2], low: [1], high: [1] }),
  ];
  for (const { x, w, attrs } of small) {
    const y = convShape("conv", x, w, attrs);
    checkDerivatives((a, b) => conv(a, b, attrs), [point(x, 1), point(w, 2)]);
    checkDerivatives((a, b) => convInputGrad(a, b, x, attrs), [point(y, 1), point(w, 2)]);
    checkDerivatives((a, b) => convWeightGrad(a, b, w, attrs), [point(x, 1), point(y, 2)]);
  }
});

Deno.test("conv() accepts an empty batch", () => {
  const c = make([0, 2, 4, 4], [3, 2, 2, 2]);
  for (const dtype of ["float64", "float32"] as const) {
    const x = node([], c.x, dtype), w = node(sample(c.w, 1), c.w, dtype);
    const y = conv(x, w, c.attrs);
    assertEquals([...y.shape], [0, 3, 3, 3]);
    assertEquals(values(y), []);
    assertEquals(values(convInputGrad(y, w, c.x, c.attrs)), []);
    assertEquals(values(convWeightGrad(x, y, c.w, c.attrs)), new Array(24).fill(0));
  }
});

Deno.test("conv() names operation, got and wanted", () => {
  const run = (c: Case) => conv(node(sample(c.x, 1), c.x), node(sample(c.w, 1), c.w), c.attrs);
  assertThrows(
    () => run(make([1, 3, 4, 4], [2, 2, 2, 2])),
    ShapeError,
    "wants 2 input channels (its dimension 1 times groups), the input has 3",
  );
  assertThrows(
    () => run(make([1, 2, 4, 4], [3, 1, 2, 2], { groups: 2 })),
    ShapeError,
    "3 output channels cannot be split into 2 groups",
  );
  assertThrows(
    () => run(make([1, 2, 4, 4], [2, 2, 2, 3], { dilations: [1, 2] })),
    ShapeError,
    "in spatial dimension 1 the kernel spans 5 element(s) and the padded input has 4",
  );
  const { attrs } = make([1, 2, 4, 4], []);
  const image = node(sample([2, 4, 4], 1), [2, 4, 4]);
  const w = node(sample([1, 2, 2, 2], 1), [1, 2, 2, 2]);
  assertThrows(() => conv(image, w, attrs), ShapeError, "unsqueeze(0)");
  assertThrows(() => conv(node([1], [1, 1, 1, 1], "float32"), w, attrs), DTypeError, "float32");
  assertThrows(() => convInputGrad(image, w, [1, 2, 4, 4], attrs), ShapeError, "[1, 1, 3, 3]");
});
