/** Singular, indefinite, empty and wrong input: each a documented value or an error. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  autograd,
  DTypeError,
  func,
  GradientError,
  linalg,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";

const dtypes = ["float32", "float64"] as const;
const numbers = (x: Tensor) => Array.from(x.data() as ArrayLike<number | bigint>, Number);

Deno.test("values on singular and indefinite input", () => {
  for (const dtype of dtypes) {
    const singular = tensor([[1, 2], [2, 4]], { dtype });
    for (const x of [linalg.solve(singular, tensor([1, 1], { dtype })), linalg.inv(singular)]) {
      assert(numbers(x).every((v) => !Number.isFinite(v)));
    }
    assertEquals(linalg.slogdet(singular).map((x) => x.item()), [0, -Infinity]);
    assertEquals(linalg.logdet(singular).item(), -Infinity);
    assertEquals(linalg.det(singular).item(), 0);
    assertEquals(linalg.matrixRank(singular).item(), 1);
    assertEquals(linalg.cond(singular, 1).item(), Infinity);
    const negative = tensor([[0, 1], [1, 0]], { dtype });
    assertEquals(linalg.logdet(negative).item(), NaN);
    // The first matrix of the batch is indefinite, the second is not.
    const l = linalg.cholesky(tensor([[[1, 2], [2, 1]], [[4, 2], [2, 2]]], { dtype }));
    assertEquals(numbers(l), [NaN, 0, NaN, NaN, 2, 0, 1, 1]);
    // Semidefinite: the last pivot is 0.
    assertEquals(numbers(linalg.cholesky(tensor([[1, 1], [1, 1]], { dtype }))), [NaN, 0, NaN, NaN]);
    assertEquals(numbers(linalg.cholesky(tensor([[-1]], { dtype }))), [NaN]);
    const t = tensor([[0, 5], [1, 1]], { dtype });
    const x = linalg.triangularSolve(t, tensor([1, 1], { dtype }), { upper: false });
    assertEquals(numbers(x)[0], Infinity);
    const [, , U] = linalg.lu(singular);
    assertEquals(numbers(U), [2, 4, 0, 0]);
    assertEquals(numbers(linalg.luFactor(zeros([2, 2], { dtype }))[0]), [0, 0, 0, 0]);
  }
});

Deno.test("NaN and infinities come out as NaN", () => {
  for (const dtype of dtypes) {
    for (const bad of [NaN, Infinity]) {
      const a = tensor([[2, bad, 0], [bad, 3, 1], [0, 1, 4]], { dtype });
      const results = {
        eigh: linalg.eigh(a),
        svd: linalg.svd(a),
        pinv: [linalg.pinv(a)],
        lstsq: [linalg.lstsq(a, tensor([1, 1, 1], { dtype }))],
        matrixExp: [linalg.matrixExp(a)],
      };
      for (const [name, list] of Object.entries(results)) {
        for (const x of list) assert(numbers(x).every(Number.isNaN), `${name} of ${bad}`);
      }
    }
    const a = tensor([[2, NaN], [NaN, 3]], { dtype });
    assert(numbers(linalg.cholesky(a)).filter((_, i) => i !== 1).every(Number.isNaN));
    assertEquals(linalg.det(a).item(), NaN);
    assert(numbers(linalg.qr(a)[1]).some(Number.isNaN));
    assert(numbers(linalg.solve(a, tensor([1, 1], { dtype }))).every(Number.isNaN));
    // Another matrix of the batch is as if it were alone.
    const batch = tensor([[[NaN, 1], [1, 1]], [[2, 0], [0, 4]]], { dtype });
    assertEquals(numbers(linalg.eigvalsh(batch)).slice(2), [2, 4]);
    assertEquals(numbers(linalg.svdvals(batch)).slice(2), [4, 2]);
    assertEquals(numbers(linalg.solve(batch, tensor([2, 4], { dtype })).select(0, 1)), [1, 1]);
  }
});

Deno.test("empty matrices and empty batches", () => {
  const none = zeros([0, 0], { dtype: "float64" });
  assertEquals(linalg.det(none).item(), 1);
  assertEquals(linalg.slogdet(none).map((x) => x.item()), [1, 0]);
  assertEquals(linalg.cond(none).item(), 0);
  assertEquals(linalg.matrixRank(none).item(), 0);
  assertEquals(linalg.trace(none).item(), 0);
  for (
    const x of [linalg.inv(none), linalg.cholesky(none), linalg.matrixExp(none), ...linalg.lu(none)]
  ) {
    assertEquals([...x.shape], [0, 0]);
    assertEquals(x.toArray(), []);
  }
  assertEquals([...linalg.solve(none, zeros([0], { dtype: "float64" })).shape], [0]);
  assertEquals(linalg.eigh(none).map((x) => [...x.shape]), [[0], [0, 0]]);
  const tall = zeros([3, 0], { dtype: "float64" });
  assertEquals(linalg.qr(tall).map((x) => [...x.shape]), [[3, 0], [0, 0]]);
  const [whole] = linalg.qr(tall, { mode: "complete" });
  assertEquals(whole.toArray(), [[1, 0, 0], [0, 1, 0], [0, 0, 1]]);
  assertEquals(linalg.svd(tall).map((x) => [...x.shape]), [[3, 0], [0], [0, 0]]);
  assertEquals(linalg.lstsq(tall, zeros([3], { dtype: "float64" })).toArray(), []);
  assertEquals(linalg.pinv(tall).toArray(), []);
  const batch = zeros([0, 2, 2], { dtype: "float64" });
  assertEquals(linalg.eigh(batch).map((x) => [...x.shape]), [[0, 2], [0, 2, 2]]);
  assertEquals(linalg.svd(batch).map((x) => [...x.shape]), [[0, 2, 2], [0, 2], [0, 2, 2]]);
  assertEquals(linalg.qr(batch).map((x) => [...x.shape]), [[0, 2, 2], [0, 2, 2]]);
  assertEquals(linalg.lu(batch).map((x) => x.toArray()), [[], [], []]);
  assertEquals(linalg.det(batch).toArray(), []);
  assertEquals(linalg.matrixExp(batch).toArray(), []);
});

Deno.test("1x1 matrices", () => {
  for (const dtype of dtypes) {
    const a = tensor([[-4]], { dtype });
    assertEquals(linalg.det(a).item(), -4);
    assertEquals(linalg.slogdet(a)[0].item(), -1);
    assertEquals(linalg.inv(a).item(), -0.25);
    assertEquals(linalg.eigh(a).map((x) => numbers(x)), [[-4], [1]]);
    const [U, S, Vh] = linalg.svd(a);
    assertEquals([S.item(), U.item() * Vh.item()], [4, -1]);
    assertEquals(linalg.qr(a).map((x) => x.item()), [1, -4]);
    assertEquals(linalg.lu(a).map((x) => x.item()), [1, 1, -4]);
    assertEquals(linalg.cholesky(a.neg()).item(), 2);
    assertEquals(linalg.pinv(a).item(), -0.25);
    assertEquals(linalg.cond(a).item(), 1);
  }
});

Deno.test("a matrix that is not symmetric", () => {
  const a = tensor([[4, 1], [3, 5]], { dtype: "float64" });
  const symmetric = tensor([[4, 2], [2, 5]], { dtype: "float64" });
  assertEquals(linalg.cholesky(a).toArray(), linalg.cholesky(symmetric).toArray());
  assertEquals(linalg.eigvalsh(a).toArray(), linalg.eigvalsh(symmetric).toArray());
  const lower = tensor([[4, 3], [3, 5]], { dtype: "float64" });
  const upper = tensor([[4, 1], [1, 5]], { dtype: "float64" });
  const read = { symmetrize: false };
  assertEquals(linalg.cholesky(a, read).toArray(), linalg.cholesky(lower).toArray());
  assertEquals(
    linalg.cholesky(a, { ...read, upper: true }).toArray(),
    linalg.cholesky(upper, { upper: true }).toArray(),
  );
  const below = func.grad((x: Tensor) => linalg.cholesky(x, read).sum())(a);
  assertEquals(numbers(below)[1], 0);
  const above = func.grad((x: Tensor) => linalg.cholesky(x, { ...read, upper: true }).sum())(a);
  assertEquals(numbers(above)[2], 0);
});

Deno.test("conventions of factors", () => {
  const a = tensor([[1, 2], [3, 4], [5, 6]], { dtype: "float64" });
  assertEquals(linalg.svd(a).map((x) => [...x.shape]), [[3, 2], [2], [2, 2]]);
  const [U, S, Vh] = linalg.svd(a, { fullMatrices: true });
  assertEquals([U, S, Vh].map((x) => [...x.shape]), [[3, 3], [2], [2, 2]]);
  const unit = U.transpose(0, 1).matmul(U).sub(tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1]]));
  assert(unit.abs().max().item() < 1e-14);
  assertEquals(linalg.luFactor(a)[1].toArray(), [2, 2]);
  // A whole basis of the orthogonal complement is not unique.
  const x = a.clone().requiresGrad_();
  const [Q] = linalg.qr(x, { mode: "complete" });
  assertThrows(() => autograd.grad(Q.sum(), [x]), GradientError, 'use mode "reduced"');
});

Deno.test("linalg refuses shapes, types and options that do not fit", () => {
  const a = tensor([[1, 2], [3, 4]]), wide = tensor([[1, 2, 3], [4, 5, 6]]);
  const square = {
    solve: () => linalg.solve(wide, tensor([1, 2])),
    inv: () => linalg.inv(wide),
    det: () => linalg.det(wide),
    slogdet: () => linalg.slogdet(wide),
    logdet: () => linalg.logdet(wide),
    cholesky: () => linalg.cholesky(wide),
    eigh: () => linalg.eigh(wide),
    eigvalsh: () => linalg.eigvalsh(wide),
    matrixExp: () => linalg.matrixExp(wide),
    matrixPower: () => linalg.matrixPower(wide, 2),
    triangularSolve: () => linalg.triangularSolve(wide, tensor([1, 2]), { upper: true }),
    cond: () => linalg.cond(wide, 1),
  };
  for (const [op, run] of Object.entries(square)) {
    assertThrows(run, ShapeError, `${op}: A is [2, 3], wants square matrices [..., n, n]`);
  }
  const vector = tensor([1, 2]);
  for (const op of ["lu", "qr", "svd", "svdvals", "pinv", "matrixNorm", "matrixRank"] as const) {
    assertThrows(() => linalg[op](vector), ShapeError, `${op}: A is [2], wants matrices`);
  }
  const whole = tensor([[1, 2], [3, 4]], { dtype: "int64" });
  for (const op of ["lu", "qr", "svd", "eigh", "cholesky", "inv", "det", "matrixExp"] as const) {
    assertThrows(
      () => linalg[op](whole),
      DTypeError,
      `${op}: A is int64, wants float32 or float64`,
    );
    // @ts-expect-error an array is no tensor
    assertThrows(() => linalg[op]([[1]]), TypeError, `${op}: A is an array of 1, wants a tensor`);
  }
  assertThrows(() => linalg.solve(a, tensor([1, 2, 3])), ShapeError, "wants B [2] or [..., 2, k]");
  assertThrows(
    () => linalg.solve(a, tensor([[1, 2, 3]]), { left: false }),
    ShapeError,
    "wants B [2] or [..., k, 2]",
  );
  assertThrows(() => linalg.solve(a, tensor(3)), ShapeError, "wants B [2]");
  assertThrows(
    () => linalg.solve(a, tensor([1, 2], { dtype: "float64" })),
    DTypeError,
    'A is float32 and B float64; convert one with to("float32")',
  );
  assertThrows(
    () => linalg.solve(zeros([2, 2, 2]), zeros([3, 2, 1])),
    ShapeError,
    "[2] and [3]",
  );
  // @ts-expect-error misspelled
  assertThrows(() => linalg.cholesky(a, { uper: true }), TypeError, "there is no option uper");
  // @ts-expect-error misspelled
  assertThrows(() => linalg.solve(a, vector, { adjoint: true }), TypeError, "no option adjoint");
  // @ts-expect-error no flag
  assertThrows(() => linalg.solve(a, vector, { left: 0 }), TypeError, "left is 0, wants true");
  // @ts-expect-error left out
  assertThrows(() => linalg.triangularSolve(a, vector, {}), TypeError, "upper is undefined");
  // @ts-expect-error no mode
  assertThrows(() => linalg.qr(a, { mode: "full" }), TypeError, 'wants "reduced" or "complete"');
  // @ts-expect-error no norm
  assertThrows(() => linalg.matrixNorm(a, "l2"), RangeError, 'got the norm "l2"');
  assertThrows(() => linalg.matrixNorm(a, 3), RangeError, "got the norm 3");
  assertThrows(() => linalg.matrixNorm(a, 1, { dim: [0, -2] }), ShapeError, "both dimensions");
  assertThrows(() => linalg.matrixPower(a, 0.5), RangeError, "n is 0.5, wants a whole number");
  assertThrows(() => linalg.lstsq(a, vector, { rcond: -1 }), RangeError, "rcond is -1");
  assertThrows(() => linalg.pinv(a, { rtol: NaN }), RangeError, "rtol is NaN");
  assertThrows(() => linalg.diagonal(vector), ShapeError, "diagonal: A is [2]");
  assertThrows(() => linalg.diagonal(a, { dim1: 1 }), ShapeError, "both dimension 1");
  const [LU, pivots] = linalg.luFactor(a);
  assertThrows(() => linalg.luSolve(LU, LU, vector), DTypeError, "pivots are float32");
  assertThrows(
    () => linalg.luSolve(LU, pivots.slice([[0, 1]]), vector),
    ShapeError,
    "wants pivots [2]",
  );
});
