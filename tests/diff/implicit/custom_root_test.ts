/** customRoot() and customFixedPoint(): gradients of every order, and what they flow to. */

import { assert, assertEquals } from "@std/assert";
import {
  Adam,
  autograd,
  diff,
  func,
  gradcheck,
  linearSolve,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { assertClose } from "../../helpers/close.ts";
import "../../helpers/seed.ts";

const { customRoot, customFixedPoint } = diff.implicit;
const f64 = { dtype: "float64" } as const;
const exact = { solve: linearSolve.solveInv() };

/** x^3 + x = a, by Newton's method with values read on the host. */
function newton(x: Tensor, a: Tensor): Tensor {
  for (let step = 0; step < 60; step++) {
    const residual = x.pow(3).add(x).sub(a);
    if (residual.abs().max().item() < 1e-15) break;
    x = x.sub(residual.div(x.square().mul(3).add(1))).detach();
  }
  return x;
}

const cubic = (x: Tensor, a: Tensor) => x.pow(3).add(x).sub(a);
const root = customRoot(cubic, { argnums: 1, ...exact })(newton);

Deno.test("customRoot() has derivatives of order 2", () => {
  const start = tensor([1, 1], f64), a = tensor([2, 10], { ...f64, requiresGrad: true });
  const x = root(start, a);
  assertClose(x, tensor([1, 2], f64), 1e-14);
  const [g] = autograd.grad(x.sum(), [a], { createGraph: true });
  assertClose(g!, tensor([1 / 4, 1 / 13], f64), 1e-14);
  const [h] = autograd.grad(g!.sum(), [a], { createGraph: true });
  assertClose(h!, tensor([-6 / 64, -12 / 13 ** 3], f64), 1e-14);
  // x''' = (3 (6x)^2 - 6 (1 + 3x^2)) / (1 + 3x^2)^5
  const [t] = autograd.grad(h!.sum(), [a]);
  assertClose(t!, tensor([(108 - 24) / 4 ** 5, (432 - 78) / 13 ** 5], f64), 1e-14);
  assert(gradcheck((a: Tensor) => root(start, a), [a], { order: 2 }));
});

Deno.test("customRoot() works in all pairs of modes", () => {
  const start = tensor(1, f64), at = tensor(10, f64), v = tensor(1, f64);
  const f = (a: Tensor) => root(start, a);
  const forward = (a: Tensor) => func.jvp(f, [a], [v])[1];
  assertClose(forward(at), tensor(1 / 13, f64), 1e-14);
  for (const slope of [forward, func.grad(f)]) {
    assertClose(func.jvp(slope, [at], [v])[1], tensor(-12 / 13 ** 3, f64), 1e-14);
    assertClose(func.grad(slope)(at), tensor(-12 / 13 ** 3, f64), 1e-14);
  }
});

Deno.test("customRoot() never differentiates the solver", () => {
  let calls = 0;
  const a = tensor(2, { ...f64, requiresGrad: true });
  const solver = (x: Tensor, a: Tensor) => {
    calls++;
    assert(!x.mul(1).requiresGrad && a.isLeaf);
    return newton(x, a);
  };
  const x = customRoot(cubic, { argnums: 1, ...exact })(solver)(tensor(1, f64), a);
  autograd.grad(x, [a]);
  assertEquals(calls, 1);
});

Deno.test("customRoot() takes a solver that trains with an optimizer", () => {
  const X = tensor([[1, 0], [0, 2], [1, 1]], f64), y = tensor([1, 2, 3], f64);
  const loss = (w: Tensor, l2: Tensor) =>
    X.matmul(w).sub(y).square().sum().add(w.square().sum().mul(l2)).div(2);
  const ridge = customRoot(func.grad(loss), { argnums: 1 })((w: Tensor, l2: Tensor) => {
    const p = w.detach().clone().requiresGrad_(), optimizer = new Adam([p], { lr: 0.05 });
    for (let step = 0; step < 1500; step++) {
      optimizer.zeroGrad();
      loss(p, l2).backward();
      optimizer.step();
    }
    return p;
  });
  const l2 = tensor(0.5, { ...f64, requiresGrad: true });
  const w = ridge(tensor([0, 0], f64), l2);
  const [g] = autograd.grad(w.sum(), [l2]);
  assertEquals(l2.grad, null);
  // (X^T X + l2)^-1 applied twice.
  const inverse = X.t().matmul(X).add(tensor([[0.5, 0], [0, 0.5]], f64)).inverse();
  assertClose(g!, inverse.matmul(inverse.matmul(X.t().matmul(y))).sum().neg().item(), 1e-6);
});

Deno.test("customRoot() takes trees, several arguments and aux", () => {
  type P = { u: Tensor; v: readonly [Tensor] };
  const F = (p: P, a: { s: Tensor }, t: Tensor): P => ({
    u: p.u.mul(a.s).sub(p.v[0].sum()),
    v: [p.v[0].mul(2).sub(t)],
  });
  const solver = (_: P, a: { s: Tensor }, t: Tensor): [P, string] => {
    const v = t.div(2);
    return [{ u: v.sum().div(a.s).reshape([1]), v: [v] }, "done"];
  };
  const solve = customRoot(F, { argnums: [1, 2], hasAux: true, ...exact })(solver);
  const a = { s: tensor(4, { ...f64, requiresGrad: true }) };
  const t = tensor([2, 6], { ...f64, requiresGrad: true });
  const init: P = { u: tensor([0], f64), v: [tensor([0, 0], f64)] };
  const [p, aux] = solve(init, a, t);
  assertEquals([p.u.toArray(), p.v[0].toArray(), aux], [[1], [1, 3], "done"]);
  const [ds, dt] = autograd.grad(p.u.sum().add(p.v[0].sum()), [a.s, t]);
  assertClose(ds!, -0.25, 1e-12);
  assertClose(dt!, [0.625, 0.625], 1e-12);
});

Deno.test("customRoot() gives nothing to arguments outside of argnums", () => {
  const F = (x: Tensor, a: Tensor, b: Tensor) => x.sub(a.mul(b));
  const solve = customRoot(F, { argnums: 1, ...exact })((_: Tensor, a: Tensor, b: Tensor) =>
    a.mul(b)
  );
  const a = tensor(2, { ...f64, requiresGrad: true }),
    b = tensor(3, { ...f64, requiresGrad: true });
  const x = solve(tensor(0, f64), a, b);
  const grads = autograd.grad(x, [a, b], { allowUnused: true });
  assertEquals([grads[0]!.item(), grads[1]], [3, null]);
});

Deno.test("customRoot() differentiates surroundings, with their values at the call", () => {
  const scale = tensor(2, { ...f64, requiresGrad: true }), shift = tensor(1, f64);
  const F = (x: Tensor, a: Tensor) => x.mul(scale).sub(a.mul(shift));
  const solve = customRoot(F, { argnums: 1, ...exact })((_: Tensor, a: Tensor) =>
    a.mul(shift).div(scale)
  );
  const a = tensor(6, { ...f64, requiresGrad: true });
  const x = solve(tensor(0, f64), a);
  shift.copy_(tensor(100, f64));
  const [da, dScale] = autograd.grad(x, [a, scale]);
  assertEquals([da!.item(), dScale!.item()], [0.5, -1.5]);
});

Deno.test("customRoot() keeps shapes of scalars and of one element", () => {
  for (const shape of [[], [1], [1, 1]]) {
    for (const solve of [linearSolve.solveCg(), linearSolve.solveNormalCg()]) {
      const sqrt = customRoot((x: Tensor, t: Tensor) => x.square().sub(t), { argnums: 1, solve })(
        (_: Tensor, t: Tensor) => t.sqrt(),
      );
      const t = tensor([7], { ...f64, shape }).requiresGrad_();
      const x = sqrt(tensor([1], { ...f64, shape }), t);
      assertEquals(x.shape, shape);
      assertClose(x, [Math.sqrt(7)], 1e-12);
      const [g] = autograd.grad(x.sum(), [t], { createGraph: true });
      assertEquals(g!.shape, shape);
      assertClose(g!, [0.188982236504614], 1e-9);
      assertClose(autograd.grad(g!.sum(), [t])[0]!, [-0.0134987311789], 1e-9);
    }
  }
});

Deno.test("customFixedPoint() of a map with a non-symmetric Jacobian equals the unrolled loop", () => {
  const W = tensor([[0.2, -0.5, 0.1], [0.4, 0.1, 0.3], [-0.2, 0.1, 0.3]], f64).requiresGrad_();
  const b = tensor([0.3, -0.2, 0.5], f64).requiresGrad_();
  const step = (z: Tensor, W: Tensor, b: Tensor) => W.matmul(z).add(b).tanh();
  const iterate = (z: Tensor, W: Tensor, b: Tensor) => {
    for (let i = 0; i < 120; i++) z = step(z, W, b);
    return z;
  };
  const z0 = tensor([0, 0, 0], f64), v = tensor([1, -2, 3], f64);
  for (const solve of [linearSolve.solveInv(), linearSolve.solveNormalCg({ rtol: 1e-14 })]) {
    const fixed = customFixedPoint(step, { argnums: [1, 2], solve })(iterate);
    const both = [fixed, iterate].map((f) => {
      const grads = autograd.grad(f(z0, W, b).mul(v).sum(), [W, b], { createGraph: true });
      const second = autograd.grad(grads[0]!.mul(W.detach()).sum().add(grads[1]!.sum()), [W, b]);
      return [...grads, ...second].map((g) => g!);
    });
    both[0].forEach((g, i) => assertClose(g, both[1][i], 1e-10));
  }
});

Deno.test("customRoot() of a network with two layers equals training that is differentiated", () => {
  const X = tensor([[1, 0.5], [-1, 0.3], [0.2, -0.7], [0.6, 0.9]], f64);
  const y = tensor([[0.5], [-0.3], [0.1], [0.8]], f64);
  type P = { w: Tensor; v: Tensor };
  const loss = ({ w, v }: P, l: Tensor) =>
    X.matmul(w).tanh().matmul(v).sub(y).square().sum()
      .add(w.square().mul(l).sum()).add(v.square().mul(0.3).sum()).add(v.sub(1).square().sum());
  const slope = func.grad(loss), l = tensor([0.2, 0.3], f64).requiresGrad_();
  const start: P = {
    w: tensor([[0.5, 0.5], [0.3, 0.2]], f64),
    v: tensor([[0.8], [0.4]], f64),
  };
  const train = (p: P, l: Tensor) =>
    func.foriLoop(0, 3000, (_, p) => {
      const g = slope(p, l);
      return { w: p.w.sub(g.w.mul(0.1)), v: p.v.sub(g.v.mul(0.1)) };
    }, p);
  const solve = linearSolve.solveCg({ rtol: 1e-13 });
  const implicit = customRoot(slope, { argnums: 1, solve })(train);
  const outer = (p: P) => p.w.sum().add(p.v.square().sum());
  const both = [implicit, train].map((f) => {
    const [g] = autograd.grad(outer(f(start, l) as P), [l], { createGraph: true });
    return [g!, autograd.grad(g!.square().sum(), [l])[0]!];
  });
  assertClose(both[0][0], both[1][0], 1e-9);
  assertClose(both[0][1], both[1][1], 1e-7);
  const at = (l: Tensor) => outer(train(start, l)).item(), e = tensor([1e-5, 0], f64);
  const difference = (at(l.detach().add(e)) - at(l.detach().sub(e))) / 2e-5;
  assertClose(both[0][0].select(0, 0).item(), difference, 1e-6);
});
