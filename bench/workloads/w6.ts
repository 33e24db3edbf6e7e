/** W6: one task of iMAML, 20 inner steps and the implicit gradient by 10 iterations of CG. */

import { compile, diff, func, nn, type Tensor, tensor } from "@torchopt/torchopt";
import { mlp, sym } from "./data.ts";
import { norm, parameters, perceptron } from "./meta.ts";
import { report, time } from "./timing.ts";

const ROWS = 64, COLUMNS = 32, LAMBDA = 2, LR = 0.02, STEPS = 20, CG = 10;

/** Rows of the training or validation set, with targets from a fixed teacher. */
function samples(stream: number): [Tensor, Tensor] {
  const x = sym([ROWS, COLUMNS], stream, 1), a = sym([COLUMNS], 602, 1);
  const y = Float32Array.from({ length: ROWS }, (_, i) => {
    let dot = 0;
    for (let j = 0; j < COLUMNS; j++) dot += x[i * COLUMNS + j] * a[j];
    return Math.sin(dot);
  });
  return [tensor(x, { shape: [ROWS, COLUMNS] }), tensor(y, { shape: [ROWS, 1] })];
}

/** Runs W6. */
export function w6(): void {
  const theta = parameters(mlp([COLUMNS, 64, 1], 610, 3)).map((p) => p.detach());
  const [xs, ys] = samples(600), [xq, yq] = samples(601), { mseLoss, tanh } = nn.functional;
  const inner = (phi: Tensor[], theta: Tensor[]) =>
    mseLoss(perceptron(phi, xs, tanh), ys).add(
      phi.map((p, i) => p.sub(theta[i]).square().sum()).reduce((a, b) => a.add(b)).mul(LAMBDA / 2),
    );
  const slope = func.grad(inner);
  const solve = diff.implicit.customRoot(slope, {
    argnums: 1,
    solve: diff.implicit.truncatedCg(CG),
  })((phi: Tensor[], theta: Tensor[]) =>
    func.foriLoop(0, STEPS, (_, phi) => {
      const g = slope(phi, theta);
      return phi.map((p, i) => p.sub(g[i].mul(LR)));
    }, phi)
  );
  const outer = (theta: Tensor[]): [Tensor, Tensor] => {
    const phi = solve(theta, theta);
    return [mseLoss(perceptron(phi, xq, tanh), yq), inner(phi, theta)];
  };
  const run = compile((theta: Tensor[]) => func.valueAndGrad(outer, { hasAux: true })(theta));
  const begin = performance.now();
  const [[loss, last], grads] = run(theta);
  const check = [last.item(), loss.item(), norm(grads as Tensor[])];
  const first = performance.now() - begin;
  const times = time(() => void run(theta)[0][0].item());
  report("w6_imaml_cg", times, check, { first_call_ms: first });
}
