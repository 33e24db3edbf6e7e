import { assertEquals } from "@std/assert";
import { bufferNode, constantNode, numberNode } from "../../src/graph/leaf.ts";
import { type Node, withGrad } from "../../src/graph/node.ts";
import { order } from "../../src/graph/order.ts";
import { sizeOf } from "../../src/graph/shape.ts";
import { runPasses } from "../../src/lower/passes.ts";
import { Rebuilder } from "../../src/lower/rebuild.ts";
import * as e from "../../src/primitives/elementwise.ts";
import { dot } from "../../src/primitives/matmul.ts";
import { permute, reshape } from "../../src/primitives/movement.ts";
import { amax, sum } from "../../src/primitives/reduce.ts";
import { sweep } from "../../src/primitives/reverse.ts";
import { type DType, DTYPES, Storage, targetOf } from "../../src/runtime/mod.ts";
import { assertClose } from "../helpers/close.ts";
import { evaluate } from "../helpers/evaluate.ts";
import { kernels, testWith } from "../helpers/needs.ts";

function leaf(shape: number[], seed: number, dtype: DType): Node {
  const n = sizeOf(shape), data = DTYPES[dtype].view(new ArrayBuffer(8 * n), 0, n);
  for (let i = 0; i < n; i++) data[i] = Math.sin(seed + i * 1.7) as never;
  const node = bufferNode(Storage.from(data, dtype), shape);
  node.requiresGrad = true;
  return node;
}

/** Names of the operations that are left of a graph. */
function names(outputs: Node[]): string[] {
  const rebuilder = new Rebuilder(targetOf("cpu", true));
  const leaves = order(outputs).filter((n) => n.inputs.length === 0);
  const numbers = new Set(leaves.map((n) => rebuilder.leaf(n)));
  const nodes = outputs.map((n) => rebuilder.intern(n));
  return order(runPasses(nodes, rebuilder, targetOf("cpu", true)))
    .filter((n) => !numbers.has(n)).map((n) => n.prim.name).sort();
}

const turn = (x: Node) => permute(x, [0, 2, 1]);
const turns = (nodes: Node[]) => names(nodes).filter((name) => name === "permute").length;

/** What a folded product gives, [2, rows, units] turned, with what elementwise operations need. */
function parts(dtype: DType = "float32") {
  return {
    y: leaf([2, 24, 40], 1, dtype),
    other: leaf([2, 24, 40], 2, dtype),
    bias: leaf([24], 3, dtype),
    perExample: leaf([2, 1, 24], 4, dtype),
    w: leaf([24, 3], 5, dtype),
    straight: leaf([2, 40, 24], 6, dtype),
  };
}

/** Graphs without a transposition in the end. */
const sinking: Record<string, (p: ReturnType<typeof parts>) => Node> = {
  "a bias and an activation before a product": ({ y, bias, w }) =>
    dot(e.tanh(e.add(turn(y), bias)), w),
  "a bias for each example": ({ y, perExample, w }) => dot(e.sin(e.add(turn(y), perExample)), w),
  "a number": ({ y, w }) => dot(e.mul(turn(y), numberNode(0.5, y.dtype)), w),
  "the right factor of a product": ({ y, straight }) =>
    dot(straight, e.exp(e.neg(e.square(turn(y)))), true, false),
  "two that are turned alike": ({ y, other, w }) => dot(e.mul(e.tanh(turn(y)), turn(other)), w),
  "a choice": ({ y, other, w }) =>
    dot(e.where(e.lt(turn(y), turn(other)), turn(y), e.neg(turn(other))), w),
  "what is turned back": ({ y, bias }) => turn(e.tanh(e.add(turn(y), bias))),
};

/** Graphs with transpositions that stay: what comes of them is wanted in their order. */
const staying: Record<string, (p: ReturnType<typeof parts>) => Node> = {
  "an output": ({ y }) => e.tanh(turn(y)),
  "with something in order": ({ y, straight, w }) => dot(e.mul(turn(y), straight), w),
  "that is reshaped": ({ y, w }) => dot(reshape(e.tanh(turn(y)), [80, 24]), w),
};

for (const [name, build] of Object.entries(sinking)) {
  testWith(kernels, `sinkPermutes() moves a transposition behind ${name}`, () => {
    assertEquals(turns([build(parts())]), 0);
  });
}
for (const [name, build] of Object.entries(staying)) {
  testWith(kernels, `sinkPermutes() leaves a transposition ${name}`, () => {
    assertEquals(turns([build(parts())]), 1);
  });
}

testWith(kernels, "sinkPermutes() leaves small tensors alone", () => {
  const y = leaf([2, 3, 4], 1, "float32"), w = leaf([3, 2], 2, "float32");
  assertEquals(turns([dot(e.tanh(turn(y)), w)]), 1);
});

/** The sum of all elements. */
const total = (x: Node) => sum(x, x.shape.map((_, i) => i), false);

/** Gradients of a number, where there are any. */
function gradients(of: Node, leaves: readonly Node[]): Node[] {
  return withGrad(true, () => {
    const { cotangents } = sweep([of], [constantNode(1, of.dtype)], new Set(leaves));
    return leaves.flatMap((leaf) => cotangents.get(leaf) ?? []);
  });
}

testWith(kernels, "sinkPermutes() keeps values and derivatives of both orders", () => {
  const reduced: Record<string, (p: ReturnType<typeof parts>) => Node> = {
    "a sum": ({ y, bias }) => sum(e.tanh(e.add(turn(y), bias)), [1], false),
    "a maximum": ({ y, perExample }) => amax(e.mul(turn(y), perExample), [0, 2], false),
    "a value used twice": ({ y, w }) => {
      const h = e.tanh(turn(y));
      return e.add(dot(h, w), sum(h, [2], true));
    },
  };
  for (const dtype of ["float32", "float64"] as const) {
    for (const [name, build] of Object.entries({ ...sinking, ...staying, ...reduced })) {
      const p = parts(dtype), leaves = Object.values(p), value = build(p);
      const first = gradients(total(e.square(value)), leaves);
      const second = gradients(first.map((g) => total(e.square(g))).reduce(e.add), leaves);
      const all = [value, ...first, ...second];
      const on = evaluate(all, true), off = evaluate(all, false);
      on.forEach((x, i) => {
        const want = Array.from(off[i], Number);
        const scale = want.reduce((most, v) => Math.max(most, Math.abs(v)), 1);
        const tolerance = (dtype === "float32" ? 2e-5 : 1e-13) * scale;
        assertClose(Array.from(x, Number), want, tolerance, `${name}, ${dtype}, value ${i}`);
      });
    }
  }
});
