import { assert, assertEquals, assertThrows } from "@std/assert";
import { DTypeError, ShapeError } from "../../src/graph/errors.ts";
import { gather, indexAdd, indexSelect, scatterAdd } from "../../src/primitives/index.ts";
import { mul } from "../../src/primitives/elementwise.ts";
import { checkDerivatives, node, point, sample, values, valuesOf } from "./nodes.ts";

const ints = (v: number[], shape: number[]) => node(v, shape, "int64");

Deno.test("gather() chooses elements along an axis, from the end for negative numbers", () => {
  for (const dtype of ["float32", "float64", "int64", "bool"] as const) {
    const x = node([0, 1, 0, 1, 1, 0], [2, 3], dtype);
    assertEquals(values(gather(x, 1, ints([2, 0, -1, 1], [2, 2]))), [0, 0, 0, 1]);
    assertEquals(values(gather(x, 0, ints([1, 0], [1, 2]))), [1, 1]);
  }
  const x = node([1, 2, 3], [3]);
  assertEquals(values(gather(x, 0, node([2, 2, 0, 1], [4], "int32"))), [3, 3, 1, 2]);
  assertEquals(values(gather(x, 0, ints([], [0]))), []);
});

Deno.test("gather() and scatterAdd() have derivatives of both orders", () => {
  const index = ints([0, 2, 2, 1, 1, 1], [3, 2]);
  checkDerivatives((x) => {
    const y = gather(x, 0, index);
    return mul(y, y);
  }, [point([3, 2], 1)]);
  checkDerivatives((x, s) => {
    const y = scatterAdd(x, 0, index, s);
    return mul(y, y);
  }, [point([3, 3], 1), point([3, 2], 2)]);
});

Deno.test("scatterAdd() accumulates where places repeat", () => {
  for (const dtype of ["float32", "float64", "int64"] as const) {
    const x = node([10, 20, 30, 40], [2, 2], dtype);
    const y = scatterAdd(x, 1, ints([1, 1, 0, -1], [2, 2]), node([1, 2, 3, 4], [2, 2], dtype));
    assertEquals(values(y), [10, 23, 33, 44]);
    assertEquals(values(x), [10, 20, 30, 40]);
  }
});

Deno.test("indexSelect() takes slices; the index gives its shape to the axis", () => {
  const x = node([1, 2, 3, 4, 5, 6], [2, 3]);
  const y = indexSelect(x, 1, ints([0, 2, -1, 1], [2, 2]));
  assertEquals([...y.shape], [2, 2, 2]);
  assertEquals(values(y), [1, 3, 3, 2, 4, 6, 6, 5]);
  assertEquals(values(indexSelect(x, 0, ints([1], []))), [4, 5, 6]);
});

Deno.test("indexSelect() and indexAdd() have derivatives of both orders", () => {
  const index = ints([0, 2, 2, -1], [2, 2]);
  for (const axis of [0, 1]) {
    checkDerivatives((x) => {
      const y = indexSelect(x, axis, index);
      return mul(y, y);
    }, [point([3, 3], 1)]);
  }
  checkDerivatives((s) => {
    const y = indexAdd([2, 3, 2], 1, index, s);
    return mul(y, y);
  }, [point([2, 2, 2, 2], 3)]);
});

Deno.test("indexAdd() is right along every axis", () => {
  for (const dtype of ["float32", "float64", "int64"] as const) {
    const src = node([1, 2, 3, 4, 5, 6], [3, 2], dtype);
    assertEquals(values(indexAdd([2, 2], 0, ints([1, 0, 1], [3]), src)), [3, 4, 6, 8]);
    assertEquals(
      values(indexAdd([3, 3], 1, ints([2, -1], [2]), src)),
      [0, 0, 3, 0, 0, 7, 0, 0, 11],
    );
    assertEquals(values(indexAdd([2, 2], 0, ints([], [0]), node([], [0, 2], dtype))), [0, 0, 0, 0]);
  }
});

// ONNX Runtime's ScatterND loses additions when several threads meet in a row.
Deno.test("indexAdd() loses no addition where many rows go to the same place", () => {
  const sizes = [[3, 8, 4000], [3, 64, 5000], [5, 64, 30_000], [9000, 128, 3000], [3, 1, 200_000]];
  for (const [places, width, rows] of sizes) {
    const index = Array.from({ length: rows }, (_, i) => (i * 7 + (i >> 3)) % Math.min(places, 20));
    const counts = new Array(places).fill(0);
    for (const i of index) counts[i]++;
    const ones = node(new Float32Array(rows * width).fill(1), [rows, width], "float32");
    for (let repeat = 0; repeat < 3; repeat++) {
      // The large product beside it makes the run use several threads.
      const [y] = valuesOf([
        indexAdd([places, width], 0, ints(index, [rows]), ones),
        mul(ones, ones),
      ]);
      assert(
        y.every((v, i) => v === counts[Math.floor(i / width)]),
        `${rows} rows of ${width} to ${places} places`,
      );
    }
  }
});

Deno.test("indexAdd() is the adjoint of indexSelect()", () => {
  const index = ints([4, 0, 0, 3, 2, 4], [6]);
  const x = sample([2, 5, 3], 1), u = sample([2, 6, 3], 2);
  const y = values(indexSelect(node(x, [2, 5, 3]), 1, index));
  const z = values(indexAdd([2, 5, 3], 1, index, node(u, [2, 6, 3])));
  const inner = (a: number[], b: number[]) => a.reduce((s, v, i) => s + v * b[i], 0);
  assert(Math.abs(inner(y, u) - inner(x, z)) < 1e-12);
});

Deno.test("index primitives name the wrong index type", () => {
  const x = node([1, 2], [2]), index = node([0], [1]);
  assertThrows(() => gather(x, 0, index), DTypeError, "gather: the index is float64");
  assertThrows(() => indexSelect(x, 0, index), DTypeError, "indexSelect");
  assertThrows(() => scatterAdd(x, 0, index, index), DTypeError, "scatterAdd");
  assertThrows(
    () => scatterAdd(x, 0, ints([0], [1]), node([1], [1], "float32")),
    DTypeError,
    "float32",
  );
});

Deno.test("index primitives name shapes that do not fit", () => {
  const x = node([1, 2, 3, 4], [2, 2]);
  assertThrows(() => gather(x, 1, ints([0], [1])), ShapeError, "[1]");
  assertThrows(() => gather(x, 0, ints([0, 0, 0], [1, 3])), ShapeError, "[1, 3]");
  assertThrows(() => scatterAdd(x, 0, ints([0, 0], [1, 2]), x), ShapeError, "slice the source");
  assertThrows(() => indexAdd([3, 2], 0, ints([0], [1]), x), ShapeError, "wants [1, 2]");
  assertThrows(() => indexSelect(node([1], []), 0, ints([0], [1])), ShapeError, "indexSelect");
});

Deno.test("index primitives report numbers out of range", () => {
  const x = node([1, 2], [2]);
  assertThrows(() => values(gather(x, 0, ints([2], [1]))));
  assertThrows(() => values(indexSelect(x, 0, ints([-3], [1]))));
  assertThrows(() => values(indexAdd([2], 0, ints([5], [1]), node([1], [1]))));
});
