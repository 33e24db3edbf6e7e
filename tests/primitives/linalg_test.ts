import { assert, assertEquals, assertThrows } from "@std/assert";
import { DTypeError, ShapeError } from "../../src/graph/errors.ts";
import { det } from "../../src/primitives/linalg/determinant.ts";
import { inv, solve } from "../../src/primitives/linalg/solve.ts";
import { dot } from "../../src/primitives/matmul.ts";
import { checkDerivatives, node, point, sample, values, valuesOf } from "./nodes.ts";
import { assertClose } from "../helpers/close.ts";

Deno.test("solve() gives X with A X = B for every size and batch", () => {
  // From 256 on, columns are eliminated in blocks.
  const sizes: [number[], number, number][] = [
    [[], 1, 1],
    [[], 2, 3],
    [[3], 5, 2],
    [[2, 2], 4, 1],
    [[], 40, 7],
    [[2], 260, 3],
  ];
  for (const [shape, size, width] of sizes) {
    for (const [dtype, tolerance] of [["float64", 1e-12], ["float32", 1e-4]] as const) {
      const entries = sample([...shape, size, size], 1);
      // A strong second diagonal keeps the matrix regular and makes rows change places.
      entries.forEach((_, i) =>
        (i % size) === (Math.floor(i / size) + 1) % size && (entries[i] += 3)
      );
      const a = node(entries, [...shape, size, size], dtype);
      const b = node(sample([...shape, size, width], 2), [...shape, size, width], dtype);
      const x = solve(a, b);
      assertEquals([...x.shape], [...shape, size, width]);
      assertClose(values(dot(a, x)), values(b), tolerance);
    }
  }
});

Deno.test("solve() exchanges rows where a pivot is zero or small", () => {
  const a = node([0, 2, 1, 1e-20, 1, 1, 3, 0, 0], [3, 3]);
  const b = node([5, 3, 6], [3, 1]);
  assertClose(values(solve(a, b)), [2, 2, 1], 1e-14);
});

Deno.test("solve() broadcasts leading dimensions", () => {
  const a = node([2, 0, 0, 4], [2, 2]);
  const x = solve(a, node([2, 4, 6, 8], [2, 2, 1]));
  assertEquals([...x.shape], [2, 2, 1]);
  assertEquals(values(x), [1, 1, 3, 2]);
});

Deno.test("solve() of a singular matrix is not finite", () => {
  const x = values(solve(node([1, 2, 2, 4], [2, 2]), node([1, 1], [2, 1])));
  assert(x.every((v) => !Number.isFinite(v)));
});

Deno.test("solve() accepts empty operands", () => {
  assertEquals(values(solve(node([], [0, 2, 2]), node([], [0, 2, 1]))), []);
  assertEquals([...solve(node([], [0, 0]), node([], [0, 3])).shape], [0, 3]);
});

Deno.test("solve() has derivatives of both orders", () => {
  const a = point([3, 3], 1);
  for (let i = 0; i < 9; i += 4) a.values[i] += 2;
  checkDerivatives((x, y) => solve(x, y), [a, point([3, 2], 2)]);
  const batch = point([2, 2, 2], 4);
  for (const i of [0, 3, 4, 7]) batch.values[i] += 3;
  checkDerivatives((x, y) => solve(x, y), [batch, point([2, 1], 5)]);
});

Deno.test("inv() gives the inverse and its derivatives", () => {
  assertClose(values(inv(node([4, 7, 2, 6], [2, 2]))), [0.6, -0.7, -0.2, 0.4], 1e-14);
  const a = point([3, 3], 6);
  for (let i = 0; i < 9; i += 4) a.values[i] += 2;
  checkDerivatives((x) => inv(x), [a]);
});

Deno.test("det() gives determinants with their sign", () => {
  const cases: [number[], number][] = [
    [[3], 3],
    [[1, 2, 3, 4], -2],
    [[0, 1, 1, 0], -1],
    [[0, 1, 0, 0, 0, 1, 1, 0, 0], 1],
    [[2, 0, 1, 1, 3, 2, 1, 1, 1], 0],
    [[0, 0, 0, 2, 0, 0, 3, 0, 0, 5, 0, 0, 7, 0, 0, 0], 210],
  ];
  for (const [a, want] of cases) {
    const n = Math.sqrt(a.length);
    for (const dtype of ["float32", "float64"] as const) {
      assertClose(values(det(node(a, [n, n], dtype))), [want], 1e-6);
    }
  }
  assertClose(values(det(node([1, 2, 3, 4, 0, 1, 1, 0], [2, 2, 2]))), [-2, -1], 1e-14);
  // A cycle of 67 places and one exchange, scaled: odd.
  const n = 270, cycle = new Array(n * n).fill(0);
  for (let i = 0; i < n; i++) {
    cycle[i * n + (i < 67 ? (i + 1) % 67 : i === 67 ? 68 : i === 68 ? 67 : i)] = 1;
  }
  cycle[n * n - 1] = 5;
  assertClose(values(det(node(cycle, [n, n]))), [-5], 1e-14);
  assertEquals(valuesOf([det(node([], [0, 0])), det(node([], [0, 2, 2]))]), [[1], []]);
});

Deno.test("det() has derivatives of both orders", () => {
  const a = point([3, 3], 7);
  for (let i = 0; i < 9; i += 4) a.values[i] += 1;
  checkDerivatives((x) => det(x), [a]);
});

Deno.test("linear algebra names operation, got and wanted", () => {
  const square = node([1, 2, 3, 4], [2, 2]);
  assertThrows(() => inv(node([1, 2], [1, 2])), ShapeError, "inv: got [1, 2]");
  assertThrows(() => solve(square, node([1, 2], [2])), ShapeError, "unsqueeze(-1)");
  assertThrows(() => solve(square, node([1, 2, 3], [3, 1])), ShapeError, "B [3, 1]");
  assertThrows(() => solve(square, node([1, 2], [2, 1], "float32")), DTypeError, "float32");
  assertThrows(() => det(node([1], [1, 1], "int64")), DTypeError, "det: got int64");
});
