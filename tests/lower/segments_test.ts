/** Large graphs run as segments, one session after another. */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  Adam,
  autograd,
  cat,
  compile,
  explain,
  full,
  memory,
  nn,
  realize,
  type Tensor,
  tensor,
} from "../../mod.ts";
import { bufferNode, constantNode, scalarNode } from "../../src/graph/leaf.ts";
import { type Node, unobserved } from "../../src/graph/node.ts";
import { MinHeap } from "../../src/lower/heap.ts";
import { dot } from "../../src/primitives/matmul.ts";
import { permute } from "../../src/primitives/movement.ts";
import * as e from "../../src/primitives/elementwise.ts";
import { topk } from "../../src/primitives/order.ts";
import { gather } from "../../src/primitives/index.ts";
import { sum } from "../../src/primitives/reduce.ts";
import { realizeNodes } from "../../src/run/execute.ts";
import { Storage } from "../../src/runtime/mod.ts";
import { evaluate } from "../helpers/evaluate.ts";
import { inSegments } from "../helpers/in_segments.ts";
import { kernels } from "../helpers/needs.ts";
import { settle } from "../helpers/settle.ts";

const both = kernels.met ? [true, false] : [false];

function leaf(shape: number[], dtype: "float32" | "float64" = "float64", seed = 1): Node {
  const n = shape.reduce((a, b) => a * b, 1);
  const data = Array.from({ length: n }, (_, i) => Math.sin(seed + i));
  const array = dtype === "float32" ? Float32Array.from(data) : Float64Array.from(data);
  return bufferNode(Storage.from(array, dtype), shape);
}

/** Graphs with all that may cross from one segment to another. */
const graphs: Record<string, () => Node[]> = {
  "values read by several segments, and asked for"() {
    const x = leaf([3, 4]), a = e.tanh(x), b = e.exp(dot(a, permute(a, [1, 0])));
    const c = dot(b, a), d = e.mul(e.add(c, a), scalarNode(0.5, "float64"));
    return [a, d, sum(e.mul(d, c), [0, 1], false), b];
  },
  "truth values, of Program and of ONNX Runtime"() {
    const x = leaf([5]), y = leaf([5], "float64", 2);
    const less = e.lt(e.mul(x, y), constantNode(0.1, "float64")), far = e.lt(e.exp(y), x);
    const chosen = e.where(less, e.sin(x), e.where(far, y, e.cos(y)));
    return [chosen, less, e.cast(far, "float64"), e.where(less, chosen, e.neg(chosen))];
  },
  "several results of one node, and of other types"() {
    const x = e.sin(leaf([4, 6], "float32")), [values, places] = topk(x, 3, 1, true);
    const back = gather(e.exp(x), 1, e.add(places, constantNode(0, "int64")));
    return [e.mul(values, back), places, sum(e.square(values), [1], false)];
  },
  "leaves, constants and the same value twice"() {
    const x = leaf([2, 2]), y = e.square(e.sin(e.exp(x)));
    return [x, y, y, constantNode(3, "float64"), permute(y, [1, 0]), e.neg(y), permute(x, [1, 0])];
  },
  "values without elements"() {
    const x = leaf([0, 3]), y = leaf([2, 3]);
    return [e.exp(e.sin(x)), sum(e.square(e.exp(y)), [0], false), sum(e.exp(x), [0], false)];
  },
};

for (const [name, graph] of Object.entries(graphs)) {
  for (const ops of both) {
    Deno.test(`segments agree with the whole: ${name}, kernels ${ops ? "on" : "off"}`, async () => {
      const nodes = graph(), whole = evaluate(nodes, ops);
      const cut = await inSegments(() => evaluate(nodes, ops));
      assertEquals(cut, whole);
    });
  }
}

Deno.test("segments write over parameters only what nothing reads any more", async () => {
  const size = 104; // so that ONNX Runtime computes the products, not Program
  const step = (w: Node, g: Node) => e.sub(w, e.mul(g, scalarNode(0.1, "float64")));
  const build = (a: Node, b: Node) => {
    const nextA = step(a, e.sin(dot(a, b))), nextB = step(b, e.exp(permute(b, [1, 0])));
    return [nextA, nextB, dot(dot(a, nextB), dot(nextA, b)), sum(e.mul(a, b), [0, 1], false)];
  };
  const leaves = () => [leaf([size, size]), leaf([size, size], "float64", 7)] as const;
  const apart = build(...leaves());
  realizeNodes(apart);
  await inSegments(() => {
    const former = leaves(), over = unobserved(() => build(...former));
    const executable = realizeNodes(over, former)!;
    assert(executable.lowered.segments.length > 2);
    assert(executable.donor[0] >= 0 || executable.donor[1] >= 0);
    over.forEach((node, i) => {
      const got = node.storage!.host() as Float64Array;
      const want = apart[i].storage!.host() as Float64Array;
      assert(got.every((v, k) => Math.abs(v - want[k]) <= 1e-9 * (1 + Math.abs(want[k]))));
    });
  });
});

Deno.test("a step that fails in a late segment leaves parameters and states as they were", async () => {
  await inSegments(() => {
    const table = full([40, 30], 1, { requiresGrad: true });
    const optimizer = new Adam([table], { lr: 0.1 });
    const train = (index: number) => {
      const loss = nn.functional.embedding(tensor([0, index], { dtype: "int64" }), table)
        .square().exp().mean().log();
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    };
    train(3).item();
    const before = table.toArray(), state = JSON.stringify(optimizer.stateDict());
    assertThrows(() => train(40).item(), RangeError);
    assertEquals(table.toArray(), before);
    assertEquals(JSON.stringify(optimizer.stateDict()), state);
    train(5).item();
  });
});

Deno.test("asynchronous runs of segments do not meddle with each other or with others", async () => {
  await inSegments(async () => {
    const f = (x: Tensor, k: number) =>
      x.mul(k).sin().matmul(x.t()).exp().sum(1).mul(x.sum()).tanh();
    const xs = Array.from({ length: 6 }, (_, i) => full([20, 20], (i + 1) / 50));
    const want = xs.map((x, k) => f(x, k).toArray());
    const pending = xs.map((x, k) => f(x, k));
    const reads = pending.map((y) => y.dataAsync());
    // These take the same sessions while the others are under way.
    const direct = xs.map((x, k) => f(x, k).toArray());
    const got = (await Promise.all(reads)).map((data) => Array.from(data as Float32Array));
    assertEquals(direct, want);
    assertEquals(got, want);
  });
});

/** The meta-gradient through steps of gradient descent of a small perceptron. */
function metaGradient(steps: number): { loss: Tensor; grads: Tensor[] } {
  const sized = (shape: number[], seed: number) => {
    const n = shape.reduce((a, b) => a * b, 1);
    return tensor(Float32Array.from({ length: n }, (_, i) => Math.sin(seed + 3 * i)), { shape });
  };
  const x = sized([8, 3], 1), y = sized([8, 1], 2);
  const start = [sized([3, 5], 3), sized([5], 4), sized([5, 1], 5)];
  for (const p of start) p.requiresGrad_();
  const lossOf = ([w, b, v]: Tensor[]) =>
    x.matmul(w).add(b).tanh().matmul(v).sub(y).square().mean();
  let params = start;
  for (let k = 0; k < steps; k++) {
    const grads = autograd.grad(lossOf(params), params, { createGraph: true });
    params = params.map((p, i) => p.sub(grads[i]!.mul(0.05)));
  }
  const loss = lossOf(params);
  return { loss, grads: autograd.grad(loss, start) as Tensor[] };
}

Deno.test("iterations of an unrolled loop share sessions, and none is made the second time", async () => {
  const values = ({ loss, grads }: ReturnType<typeof metaGradient>) =>
    [loss, ...grads].flatMap((x) => Array.from(x.data() as Float32Array));
  const small = await inSegments(() => values(metaGradient(5)));
  values(metaGradient(5)).forEach((v, i) => assertAlmostEquals(small[i], v, 1e-5));
  const sessions = memory().sessions.created;
  const first = values(metaGradient(240)), made = memory().sessions.created - sessions;
  assert(made <= 8, `${made} sessions`);
  const before = await settle(), created = memory().sessions.created;
  for (let i = 0; i < 3; i++) assertEquals(values(metaGradient(240)), first);
  assertEquals(memory().sessions.created, created);
  const after = await settle();
  assertEquals(after.liveBytes, before.liveBytes);
});

Deno.test("explain() tells of segments and their models", async () => {
  const f = compile((x: Tensor) => {
    let y = x;
    for (let i = 0; i < 20; i++) y = y.matmul(x).sin();
    return y;
  });
  const x = full([110, 110], 0.01);
  f(x);
  const whole = explain(f);
  assertEquals(whole.models.length, 1);
  assertEquals(whole.model, whole.models[0]);
  assert(!String(whole).includes("segments"));
  await inSegments(() => {
    const g = compile((x: Tensor) => x.matmul(x).sin().matmul(x).sin().matmul(x).sin().matmul(x));
    g(x);
    const cut = explain(g);
    assert(cut.models.length > 1);
    assert(/ in \d+ segments of \d kind\(s\), 1 input\(s\)/.test(String(cut)), String(cut));
  });
});

Deno.test("thousands of inputs and outputs are divided among sessions", () => {
  const count = 5000, x = tensor([1, 2]);
  const ys = Array.from({ length: count }, (_, i) => x.mul(i));
  realize(ys);
  assertEquals(ys[count - 1].toArray(), [count - 1, 2 * count - 2]);
  const parts = Array.from({ length: count }, (_, i) => tensor([i], { dtype: "float64" }));
  assertEquals(cat(parts).sum().item(), count * (count - 1) / 2);
});

Deno.test("many updates at once find their order, and all are in place", () => {
  const count = 400;
  const ws = Array.from({ length: count }, (_, i) => leaf([30, 10], "float64", i));
  const total = (nodes: Node[]) => nodes.reduce((a, b) => e.add(a, b));
  const over = unobserved(() => [
    ...ws.map((w) => e.sub(w, e.mul(e.exp(w), scalarNode(0.1, "float64")))),
    total(ws.map((w) => sum(e.square(w), [0, 1], false))),
  ]);
  const executable = realizeNodes(over, ws)!;
  assertEquals([...executable.donor].filter((d) => d >= 0).length, count);
  const w = leaf([30, 10]).storage!.host() as Float64Array;
  const got = over[1].storage!.host() as Float64Array;
  got.forEach((v, i) => assertAlmostEquals(v, w[i] - 0.1 * Math.exp(w[i]), 1e-12));
});

Deno.test("MinHeap gives the least first", () => {
  const heap = new MinHeap(), values = Array.from({ length: 200 }, (_, i) => (i * 73) % 101);
  const taken: number[] = [];
  values.forEach((v, i) => {
    heap.push(v);
    if (i % 3 === 2) taken.push(heap.pop()!);
  });
  for (let v = heap.pop(); v !== undefined; v = heap.pop()) taken.push(v);
  assertEquals([...taken].sort((a, b) => a - b), [...values].sort((a, b) => a - b));
  const rest = taken.slice(66);
  assertEquals(rest, [...rest].sort((a, b) => a - b));
});
