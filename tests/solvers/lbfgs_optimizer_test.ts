/** LBFGS with a closure: iterates of PyTorch 2.13, and what is refused. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { LBFGS, type LBFGSOptions, nn, type Tensor, tensor } from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";

const f64 = { dtype: "float64" } as const;

function rosenbrock(x: Tensor): Tensor {
  const [a, b] = x.unbind(0);
  return b.sub(a.square()).square().mul(100).add(a.neg().add(1).square());
}

/** The parameters after each of some steps. */
function iterates(options: LBFGSOptions, steps: number): { xs: number[][]; optimizer: LBFGS } {
  const x = tensor([-1.2, 1], { ...f64, requiresGrad: true }), optimizer = new LBFGS([x], options);
  const xs = Array.from({ length: steps }, () => {
    optimizer.step(() => {
      optimizer.zeroGrad();
      const loss = rosenbrock(x);
      loss.backward();
      return loss;
    });
    return x.toArray() as number[];
  });
  return { xs, optimizer };
}

Deno.test("LBFGS takes the steps of PyTorch", () => {
  const wolfe = { lineSearchFn: "strong_wolfe", maxEval: 100 } as const;
  const one = iterates({ ...wolfe, maxIter: 1 }, 3);
  const wants = [
    [-1.0245319303460325, 1.0716196202669255],
    [-1.0284565745562346, 1.068187455748677],
    [-1.0288795348319695, 1.0655029516848564],
  ];
  wants.forEach((want, i) => assertClose(one.xs[i], want, 1e-9));
  assertEquals(one.optimizer.evaluations, 7);
  const five = iterates({ ...wolfe, maxIter: 5, historySize: 10 }, 6);
  assertClose(five.xs[0], [-1.0203084803940978, 1.0352769866467468], 1e-9);
  assertClose(five.xs[3], [0.5135357050699878, 0.2563600040463876], 1e-6);
  assertClose(five.xs[5], [0.9733871330256391, 0.9489577550776093], 1e-6);
  assertEquals([five.optimizer.iterations, five.optimizer.evaluations], [30, 43]);
  const plain = iterates({ maxIter: 1, historySize: 5, lr: 0.0005 }, 3);
  assertClose(plain.xs[0], [-1.1996449275362318, 1.000144927536232], 1e-9);
  assertClose(plain.xs[2], [-1.1995046288950983, 1.0002108614863126], 1e-9);
  assertEquals(plain.optimizer.evaluations, 3);
});

Deno.test("LBFGS minimizes several parameters of float32, and returns the first loss", () => {
  const a = tensor([[1, 2]], { requiresGrad: true }), b = tensor(3, { requiresGrad: true });
  const optimizer = new LBFGS([a, b], { lineSearchFn: "strong_wolfe" });
  const loss = optimizer.step(() => {
    optimizer.zeroGrad();
    const loss = a.sub(4).square().sum().add(b.add(1).square());
    loss.backward();
    return loss;
  });
  assertEquals(loss.item(), 9 + 4 + 16);
  assertClose(a, [4, 4], 1e-4);
  assertClose(b, [-1], 1e-4);
});

Deno.test("LBFGS says what is wrong with its arguments", () => {
  const x = tensor([1], { requiresGrad: true });
  const wrong: [() => unknown, string][] = [
    [() => new LBFGS([]), "LBFGS: params is empty"],
    [() => new LBFGS([x.mul(2)]), "wants leaves that require a gradient"],
    [() => new LBFGS([x], { maxiter: 3 } as never), "LBFGS: there is no option maxiter"],
    [() => new LBFGS([x], { lr: 0 }), "LBFGS: lr is 0"],
    [() => new LBFGS([x], { lineSearchFn: "armijo" as never }), 'LBFGS: lineSearchFn is "armijo"'],
    [() => new LBFGS(3 as never), "LBFGS: params is 3"],
    [() => new LBFGS(new nn.Linear(1, 1) as never), "pass its parameters()"],
    [() => new LBFGS([x]).step(3 as never), "LBFGS.step: the closure is 3"],
    [() => new LBFGS([x]).step(() => 3 as never), "LBFGS.step: the closure returned 3"],
  ];
  for (const [call, message] of wrong) assertThrows(call, Error, message);
  assert(x.item() === 1);
});
