/** Conjugate gradients: values, statuses, derivatives and errors. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { autograd, func, gradcheck, linalg, type Tensor, tensor } from "@torchopt/torchopt";
import { assertClose } from "../../helpers/close.ts";
import "../../helpers/seed.ts";

const f64 = { dtype: "float64" } as const;
const A = tensor([[4, 1, 0], [1, 3, -1], [0, -1, 2]], f64), b = tensor([1, 2, 3], f64);

Deno.test("cg() solves systems of scalars", () => {
  for (const shape of [[], [1], [1, 1]]) {
    const rhs = tensor([6], { ...f64, shape }).requiresGrad_();
    const x = linalg.cg((v: Tensor) => v.mul(2), rhs);
    assertEquals([x.shape, x.item()], [shape, 3]);
    assertEquals(autograd.grad(x.sum(), [rhs])[0]!.item(), 0.5);
  }
  assertEquals(linalg.cg(tensor(2, f64), tensor(6, f64)).item(), 3);
});

Deno.test("cgSolution() tells how it ended", () => {
  const status = (A: Tensor, b: Tensor, options = {}) =>
    linalg.cgSolution(A, b, null, { rtol: 1e-10, ...options });
  const fine = status(A, b);
  assertEquals([fine.status, fine.iterations], ["converged", 3]);
  assert(fine.residual < 1e-12);
  assertEquals(status(A, b, { maxiter: 0 }).status, "maxiter");
  assertEquals(status(A, b, { maxiter: 0 }).value.toArray(), [0, 0, 0]);
  assertEquals(status(A, b.mul(0), { maxiter: 0 }).status, "converged");
  assertEquals(status(A, b.mul(0)).value.toArray(), [0, 0, 0]);
  assertEquals(status(A, b, { maxiter: 2 }).status, "maxiter");
  assertEquals(status(A, b, { atol: 100 }).iterations, 0);
  assertEquals(status(A.mul(0), b).status, "breakdown");
  assertEquals(status(tensor([[0, 1], [1, 0]], f64), tensor([1, 0], f64)).status, "breakdown");
  const bad = status(A, tensor([1, NaN, 3], f64));
  assertEquals([bad.status, bad.value.isNan().any().item()], ["not finite", 1]);
  assertEquals(status(A.mul(Infinity), b).status, "breakdown");
  const none = status(tensor([], { ...f64, shape: [0, 0] }), tensor([], f64));
  assertEquals([none.status, none.value.shape, none.residual], ["converged", [0], 0]);
  const one = status(tensor([[4]], f64), tensor([2], f64));
  assertEquals([one.status, one.value.toArray()], ["converged", [0.5]]);
});

Deno.test("cg() solves a consistent singular system, and indefinite ones where it can", () => {
  const laplacian = tensor([[1, -1, 0], [-1, 2, -1], [0, -1, 1]], f64);
  const x = linalg.cgSolution(laplacian, tensor([1, 0, -1], f64));
  assertEquals(x.status, "converged");
  assertClose(x.value, tensor([1, 0, -1], f64), 1e-10);
  const indefinite = linalg.cgSolution(tensor([[2, 0], [0, -1]], f64), tensor([2, 3], f64));
  assertEquals(indefinite.status, "converged");
  assertClose(indefinite.value, tensor([1, -3], f64), 1e-10);
});

// Squares of 1e-24 are 0 in float32.
Deno.test("cg() keeps to the range of float32, with its derivative", () => {
  const T = tensor([[4, -1, 0, 0], [-1, 4, -1, 0], [0, -1, 4, -1], [0, 0, -1, 4]]);
  const options = { rtol: 1e-6, M: (r: Tensor) => r.div(4) };
  const want = [4, 5, 5, 4].map((x) => x / 11);
  for (const s of [1e-24, 1, 1e12, 1e30, 1e-37]) {
    const { value, status } = linalg.cgSolution(T, tensor([s, s, s, s]), null, options);
    assertEquals(status, "converged");
    assertClose(value.div(s), want, 1e-5, `${s}`);
    const rhs = tensor([1, 2, 3, 4], { requiresGrad: true });
    const [g] = autograd.grad(linalg.cg(T, rhs, null, options).sum().mul(s), [rhs]);
    assertClose(g!.div(s), want, 1e-5, `gradient ${s}`);
  }
});

Deno.test("cg() takes a start, a ridge and trees", () => {
  const x = linalg.cg(A, b, null, { rtol: 1e-12 });
  const warm = linalg.cgSolution(A, b, x, { rtol: 1e-8 });
  assertEquals([warm.status, warm.iterations], ["converged", 0]);
  const ridge = tensor(0.5, { ...f64, requiresGrad: true });
  const shifted = linalg.cg(A, b, null, { ridge, rtol: 1e-12 });
  assertClose(A.matmul(shifted).add(shifted.mul(0.5)), b, 1e-10);
  const slope = autograd.grad(shifted.sum(), [ridge])[0]!.item();
  const at = (r: number) => linalg.cg(A, b, null, { ridge: r, rtol: 1e-14 }).sum().item();
  assertClose(slope, (at(0.5 + 1e-5) - at(0.5 - 1e-5)) / 2e-5, 1e-7);
  const tree = { a: tensor([2], f64), b: [tensor([[1, 2], [3, 4]], f64)] };
  const solved = linalg.cg((v: typeof tree) => ({ a: v.a.mul(2), b: [v.b[0].mul(4)] }), tree);
  assertEquals([solved.a.toArray(), solved.b[0].toArray()], [[1], [[0.25, 0.5], [0.75, 1]]]);
});

Deno.test("cg() mixes dtypes of leaves", () => {
  const b = { a: tensor([2, 4]), c: tensor([1], f64) };
  const x = linalg.cg((v: typeof b) => ({ a: v.a.mul(2), c: v.c.mul(4) }), b);
  assertEquals([x.a.dtype, x.c.dtype], ["float32", "float64"]);
  assertClose(x.a, tensor([1, 2]), 1e-6);
});

Deno.test("cg() has derivatives of order 2, in all pairs of modes", () => {
  const M = tensor([[1, 2, 0.3], [0.2, 0.4, 1], [1, -1, 0.5]], { ...f64, requiresGrad: true });
  const eye = tensor([[2, 0, 0], [0, 2, 0], [0, 0, 2]], f64);
  const f = (M: Tensor, b: Tensor) => linalg.cg(M.matmul(M.t()).add(eye), b, null, { rtol: 1e-14 });
  const rhs = b.clone().requiresGrad_();
  assert(gradcheck(f, [M, rhs], { order: 2 }));
  const loss = (M: Tensor) => f(M, b).pow(3).sum(), at = M.detach(), v = at.add(0.1);
  const forward = (M: Tensor) => func.jvp(loss, [M], [v])[1];
  const reverse = (M: Tensor) => func.grad(loss)(M).mul(v).sum();
  const want = func.hvp(loss, at, v)[1].mul(v).sum().item();
  assertClose(func.jvp(forward, [at], [v])[1].item(), want, 1e-9);
  assertClose(func.jvp(reverse, [at], [v])[1].item(), want, 1e-9);
  assertClose(func.grad(forward)(at).mul(v).sum().item(), want, 1e-9);
  assertClose(func.grad(reverse)(at).mul(v).sum().item(), want, 1e-9);
});

Deno.test("cg() hands no gradient on of what is no solution", () => {
  const rhs = tensor([1, 0], { ...f64, requiresGrad: true });
  const x = linalg.cg(tensor([[0, 1], [1, 0]], f64), rhs);
  assertEquals(autograd.grad(x.sum(), [rhs])[0]!.toArray(), [NaN, NaN]);
});

Deno.test("cg() says what is wrong with its arguments", () => {
  const wrong: [() => unknown, string][] = [
    [() => linalg.cg(tensor([[1, 2]], f64), b), "cg: A has shape [1, 2] for b of shape [3]"],
    [() => linalg.cg(tensor([[1]]), tensor([1], f64)), "cg: A is float32, b is float64"],
    [() => linalg.cg(3 as unknown as Tensor, b), "cg: A is 3, wants a matrix"],
    [() => linalg.cg(A, tensor([1, 2, 3], { dtype: "int32" })), "cg: b is int32"],
    [() => linalg.cg(A, "b" as unknown as Tensor), 'cg: b is "b"'],
    [
      () => linalg.cg(() => tensor([1], f64), b),
      "cg: what A returned has shape [1], that of b is [3]",
    ],
    [() => linalg.cg((v: Tensor) => v.to("float32"), b), "cg: what A returned is float32"],
    [() => linalg.cg(() => [b] as never, b), "cg: what A returned is an array of 1"],
    [() => linalg.cg(A, b, tensor([1], f64)), "cg: x0 has shape [1]"],
    [() => linalg.cg(A, b, null, { maxiter: -1 }), "cg: maxiter is -1"],
    [() => linalg.cg(A, b, null, { maxiter: 1.5 }), "cg: maxiter is 1.5"],
    [() => linalg.cg(A, b, null, { rtol: -1 }), "cg: rtol is -1"],
    [() => linalg.cg(A, b, null, { atol: NaN }), "cg: atol is NaN"],
    [() => linalg.cg(A, b, null, { ridge: Infinity }), "cg: ridge is Infinity"],
    [() => linalg.cg(A, b, null, { maxIter: 3 } as never), "cg: there is no option maxIter"],
    [
      () => linalg.cg(A, b, null, { differentiate: "yes" as never }),
      'cg: differentiate is "yes", wants "implicit" or "unroll"',
    ],
    [() => linalg.cg(A, b, null, { M: tensor([[1]], f64) }), "cg: M has shape [1, 1]"],
  ];
  for (const [call, message] of wrong) assertThrows(call, Error, message);
});
