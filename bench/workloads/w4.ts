/** W4: MAML of a convolutional network. */

import { adam, applyUpdates, autograd, compile, nn, type Tensor, tensor } from "@torchopt/torchopt";
import { type Array32, sym, uniform } from "./data.ts";
import { descend, norm, parameters } from "./meta.ts";
import { report, time } from "./timing.ts";

const CLASSES = 5, PIXELS = 28 * 28, CHANNELS = 64, BLOCKS = 4, INNER_STEPS = 5, INNER_LR = 0.01;

interface Images {
  x: Tensor;
  y: Tensor;
}

/** Images that mix a pattern of their class with noise of their own. */
function images(count: number, stream: number): Images {
  const pattern = uniform(CLASSES * PIXELS, 400), own = uniform(count * PIXELS, stream);
  const x = own.map((u, i) => {
    const label = Math.floor(i / PIXELS) % CLASSES;
    return 0.5 * pattern[label * PIXELS + i % PIXELS] + 0.5 * u;
  });
  return {
    x: tensor(Float32Array.from(x), { shape: [count, 1, 28, 28] }),
    y: tensor(Array.from({ length: count }, (_, i) => i % CLASSES), { dtype: "int64" }),
  };
}

function convParameters(): Tensor[] {
  const arrays: Array32[] = [];
  const ones = { shape: [CHANNELS], data: new Float32Array(CHANNELS).fill(1) };
  const zeros = { shape: [CHANNELS], data: new Float32Array(CHANNELS) };
  for (let l = 0; l < BLOCKS; l++) {
    const shape = [CHANNELS, l === 0 ? 1 : CHANNELS, 3, 3];
    arrays.push(
      { shape, data: sym(shape, 410 + 4 * l, Math.sqrt(6 / (9 * shape[1]))) },
      { shape: [CHANNELS], data: sym([CHANNELS], 411 + 4 * l, 0.1) },
      ones,
      zeros,
    );
  }
  const shape = [CLASSES, CHANNELS];
  arrays.push(
    { shape, data: sym(shape, 430, Math.sqrt(3 / CHANNELS)) },
    { shape: [CLASSES], data: sym([CLASSES], 431, 0.1) },
  );
  return parameters(arrays);
}

function logits(params: readonly Tensor[], x: Tensor): Tensor {
  const { batchNorm, conv2d, linear, maxPool2d } = nn.functional;
  for (let l = 0; l < BLOCKS; l++) {
    const [w, b, weight, bias] = params.slice(4 * l, 4 * l + 4);
    x = conv2d(x, w, b, { padding: 1 });
    x = maxPool2d(batchNorm(x, null, null, { weight, bias, training: true }).relu(), 2);
  }
  return linear(x.flatten(1), params[4 * BLOCKS], params[4 * BLOCKS + 1]);
}

/** One iteration of W4. */
export function mamlConv(): () => { first: Tensor; loss: Tensor; grads: Tensor[] } {
  const params = convParameters();
  const support = images(5, 401), query = images(15, 402);
  const optimizer = adam({ lr: 1e-3, useAcceleratedOp: true });
  const state = optimizer.init(params);
  const run = compile((support: Images, query: Images) => {
    const losses = (p: readonly Tensor[], { x, y }: Images) =>
      nn.functional.crossEntropy(logits(p, x), y);
    let adapted: Tensor[] = params;
    let first: Tensor | null = null;
    for (let k = 0; k < INNER_STEPS; k++) {
      const loss = losses(adapted, support);
      first ??= loss;
      adapted = descend(adapted, loss, INNER_LR);
    }
    const loss = losses(adapted, query);
    const grads = autograd.grad(loss, params) as Tensor[];
    const [updates] = optimizer.update(grads, state, { params });
    applyUpdates(params, updates);
    return { first: first!, loss, grads };
  });
  return () => run(support, query);
}

/** Runs iterations 1 to 4; returns the check and the time of the first. */
export function checkConv(
  iterate: ReturnType<typeof mamlConv>,
): { check: number[]; first: number } {
  const begin = performance.now();
  const { first, loss, grads } = iterate();
  const check = [first.item(), loss.item(), norm(grads)];
  const firstCall = performance.now() - begin;
  for (let i = 0; i < 2; i++) iterate();
  check.push(iterate().loss.item());
  return { check, first: firstCall };
}

/** Runs W4. */
export function w4(): void {
  const iterate = mamlConv();
  const { check, first } = checkConv(iterate);
  const times = time(() => void iterate().loss.item());
  report("w4_maml_conv", times, check, { first_call_ms: first });
}
