/** A long unrolled inner loop, kept or recomputed: what `checkpoint()` saves and costs. */

import { autograd, checkpoint, compile, nn, type Tensor, tensor } from "@torchopt/torchopt";
import { mlp, sym } from "./data.ts";
import { descend, norm, parameters, perceptron } from "./meta.ts";

const STEPS = 50, BATCH = 4096, INNER_LR = 0.1;

/** One iteration: 50 inner steps on a batch of 4096, and the gradients of the loss after them. */
export function unrolled(recompute: boolean): () => { loss: Tensor; grads: Tensor[] } {
  const params = parameters(mlp([64, 128, 128, 1], 1210, 3));
  const x = tensor(sym([BATCH, 64], 1200, 1), { shape: [BATCH, 64] });
  const y = tensor(sym([BATCH, 1], 1201, 1), { shape: [BATCH, 1] });
  const lossOf = (p: readonly Tensor[]) =>
    nn.functional.mseLoss(perceptron(p, x, (h) => h.tanh()), y);
  const inner = (p: readonly Tensor[]) => descend(p, lossOf(p), INNER_LR);
  const step = recompute ? checkpoint(inner) : inner;
  return compile(() => {
    let p: readonly Tensor[] = params;
    for (let k = 0; k < STEPS; k++) p = step(p);
    const loss = lossOf(p);
    return { loss, grads: autograd.grad(loss, params) as Tensor[] };
  });
}

/** Loss and norm of the gradient. */
export function checkUnrolled({ loss, grads }: { loss: Tensor; grads: Tensor[] }): number[] {
  return [loss.item(), norm(grads)];
}
