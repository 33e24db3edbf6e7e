/** Reductions on a device that lacks kernels for them, as CUDA does without cuDNN, by the CPU's other kernels. */

import { assert, assertEquals } from "@std/assert";
import { constantNode } from "../../src/graph/leaf.ts";
import type { Node, Target } from "../../src/graph/node.ts";
import { lower } from "../../src/lower/lower.ts";
import { walk } from "../../src/lower/walk.ts";
import { decodeModel, type GraphDef } from "../../src/onnx/mod.ts";
import { cast } from "../../src/primitives/elementwise.ts";
import { lu } from "../../src/primitives/linalg/lu.ts";
import { matrixExp } from "../../src/primitives/linalg/matrix_exp.ts";
import { qr } from "../../src/primitives/linalg/qr.ts";
import { eigh, svd } from "../../src/primitives/linalg/spectral.ts";
import { argmaxPrim, argminPrim } from "../../src/primitives/order.ts";
import { amax, amin, prod, sum } from "../../src/primitives/reduce.ts";
import { logsumexp, softmax } from "../../src/primitives/softmax.ts";
import { apply } from "../../src/graph/node.ts";
import { targetOf } from "../../src/runtime/mod.ts";
import { assertClose } from "../helpers/close.ts";
import { evaluate } from "../helpers/evaluate.ts";
import { node, sample } from "../primitives/nodes.ts";

const cpu = targetOf("cpu", false);

/** What only cuDNN computes. */
const LACKS = ["ArgMax", "ArgMin", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSumSquare"];

const without: Target = {
  kind: "few",
  branches: false,
  scattersSafely: true,
  sumsAnywhere: false,
  offsets: true,
  substitutes: false,
  has(op, dtype) {
    const counts = op === "ReduceSum" && dtype.startsWith("int");
    return !counts && !LACKS.includes(op) && cpu.has(op, dtype);
  },
};

/** Operators of a graph and of those inside of it, in the order of emission. */
function operators(graph: GraphDef): string[] {
  return graph.nodes.flatMap(({ opType, attributes }) => [
    opType,
    ...Object.values(attributes ?? {}).flatMap((a) => a.kind === "graph" ? operators(a.value) : []),
  ]);
}

/** Values of a graph on both, and what the one that lacks something runs. */
function compare(graph: Node, tolerance = 0): string[] {
  const [got] = evaluate([graph], without), [wanted] = evaluate([graph], cpu);
  if (tolerance === 0) assertEquals(got, wanted);
  else assertClose(Array.from(got, Number), Array.from(wanted, Number), tolerance);
  const { segments } = lower(walk([graph]), [graph], [], without);
  const ops = segments.flatMap(({ model }) => operators(decodeModel(model).graph));
  assertEquals(ops.filter((op) => LACKS.includes(op)), []);
  return ops;
}

const AXES = [[0], [1], [2], [0, 2], [1, 2], [0, 1, 2], [1, 3], [0, 2, 3]];
const shape = [3, 5, 2, 4], values = sample(shape, 1, 3);
values[7] = NaN;
values[40] = Infinity;
values[70] = -Infinity;

Deno.test("amax() and amin() by halves are those of the kernels, NaN and infinities among them", () => {
  const x = node(values, shape, "float32");
  for (const axes of AXES) compare(amax(x, axes, axes.length === 1));
  for (const axes of [[1], [0, 2]]) compare(amin(node(values, shape, "float64"), axes, false));
  const quarters = values.map((x) => Math.round(4 * x) / 4);
  const half = cast(node(quarters, shape, "float32"), "float16");
  compare(cast(amax(half, [1], false), "float32"));
});

Deno.test("whole numbers are reduced by halves without a rounding", () => {
  const numbers = [2 ** 53, -1, 3, 2 ** 40 + 1, 0, -7, 2 ** 24 + 1, 5, 1, 1];
  const wide = node(numbers, [2, 5], "int64");
  const [total] = evaluate([sum(wide, [0, 1], false)], without);
  assertEquals(total[0], numbers.map(BigInt).reduce((a, b) => a + b));
  for (const axes of [[0], [1], [0, 1]]) {
    compare(amax(wide, axes, false));
    compare(amin(wide, axes, true));
    compare(sum(wide, axes, false));
    for (const dtype of ["int32", "uint8"] as const) {
      const few = cast(node([200, 1, 3, 250, 0, 7], [2, 3], "float32"), dtype);
      compare(amax(few, axes, false));
      if (dtype === "int32") compare(prod(few, axes, false));
    }
  }
});

Deno.test("sums are over the first dimensions or the last, whichever are asked for", () => {
  const wide = node(sample(shape, 2), shape);
  for (const axes of AXES) compare(sum(wide, axes, axes.length === 2), 1e-14);
  const x = node(sample([3, 5, 2], 2), [3, 5, 2], "float32");
  assert(compare(sum(x, [1], false), 1e-6).includes("Transpose"));
  assert(!compare(sum(x, [0, 2], false), 1e-6).includes("Transpose"));
  const long = node(sample([2, 5000, 3], 3), [2, 5000, 3], "float32");
  for (const axes of [[1], [0, 1], [0, 1, 2]]) compare(sum(long, axes, false), 1e-4);
  compare(sum(node([], [0, 3], "float32"), [0], false));
  compare(sum(node([5], [1, 1, 1], "float32"), [1], false));
});

Deno.test("prod() by halves is that of the kernels", () => {
  const x = node(sample([4, 7, 3], 5), [4, 7, 3]);
  for (const axes of [[0], [1], [2], [0, 2]]) compare(prod(x, axes, false), 1e-14);
});

Deno.test("argmax() and argmin() find the first of equals, or the first NaN, by comparison", () => {
  const x = [3, 1, 3, NaN, 2, NaN, -Infinity, 0, 0, Infinity, 7, Infinity];
  for (const axis of [0, 1]) {
    for (const prim of [argmaxPrim, argminPrim]) {
      compare(apply(prim, [node(x, [4, 3], "float32")], { axis, keepdim: axis === 0 }));
    }
  }
  compare(apply(argmaxPrim, [node(x, [12])], { axis: 0, keepdim: false }));
  const whole = [2 ** 53, 2 ** 53 + 2, 1, 1, 2 ** 53 + 2, 0];
  const first = apply(argmaxPrim, [node(whole, [6], "int64")], { axis: 0, keepdim: false });
  assertEquals(evaluate([first], without)[0][0], 1n);
  const bytes = cast(node([1, 200, 200], [3], "float32"), "uint8");
  compare(apply(argmaxPrim, [bytes], { axis: 0, keepdim: true }));
});

Deno.test("what is made of reductions works without their kernels", () => {
  const x = node(sample([4, 10], 7, 5), [4, 10], "float32");
  compare(softmax(x, [1]), 1e-6);
  compare(logsumexp(x, [0], false), 1e-6);
  const a = node(sample([2, 4, 4], 8), [2, 4, 4]);
  for (const part of [matrixExp(a), lu(a)[0], ...qr(a), eigh(a)[0], svd(a)[1]]) {
    compare(part, 1e-12);
  }
  compare(amax(constantNode(2, "float32"), [], false));
});
