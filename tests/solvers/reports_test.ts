/** Reports of users of other libraries, each with its relatives. */

import { assert, assertEquals } from "@std/assert";
import { autograd, func, solvers, stack, type Tensor, tensor } from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import "../helpers/seed.ts";

const f64 = { dtype: "float64" } as const;

/** The root in [0, 1] of (a x^2 + b x) / (a + b) = y, by a method. */
function quadratic(method: solvers.RootMethod) {
  return (a: Tensor, b: Tensor, y: Tensor) =>
    solvers.rootFind(
      (x: Tensor) => a.mul(x.square()).add(b.mul(x)).div(a.add(b)).sub(y),
      y.detach(),
      { method, atol: 1e-13 },
    ).value;
}

for (const method of [solvers.bisection({ lower: 0, upper: 1 }), solvers.newton()]) {
  Deno.test(`${method.name}: second derivatives of a root are those of the equation`, () => {
    const x = quadratic(method),
      at = [2, 3, 0.5].map((v) => tensor(v, f64)) as [Tensor, Tensor, Tensor];
    assertClose(x(...at), 0.596291201783626, 1e-9);
    const first = func.grad(x, { argnums: [0, 1, 2] })(...at);
    [0.0268212409180, -0.0178808272787, 0.928476690885].forEach((want, i) =>
      assertClose(first[i], want, 1e-9)
    );
    const second: [number, number, number][] = [
      [0, 0, -0.0124138439905],
      [0, 1, -0.000664517645678],
      [2, 2, -0.640328752335],
      [0, 2, -0.0384197251401],
    ];
    const one = tensor(1, f64),
      slope = (i: number) => (v: Tensor) =>
        func.grad(x, { argnums: i })(...at.map((w, k) => k === i ? v : w) as typeof at);
    for (const [i, j, want] of second) {
      const grad = (v: Tensor) =>
        func.grad(x, { argnums: i })(...at.map((w, k) => k === j ? v : w) as typeof at);
      const jvp = (v: Tensor) => {
        const moved = at.map((w, k) => k === j ? v : w) as typeof at;
        return func.jvp((u: Tensor) => x(...moved.map((w, k) => k === i ? u : w) as typeof at), [
          moved[i],
        ], [one])[1];
      };
      for (const inner of [grad, jvp]) {
        assertClose(func.grad(inner)(at[j]), want, 1e-8);
        assertClose(func.jvp(inner, [at[j]], [one])[1], want, 1e-8);
      }
    }
    assertClose(slope(1)(at[1]), -0.0178808272787, 1e-9);
    const value = (a: Tensor) => func.valueAndGrad(x)(a, at[1], at[2])[0];
    assertClose(func.grad(value)(at[0]), 0.0268212409180, 1e-9);
  });
}

Deno.test("bisection: roots at the first middle and at the ends are found, with derivatives", () => {
  const data = [0, 0.25, 0.5, 0.75, 1], all = tensor(data, f64);
  const kinds: ((x: Tensor, t: Tensor) => Tensor)[] = [
    (x, t) => x.sub(t),
    (x, t) => t.sub(x),
    (x, t) => x.pow(3).sub(t.pow(3)),
  ];
  const method = solvers.bisection({ lower: 0, upper: 1 });
  kinds.forEach((f, kind) => {
    const solve = (t: Tensor) =>
      solvers.rootFind((x: Tensor) => f(x, t), t.detach(), { method, atol: 1e-10 });
    const batch = solve(all);
    assertEquals(batch.status, "converged");
    assertClose(batch.value, all, 1e-9);
    const mapped = func.vmap(solve)(all);
    assertClose(mapped.value, all, 1e-9);
    assertEquals(new Set(mapped.statuses), new Set(["converged"]));
    for (const t of data) {
      const root = tensor(t, { ...f64, requiresGrad: true }), found = solve(root);
      assertEquals(found.status, "converged");
      assertClose(found.value, t, 1e-9);
      if (kind < 2) assertClose(autograd.grad(found.value, [root])[0]!, 1, 1e-9);
    }
  });
  // Relatives: other ends, a bracket that is a point, an end beside the root, no change of sign, NaN.
  const of = (f: (x: Tensor) => Tensor, lower: number, upper: number) =>
    solvers.rootFind(f, tensor(0, f64), {
      method: solvers.bisection({ lower, upper }),
      atol: 1e-10,
    });
  const identity = (x: Tensor) => x.sub(0.3);
  assertClose(of(identity, -8, 1e6).value, 0.3, 1e-9);
  assertClose(of(identity, 1, -1).value, 0.3, 1e-9);
  assertEquals([of(identity, 0.3, 0.3).value.item(), of(identity, 0.3, 0.3).status], [
    0.3,
    "converged",
  ]);
  assertEquals(of(identity, 1, 2).status, "breakdown");
  assertEquals(of((x) => x.mul(NaN), 0, 1).status, "not finite");
  assertEquals(of(identity, 0.3 - 1e-12, 1).status, "converged");
});

const quasi = {
  bfgs: solvers.bfgs(),
  lbfgs: solvers.lbfgs(),
  nonlinearCg: solvers.nonlinearCg(),
  gradientDescent: solvers.gradientDescent(),
};

Deno.test("minimize: the minimum does not depend on an offset of the function", () => {
  for (const [name, method] of Object.entries(quasi)) {
    const counts = [2, 0, -1000, 1e6].map((c) => {
      const found = solvers.minimize(
        (y: Tensor) => y.square().sum().sub(c),
        tensor([1, 1], f64),
        { method },
      );
      assertEquals(found.status, "converged", `${name}, ${c}`);
      assert(found.iterations >= 1);
      assertClose(found.value, [0, 0], 1e-5);
      assertClose(found.objective, -c, 1e-9);
      return found.iterations;
    });
    assert(Math.abs(counts[0] - counts[1]) <= 2);
  }
});

Deno.test("minimize: what is returned belongs together and is the best, whatever the budget", () => {
  const f = (p: Tensor) => {
    const [x, y] = p.unbind(0);
    return y.sub(x.square()).square().mul(100).add(x.neg().add(1).square());
  };
  for (
    const method of [...Object.values(quasi), solvers.lbfgs({ lineSearch: solvers.backtracking() })]
  ) {
    for (
      const caps of [
        [1, 5, 10, 20].map((maxEvaluations) => ({ maxEvaluations })),
        [0, 1, 2, 5].map((maxiter) => ({ maxiter })),
      ]
    ) {
      let before = Infinity;
      for (const cap of caps) {
        const found = solvers.minimize(f, tensor([-1.2, 1], f64), { method, ...cap });
        const again = f(found.value).item();
        assert(Math.abs(found.objective - again) <= 1e-14 * Math.abs(again), method.name);
        assert(
          found.objective <= Math.min(before, 24.2 + 1e-12),
          `${method.name}: ${found.objective}`,
        );
        assertEquals(found.status, "maxiter");
        before = found.objective;
      }
    }
    const lost = solvers.minimize(f, tensor([Infinity, 0], f64), { method, maxEvaluations: 1000 });
    assertEquals(lost.status, "not finite");
    assert(lost.evaluations <= 5);
    assertEquals(
      solvers.minimize((x: Tensor) => x.sum().mul(NaN), tensor([1], f64), { method }).status,
      "not finite",
    );
  }
});

Deno.test("rootFind: scalars and single elements keep their shape and have both derivatives", () => {
  for (const shape of [[], [1], [1, 1]]) {
    for (
      const method of [
        solvers.newton(),
        solvers.broyden(),
        solvers.bisection({ lower: 1, upper: 4 }),
      ]
    ) {
      const x = (theta: Tensor) =>
        solvers.rootFind((x: Tensor) => x.square().sub(theta), tensor([1], { ...f64, shape }), {
          method,
        });
      const theta = tensor([7], { ...f64, shape }).requiresGrad_(), { value, status } = x(theta);
      assertEquals([value.shape, status], [shape, "converged"]);
      assertClose(value, [2.6457513110645906], 1e-9);
      const [g] = autograd.grad(value.sum(), [theta], { createGraph: true });
      assertClose(g!, [0.188982236504614], 1e-9);
      assertClose(autograd.grad(g!.sum(), [theta])[0]!, [-0.0134987311789], 1e-8);
    }
  }
});

Deno.test("solvers over a batch of problems equal a loop", () => {
  const as = tensor([1, 2, 5, 9], f64);
  const problems: ((a: Tensor) => Tensor)[] = [
    (a) => solvers.rootFind((x: Tensor) => x.pow(3).add(x).sub(a), a.detach().mul(0).add(1)).value,
    (a) => solvers.fixedPoint((x: Tensor) => x.add(a.div(x)).div(2), a.detach()).value,
    (a) => solvers.minimize((x: Tensor) => x.exp().sub(x.mul(a)), a.detach().mul(0)).value,
    (a) => solvers.leastSquares((x: Tensor) => x.square().sub(a), a.detach()).value,
  ];
  problems.forEach((solve, k) => {
    const each = (f: (a: Tensor) => Tensor) => stack(as.unbind(0).map(f));
    assertClose(func.vmap(solve)(as), each(solve), 1e-7, `${k}`);
    assertClose(func.vmap(func.grad(solve))(as), each(func.grad(solve)), 1e-6, `${k}`);
    if (k > 0) return;
    const second = func.grad(func.grad(solve));
    assertClose(func.vmap(second)(as), each(second), 1e-5);
  });
});
