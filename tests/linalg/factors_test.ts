/** Factors and solutions of dense matrices of sizes 1 to 300 at the bounds of backward stability. */

import { assert } from "@std/assert";
import { linalg, realize, stack, type Tensor } from "@torchopt/torchopt";
import {
  distance,
  identity,
  kinds,
  norm,
  type Plain,
  product,
  random,
  toPlain,
  toTensor,
} from "./matrices.ts";
import { kernels } from "../helpers/needs.ts";

const precision = { float32: 2 ** -23, float64: 2 ** -52 } as const;
const dtypes = ["float32", "float64"] as const;
const conditions = { float32: 1e5, float64: 1e12 } as const;
/** Around the widths of panels and of blocks, with kernels and without. */
const sizes = [1, 2, 3, 8, 15, 16, 17, 32, 33, 64, 65, 129, 257, 300];

/** Each square matrix of some sizes, as it is in its type. */
function eachMatrix(
  some: readonly number[],
  check: (what: string, a: Tensor, plain: Plain, eps: number) => void,
): void {
  for (const dtype of dtypes) {
    for (const n of some) {
      for (const [kind, plain] of Object.entries(kinds(n, conditions[dtype]))) {
        const a = toTensor(plain, dtype);
        check(`${kind}, ${n}, ${dtype}`, a, toPlain(a), precision[dtype]);
      }
    }
  }
}

function within(what: string, off: number, bound: number): void {
  assert(off <= bound, `${what}: ${off}, allowed ${bound}`);
}

/** Whether A X = B holds within the rounding of a backward stable method. */
function checkResidual(what: string, a: Plain, x: Plain, b: Plain, eps: number): void {
  const off = distance(product(a, x), b);
  within(what, off, 4 * a.n * eps * (norm(a) * norm(x) + norm(b)));
}

Deno.test("solve() has residuals of a backward stable method", () => {
  eachMatrix(sizes, (what, a, plain, eps) => {
    const { n } = plain, { dtype } = a;
    for (const k of [1, 4, 37]) {
      const b = toTensor(random(n, k, k), dtype as "float64"), right = toPlain(b);
      checkResidual(`${what}, ${k} columns`, plain, toPlain(linalg.solve(a, b)), right, eps);
    }
    const b = toTensor(random(n, 1, 3), dtype as "float64").squeeze(1);
    const turned = toPlain(a.transpose(0, 1));
    const x = toPlain(linalg.solve(a, b, { transpose: true }));
    checkResidual(`${what}, transposed`, turned, x, toPlain(b), eps);
  });
});

Deno.test("P A = L U", () => {
  eachMatrix(sizes, (what, a, plain, eps) => {
    const [P, L, U] = linalg.lu(a);
    realize(P, L, U);
    const [p, l, u] = [P, L, U].map(toPlain);
    assert(l.data.every((x) => Math.abs(x) <= 1), `${what}: an entry of L is larger than 1`);
    const off = distance(product(l, u), product(p, plain, true));
    within(what, off, 4 * plain.n * eps * norm(l) * norm(u));
  });
  for (const [m, n] of [[1, 7], [7, 1], [20, 45], [45, 20], [300, 33], [33, 300], [130, 70]]) {
    const a = toTensor(random(m, n, 3), "float64");
    const [p, l, u] = linalg.lu(a).map(toPlain);
    within(`${m}x${n}`, distance(product(p, product(l, u)), toPlain(a)), 1e-13 * norm(u));
  }
});

Deno.test("L L^T = A", () => {
  eachMatrix(sizes, (what, a, plain, eps) => {
    const { n } = plain, { dtype } = a;
    const square = product(plain, plain, true), most = norm(square);
    for (let i = 0; i < n; i++) square.data[i * n + i] += 8 * n * eps * most;
    const spd = toTensor(square, dtype as "float64"), l = linalg.cholesky(spd);
    const found = toPlain(l), whole = toPlain(spd);
    const back = product(found, toPlain(l.transpose(0, 1)));
    within(what, distance(back, whole), 4 * n * eps * norm(whole));
    const b = toTensor(random(n, 3, 9), dtype as "float64");
    const x = toPlain(linalg.choleskySolve(b, l));
    checkResidual(`${what}, solved`, whole, x, toPlain(b), eps);
  });
});

Deno.test("Q^T Q = I and Q R = A", () => {
  const check = (what: string, a: Tensor, plain: Plain, eps: number, whole: boolean) => {
    const factors = linalg.qr(a, { mode: whole ? "complete" : "reduced" });
    realize(...factors);
    const [q, r] = factors.map(toPlain), bound = 4 * Math.max(plain.m, plain.n) * eps;
    within(`${what}, Q^T Q`, distance(product(q, q, true), identity(q.n)), bound);
    within(`${what}, Q R`, distance(product(q, r), plain), bound * norm(plain));
    r.data.forEach((x, i) => assert(x === 0 || i % r.n >= Math.floor(i / r.n), `${what}: R`));
  };
  eachMatrix(sizes.filter((n) => n < 150 || n === 300), (what, a, plain, eps) => {
    check(what, a, plain, eps, false);
  });
  for (const [m, n] of [[1, 7], [7, 1], [45, 20], [20, 45], [200, 33], [70, 64]]) {
    for (const dtype of dtypes) {
      const a = toTensor(random(m, n, 3), dtype), plain = toPlain(a);
      for (const whole of [false, true]) {
        check(`${m}x${n}, ${dtype}, ${whole}`, a, plain, precision[dtype], whole);
      }
    }
  }
});

Deno.test("triangular systems have residuals of substitution", () => {
  for (const dtype of dtypes) {
    for (const n of [1, 2, 7, 17, 33, 65, 300]) {
      const t = random(n, n, n);
      for (let i = 0; i < n; i++) t.data[i * n + i] = 3 + i % 2;
      t.data.forEach((_, i) => i % (n + 1) === 0 || (t.data[i] /= Math.sqrt(n)));
      const a = toTensor(t, dtype);
      for (let flags = 0; flags < 16; flags++) {
        const upper = (flags & 1) > 0, unitriangular = (flags & 2) > 0;
        const transpose = (flags & 4) > 0, left = (flags & 8) > 0;
        let used = upper ? a.triu() : a.tril();
        if (unitriangular) used = used.sub(linalg.diagonal(used).diag()).add(eye(n, dtype));
        if (transpose) used = used.transpose(0, 1);
        for (const k of [1, 21]) {
          const b = toTensor(left ? random(n, k, k) : random(k, n, k), dtype);
          const x = linalg.triangularSolve(a, b, { upper, unitriangular, transpose, left });
          const back = left ? used.matmul(x) : x.matmul(used);
          const bound = 4 * n * precision[dtype] *
            (norm(toPlain(used)) + norm(toPlain(used.transpose(0, 1)))) *
            Math.max(1, x.abs().max().item());
          within(`${n}, ${dtype}, ${flags}, ${k}`, back.sub(b).abs().max().item(), bound);
        }
      }
    }
  }
});

const eye = (n: number, dtype: "float32" | "float64") => toTensor(identity(n), dtype);

// The fallback graphs turn all pairs of columns in each sweep.
const few = [1, 2, 3, 5, 8, 16, 17, 33, 64, 90, ...kernels.met ? [200] : []];

Deno.test("V^T V = I and A V = V W", () => {
  eachMatrix(few, (what, a, _, eps) => {
    const symmetric = a.add(a.transpose(0, 1)), plain = toPlain(symmetric);
    const [w, V] = linalg.eigh(symmetric);
    realize(w, V);
    const v = toPlain(V), bound = 16 * plain.n * eps;
    within(`${what}, V^T V`, distance(product(v, v, true), identity(plain.n)), bound);
    const scaled = toPlain(V.mul(w.unsqueeze(0)));
    within(`${what}, A V`, distance(product(plain, v), scaled), bound * norm(plain));
    const values = toPlain(w).data;
    values.forEach((x, i) => assert(i === 0 || values[i - 1] <= x, `${what}: order`));
  });
});

Deno.test("U S V^T = A with orthonormal U and V", () => {
  const check = (what: string, a: Tensor, plain: Plain, eps: number) => {
    const factors = linalg.svd(a);
    realize(...factors);
    const [U, S, Vh] = factors, u = toPlain(U), v = toPlain(Vh.transpose(0, 1));
    const k = Math.min(plain.m, plain.n), bound = 16 * Math.max(plain.m, plain.n) * eps;
    within(`${what}, U^T U`, distance(product(u, u, true), identity(k)), bound);
    within(`${what}, V^T V`, distance(product(v, v, true), identity(k)), bound);
    const back = product(toPlain(U.mul(S.unsqueeze(0))), toPlain(Vh));
    within(what, distance(back, plain), bound * norm(plain));
    const values = toPlain(S).data;
    values.forEach((x, i) => assert(x >= 0 && (i === 0 || values[i - 1] >= x), `${what}: order`));
  };
  eachMatrix(few, check);
  for (const [m, n] of [[1, 7], [7, 1], [40, 21], [21, 40], [90, 3]]) {
    for (const dtype of dtypes) {
      const a = toTensor(random(m, n, 3), dtype);
      check(`${m}x${n}, ${dtype}`, a, toPlain(a), precision[dtype]);
    }
  }
  // Rank 1 and rank 0: vectors of singular values 0 complete the basis.
  const one = toTensor(product(random(9, 1, 1), random(1, 6, 2)), "float64");
  check("rank 1", one, toPlain(one), precision.float64);
  // Most columns of A V are rounding errors, from whatever start they are turned.
  const three = toTensor(product(random(40, 3, 1), random(3, 40, 2)), "float64");
  check("rank 3", three, toPlain(three), precision.float64);
  check("rank 0", one.mul(0), toPlain(one.mul(0)), precision.float64);
});

Deno.test("small singular values of graded columns keep their digits", () => {
  // A = B D with a well-conditioned B: Jacobi's method finds all values to relative precision.
  for (const [n, step] of [[8, 2], [40, 0.25]]) {
    const b = random(n, n, 4);
    for (let i = 0; i < n; i++) b.data[i * (n + 1)] += n / 2;
    const graded = { ...b, data: b.data.map((x, i) => x * 10 ** (-step * (i % n))) };
    const s = toPlain(linalg.svdvals(toTensor(graded, "float64"))).data;
    const product = s.reduce((p, x) => p * x, 1);
    const det = Math.abs(linalg.det(toTensor(b, "float64")).item()) *
      10 ** (-step * n * (n - 1) / 2);
    assert(Math.abs(product / det - 1) < 1e-12, `${product} and ${det}`);
    // The same rows twice: each value is larger by the root of 2.
    const data = Float64Array.from([...graded.data, ...graded.data]);
    toPlain(linalg.svdvals(toTensor({ m: 2 * n, n, data }, "float64"))).data.forEach((x, i) =>
      assert(Math.abs(x / s[i] / Math.SQRT2 - 1) < 1e-12, `${x} and ${s[i]}`)
    );
  }
});

Deno.test("batches of matrices are as each alone", () => {
  for (const n of [1, 3, 17, 33]) {
    const list = Array.from({ length: 70 }, (_, i) => toTensor(random(n, n, i + n), "float64"));
    const all = stack(list);
    const b = toTensor(random(70, n, 5), "float64");
    const x = linalg.solve(all, b), [U] = [linalg.lu(all)[2]], [, R] = linalg.qr(all);
    const w = linalg.eigvalsh(all), s = linalg.svdvals(all);
    realize(x, U, R, w, s);
    for (const i of [0, 1, 37, 69]) {
      const one = list[i];
      const same = (what: string, batch: Tensor, alone: Tensor) => {
        const off = batch.select(0, i).sub(alone).abs().max().item();
        assert(off <= 1e-12 * (1 + alone.abs().max().item()), `${what}, ${n}, ${i}: ${off}`);
      };
      same("solve", x, linalg.solve(one, b.select(0, i)));
      same("lu", U, linalg.lu(one)[2]);
      same("qr", R, linalg.qr(one)[1]);
      same("eigh", w, linalg.eigvalsh(one));
      same("svd", s, linalg.svdvals(one));
    }
  }
});
