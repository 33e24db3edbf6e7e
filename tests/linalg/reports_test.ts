/**
 * What users of other libraries met in dense linear algebra: derivatives of higher order in all modes,
 * repeated singular values, degenerate least squares, entries that are not read.
 */

import { assert, assertEquals } from "@std/assert";
import { compile, func, linalg, stack, type Tensor, tensor } from "@torchopt/torchopt";

const f64 = { dtype: "float64" } as const;
const numbers = (x: Tensor) => Array.from(x.data() as ArrayLike<number>, Number);

function near(what: string, got: Tensor, want: readonly number[], tol = 1e-12): void {
  const values = numbers(got);
  assertEquals(values.length, want.length, what);
  want.forEach((v, i) => {
    assert(
      Math.abs(values[i] - v) <= tol * (1 + Math.abs(v)),
      `${what}[${i}]: ${values[i]}, want ${v}`,
    );
  });
}

type Curve = (t: Tensor) => Tensor;

/** Slope of a function of one number: by a tangent, or by the gradients of its elements. */
const forward = (f: Curve): Curve => (t) => func.jvp(f, [t], [t.mul(0).add(1)])[1];
const reverse = (f: Curve): Curve => (t) => {
  const shape = [...f(t.detach()).shape], n = shape.reduce((a, b) => a * b, 1);
  const flat = (x: Tensor) => f(x).reshape([n]);
  const each = Array.from(
    { length: n },
    (_, i) => func.grad((x: Tensor) => flat(x).select(0, i))(t),
  );
  return stack(each).reshape(shape);
};
const modes = { forward, reverse };

/** Checks value, first and second derivatives in all modes, and the third in mixed ones. */
function checkCurve(
  what: string,
  f: Curve,
  [value, first, second, third]: readonly (readonly number[])[],
  tol: number,
): void {
  const t = tensor(0, f64);
  near(what, f(t), value, tol);
  for (const [outer, d2] of Object.entries(modes)) {
    near(`${what}, ${outer}`, d2(f)(t), first, tol);
    if (second === undefined) continue;
    for (const [inner, d1] of Object.entries(modes)) {
      near(`${what}, ${outer} over ${inner}`, d2(d1(f))(t), second, tol);
      near(`${what}, ${outer} over ${inner}, compiled`, compile(d2(d1(f)))(t), second, tol);
      if (third !== undefined) {
        near(`${what}, ${outer} over ${inner} over forward`, d2(d1(forward(f)))(t), third, tol);
        near(`${what}, ${outer} over ${inner} over reverse`, d2(d1(reverse(f)))(t), third, tol);
      }
    }
  }
  // A batch of three is three times the same.
  const d = func.vmap(forward(reverse(f)))(tensor([0, 0, 0], f64));
  if (second !== undefined) near(`${what}, vmap`, d.select(0, 1), second, tol);
}

Deno.test("derivatives of det, log|det| and solve along a line to the third order", () => {
  const A = tensor([[2, 1], [-1, 3]], f64), V = tensor([[1, 0], [2, -1]], f64);
  const b = tensor([1, 4], f64), at = (t: Tensor) => A.add(V.mul(t));
  checkCurve("det", (t) => linalg.det(at(t)), [[7], [-1], [-2], [0]], 1e-12);
  const logs = [[Math.log(7)], [-1 / 7], [-15 / 49], [-44 / 343]];
  checkCurve("slogdet", (t) => linalg.slogdet(at(t))[1], logs, 1e-12);
  checkCurve("logdet", (t) => linalg.logdet(at(t)), logs, 1e-12);
  const x = [
    [-1 / 7, 9 / 7],
    [-8 / 49, 23 / 49],
    [-30 / 343, 172 / 343],
    [-426 / 2401, 1482 / 2401],
  ];
  checkCurve("solve", (t) => linalg.solve(at(t), b), x, 1e-12);
  checkCurve("inv", (t) => linalg.inv(at(t)).matmul(b), x, 1e-12);
  checkCurve("lstsq", (t) => linalg.lstsq(at(t), b), x, 1e-10);
  checkCurve("pinv", (t) => linalg.pinv(at(t)).matmul(b), x, 1e-10);
  const factored: Curve = (t) => {
    const [LU, pivots] = linalg.luFactor(at(t));
    return linalg.luSolve(LU, pivots, b);
  };
  checkCurve("luSolve", factored, x, 1e-11);
  const orthogonal: Curve = (t) => {
    const [Q, R] = linalg.qr(at(t));
    return linalg.triangularSolve(R, Q.transpose(0, 1).matmul(b), { upper: true });
  };
  checkCurve("qr", orthogonal, x, 1e-11);
});

Deno.test("repeated singular values leave well-defined derivatives", () => {
  const unit = tensor([[1, 0], [0, 1]], f64), turn = tensor([[0, 1], [-1, 0]], f64);
  const total: Curve = (t) => linalg.svdvals(unit.add(turn.mul(t))).sum();
  checkCurve("sum of singular values", total, [[2], [0], [2]], 1e-9);
  const nuclear: Curve = (t) => linalg.matrixNorm(unit.add(turn.mul(t)), "nuc");
  checkCurve("nuclear norm", nuclear, [[2], [0], [2]], 1e-9);
  const D = tensor([[1, 0, 0], [0, 1, 0], [0, 0, 2]], f64);
  const W = tensor([[0, 0.1, 0.2], [0.3, 0.4, 0.5], [0.6, 0.7, 0.8]], f64);
  const whole: Curve = (t) => {
    const [U, S, Vh] = linalg.svd(D.add(W.mul(t)));
    return U.mul(S.unsqueeze(0)).matmul(Vh).norm();
  };
  near("U S V^T", forward(whole)(tensor(0, f64)), [2 / Math.sqrt(6)], 1e-9);
  near("U S V^T", reverse(whole)(tensor(0, f64)), [2 / Math.sqrt(6)], 1e-9);
  const polar = (E: Tensor): Curve => (t) => {
    const [U, , Vh] = linalg.svd(D.add(E.mul(t)));
    return U.matmul(Vh);
  };
  const E12 = tensor([[0, 1, 0], [0, 0, 0], [0, 0, 0]], f64);
  const E13 = tensor([[0, 0, 1], [0, 0, 0], [0, 0, 0]], f64);
  for (const [mode, d] of Object.entries(modes)) {
    const third = 1 / 3, t = tensor(0, f64);
    near(`E12, ${mode}`, d(polar(E12))(t), [0, 0.5, 0, -0.5, 0, 0, 0, 0, 0], 1e-9);
    near(`E13, ${mode}`, d(polar(E13))(t), [0, 0, third, 0, 0, 0, -third, 0, 0], 1e-9);
  }
  for (const n of [2, 3, 5]) {
    const ones = tensor(new Float64Array(n * n).fill(1), { shape: [n, n] });
    const largest = (A: Tensor) => linalg.svdvals(A).select(0, 0);
    near(`${n}`, func.grad(largest)(ones), new Array(n * n).fill(1 / n), 1e-9);
    const spectral = (A: Tensor) => linalg.matrixNorm(A, 2);
    near(`${n}`, func.grad(spectral)(ones), new Array(n * n).fill(1 / n), 1e-9);
    const batch = stack([ones, ones.mul(2)]);
    near(`${n}`, func.vmap(func.grad(largest))(batch).select(0, 1), numbers(ones.div(n)), 1e-9);
  }
  // Equal within rounding only: a rotation of the identity.
  const angle = tensor([[Math.cos(1), -Math.sin(1)], [Math.sin(1), Math.cos(1)]], f64);
  const K = angle.matmul(turn);
  const rotated: Curve = (t) => linalg.svdvals(angle.add(K.mul(t))).sum();
  checkCurve("rotated", rotated, [[2], [0], [2]], 1e-9);
});

Deno.test("repeated eigenvalues leave the derivative of their sum", () => {
  const A = tensor([[2, 0, 0], [0, 2, 0], [0, 0, 2]], f64);
  const g = func.grad((x: Tensor) => linalg.eigvalsh(x).exp().sum())(A);
  near("gradient", g, [0, 1, 2].flatMap((i) => [0, 1, 2].map((j) => i === j ? Math.exp(2) : 0)));
  const trace = func.grad((x: Tensor) => linalg.eigh(x)[0].sum())(A);
  near("trace", trace, [1, 0, 0, 0, 1, 0, 0, 0, 1]);
  const projector = (x: Tensor) => {
    const V = linalg.eigh(x)[1].narrow(1, 0, 2);
    return V.matmul(V.transpose(0, 1)).mul(tensor([[0, 0, 1], [0, 0, 0], [1, 0, 0]], f64)).sum();
  };
  // The space of the double eigenvalue 1 beside 3: P changes by (E13 + E31) / (1 - 3).
  const B = tensor([[1, 0, 0], [0, 1, 0], [0, 0, 3]], f64);
  near("projector", func.grad(projector)(B), [0, 0, -0.5, 0, 0, 0, -0.5, 0, 0]);
});

Deno.test("least squares with degenerate right sides", () => {
  for (const dtype of ["float32", "float64"] as const) {
    const tol = dtype === "float32" ? 1e-6 : 1e-10;
    const A = tensor([[1, 0], [0, 1], [1, 1], [0, 0]], { dtype });
    for (const data of [[0, 0, 0, 0], [1, 1, -1, 5]]) {
      const b = tensor(data, { dtype }), x = linalg.lstsq(A, b);
      assertEquals([...x.shape], [2]);
      near("x", x, [0, 0], tol);
      const length = Math.sqrt(data.reduce((s, v) => s + v * v, 0));
      near("residual", A.matmul(x).sub(b).norm(), [length], tol);
      const total = (right: Tensor) => linalg.lstsq(A, right).sum();
      near("gradient", func.grad(total)(b), [1 / 3, 1 / 3, 2 / 3, 0], tol);
      assert(numbers(func.grad((a: Tensor) => linalg.lstsq(a, b).sum())(A)).every(Number.isFinite));
      near("pinv", linalg.pinv(A).matmul(b), [0, 0], tol);
      const both = func.vmap(func.grad(total))(stack([b, b.mul(2)]));
      near("vmap", both.select(0, 0), [1 / 3, 1 / 3, 2 / 3, 0], tol);
    }
  }
});

Deno.test("Cholesky factors give no gradient to entries that are not read", () => {
  const data = [[9, 2], [2, 5]];
  const loss = (upper: boolean, symmetrize: boolean) => (A: Tensor) => {
    const R = linalg.cholesky(A, { upper, symmetrize });
    const factor = upper ? R : R.transpose(0, 1);
    return factor.mul(tensor([[1, 2], [0, 3]], f64)).sum();
  };
  const A = tensor(data, f64), G11 = 0.127297873012, G22 = 0.702781928499;
  const both = 0.354319142889;
  for (const upper of [true, false]) {
    near("f", loss(upper, true)(A), [10.7364575707662], 1e-10);
    near("symmetric", func.grad(loss(upper, true))(A), [G11, both / 2, both / 2, G22], 1e-10);
    const one = numbers(func.grad(loss(upper, false))(A));
    near("read", tensor(one, f64), upper ? [G11, both, 0, G22] : [G11, 0, both, G22], 1e-10);
    assertEquals(one[upper ? 2 : 1], 0);
    for (const symmetrize of [true, false]) {
      const line: Curve = (t) =>
        loss(upper, symmetrize)(A.add(tensor([[0, 1], [1, 0]], f64).mul(t)));
      checkCurve("second", line, [[10.7364575707662], [both], [-0.171410226463]], 1e-10);
      // What the ignored entry holds does not matter.
      const other = tensor(upper ? [[9, 2], [NaN, 5]] : [[9, NaN], [2, 5]], f64);
      if (symmetrize) continue;
      near("ignored", loss(upper, false)(other), [10.7364575707662], 1e-10);
      assertEquals(numbers(func.grad(loss(upper, false))(other)), one);
    }
  }
});

Deno.test("functions of equal eigenvalues and singular values have second derivatives", () => {
  const eye = (n: number) => tensor(new Float64Array(n).fill(1)).diag();
  const B = tensor([[0.3, 0.5, -0.2], [0.5, 0.1, 0.4], [-0.2, 0.4, -0.6]], f64);
  const square = B.matmul(B).trace().item();
  for (const c of [1, 2.5]) {
    const at = (t: Tensor) => eye(3).mul(c).add(B.mul(t));
    const trace = B.trace().item();
    // tr f(A): f'(c) tr B and f''(c) tr B^2.
    checkCurve("exp", (t) => linalg.eigvalsh(at(t)).exp().sum(), [
      [3 * Math.exp(c)],
      [Math.exp(c) * trace],
      [Math.exp(c) * square],
    ], 1e-9);
    checkCurve("log", (t) => linalg.eigvalsh(at(t)).log().sum(), [
      [3 * Math.log(c)],
      [trace / c],
      [-square / c ** 2],
    ], 1e-9);
    // Not a sum over the eigenvalues: the determinant.
    checkCurve("product", (t) => linalg.eigvalsh(at(t)).prod(), [
      [c ** 3],
      [c ** 2 * trace],
      [c * (trace ** 2 - square)],
    ], 1e-9);
  }
  // Two groups of equal eigenvalues.
  const D = tensor([1, 1, 3, 3], f64).diag();
  const C = tensor([[1, 2, 3, 4], [2, 5, 6, 7], [3, 6, 8, 9], [4, 7, 9, 1]], f64);
  const inGroups: Curve = (t) => linalg.eigvalsh(D.add(C.mul(t))).pow(3).sum();
  const cube: Curve = (t) => {
    const x = D.add(C.mul(t));
    return x.matmul(x).matmul(x).trace();
  };
  const t0 = tensor(0, f64);
  near("groups", forward(reverse(inGroups))(t0), numbers(forward(reverse(cube))(t0)), 1e-9);
  // Sums of squares and of fourth powers of singular values, with ties and zeros among them.
  const M = (m: number, n: number) =>
    tensor(Float64Array.from({ length: m * n }, (_, i) => Math.sin(i * i + 1)), { shape: [m, n] });
  for (const values of [[2, 2, 2], [2, 2, 0], [3, 0, 0], [0, 0, 0], [3, 2, 2]]) {
    for (const [m, n] of [[3, 3], [5, 3], [3, 4]]) {
      const base = tensor(values, f64).diag().pad([0, n - 3, 0, m - 3]);
      const at = (t: Tensor) => base.add(M(m, n).mul(t));
      const powers: Curve = (t) => {
        const s = linalg.svdvals(at(t)).square();
        return s.sum().add(s.square().sum());
      };
      const plain: Curve = (t) => {
        const x = at(t), g = x.transpose(0, 1).matmul(x);
        return g.trace().add(g.matmul(g).trace());
      };
      for (const [mode, d] of Object.entries(modes)) {
        const what = `${values} in ${m}x${n}, ${mode}`;
        near(what, d(reverse(powers))(t0), numbers(d(reverse(plain))(t0)), 1e-9);
        near(what, d(forward(powers))(t0), numbers(d(forward(plain))(t0)), 1e-9);
      }
    }
  }
  const hessian = func.hessian((x: Tensor) => linalg.eigvalsh(x).square().sum());
  const sums = hessian(eye(2)) as Tensor;
  near("Hessian", sums, [2, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 2], 1e-9);
  const lanes = func.vmap((x: Tensor) => hessian(x) as Tensor)(stack([eye(2), eye(2).mul(3)]));
  near("Hessian, vmap", lanes.select(0, 1), numbers(sums), 1e-9);
});
