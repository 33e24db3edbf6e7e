/** Derivatives of what solvers did not solve. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  autograd,
  compile,
  func,
  GradientError,
  solvers,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";

const f64 = { dtype: "float64" } as const;
const start = () => tensor(0.7, f64), shift = () => tensor(1, { ...f64, requiresGrad: true });
const { rootFind, fixedPoint, minimize, leastSquares } = solvers;

// None of them has a solution for a > 0, or comes near it in three iterations.
const unsolved: Record<string, (a: Tensor, strict: boolean) => { value: Tensor; status: string }> =
  {
    rootFind: (a, strict) => rootFind((x: Tensor) => x.square().add(a), start(), { strict }),
    fixedPoint: (a, strict) =>
      fixedPoint((x: Tensor) => x.mul(2).add(a), start(), {
        strict,
        method: solvers.picard(),
        maxiter: 3,
      }),
    minimize: (a, strict) =>
      minimize((x: Tensor) => x.mul(a).exp().add(x.square().mul(1e-3)), tensor(9, f64), {
        strict,
        method: solvers.gradientDescent(),
        maxiter: 1,
      }),
    leastSquares: (a, strict) =>
      leastSquares((x: Tensor) => x.mul(a).exp().sub(100), tensor(-3, f64), { strict, maxiter: 1 }),
  };

for (const [name, solve] of Object.entries(unsolved)) {
  Deno.test(`${name}(): a derivative without a solution is a warning, once, or an error`, () => {
    const said: string[] = [], { warn } = console;
    console.warn = (message: string) => void said.push(message);
    try {
      for (let i = 0; i < 2; i++) {
        const a = shift(), { value, status } = solve(a, false);
        assert(status !== "converged", status);
        autograd.grad(value, [a]);
      }
      assertEquals(said.length, 1, said.join());
      assert(
        /status "(maxiter|stagnated)" after .* residual of norm .*Said once/.test(said[0]),
        said[0],
      );
      const a = shift(), { value } = solve(a, true);
      assertThrows(() => autograd.grad(value, [a]), GradientError, `${name}: it ended with status`);
      // Nobody can look inside of traces.
      compile((a: Tensor) => func.grad((a: Tensor) => solve(a, true).value)(a))(tensor(1, f64))
        .item();
      assertEquals(said.length, 1);
    } finally {
      console.warn = warn;
    }
  });
}

Deno.test("strict lets solutions pass, and takes true and false only", () => {
  const a = tensor(9, { ...f64, requiresGrad: true });
  const root = (strict: boolean) =>
    rootFind((x: Tensor) => x.square().sub(a), tensor(1, f64), { strict }).value;
  assert(Math.abs(autograd.grad(root(true), [a])[0]!.item() - 1 / 6) < 1e-12);
  assertThrows(() => root(1 as never), TypeError, "rootFind: strict: got 1, wants true or false");
});
