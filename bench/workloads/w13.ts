/** W13: a deep-equilibrium layer, the fixed point of a cell of 64 units for a batch of 64, and its gradient. */

import {
  compile,
  func,
  linearSolve,
  solvers,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import { sym } from "./data.ts";
import { norm } from "./meta.ts";
import { report, time } from "./timing.ts";

const UNITS = 64, BATCH = 64, FEATURES = 32;

/** Runs W13. */
export function w13(): void {
  const array = (shape: number[], stream: number, a: number) =>
    tensor(sym(shape, stream, a), { shape });
  const params = [
    array([UNITS, UNITS], 1300, 0.075),
    array([UNITS, FEATURES], 1301, 0.2),
    array([UNITS], 1302, 0.1),
    array([1, UNITS], 1303, 0.2),
  ];
  const x = array([BATCH, FEATURES], 1304, 1), y = array([BATCH, 1], 1305, 1);
  const solve = linearSolve.solveBicgstab({ rtol: 1e-6 });
  const loss = ([w, u, b, v]: Tensor[]): [Tensor, Tensor] => {
    const input = x.matmul(u.t()).add(b), across = w.t();
    const { value } = solvers.fixedPoint(
      (z: Tensor) => z.matmul(across).add(input).tanh(),
      zeros([BATCH, UNITS]),
      { method: solvers.picard(), solve, atol: 1e-6, rtol: 0, maxiter: 100 },
    );
    return [value.matmul(v.t()).sub(y).square().mean(), value.square().mean()];
  };
  const run = compile((params: Tensor[]) => func.valueAndGrad(loss, { hasAux: true })(params));
  const begin = performance.now(), [[value, size], grads] = run(params);
  const check = [value.item(), size.item(), norm(grads as Tensor[])];
  const first = performance.now() - begin;
  const times = time(() => void run(params)[0][0].item());
  report("w13_deq", times, check, { first_call_ms: first });
}
