import { assert, assertEquals } from "@std/assert";
import { compile, full, type Tensor, transform } from "../../mod.ts";
import { sweep } from "../../src/primitives/reverse.ts";
import { bufferNode, constantNode, scalarNode } from "../../src/graph/leaf.ts";
import { lower } from "../../src/lower/lower.ts";
import { type Node, withGrad } from "../../src/graph/node.ts";
import { walk } from "../../src/lower/walk.ts";
import * as e from "../../src/primitives/elementwise.ts";
import { type AdamCoefficients, adamFallback, adamStep } from "../../src/primitives/fused_adam.ts";
import { sum } from "../../src/primitives/reduce.ts";
import { type DType, DTYPES, Storage, targetOf } from "../../src/runtime/mod.ts";
import { evaluate } from "../helpers/evaluate.ts";
import { kernels, testWith } from "../helpers/needs.ts";

// Large enough for the kernel, with a tail that fills no vector.
const N = 20_003;

function leaf(dtype: DType, seed: number, low: number): Node {
  const { view, bytes } = DTYPES[dtype];
  const data = view(new ArrayBuffer(N * bytes), 0, N);
  for (let i = 0; i < N; i++) data[i] = (low + Math.sin(seed + 0.37 * i) ** 2) as never;
  const node = bufferNode(Storage.from(data, dtype), [N]);
  node.requiresGrad = true;
  return node;
}

/** Two parameters after a step with decay, the moments, and derivatives up to the third order. */
function results(dtype: DType, step: typeof adamStep): Node[] {
  return withGrad(true, () => {
    const s = (v: number) => scalarNode(v, dtype);
    const shared = {
      ...{ b1: s(0.9), omb1: s(0.1), b2: s(0.99), omb2: s(0.01), eps: s(1e-3), epsRoot: s(1e-2) },
    };
    const leaves: Node[] = [], outputs: Node[] = [];
    for (const k of [1, 2]) {
      const [p, g, m, v] = [0, 0.1, -0.4, 0.2].map((low, i) => leaf(dtype, 10 * k + i, low));
      const c: AdamCoefficients = { ...shared, c1: s(0.1 * k), c2: s(0.02 * k) };
      const [u, mu, nu] = step(g, m, v, c);
      outputs.push(e.add(p, e.mul(e.add(u, e.mul(s(0.01), p)), s(-0.05))), mu, nu);
      leaves.push(p, g, m, v);
    }
    const all = [...outputs];
    let y = outputs.map((o) => sum(e.square(o), [0], false)).reduce((a, b) => e.add(a, b));
    for (let order = 1; order <= 3; order++) {
      const { cotangents } = sweep([y], [constantNode(1, dtype)], new Set(leaves));
      const grads = leaves.map((x) => cotangents.get(x)).filter((g) => g !== undefined);
      all.push(...grads);
      y = grads.map((g) => sum(e.square(g), [0], false)).reduce((a, b) => e.add(a, b));
    }
    return all;
  });
}

for (const [dtype, tolerance] of [["float64", 1e-11], ["float32", 1e-3]] as const) {
  testWith(kernels, `FusedAdam agrees with its fallback to order 3 in ${dtype}`, () => {
    const nodes = results(dtype, adamStep);
    const { summary } = lower(walk(nodes), nodes, [], targetOf("cpu", true));
    assert(summary.some((s) => s.startsWith("adamMany")), summary.join("\n"));
    const fused = evaluate(nodes, true), plain = evaluate(results(dtype, adamFallback), false);
    nodes.forEach((_, k) => {
      let scale = 0;
      for (const v of plain[k]) scale = Math.max(scale, Math.abs(Number(v)));
      for (let i = 0; i < N; i++) {
        const a = Number(fused[k][i]), b = Number(plain[k][i]);
        assert(Math.abs(a - b) <= tolerance * scale, `value ${k}, element ${i}: ${a} and ${b}`);
      }
    });
  });
}

/** Updates of two tensors by one Adam, with the kernel or without, and what `use` makes of them. */
function twoUpdates(accelerated: boolean, use: (p: Tensor[], u: Tensor[]) => Tensor[]): number[] {
  const { scaleByAcceleratedAdam, scaleByAdam } = transform;
  const scale = accelerated ? scaleByAcceleratedAdam() : scaleByAdam();
  const run = compile((p: Tensor[]) => {
    const grads = [p[0].mul(0.5), p[1].mul(-0.5)];
    const [updates] = scale.update(grads, scale.init(p), { params: p, inplace: false });
    return use(p, updates as Tensor[]);
  });
  return run([full([N], 1), full([N], 2)]).map((x) => x.data()[7] as number);
}

Deno.test("FusedAdam keeps the rates of tensors apart, where they are subtracted", () => {
  const use = ([p, q]: Tensor[], [u, v]: Tensor[]) => [p.sub(u.mul(0.3)), q.sub(v.mul(0.7))];
  assertEquals(twoUpdates(true, use), twoUpdates(false, use));
});

Deno.test("FusedAdam applies several updates to one parameter one after the other", () => {
  const use = ([p]: Tensor[], [u, v]: Tensor[]) => [p.add(u.mul(0.5)).add(v.mul(0.5))];
  assertEquals(twoUpdates(true, use), twoUpdates(false, use));
  const scaled = ([p]: Tensor[], [u, v]: Tensor[]) => [p.sub(u.mul(0.5)).sub(v.mul(0.5))];
  assertEquals(twoUpdates(true, scaled), twoUpdates(false, scaled));
});
