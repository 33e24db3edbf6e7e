/** W7: an antithetic zero-order gradient of a perceptron's loss, from stored noise. */

import { autograd, compile, diff, nn, type Tensor, tensor } from "@torchopt/torchopt";
import { mlp, normal, sym } from "./data.ts";
import { norm, parameters, perceptron } from "./meta.ts";
import { report, time } from "./timing.ts";

const ROWS = 64, COLUMNS = 32, SAMPLES = 64, SIGMA = 0.1;

/** One iteration of W7: the loss and its estimated gradient. */
export function evolution(): () => { loss: Tensor; grads: Tensor[] } {
  const params = parameters(mlp([COLUMNS, 64, 1], 710, 3));
  const x = sym([ROWS, COLUMNS], 700, 1), a = sym([COLUMNS], 702, 1);
  const y = Float32Array.from({ length: ROWS }, (_, i) => {
    let dot = 0;
    for (let j = 0; j < COLUMNS; j++) dot += x[i * COLUMNS + j] * a[j];
    return Math.sin(dot);
  });
  const noise = params.map(({ shape }, j) =>
    tensor(normal([SAMPLES, ...shape], 720 + j), { shape: [SAMPLES, ...shape] })
  );
  // Drawn by leaf; all samples of a leaf lie in memory.
  let next = 0;
  const stored: diff.Samplable = {
    sample: () => {
      throw new Error("samples come all at once");
    },
    sampleBatch: () => noise[next++ % noise.length],
  };
  const loss = diff.zeroOrder(stored, {
    method: "antithetic",
    numSamples: SAMPLES,
    sigma: SIGMA,
  })((p: Tensor[], x: Tensor, y: Tensor) =>
    nn.functional.mseLoss(perceptron(p, x, nn.functional.tanh), y)
  );
  const run = compile((p: Tensor[], x: Tensor, y: Tensor) => {
    const value = loss(p, x, y);
    return { loss: value, grads: autograd.grad(value, p) as Tensor[] };
  });
  const inputs = tensor(x, { shape: [ROWS, COLUMNS] }), targets = tensor(y, { shape: [ROWS, 1] });
  return () => run(params, inputs, targets);
}

/** Runs W7. */
export function w7(): void {
  const iterate = evolution();
  const begin = performance.now();
  const { loss, grads } = iterate();
  const check = [loss.item(), norm(grads)];
  const first = performance.now() - begin;
  const times = time(() => void iterate().grads[0].data());
  report("w7_es_zero_order", times, check, { first_call_ms: first });
}
