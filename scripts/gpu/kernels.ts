/**
 * A few steps that run every kernel of this library once and check one value of each: what
 * compute-sanitizer watches. `deno run -A scripts/gpu/kernels.ts`
 *
 * @module
 */

import {
  adam,
  applyUpdates,
  compile,
  type Device,
  func,
  linalg,
  setDefaultDevice,
} from "../../mod.ts";
import { type Tensor, tensor } from "../../mod.ts";

setDefaultDevice((Deno.env.get("TORCHOPT_CHECK_DEVICE") ?? "cuda") as Device);

const matrix = tensor([[4, 1, 0], [1, 3, 1], [0, 1, 2]]);
const checks: Record<string, () => number> = {
  adam() {
    const params = [tensor(new Float32Array(70_001).fill(1))],
      gs = [tensor(new Float32Array(70_001).fill(2))];
    const optimizer = adam({ lr: 0.1, useAcceleratedOp: true }), state = optimizer.init(params);
    const step = compile((g: Tensor[]) =>
      applyUpdates(params, optimizer.update(g, state, { params })[0])
    );
    for (let i = 0; i < 3; i++) step(gs);
    return params[0].mean().item() as number - 0.7;
  },
  elementwise() {
    const x = tensor(new Float32Array(5003).fill(0.5));
    const f = compile((v: Tensor) => v.mul(2).tanh().exp().add(v.square()).sum());
    for (let i = 0; i < 3; i++) f(x);
    return (f(x).item() as number) / 5003 - (Math.exp(Math.tanh(1)) + 0.25);
  },
  loop() {
    const x = tensor([1, 2, 3]);
    const f = compile((v: Tensor) => func.foriLoop(0, 10, (_i, c: Tensor) => c.mul(0.5), v));
    return (f(x).sum().item() as number) - 6 / 1024;
  },
  // The squares of a factor's elements add up to the trace.
  cholesky: () => (linalg.cholesky(matrix).square().sum().item() as number) - 9,
  solve: () => (linalg.solve(matrix, tensor([[5], [5], [3]])).sum().item() as number) - 3,
};
let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    const off = check(), ok = Math.abs(off) < 1e-4;
    if (!ok) failed++;
    console.log(JSON.stringify({ kernel: name, ok, off }));
  } catch (error) {
    failed++;
    console.log(JSON.stringify({ kernel: name, ok: false, error: (error as Error).message }));
  }
}
if (failed > 0) Deno.exit(1);
