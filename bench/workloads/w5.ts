/** W5: the gradient of a validation loss through unrolled Adam steps. */

import { adam, applyUpdates, autograd, compile, nn, type Tensor, tensor } from "@torchopt/torchopt";
import { mlp, sym } from "./data.ts";
import { norm, parameters, perceptron } from "./meta.ts";
import { report, time } from "./timing.ts";

const ROWS = 64, COLUMNS = 32;

/** Rows of the training or validation set, with targets from a fixed linear teacher. */
export function samples(stream: number): [Tensor, Tensor] {
  const x = sym([ROWS, COLUMNS], stream, 1), a = sym([COLUMNS], 502, 1);
  const y = new Float32Array(ROWS);
  for (let i = 0; i < ROWS; i++) {
    let dot = 0;
    for (let j = 0; j < COLUMNS; j++) dot += x[i * COLUMNS + j] * a[j];
    y[i] = Math.sin(dot);
  }
  return [tensor(x, { shape: [ROWS, COLUMNS] }), tensor(y, { shape: [ROWS, 1] })];
}

/** One iteration of W5 with `steps` inner steps: outer loss and its gradients. */
export function metaAdam(
  steps: number,
): () => { loss: Tensor; params: Tensor[]; weights: Tensor } {
  const params = parameters(mlp([COLUMNS, 64, 64, 1], 510, 3));
  const eta = tensor(sym([ROWS], 503, 0.1), { requiresGrad: true });
  const [x, y] = samples(500), [xVal, yVal] = samples(501);
  const { mseLoss, tanh } = nn.functional;
  const optimizer = adam({
    lr: 1e-2,
    epsRoot: 1e-8,
    momentRequiresGrad: true,
    useAcceleratedOp: true,
  });
  const run = compile((theta: Tensor[], eta: Tensor, x: Tensor, y: Tensor) => {
    let p = theta, state = optimizer.init(theta);
    const weights = eta.exp();
    for (let k = 0; k < steps; k++) {
      const errors = perceptron(p, x, tanh).sub(y).squeeze(1);
      const grads = autograd.grad(weights.mul(errors.square()).mean(), p, { createGraph: true });
      const [updates, next] = optimizer.update(grads, state, { params: p, inplace: false });
      p = applyUpdates(p, updates as Tensor[], { inplace: false });
      state = next;
    }
    const loss = mseLoss(perceptron(p, xVal, tanh), yVal);
    const grads = autograd.grad(loss, [...theta, eta]) as Tensor[];
    return { loss, params: grads.slice(0, -1), weights: grads[theta.length] };
  });
  return () => run(params, eta, x, y);
}

/** Runs an iteration; returns the check and the time it took. */
export function checkAdam(
  iterate: ReturnType<typeof metaAdam>,
): { check: number[]; first: number } {
  const begin = performance.now();
  const { loss, params, weights } = iterate();
  const check = [loss.item(), norm(params), norm([weights])];
  return { check, first: performance.now() - begin };
}

/** Runs W5. */
export function w5(): void {
  const iterate = metaAdam(10);
  const { check, first } = checkAdam(iterate);
  const times = time(() => void iterate().loss.item());
  report("w5_meta_adam_k10", times, check, { first_call_ms: first });
}
