/** What implicit differentiation refuses, in which words. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  autograd,
  diff,
  GradientError,
  linearSolve,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import "../../helpers/seed.ts";

const { customRoot, customFixedPoint } = diff.implicit;
const f64 = { dtype: "float64" } as const;
const x0 = tensor([1, 1], f64);

/** What `console.warn` is given while `fn` runs. */
function warnings(fn: () => void): string[] {
  const found: string[] = [], before = console.warn;
  console.warn = (text: string) => void found.push(text);
  try {
    fn();
  } finally {
    console.warn = before;
  }
  return found;
}

Deno.test("customRoot() says what is wrong with its arguments", () => {
  const F = (x: Tensor, a: Tensor) => x.sub(a), S = (_: Tensor, a: Tensor) => a;
  const a = tensor([1, 2], { ...f64, requiresGrad: true });
  // deno-lint-ignore no-explicit-any
  const wrong: [() => any, string][] = [
    [
      () => customRoot(F, { argnums: 0 }),
      "customRoot: argnums is 0, wants whole numbers from 1 on",
    ],
    [() => customRoot(F, { argnums: [] }), "customRoot: argnums is empty"],
    [() => customRoot(F, {} as never), "customRoot: argnums is undefined"],
    [() => customRoot(F, { argnums: 1, solver: 1 } as never), "there is no option solver"],
    [() => customRoot(3 as never, { argnums: 1 }), "customRoot: the argument is 3"],
    [() => customRoot(F, { argnums: 1, solve: 3 as never }), "customRoot: solve is 3"],
    [() => customRoot(F, { argnums: 1 })(3 as never), "customRoot: the solver is 3"],
    [
      () => customRoot(F, { argnums: 1 })(() => Promise.resolve(a))(x0, a),
      "customRoot: what the solver returned is an empty object",
    ],
    [() => customRoot(F, { argnums: 2 })(S)(x0, a), "argnums 2 is out of range for 2 argument(s)"],
    [() => customRoot(F, { argnums: 1, hasAux: true })(S)(x0, a), "must return [solution, aux]"],
    [
      () => customRoot(() => x0.sum(), { argnums: 1 })(S)(x0, a),
      "customRoot: the residual has shape [], that of the solution is [2]",
    ],
    [
      () => customRoot((x: Tensor) => ({ x }), { argnums: 1 })(S)(x0, a),
      "customRoot: the residual is an object with x, wants a tensor",
    ],
    [
      () =>
        customRoot(([x]: Tensor[]) => x, { argnums: 1 })((_: unknown, a: Tensor) => [a])([x0], a),
      "customRoot: the residual has another structure than the solution",
    ],
    [
      () => customFixedPoint(() => x0.sum().item(), { argnums: 1 })(S)(x0, a),
      "",
    ],
  ];
  for (const [call, message] of wrong) assertThrows(call, Error, message);
});

Deno.test("customRoot() says that the linear solve failed", () => {
  // The Jacobian of the first is singular, that of the second indefinite with an unlucky gradient.
  const a = tensor([4, 0], { ...f64, requiresGrad: true });
  const gradientOf = (F: (x: Tensor, a: Tensor) => Tensor, solve?: linearSolve.LinearSolver) => {
    const solver = customRoot(F, { argnums: 1, solve });
    return () => autograd.grad(solver(() => a.detach())(x0, a).select(0, 0), [a])[0]!.data();
  };
  const flat = (x: Tensor, a: Tensor) => x.sub(a).mul(tensor([0, 1], f64));
  const swap = (x: Tensor, a: Tensor) => x.sub(a).flip([0]);
  assertThrows(gradientOf(flat), GradientError, 'ended with status "stagnated"');
  assertThrows(gradientOf(swap, linearSolve.solveCg()), GradientError, "add a ridge");
  assertThrows(gradientOf(flat, linearSolve.solveInv()), GradientError, 'status "not finite"');
  const slow = (x: Tensor, a: Tensor) => x.sub(a).mul(tensor([1, 1e9], f64)).cumsum(0);
  const short = linearSolve.solveCg({ maxiter: 1, rtol: 1e-12 });
  gradientOf(slow, short)();
  const strict = customRoot(slow, { argnums: 1, solve: short, strict: true });
  assertThrows(
    () => autograd.grad(strict(() => a.detach())(x0, a).sum(), [a]),
    GradientError,
    'customRoot: the linear solve for the derivative ended with status "maxiter" after 1 iteration(s)',
  );
});

Deno.test("customRoot() warns once of a solution that is none, or refuses it", () => {
  const F = (x: Tensor, a: Tensor) => x.sub(a), a = tensor([3, 4], { ...f64, requiresGrad: true });
  const solver = (x: Tensor) => x.mul(0);
  const loose = customRoot(F, { argnums: 1 })(solver);
  const found = warnings(() => {
    loose(x0, a);
    loose(x0, a);
  });
  assertEquals(found.length, 1);
  assert(found[0].startsWith("customRoot: the residual at the solution has norm 5.00"), found[0]);
  const strict = customRoot(F, { argnums: 1, strict: true })(solver);
  assertThrows(() => strict(x0, a), GradientError, "norm 5.00, which is far from 0");
  assertThrows(() => strict(x0, a), GradientError, "norm 5.00, which is far from 0");
  assertEquals(warnings(() => void customRoot(F, { argnums: 1 })(() => a)(x0, a)), []);
});
