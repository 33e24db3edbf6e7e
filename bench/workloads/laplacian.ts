/** Conjugate gradients on the 5-point Laplacian of a square grid, a fixed number of iterations. */

import { explain, linalg, type Tensor, tensor } from "@torchopt/torchopt";
import { report, time } from "./timing.ts";

/** `4 x` minus the neighbours of each point of a grid, with zeros around. */
export function laplacian(x: Tensor): Tensor {
  const [n] = x.shape, wide = x.pad([1, 1, 1, 1]);
  const at = (i: number, j: number) => wide.slice([[i, i + n], [j, j + n]]);
  return x.mul(4).sub(at(0, 1)).sub(at(2, 1)).sub(at(1, 0)).sub(at(1, 2));
}

/** Runs `iterations` of CG on a grid of `side` points squared. */
export function cgLaplacian(side: number, iterations: number): void {
  const data = Float64Array.from({ length: side * side }, (_, i) => Math.sin(i + 1));
  const b = tensor(data, { shape: [side, side] });
  const run = () => linalg.cgSolution(laplacian, b, null, { rtol: 0, maxiter: iterations });
  const found = run(), check = [found.value.norm().item(), found.residual];
  if (Deno.env.get("BENCH_EXPLAIN") === "1") console.log(String(explain(run().value)));
  const times = time(() => void run().value.norm().item());
  report(`cg_laplacian_${side}x${side}`, times, check, { iterations });
}
