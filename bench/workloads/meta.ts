/**
 * What the meta-learning workloads share.
 *
 * @module
 */

import { autograd, nn, type Tensor, tensor } from "@torchopt/torchopt";
import type { Array32 } from "./data.ts";

/** How the tasks of a meta-batch are written: one after another, or all at once. */
export type Form = "loop" | "vmap";

/** Tensors that a gradient is asked for. */
export function parameters(arrays: readonly Array32[]): Tensor[] {
  return arrays.map((a) => tensor(a.data, { shape: a.shape, requiresGrad: true }));
}

/** A multi-layer perceptron with the parameters W1, b1, W2, b2, … */
export function perceptron(
  params: readonly Tensor[],
  x: Tensor,
  activation: (x: Tensor) => Tensor,
): Tensor {
  const layers = params.length / 2;
  for (let l = 0; l < layers; l++) {
    x = nn.functional.linear(x, params[2 * l], params[2 * l + 1]);
    if (l < layers - 1) x = activation(x);
  }
  return x;
}

/** Parameters after one step of gradient descent, as part of the graph. */
export function descend(params: readonly Tensor[], loss: Tensor, lr: number): Tensor[] {
  const grads = autograd.grad(loss, params, { createGraph: true });
  return params.map((p, i) => p.sub(grads[i]!.mul(lr)));
}

/** Euclidean norm over several tensors. */
export function norm(tensors: readonly Tensor[]): number {
  let sum = 0;
  for (const t of tensors) for (const v of t.data() as Float32Array) sum += v * v;
  return Math.sqrt(sum);
}
