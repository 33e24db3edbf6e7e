import { assertEquals } from "@std/assert";
import type { DType } from "../../src/runtime/mod.ts";
import type { Node } from "../../src/graph/node.ts";
import * as approx from "../../src/primitives/approximations.ts";
import * as error from "../../src/primitives/error_functions.ts";
import { node, values } from "./nodes.ts";
import { assertClose } from "../helpers/close.ts";

/** Points at all scales and on both sides of every branch. */
const line = Array.from({ length: 401 }, (_, i) => (i - 200) / 50);
const scales = [1e-300, 1e-20, 1e-9, 1e-4, 0.46874, 0.46876, 0.66, 2.41421, 2.41422, 6.001];
const everywhere = [...line, ...scales, ...scales.map((x) => -x)];
const far = [...everywhere, 20, -20, 300, -300, 700, -700, Infinity, -Infinity, NaN];

function check(
  f: (x: Node) => Node,
  want: (x: number) => number,
  points: readonly number[],
): void {
  const shape = [points.length];
  assertClose(values(f(node(points, shape))), points.map(want), { rtol: 1e-15, atol: 1e-300 });
  const rounded = points.map(Math.fround);
  // Float32 overflows earlier, and its tiny numbers lose digits.
  const want32 = rounded.map((x) => Math.fround(want(x)));
  assertClose(values(f(node(rounded, shape, "float32"))), want32, { rtol: 4e-7, atol: 1e-37 });
}

// Computed with 30 digits.
const erfTable: [number, number][] = [
  [1e-300, 1.1283791670955126e-300],
  [1e-8, 1.1283791670955126e-8],
  [0.1, 0.1124629160182849],
  [0.46, 0.4846553900016797],
  [0.47, 0.4937450508860821],
  [0.5, 0.5204998778130465],
  [1, 0.8427007929497149],
  [1.5, 0.9661051464753108],
  [2, 0.9953222650189527],
  [3, 0.9999779095030014],
  [3.99, 0.9999999832607886],
  [4.01, 0.9999999858030606],
  [5, 0.9999999999984626],
  [5.9, 0.9999999999999999],
  [7, 1],
  [Infinity, 1],
];

Deno.test("erf() is accurate to float64", () => {
  const table = [...erfTable, ...erfTable.map(([x, y]) => [-x, -y]), [0, 0], [NaN, NaN]];
  const got = values(error.erf(node(table.map(([x]) => x), [table.length])));
  assertClose(got, table.map(([, y]) => y), { rtol: 1e-15, atol: 0 });
});

Deno.test("log1p() is accurate to float64", () => {
  check(approx.log1p, Math.log1p, [...far, 1e300, -1, -1.5, -1 + 1e-9]);
});

Deno.test("expm1() is accurate to float64", () => {
  check(approx.expm1, Math.expm1, far);
});

Deno.test("atan() is accurate to float64", () => {
  check(approx.atan, Math.atan, [...far, 1e300, -1e300]);
});

Deno.test("asin() is accurate to float64, NaN outside", () => {
  check(approx.asin, Math.asin, everywhere);
});

Deno.test("acos() is accurate to float64, NaN outside", () => {
  check(approx.acos, Math.acos, everywhere);
});

Deno.test("sinh() is accurate to float64 and overflows where it has to", () => {
  check(approx.sinh, Math.sinh, [...far, 710.4, 711]);
});

Deno.test("cosh() is accurate to float64 and overflows where it has to", () => {
  check(approx.cosh, Math.cosh, [...far, 710.4, 711]);
});

Deno.test("atan2() covers all sides, zeros and infinities", () => {
  const side = [0, -0, 1, -1, 0.3, -7, 1e-200, 1e200, Infinity, -Infinity, NaN];
  const ys: number[] = [], xs: number[] = [];
  for (const y of side) for (const x of side) ys.push(y), xs.push(x);
  for (const [dtype, tolerance] of [["float64", 1e-15], ["float32", 4e-7]] as [DType, number][]) {
    const round = dtype === "float32" ? Math.fround : (x: number) => x;
    const n = [ys.length];
    const got = values(approx.atan2(node(ys, n, dtype), node(xs, n, dtype)));
    assertClose(got, ys.map((y, i) => Math.atan2(round(y), round(xs[i]))), {
      rtol: tolerance,
      atol: 1e-37,
    });
  }
  assertEquals(values(approx.atan2(node([0, -0], [2]), node([-0, -0], [2]))), [Math.PI, -Math.PI]);
});
