/** Graphs that are long, wide or deep: nothing overflows, and nothing takes time beyond their size. */

import { assert, assertEquals } from "@std/assert";
import { adam, applyUpdates, explain, full, type Tensor, tensor } from "../../mod.ts";
import { targetOf } from "../../src/runtime/mod.ts";
import { lower } from "../../src/lower/lower.ts";
import type { Node } from "../../src/graph/node.ts";
import { realizeNodes } from "../../src/run/execute.ts";
import { walk } from "../../src/lower/walk.ts";
import { kernels } from "../helpers/needs.ts";

const lowered = (nodes: Node[]) => lower(walk(nodes), nodes, [], targetOf("cpu", true)).summary;

Deno.test("a region of 130 000 operations is lowered, its loop in parts that the kernel takes", () => {
  let x: Tensor = tensor([1, 2], { requiresGrad: true });
  // More numbers than one loop has registers for.
  for (let i = 0; i < 130_000; i++) x = x.mul(i % 2 === 0 ? 4 : 0.25);
  const nodes = [x.node];
  const summary = kernels.met ? realizeNodes(nodes)!.lowered.summary : lowered(nodes);
  assertEquals(summary.length, 1);
  assert(/^Program float32: 130000 operations in 127 steps/.test(summary[0]), summary[0]);
  if (kernels.met) assertEquals(x.toArray(), [1, 2]);
});

Deno.test("chains of 20 000 views are computed, before a Program and before ONNX operators", () => {
  const x = tensor([[1, 2, 3], [4, 5, 6]], { requiresGrad: true });
  let y: Tensor = x, plain = [1, 2, 3, 4, 5, 6];
  for (let i = 0; i < 9_999; i++) {
    y = y.t().reshape(2, 3);
    plain = [0, 3, 1, 4, 2, 5].map((k) => plain[k]);
  }
  const rows = [plain.slice(0, 3), plain.slice(3)];
  assertEquals(y.mul(2).toArray(), rows.map((row) => row.map((v) => 2 * v)));
  assertEquals(y.argmax(1).toArray(), rows.map((row) => row.indexOf(Math.max(...row))));
  assertEquals(y.toArray(), rows);
});

Deno.test("device is found at once at the end of each step of a long chain", () => {
  let x: Tensor = tensor([1, 2], { requiresGrad: true });
  for (let i = 0; i < 30_000; i++) {
    x = x.mul(1.5);
    assertEquals(x.device, "cpu");
  }
});

Deno.test("unrolled steps of Adam on large tensors are each passed once", () => {
  const steps = 100, optimizer = adam({ lr: 0.1, useAcceleratedOp: true });
  let params = [full([20_000], 1, { requiresGrad: true })], state = optimizer.init(params);
  for (let k = 0; k < steps; k++) {
    const [updates, next] = optimizer.update([params[0].sin()], state, { params, inplace: false });
    params = applyUpdates(params, updates as Tensor[], { inplace: false });
    state = next;
  }
  const many = lowered([params[0].node]).filter((line) => line.startsWith("adamMany"));
  assertEquals(many, new Array(steps).fill(many[0]));
});

Deno.test("explain() of a long chain", () => {
  let x: Tensor = tensor([1, 2], { requiresGrad: true });
  for (let i = 0; i < 10_000; i++) x = x.mul(1.5);
  const { steps } = explain(x);
  if (!kernels.met) return assertEquals(steps, new Array(10_000).fill("mul float32 [2]"));
  assertEquals(steps.length, 1);
  assert(/^Program float32: 10000 operations in 10 steps/.test(steps[0]), steps[0]);
});
