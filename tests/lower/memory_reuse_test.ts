import { assertEquals } from "@std/assert";
import { bufferNode, scalarNode } from "../../src/graph/leaf.ts";
import { type Node, unobserved } from "../../src/graph/node.ts";
import { realizeNodes } from "../../src/run/execute.ts";
import * as e from "../../src/primitives/elementwise.ts";
import { dot } from "../../src/primitives/matmul.ts";
import { flip, permute, reshape } from "../../src/primitives/movement.ts";
import { sum } from "../../src/primitives/reduce.ts";
import { type DType, opsLibrary, Storage } from "../../src/runtime/mod.ts";
import { realizeNodesAsync } from "../../src/run/execute.ts";
import { nn, noGrad, randn, SGD, type Tensor } from "../../mod.ts";
import { assertClose } from "../helpers/close.ts";
import "../helpers/seed.ts";

const N = 128;
const OPS = opsLibrary().loaded ? 1 : 0;

function matrix(seed: number, dtype: DType = "float64"): Node {
  const data = Float64Array.from({ length: N * N }, (_, i) => Math.sin(seed + i));
  const array = dtype === "float32" ? Float32Array.from(data) : data;
  return bufferNode(Storage.from(array, dtype), [N, N]);
}

/**
 * Checks that results are the same together as each alone; the number of values that lay in the
 * memory of results.
 */
function reused(build: (w: Node, x: Node) => Node[], dtype: DType = "float64"): number {
  const alone = build(matrix(1, dtype), matrix(2, dtype));
  for (const node of alone) realizeNodes([node]);
  const results = build(matrix(1, dtype), matrix(2, dtype));
  const program = realizeNodes(results)!;
  results.forEach((n, i) => {
    assertClose(n.storage!.host(), alone[i].storage!.host(), dtype === "float64" ? 1e-9 : 1e-3);
  });
  return program.lowered.early.length;
}

const rate = (dtype: DType) => scalarNode(0.1, dtype);
const step = (w: Node, g: Node): Node => e.sub(w, e.mul(g, rate(w.dtype)));

for (const dtype of ["float32", "float64"] as const) {
  Deno.test(`a ${dtype} gradient lies where the new parameter will`, () => {
    assertEquals(reused((w, x) => [step(w, dot(x, x, true, false))], dtype), OPS);
    assertEquals(reused((w, x) => [e.sub(w, dot(x, x, true, false))], dtype), 1);
  });
}

Deno.test("several gradients lie where several results will, each in one", () => {
  const several = reused((w, x) => {
    const g = dot(x, x, true, false), h = dot(w, x, false, true);
    return [step(w, g), step(x, h), e.mul(g, h)];
  });
  assertEquals(several, 2 * OPS);
  const scarce = reused((w, x) => [
    e.add(step(w, dot(x, x, true, false)), e.tanh(dot(w, x, false, true))),
  ]);
  assertEquals(scarce, OPS);
});

Deno.test("a gradient that is needed elsewhere, or in another order, has a place of its own", () => {
  const builds: ((w: Node, x: Node, g: Node) => Node[])[] = [
    (w, _x, g) => [step(w, g), g],
    (w, _x, g) => [step(w, g), reshape(g, [N * N])],
    (w, _x, g) => [step(w, g), permute(g, [1, 0])],
    (w, x, g) => [step(w, g), dot(g, x)],
    (w, x, g) => [step(w, g), dot(permute(g, [1, 0]), x)],
    (w, _x, g) => [step(w, permute(g, [1, 0]))],
    (w, _x, g) => [step(w, e.add(g, permute(g, [1, 0])))],
    (w, _x, g) => [step(w, flip(g, [0]))],
  ];
  for (const build of builds) {
    assertEquals(reused((w, x) => build(w, x, dot(x, x, true, false))), 0, String(build));
  }
});

Deno.test("a gradient may be summed before the result is written", () => {
  for (const axes of [[0], [1], [0, 1]]) {
    reused((w, x) => {
      const g = dot(x, x, true, false);
      return [step(w, e.div(g, sum(g, axes, true)))];
    });
    reused((w, x) => {
      const g = dot(x, x, true, false), next = step(w, g);
      return [next, sum(e.mul(next, g), axes, false), e.add(g, sum(next, axes, true))];
    });
  }
});

Deno.test("a gradient never lies over what is updated in place", () => {
  const w = matrix(1), x = matrix(2);
  const [next, other] = unobserved(() => {
    const g = dot(x, x, true, false);
    return [step(w, g), e.exp(g)];
  });
  const program = realizeNodes([next, other], [w])!;
  assertEquals(program.donor[0], OPS ? 0 : program.donor[0]);
  for (const { output } of program.lowered.early) assertEquals(program.donor[output], -1);
  const alone = step(matrix(1), dot(matrix(2), matrix(2), true, false));
  realizeNodes([alone]);
  assertClose(next.storage!.host(), alone.storage!.host(), 1e-9);
});

Deno.test("an asynchronous run lets a gradient lie where its result will, too", async () => {
  const build = () => [step(matrix(1), dot(matrix(2), matrix(2), true, false))];
  const [alone] = build(), [result] = build();
  realizeNodes([alone]);
  await realizeNodesAsync([result]);
  assertClose(result.storage!.host(), alone.storage!.host(), 1e-9);
});

Deno.test("parameters before and after steps are right where gradients lie in their memory", () => {
  const net = new nn.Linear(N, N), slow = new nn.Linear(N, N);
  noGrad(() => {
    slow.weight.copy_(net.weight);
    slow.bias!.copy_(net.bias!);
  });
  const optimizer = new SGD(net.parameters(), { lr: 0.1, momentum: 0.9 });
  const other = new SGD(slow.parameters(), { lr: 0.1, momentum: 0.9 });
  const x = randn([8, N]), loss = (net: nn.Linear) => (net.forward(x) as Tensor).square().mean();
  for (let i = 0; i < 5; i++) {
    const before = net.weight.mul(2), known = slow.weight.mul(2).data().slice();
    optimizer.zeroGrad();
    loss(net).backward();
    optimizer.step();
    other.zeroGrad();
    const l = loss(slow);
    l.backward();
    // Every gradient is read before the step, so that none lies elsewhere.
    for (const p of slow.parameters()) p.grad!.data();
    other.step();
    assertClose(before.data(), known, 1e-6);
    assertClose(net.weight.data(), slow.weight.data(), 1e-5);
    assertClose(net.bias!.data(), slow.bias!.data(), 1e-5);
  }
});
