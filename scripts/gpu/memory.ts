/**
 * Memory over many steps of training: `deno run -A scripts/gpu/memory.ts [STEPS]`. Prints a JSON line
 * for each tenth of them with what the device and the process hold, and exits with 1 where the device's grows.
 *
 * @module
 */

import { Adam, compile, memory, nn, setDefaultDevice, type Tensor, tensor } from "../../mod.ts";
import type { Device } from "../../mod.ts";

const steps = Number(Deno.args[0] ?? 10_000);
setDefaultDevice((Deno.env.get("TORCHOPT_CHECK_DEVICE") ?? "cuda") as Device);

const net = new nn.Sequential(new nn.Linear(32, 64), new nn.Tanh(), new nn.Linear(64, 1));
const optimizer = new Adam(net.parameters(), { lr: 1e-3 });
const batch = (seed: number): Tensor =>
  tensor(Float32Array.from({ length: 16 * 32 }, (_, i) => Math.sin(i * 0.7 + seed)), {
    shape: [16, 32],
  });
const step = compile((x: Tensor) => {
  const loss = (net.forward(x) as Tensor).square().mean();
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();
  return loss;
});
const seen: { step: number; device: number; resident: number }[] = [];
const begin = performance.now();
let loss = NaN;
for (let i = 0; i <= steps; i++) {
  const x = batch(i % 8), value = step(x);
  if (i % Math.max(1, Math.floor(steps / 10)) === 0) {
    loss = value.item() as number;
    const used = Object.values(memory().devices).map(({ usedBytes }) => usedBytes);
    const device = used.reduce((a, b) => a + b, 0);
    seen.push({ step: i, device, resident: Deno.memoryUsage().rss });
    // Whoever ends this process has what there is so far.
    console.log(JSON.stringify(seen.at(-1)));
  }
  value.dispose();
  x.dispose();
}
const [early, late] = [seen[Math.min(2, seen.length - 1)], seen.at(-1)!];
const flat = late.device <= early.device * 1.05 + 65536;
const ms_per_step = (performance.now() - begin) / steps;
console.log(JSON.stringify({ steps, flat, loss, ms_per_step }));
if (!flat) Deno.exit(1);
