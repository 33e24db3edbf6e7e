/**
 * W1: one Adam step with given gradients.
 *
 * @module
 */

import { adam, applyUpdates, compile, type Tensor, tensor } from "@torchopt/torchopt";
import { type Array32, resnet18, sym } from "./data.ts";
import { report, time } from "./timing.ts";

function data(variant: "a" | "b" | "c"): { params: Array32[]; grads: Array32[] } {
  if (variant === "c") {
    const shapes = resnet18();
    return {
      params: shapes.map((shape, j) => ({ shape, data: sym(shape, 1100 + 2 * j, 0.1) })),
      grads: shapes.map((shape, j) => ({ shape, data: sym(shape, 1101 + 2 * j, 0.01) })),
    };
  }
  const shape = [variant === "a" ? 1_000_000 : 10_000_000];
  return {
    params: [{ shape, data: sym(shape, 100, 0.1) }],
    grads: [{ shape, data: sym(shape, 101, 0.01) }],
  };
}

/** Runs W1. */
export function w1(variant: "a" | "b" | "c"): void {
  const { params: p0, grads: g0 } = data(variant);
  const make = (a: Array32) => tensor(a.data, { shape: a.shape });
  const params = p0.map(make), grads = g0.map(make);
  const optimizer = adam({ lr: 1e-3, useAcceleratedOp: true });
  const state = optimizer.init(params);
  const step = compile((gs: Tensor[]) => {
    const [updates] = optimizer.update(gs, state, { params });
    applyUpdates(params, updates);
  });
  for (const c of [1, -0.5, 2, 0.25, -1]) step(grads.map((g) => g.mul(c)));
  let moved = 0, sum = 0;
  params.forEach((p, j) => {
    const now = p.data() as Float32Array, before = p0[j].data;
    for (let i = 0; i < now.length; i++) {
      moved += (now[i] - before[i]) ** 2;
      sum += now[i];
    }
  });
  report(`w1${variant}_adam_step`, time(() => step(grads)), [Math.sqrt(moved), sum]);
}
