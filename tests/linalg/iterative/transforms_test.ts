/** Iterative solvers inside of vmap() and compile(), and through their iterations. */

import { assert, assertEquals } from "@std/assert";
import {
  compile,
  func,
  linalg,
  memory,
  randn,
  stack,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { assertClose } from "../../helpers/close.ts";
import "../../helpers/seed.ts";

const f64 = { dtype: "float64" } as const;
const half = randn([4, 3, 3], f64), eye = tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1]], f64);
const As = half.matmul(half.transpose(1, 2)).add(eye), bs = randn([4, 3], f64);
const { cg, gmres, bicgstab, minres, lsmr } = linalg;

const each = (f: (A: Tensor, b: Tensor) => Tensor) =>
  stack([0, 1, 2, 3].map((i) => f(As.select(0, i), bs.select(0, i))));

for (
  const [name, solver] of Object.entries({ cg, gmres, bicgstab, minres, lsmr: lsmr as typeof cg })
) {
  const solve = (A: Tensor, b: Tensor) => solver(A, b, null, { rtol: 1e-13 });
  const loss = (A: Tensor, b: Tensor) => solve(A, b).pow(3).sum();

  Deno.test(`vmap() of ${name}() equals a loop, with derivatives of both orders`, () => {
    assertClose(func.vmap(solve)(As, bs), each(solve), 1e-12);
    assertClose(func.vmap(func.grad(loss))(As, bs), each(func.grad(loss)), 1e-10);
    const product = (A: Tensor, b: Tensor) => func.hvp((A: Tensor) => loss(A, b), A, A)[1];
    assertClose(func.vmap(product)(As, bs), each(product), 1e-8);
    const shared = func.vmap(solve, { inAxes: [null, 0] })(As.select(0, 0), bs);
    assertClose(shared.select(0, 2), solve(As.select(0, 0), bs.select(0, 2)), 1e-12);
    const outer = func.grad((As: Tensor) => func.vmap(loss)(As, bs).sum())(As);
    assertClose(outer, each(func.grad(loss)), 1e-10);
  });

  Deno.test(`compile() of ${name}() equals a plain call, with its gradient`, () => {
    const both = (A: Tensor, b: Tensor) => [solve(A, b), func.grad(loss)(A, b)];
    const compiled = compile(both);
    for (const i of [0, 1]) {
      const A = As.select(0, i), b = bs.select(0, i);
      compiled(A, b).forEach((x, k) => assertClose(x, both(A, b)[k], 1e-10));
    }
  });
}

Deno.test("vmap() of cgSolution() gives the status of each example", () => {
  const all = tensor([[2, 0], [NaN, 1], [0, 0]], f64);
  const found = func.vmap((b: Tensor) => linalg.cgSolution((v: Tensor) => v.mul(2), b))(all);
  assertEquals(found.statuses, ["converged", "not finite", "converged"]);
  assertEquals(found.value.toArray(), [[1, 0], [NaN, NaN], [0, 0]]);
  assertEquals([...found.tensors.iterations.data()].map(Number), [1, 0, 0]);
});

Deno.test("solvers are differentiated through their iterations where that is asked for", () => {
  const A = As.select(0, 0), b = bs.select(0, 0);
  for (const [name, solver] of Object.entries({ cg, gmres, bicgstab, minres })) {
    const gradient = (differentiate: "implicit" | "unroll") =>
      func.grad((A: Tensor) =>
        // The gradient of the symmetric part, which is all that these methods see.
        solver(A.add(A.t()).div(2), b, null, { rtol: 1e-14, maxiter: 20, differentiate }).sum()
      )(A);
    assertClose(gradient("unroll"), gradient("implicit"), 1e-8, name);
  }
  // One iteration of CG is (b.b / b.Ab) b, and not the solution.
  const one = (b: Tensor) => cg(A, b, null, { maxiter: 1, rtol: 0, differentiate: "unroll" }).sum();
  const want = (b: Tensor) => b.mul(b.dot(b).div(b.dot(A.matmul(b)))).sum();
  assertClose(func.grad(one)(b), func.grad(want)(b), 1e-10);
});

Deno.test("a solve is one run, however many iterations it makes", () => {
  const n = 200,
    A = tensor(
      Array.from(
        { length: n },
        (_, i) =>
          Array.from({ length: n }, (_, j) => i === j ? 2.001 : Math.abs(i - j) === 1 ? -1 : 0),
      ),
      f64,
    );
  const found = linalg.cgSolution(A, randn([n], f64)), before = memory().runs;
  assertEquals(found.status, "converged");
  assert(found.iterations > 50);
  assertEquals(memory().runs - before, 1);
});
