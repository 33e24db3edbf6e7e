/** Approximate hypergradients: each is what its formula says, and tends to the exact one. */

import { assert, assertThrows } from "@std/assert";
import { diff, func, randn, type Tensor, tensor } from "@torchopt/torchopt";
import { assertClose } from "../../helpers/close.ts";
import "../../helpers/seed.ts";

const { exact, truncatedCg, neumann, oneStep, identity, customRoot } = diff.implicit;
const f64 = { dtype: "float64" } as const;
const half = randn([4, 4], f64),
  eye = tensor([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], f64);
const H = half.matmul(half.t()).div(8).add(eye.mul(0.4)),
  B = randn([4, 3], f64),
  w = randn([4], f64);

/** The gradient of w . x(a), where H x = B a: B^T S w, with S for the inverse. */
function gradient(solve: diff.implicit.CustomRootOptions["solve"]): Tensor {
  const F = (x: Tensor, a: Tensor) => H.matmul(x).sub(B.matmul(a));
  const solver = customRoot(F, { argnums: 1, solve })((_: Tensor, a: Tensor) =>
    H.inverse().matmul(B.matmul(a))
  );
  return func.grad((a: Tensor) => solver(w, a).dot(w))(tensor([1, 2, 3], f64));
}

Deno.test("approximations of the inverse are those of their formulas", () => {
  const by = (S: Tensor) => B.t().matmul(S.matmul(w)), step = eye.sub(H.mul(0.5));
  assertClose(gradient(exact()), by(H.inverse()), 1e-10);
  assertClose(gradient(identity()), by(eye), 1e-12);
  assertClose(gradient(oneStep(0.3)), by(eye.mul(0.3)), 1e-12);
  assertClose(gradient(neumann(0, 0.5)), by(eye.mul(0.5)), 1e-12);
  assertClose(
    gradient(neumann(2, 0.5)),
    by(eye.add(step).add(step.matmul(step)).mul(0.5)),
    1e-12,
  );
  assertClose(
    gradient(truncatedCg(1)),
    by(eye.mul(w.dot(w).div(w.dot(H.matmul(w))))),
    1e-12,
  );
});

Deno.test("approximations tend to the exact gradient", () => {
  const want = gradient(exact());
  const error = (solve: ReturnType<typeof exact>) => gradient(solve).sub(want).norm().item();
  assert(error(truncatedCg(3)) < error(truncatedCg(1)));
  assert(error(truncatedCg(4)) < 1e-9);
  assert(error(neumann(20, 0.5)) < error(neumann(3, 0.5)));
  assert(error(neumann(300, 0.5)) < 1e-9);
});

Deno.test("approximations say what is wrong with their arguments", () => {
  assertThrows(() => truncatedCg(0), RangeError, "truncatedCg: iterations is 0");
  assertThrows(() => neumann(-1), RangeError, "neumann: terms is -1");
  assertThrows(() => oneStep("a" as never), TypeError, 'oneStep: lr is "a"');
});
