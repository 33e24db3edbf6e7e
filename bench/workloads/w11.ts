/** W11: the gradient of a validation loss through many steps of SGD, in a loop of the graph. */

import { autograd, compile, func, nn, type Tensor } from "@torchopt/torchopt";
import { mlp } from "./data.ts";
import { descend, norm, parameters, perceptron } from "./meta.ts";
import { report, time } from "./timing.ts";
import { samples } from "./w5.ts";

/** Learning rate of the inner steps. */
const RATE = 0.01;

/** One iteration with `steps` inner steps on the network of W5: outer loss and its gradient. */
export function metaScan(steps: number): () => { loss: Tensor; params: Tensor[] } {
  const params = parameters(mlp([32, 64, 64, 1], 510, 3));
  const [x, y] = samples(500), [xVal, yVal] = samples(501);
  const { mseLoss, tanh } = nn.functional;
  const run = compile((theta: Tensor[], x: Tensor, y: Tensor) => {
    const step = (p: Tensor[]) => descend(p, mseLoss(perceptron(p, x, tanh), y), RATE);
    const last = func.foriLoop(0, steps, (_k, p) => step(p), theta, { checkpoint: "sqrt" });
    const loss = mseLoss(perceptron(last, xVal, tanh), yVal);
    return { loss, params: autograd.grad(loss, theta) as Tensor[] };
  });
  return () => run(params, x, y);
}

/** Outer loss and the norm of its gradient. */
export function checkScan({ loss, params }: { loss: Tensor; params: Tensor[] }): number[] {
  return [loss.item(), norm(params)];
}

/** Runs W11. */
export function w11(): void {
  const begin = performance.now(), iterate = metaScan(1000), check = checkScan(iterate());
  const first = performance.now() - begin;
  report("w11_meta_scan_k1000", time(() => void iterate().loss.item()), check, {
    first_call_ms: first,
  });
}
