/**
 * One step of Adam on a single large tensor, against a copy of as many bytes on the same device. Prints a
 * JSON line: `deno run -A scripts/gpu/adam.ts [N]`.
 *
 * @module
 */

import { adam, applyUpdates, compile, type Device, memory, type Tensor, zeros } from "../../mod.ts";

const n = Number(Deno.args[0] ?? 1e8);
const device = (Deno.env.get("TORCHOPT_CHECK_DEVICE") ?? "cuda") as Device;
/** Tensors that a step of Adam reads or writes: parameter, both moments, gradient; and those written. */
const ADAM_PASSES = 7, COPY_PASSES = 2;

/** Milliseconds of one call, by runs that end with a value read. */
function time(call: () => void, read: () => unknown, runs = 10): number {
  call();
  call();
  read();
  const begin = performance.now();
  for (let i = 0; i < runs; i++) call();
  read();
  return (performance.now() - begin) / runs;
}

const first = compile((x: Tensor) => x.narrow(0, 0, 1).sum());
const x = zeros([n], { device }), y = zeros([n], { device });
const copy = compile((from: Tensor) => {
  y.copy_(from.add(1));
});
const copied = time(() => copy(x), () => first(y).item());

const params = [x], gradients = [y];
const optimizer = adam({ lr: 1e-3, useAcceleratedOp: true }), state = optimizer.init(params);
const step = compile((gs: Tensor[]) => {
  const [updates] = optimizer.update(gs, state, { params });
  applyUpdates(params, updates);
});
const took = time(() => step(gradients), () => first(params[0]).item());
const bandwidth = (ms: number, passes: number) => passes * 4 * n / ms / 1e6;
console.log(JSON.stringify({
  n,
  copy_ms: copied,
  copy_gb_s: bandwidth(copied, COPY_PASSES),
  adam_ms: took,
  adam_gb_s: bandwidth(took, ADAM_PASSES),
  share_of_copy: bandwidth(took, ADAM_PASSES) / bandwidth(copied, COPY_PASSES),
  memory: memory().devices,
}));
