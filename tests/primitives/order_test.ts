import { assertEquals, assertThrows } from "@std/assert";
import { DTypeError, ShapeError } from "../../src/graph/errors.ts";
import { cumsum } from "../../src/primitives/cumsum.ts";
import { argmax, argmin, argsort, sort, topk } from "../../src/primitives/order.ts";
import { cumprod } from "../../src/primitives/products.ts";
import { checkDerivatives, node, point, values, valuesOf } from "./nodes.ts";
import { assertClose } from "../helpers/close.ts";

Deno.test("cumsum() sums from either end, with or without the element itself", () => {
  for (const dtype of ["float32", "float64", "int64", "int32"] as const) {
    const x = node([1, 2, 3, 4, 5, 6], [2, 3], dtype);
    assertEquals(values(cumsum(x, 1)), [1, 3, 6, 4, 9, 15]);
    assertEquals(values(cumsum(x, 0)), [1, 2, 3, 5, 7, 9]);
    assertEquals(values(cumsum(x, 1, { exclusive: true })), [0, 1, 3, 0, 4, 9]);
    assertEquals(values(cumsum(x, 1, { reverse: true })), [6, 5, 3, 15, 11, 6]);
    assertEquals(values(cumsum(x, 1, { exclusive: true, reverse: true })), [5, 3, 0, 11, 6, 0]);
  }
});

Deno.test("cumsum() has derivatives of both orders", () => {
  for (const options of [{}, { exclusive: true }, { reverse: true }]) {
    checkDerivatives((x) => cumsum(cumsum(x, 0, options), 1), [point([3, 4], 1)]);
  }
});

Deno.test("cumsum() rejects bool", () => {
  assertThrows(() => cumsum(node([1], [1], "bool"), 0), DTypeError, "bool");
});

Deno.test("cumprod() multiplies along an axis", () => {
  const x = node([1, 2, 3, 4, 5, -1, 0, 2, 3, 7], [2, 5]);
  assertEquals(values(cumprod(x, 1)), [1, 2, 6, 24, 120, -1, -0, -0, -0, -0].map((v) => v + 0));
  assertEquals(values(cumprod(x, 0)), [1, 2, 3, 4, 5, -1, 0, 6, 12, 35]);
  assertEquals(values(cumprod(node([], [0, 2]), 0)), []);
});

Deno.test("cumprod() has derivatives of both orders, also at zeros", () => {
  checkDerivatives((x) => cumprod(x, 1), [{
    shape: [3, 4],
    values: [0.5, -1.2, 0.7, 2, 0, 1.5, -0.3, 0.8, 0.9, 0, 1.1, 0],
  }]);
});

Deno.test("argmax() and argmin() give the first of equals", () => {
  for (const dtype of ["float32", "float64", "int64", "int32"] as const) {
    const x = node([1, 5, 5, 0, 0, 2], [2, 3], dtype);
    assertEquals(values(argmax(x, 1, false)), [1, 2]);
    assertEquals(values(argmin(x, 1, false)), [0, 0]);
    const kept = argmax(x, 0, true);
    assertEquals([...kept.shape], [1, 3]);
    assertEquals(kept.dtype, "int64");
    assertEquals(values(kept), [0, 0, 0]);
  }
});

Deno.test("argmax() rejects bool, empty axes and scalars", () => {
  assertThrows(() => argmax(node([1], [1], "bool"), 0, false), DTypeError, "argmax: got bool");
  assertThrows(() => argmax(node([], [2, 0]), 1, false), ShapeError, "argmax: dimension 1");
  assertThrows(() => argmin(node([1], []), 0, false), ShapeError, "argmin");
});

Deno.test("topk() gives values and places in order, equals in their own order", () => {
  for (const dtype of ["float32", "float64", "int64", "int32"] as const) {
    const x = node([2, 1, 2, 3, 1, 0, 9, 9, 9, 8], [2, 5], dtype);
    const largest = topk(x, 3, 1, true), smallest = topk(x, 2, 1, false);
    assertEquals(valuesOf([...largest, ...smallest]), [
      [3, 2, 2, 9, 9, 9],
      [3, 0, 2, 1, 2, 3],
      [1, 1, 0, 8],
      [1, 4, 0, 4],
    ]);
  }
  const [none] = topk(node([1, 2], [1, 2]), 0, 1, true);
  assertEquals([...none.shape], [1, 0]);
  assertEquals(values(none), []);
});

Deno.test("sort() and argsort() work along any axis", () => {
  const x = node([3, 1, 2, 0, 2, 2], [3, 2]);
  assertEquals(valuesOf(sort(x, 0, false)), [[2, 0, 2, 1, 3, 2], [1, 1, 2, 0, 0, 2]]);
  assertEquals(values(sort(x, 0, true)[0]), [3, 2, 2, 1, 2, 0]);
  assertEquals(values(argsort(x, 1, false)), [1, 0, 1, 0, 0, 1]);
});

Deno.test("topk() has derivatives of both orders", () => {
  checkDerivatives((x) => topk(x, 2, 0, true)[0], [point([4, 3], 2)]);
  checkDerivatives((x) => {
    const y = sort(x, 1, false)[0];
    return cumprod(y, 1);
  }, [point([2, 4], 3)]);
});

Deno.test("topk() rejects more elements than there are", () => {
  assertThrows(() => topk(node([1, 2], [2]), 3, 0, true), ShapeError, "k = 3");
});

Deno.test("cumprod() agrees in float32", () => {
  const x = Array.from({ length: 9 }, (_, i) => 1 + i / 10);
  let p = 1;
  assertClose(values(cumprod(node(x, [9], "float32"), 0)), x.map((v) => p *= v), 1e-6);
});
