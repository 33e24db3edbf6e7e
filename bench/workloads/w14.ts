/** W14: L-BFGS on the Rosenbrock function of 1 000 unknowns, until the gradient is below 1e-8. */

import { compile, solvers, type Tensor, tensor } from "@torchopt/torchopt";
import { report, time } from "./timing.ts";

const N = 1000;

function rosenbrock(x: Tensor): Tensor {
  const a = x.narrow(0, 0, N - 1), b = x.narrow(0, 1, N - 1);
  return b.sub(a.square()).square().mul(100).add(a.neg().add(1).square()).sum();
}

/** Runs W14. */
export function w14(): void {
  const data = Float64Array.from({ length: N }, (_, i) => i % 2 === 0 ? -1.2 : 1);
  const x0 = tensor(data, { shape: [N] });
  const run = compile((x0: Tensor) => {
    const { value, tensors } = solvers.minimize(rosenbrock, x0, {
      atol: 1e-8,
      maxiter: 20000,
      differentiate: "none",
    });
    return [value, tensors.objective, tensors.iterations, tensors.evaluations, tensors.residual];
  });
  const begin = performance.now(), [value, ...facts] = run(x0);
  const check = [value.mean().item(), facts[0].item()];
  const first = performance.now() - begin;
  const times = time(() => void run(x0)[0].data());
  report("w14_lbfgs_rosenbrock_1000", times, check, {
    first_call_ms: first,
    iterations: facts[1].item(),
    evaluations: facts[2].item(),
    gradient: facts[3].item(),
  });
}
