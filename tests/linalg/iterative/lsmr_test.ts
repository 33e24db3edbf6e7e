/** LSMR: degenerate right sides, rank, trees, derivatives. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { autograd, gradcheck, linalg, randn, type Tensor, tensor } from "@torchopt/torchopt";
import { assertClose } from "../../helpers/close.ts";
import "../../helpers/seed.ts";

const f64 = { dtype: "float64" } as const;
const A = tensor([[1, 0], [0, 1], [1, 1], [0, 0]], f64);

Deno.test("lsmr() takes right sides of 0 and those orthogonal to the range", () => {
  const slope = A.matmul(tensor([[2, -1], [-1, 2]], f64).div(3)).matmul(tensor([1, 1], f64));
  for (const [data, norm] of [[[0, 0, 0, 0], 0], [[1, 1, -1, 5], Math.sqrt(28)]] as const) {
    for (const x0 of [null, tensor([3, -2], f64)]) {
      const b = tensor([...data], { ...f64, requiresGrad: true });
      const found = linalg.lsmrSolution(A, b, x0);
      assertEquals(found.status, "converged");
      assertClose(found.value, tensor([0, 0], f64), 1e-10);
      assertClose(found.residual, norm, 1e-10);
      const [g] = autograd.grad(found.value.sum(), [b]);
      assertClose(g!, slope, 1e-10);
      if (x0 !== null) assertEquals(x0.toArray(), [3, -2]);
    }
  }
});

Deno.test("lsmr() agrees with dense least squares, with derivatives of order 2", () => {
  for (const [rows, columns] of [[4, 2], [2, 2], [2, 3]]) {
    const M = randn([rows, columns], f64).requiresGrad_(), b = randn([rows], f64).requiresGrad_();
    assertClose(linalg.lsmr(M, b), linalg.lstsq(M, b), 1e-7);
    assert(gradcheck((M: Tensor, b: Tensor) => linalg.lsmr(M, b, null, { rtol: 1e-13 }), [M, b], {
      order: 2,
    }));
  }
});

Deno.test("lsmr() of matrices of 100 and 300 rows or columns finds the shortest solution", () => {
  const kinds = [[100, 100, 0], [100, 100, 2], [300, 300, 1], [300, 100, 2], [100, 300, 1]];
  for (const [m, n, power] of [...kinds, [300, 1, 0], [1, 300, 0]]) {
    // Singular values from 1 down to 10^-power; a right side that has a part outside of the range.
    const k = Math.min(m, n), step = Math.max(1, k - 1);
    const values = Array.from({ length: k }, (_, i) => 10 ** (-power * i / step));
    const [U] = linalg.qr(randn([m, k], f64)), [V] = linalg.qr(randn([n, k], f64));
    const A = U.mul(tensor(values, f64)).matmul(V.t()), x = V.matmul(randn([k], f64));
    const outside = randn([m], f64), inside = U.matmul(U.t().matmul(outside));
    const b = A.matmul(x).add(outside).sub(inside);
    const { value, status } = linalg.lsmrSolution(A, b, null, { rtol: 1e-12 });
    const what = `${m}x${n}, condition 1e${power}`;
    assertEquals(status, "converged", what);
    const slope = A.t().matmul(b.sub(A.matmul(value))).norm().item();
    assert(slope <= 1e-10 * A.t().matmul(b).norm().item(), `${what}: slope ${slope}`);
    // An error of the slope is one of the solution times the square of the condition number.
    const error = value.sub(x).norm().item() / x.norm().item();
    assert(error <= 1e-10 * 100 ** power, `${what}: error ${error}`);
  }
});

Deno.test("lsmr() takes a ridge, which has a derivative", () => {
  const ridge = tensor(0.5, { ...f64, requiresGrad: true }), b = tensor([1, 2, 3, 4], f64);
  const x = linalg.lsmr(A, b, null, { ridge });
  assertClose(A.t().matmul(A.matmul(x).sub(b)).add(x.mul(0.5)), tensor([0, 0], f64), 1e-7);
  assert(gradcheck((ridge: Tensor) => linalg.lsmr(A, b, null, { ridge, rtol: 1e-13 }), [ridge]));
});

Deno.test("lsmr() takes functions of trees", () => {
  type X = { a: Tensor; b: Tensor };
  const forward = ({ a, b }: X) => [a.mul(2), a.add(b), b];
  const x0 = { a: tensor([0], f64), b: tensor([0], f64) };
  const x = linalg.lsmr(forward, [tensor([2], f64), tensor([3], f64), tensor([2], f64)], x0);
  assertClose(x.a, tensor([1], f64), 1e-8);
  assertClose(x.b, tensor([2], f64), 1e-8);
});

Deno.test("lsmr() says what is wrong with its arguments", () => {
  const b = tensor([1, 2, 3, 4], f64);
  const wrong: [() => unknown, string][] = [
    [
      () => linalg.lsmr((x: Tensor) => x, b),
      "lsmr: A is a function, which does not tell the shape",
    ],
    [() => linalg.lsmr(A, tensor([1, 2], f64)), "b has to have as many elements as A has rows"],
    [() => linalg.lsmr(A, b.to("float32")), "in its dtype"],
    [() => linalg.lsmr(A, b, tensor([1], f64)), "lsmr: x0 has shape [1], that of x is [2]"],
    [() => linalg.lsmr(A, b, null, { M: A } as never), "lsmr: there is no option M"],
    [() => linalg.lsmr([A] as never, b), "lsmr: A and b have to be a matrix and a vector"],
  ];
  for (const [call, message] of wrong) assertThrows(call, Error, message);
  assertEquals(linalg.lsmrSolution(A, b, null, { maxiter: 0 }).status, "maxiter");
  assertEquals(linalg.lsmrSolution(A, b.mul(NaN)).status, "not finite");
});
