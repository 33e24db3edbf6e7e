/**
 * Steps of all optimizers, and a whole training step: `deno bench -A bench/optimizers_bench.ts`. The
 * table at the end gives memory traffic (parameters, gradients and moments, each read or written
 * once) in GB/s, and as a share of a plain copy in the same run.
 *
 * @module
 */

import {
  AdaDelta,
  AdaGrad,
  Adam,
  adam,
  AdaMax,
  AdamW,
  applyUpdates,
  autograd,
  compile,
  nn,
  type Optimizer,
  RAdam,
  realize,
  RMSProp,
  SGD,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";

const SIZE = 10_000_000;

/** Passes over memory of a parameter's size, and the optimizer. */
const steps: Record<string, [passes: number, make: (params: Tensor[]) => Optimizer]> = {
  "SGD": [3, (params) => new SGD(params, { lr: 1e-3 })],
  "SGD, momentum": [5, (params) => new SGD(params, { lr: 1e-3, momentum: 0.9 })],
  "AdaGrad": [5, (params) => new AdaGrad(params)],
  "RMSProp": [5, (params) => new RMSProp(params)],
  "RMSProp, centered": [7, (params) => new RMSProp(params, { centered: true })],
  "AdaDelta": [7, (params) => new AdaDelta(params)],
  "AdaMax": [7, (params) => new AdaMax(params)],
  "RAdam": [7, (params) => new RAdam(params)],
  "Adam": [7, (params) => new Adam(params)],
  "Adam, accelerated": [7, (params) => new Adam(params, { useAcceleratedOp: true })],
  "AdamW": [7, (params) => new AdamW(params)],
  "AdamW, accelerated": [7, (params) => new AdamW(params, { useAcceleratedOp: true })],
};

const best = new Map<string, number>();

/** Runs `fn` and notes its best time. */
function timed(name: string, fn: () => void): void {
  const start = performance.now();
  fn();
  best.set(name, Math.min(best.get(name) ?? Infinity, performance.now() - start));
}

const source = new Float32Array(SIZE).fill(1), target = new Float32Array(SIZE);
const options = { group: `one step, ${SIZE} floats`, n: 20, warmup: 3 };
Deno.bench("plain copy", { ...options, baseline: true }, () => {
  timed("plain copy", () => target.set(source));
});

// One set of buffers at a time: the memory of an optimizer is freed when the next one starts.
let current: { name: string; optimizer: Optimizer } | null = null;

function optimizerOf(name: string): Optimizer {
  if (current?.name !== name) {
    const value = new Float32Array(SIZE).fill(0.1), gradient = new Float32Array(SIZE).fill(0.01);
    const p = tensor(value, { requiresGrad: true });
    p.grad = tensor(gradient);
    current = { name, optimizer: steps[name][1]([p]) };
    current.optimizer.step();
  }
  return current.optimizer;
}

for (const name of Object.keys(steps)) {
  Deno.bench(name, options, () => {
    const optimizer = optimizerOf(name);
    timed(name, () => optimizer.step());
  });
}

// ---------------------------------------------------------------- a whole training step

const sizes = [784, 256, 128, 10];
const noise = (n: number, scale: number) =>
  Float32Array.from({ length: n }, (_, i) => Math.sin(1.3 * i) * scale);

function layers(): Tensor[] {
  return sizes.slice(1).flatMap((out, l) => [
    tensor(noise(out * sizes[l], 0.05), { shape: [sizes[l], out], requiresGrad: true }),
    tensor(noise(out, 0.1), { requiresGrad: true }),
  ]);
}

const x = tensor(noise(64 * 784, 1), { shape: [64, 784] });
const y = tensor(Array.from({ length: 64 }, (_, i) => i % 10), { dtype: "int64" });

function lossOf(params: readonly Tensor[]): Tensor {
  let h = x;
  for (let i = 0; i < params.length; i += 2) {
    h = h.matmul(params[i]).add(params[i + 1]);
    if (i < params.length - 2) h = h.relu();
  }
  return nn.functional.crossEntropy(h, y);
}

const training = {
  group: "training step of an MLP (784, 256, 128, 10), batch 64",
  n: 2000,
};

// Re-traced steps are TypeScript, which the engine compiles as it runs: while it does, about one
// step in fifty waits for a core. The first call, one that is not counted, runs until that is over.
function warmed(step: () => void): () => void {
  let cold = true;
  return () => {
    for (; cold; cold = false) for (let i = 0; i < 6000; i++) step();
    step();
  };
}

const functional = layers(), transformation = adam(), state = transformation.init(functional);
const functionalStep = compile(() => {
  const loss = lossOf(functional);
  const grads = autograd.grad(loss, functional);
  const [updates] = transformation.update(grads, state, { params: functional });
  applyUpdates(functional, updates);
  return loss;
});
Deno.bench(
  "functional adam, compiled",
  { ...training, baseline: true },
  warmed(() => functionalStep().item()),
);

const classic = layers(), optimizer = new Adam(classic);
Deno.bench(
  "Adam: backward() and step()",
  training,
  warmed(() => {
    optimizer.zeroGrad();
    const loss = lossOf(classic);
    loss.backward();
    optimizer.step();
    loss.item();
  }),
);

const compiled = layers(), inner = new Adam(compiled);
const classicStep = compile(() => {
  inner.zeroGrad();
  const loss = lossOf(compiled);
  loss.backward();
  inner.step();
  return loss;
});
Deno.bench("Adam: backward() and step(), compiled", training, warmed(() => classicStep().item()));

realize(x);
globalThis.addEventListener("unload", () => {
  const copy = 2 * 4 * SIZE / best.get("plain copy")! / 1e6;
  console.log(`\nplain copy: ${copy.toFixed(1)} GB/s`);
  for (const [name, [passes]] of Object.entries(steps)) {
    const ms = best.get(name);
    if (ms === undefined) continue;
    const rate = passes * 4 * SIZE / ms / 1e6;
    const share = (100 * rate / copy).toFixed(0);
    console.log(
      `${name.padEnd(20)} ${ms.toFixed(1).padStart(7)} ms ${rate.toFixed(1).padStart(6)} GB/s ${
        share.padStart(4)
      } % of a copy`,
    );
  }
});
