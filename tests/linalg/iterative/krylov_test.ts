/** GMRES, BiCGSTAB and MINRES: stagnation, edge cases, derivatives, honesty about the result. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { autograd, func, gradcheck, linalg, randn, type Tensor, tensor } from "@torchopt/torchopt";
import { assertClose } from "../../helpers/close.ts";
import "../../helpers/seed.ts";

const f64 = { dtype: "float64" } as const;

/** A e_i = e_(i+1), round the circle. */
function shift(n: number): Tensor {
  return tensor(
    Array.from(
      { length: n },
      (_, i) => Array.from({ length: n }, (_, j) => i === (j + 1) % n ? 1 : 0),
    ),
    f64,
  );
}

const unit = (n: number, at: number) =>
  tensor(Array.from({ length: n }, (_, i) => i === at ? 1 : 0), f64);

Deno.test("gmres() says that it stagnates, and hands no gradient on", () => {
  for (const n of [3, 6, 9]) {
    const A = shift(n), b = unit(n, 0).requiresGrad_();
    const short = linalg.gmresSolution(A, b, null, { restart: n - 1, maxiter: 50, rtol: 1e-10 });
    assertEquals([short.status, short.residual], ["stagnated", 1]);
    assertEquals(short.value.abs().max().item(), 0);
    assert(autograd.grad(short.value.sum(), [b])[0]!.isNan().all().item());
    const full = linalg.gmresSolution(A, b, null, { restart: n, rtol: 1e-10 });
    assertEquals([full.status, full.iterations], ["converged", n]);
    assertClose(full.value, unit(n, n - 1), 1e-12);
    assertClose(autograd.grad(full.value.sum(), [b])[0]!, new Array(n).fill(1), 1e-12);
  }
});

const methods = {
  cgSolution: linalg.cgSolution,
  gmresSolution: linalg.gmresSolution,
  bicgstabSolution: linalg.bicgstabSolution,
  minresSolution: linalg.minresSolution,
};

for (const [name, method] of Object.entries(methods)) {
  Deno.test(`${name}() of edge cases`, () => {
    const one = method(tensor([[4]], f64), tensor([2], f64));
    assertEquals([one.status, one.value.toArray()], ["converged", [0.5]]);
    const scalar = method((v: Tensor) => v.mul(4), tensor(2, f64));
    assertEquals([scalar.status, scalar.value.shape, scalar.value.item()], ["converged", [], 0.5]);
    const none = method(tensor([], { ...f64, shape: [0, 0] }), tensor([], f64));
    assertEquals([none.status, none.value.shape], ["converged", [0]]);
    const A = tensor([[2, 1], [1, 3]], f64), b = tensor([3, 4], f64);
    const zero = method(A, b.mul(0));
    assertEquals([zero.status, zero.iterations, zero.value.toArray()], ["converged", 0, [0, 0]]);
    const still = method(A, b, null, { maxiter: 0 });
    assertEquals([still.status, still.value.toArray()], ["maxiter", [0, 0]]);
    assertEquals(method(A, b.mul(NaN)).status, "not finite");
    const lost = method(tensor([[0, 0], [0, 0]], f64), b);
    assert(["breakdown", "stagnated"].includes(lost.status), lost.status);
    assert(lost.value.isFinite().all().item());
    const warm = method(A, b, tensor([1, 1], f64));
    assertEquals([warm.status, warm.iterations], ["converged", 0]);
    for (const s of [1e-30, 1e30]) {
      const small = method(A.to("float32"), tensor([3 * s, 4 * s]), null, { rtol: 1e-5 });
      assertEquals(small.status, "converged");
      assertClose(small.value.div(s), [1, 1], 1e-4);
    }
  });

  Deno.test(`${name}() of matrices of many kinds is right, or says that it is not`, () => {
    for (const n of [2, 5, 30]) {
      for (const power of [0, 3, 6, 12]) {
        // Symmetric, with eigenvalues from 1 down to 10^-power.
        const [Q] = linalg.qr(randn([n, n], f64));
        const values = Array.from({ length: n }, (_, i) => 10 ** (-power * i / (n - 1)));
        const A = Q.mul(tensor(values, f64)).matmul(Q.t()), x = randn([n], f64), b = A.matmul(x);
        const { status, residual } = method(A, b, null, { rtol: 1e-8 });
        if (status !== "converged") continue;
        assert(residual <= 1e-7 * b.norm().item(), `${n}, 1e${power}: ${residual}`);
      }
    }
  });

  Deno.test(`${name}() has derivatives of order 2`, () => {
    const A = tensor([[3, 1, 0], [1, 4, -1], [0, -1, 2]], f64).requiresGrad_();
    const b = tensor([1, -2, 3], f64).requiresGrad_();
    const symmetric = name !== "gmresSolution" && name !== "bicgstabSolution";
    const f = (A: Tensor, b: Tensor) =>
      method(symmetric ? A.add(A.t()) : A.add(A.tril(-1)), b, null, { rtol: 1e-13 }).value;
    assert(gradcheck(f, [A, b], { order: 2 }));
    const at = A.detach(), v = b.detach();
    const reverse = func.hvp((A: Tensor) => f(A, v).sum(), at, at)[1];
    const forward = func.jvp(func.grad((A: Tensor) => f(A, v).sum()), [at], [at])[1];
    assertClose(reverse, forward, 1e-9);
  });
}

Deno.test("minres() solves indefinite systems, and finds the nearest of inconsistent ones", () => {
  const A = tensor([[0, 1, 0], [1, 0, 0], [0, 0, -2]], f64), b = tensor([1, 2, 3], f64);
  const found = linalg.minresSolution(A, b, null, { rtol: 1e-12 });
  assertEquals(found.status, "converged");
  assertClose(found.value, tensor([2, 1, -1.5], f64), 1e-12);
  const flat = tensor([[1, 0], [0, 0]], f64), far = tensor([2, 3], f64);
  const nearest = linalg.minresSolution(flat, far);
  assertEquals(nearest.status, "stagnated");
  assertClose(nearest.residual, 3, 1e-10);
});

Deno.test("gmres() refuses a restart of 0 and options of others", () => {
  const A = tensor([[1]]), b = tensor([1]);
  assertThrows(() => linalg.gmres(A, b, null, { restart: 0 }), RangeError, "gmres: restart is 0");
  assertThrows(
    () => linalg.cg(A, b, null, { restart: 2 } as never),
    TypeError,
    "cg: there is no option restart",
  );
});
