/** Each function of dense linear algebra: batched, under vmap, compiled, in float32, twice differentiated. */

import { assert, assertEquals } from "@std/assert";
import { compile, func, gradcheck, linalg, stack, type Tensor, tensor } from "@torchopt/torchopt";

type Fn = (...xs: Tensor[]) => Tensor | Tensor[];

interface Entry {
  readonly shapes: readonly (readonly number[])[];
  readonly run: Fn;
  /** Whether results have derivatives (default true). */
  readonly smooth?: boolean;
}

const symmetric = (a: Tensor) => a.add(a.transpose(-1, -2));
const definite = (a: Tensor) =>
  a.matmul(a.transpose(-1, -2)).add(linalg.matrixPower(a, 0).mul(0.5));

const square = (run: (a: Tensor) => Tensor | Tensor[]): Entry => ({ shapes: [[3, 3]], run });
const rectangles = (run: (a: Tensor) => Tensor | Tensor[]): Entry => ({
  shapes: [[4, 3], [2, 3]],
  run: (a, b) => [run(a), run(b)].flat(),
});
const system = (run: (a: Tensor, b: Tensor) => Tensor): Entry => ({
  shapes: [[3, 3], [3], [3, 2]],
  run: (a, b, c) => [run(a, b), run(a, c)],
});

const entries: Record<string, Entry> = {
  solve: system((a, b) => linalg.solve(a, b)),
  "solve, transposed": system((a, b) => linalg.solve(a, b, { transpose: true })),
  "solve, right": {
    shapes: [[3, 3], [2, 3]],
    run: (a, b) => linalg.solve(a, b, { left: false }),
  },
  inv: square(linalg.inv),
  triangularSolve: system((a, b) => linalg.triangularSolve(a, b, { upper: false })),
  "triangularSolve, unit": system((a, b) =>
    linalg.triangularSolve(a, b, { upper: true, unitriangular: true, transpose: true })
  ),
  choleskySolve: system((a, b) => linalg.choleskySolve(b, linalg.cholesky(definite(a)))),
  "choleskySolve, upper": system((a, b) =>
    linalg.choleskySolve(b, linalg.cholesky(definite(a), { upper: true }), { upper: true })
  ),
  luSolve: system((a, b) => linalg.luSolve(...linalg.luFactor(a), b)),
  "luSolve, transposed": system((a, b) =>
    linalg.luSolve(...linalg.luFactor(a), b, { transpose: true })
  ),
  lstsq: {
    shapes: [[4, 3], [4], [2, 3], [2, 2]],
    run: (a, b, c, d) => [linalg.lstsq(a, b), linalg.lstsq(c, d)],
  },
  pinv: rectangles((a) => linalg.pinv(a)),
  det: square(linalg.det),
  slogdet: square((a) => linalg.slogdet(a)[1]),
  logdet: square((a) => linalg.logdet(definite(a))),
  cholesky: square((a) => linalg.cholesky(definite(a))),
  lu: rectangles((a) => linalg.lu(a).slice(1)),
  qr: rectangles((a) => linalg.qr(a)),
  eigh: square((a) => linalg.eigh(symmetric(a))),
  eigvalsh: square((a) => linalg.eigvalsh(symmetric(a))),
  svd: rectangles((a) => linalg.svd(a)),
  svdvals: rectangles((a) => linalg.svdvals(a)),
  matrixExp: square(linalg.matrixExp),
  matrixPower: square((a) => [linalg.matrixPower(a, 3), linalg.matrixPower(a, -2)]),
  matrixNorm: rectangles((a) =>
    (["fro", "nuc", 1, -1, 2, -2, "inf", "-inf"] as const).map((ord) => linalg.matrixNorm(a, ord))
  ),
  vectorNorm: rectangles((a) => [1, 2, 3.5].map((ord) => linalg.vectorNorm(a, ord, { dim: -1 }))),
  cond: square((a) => [linalg.cond(a), linalg.cond(a, 1), linalg.cond(a, "fro")]),
  trace: rectangles((a) => linalg.trace(a)),
  diagonal: rectangles((a) => [linalg.diagonal(a), linalg.diagonal(a, { offset: 1 })]),
  matrixRank: { ...rectangles((a) => linalg.matrixRank(a)), smooth: false },
  "lu, permutation": { ...rectangles((a) => linalg.lu(a)[0]), smooth: false },
  "luFactor, pivots": { ...rectangles((a) => linalg.luFactor(a)[1]), smooth: false },
  "slogdet, sign": { ...square((a) => linalg.slogdet(a)[0]), smooth: false },
};

/** Numbers without order, with a strong diagonal where a matrix is square. */
function argument(shape: readonly number[], seed: number, dtype: Tensor["dtype"]): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const [m, n] = shape.slice(-2);
  const data = Array.from({ length: size }, (_, i) => {
    const strong = shape.length > 1 && m === n && i % (m * n) % (n + 1) === 0;
    return Math.sin((i + seed) * (i + seed) + 1) + (strong ? 2 + i % 2 : 0);
  });
  return tensor(data, { shape, dtype });
}

const list = (x: Tensor | Tensor[]) => Array.isArray(x) ? x : [x];

function same(what: string, got: Tensor, want: Tensor, tol: number): void {
  assertEquals([...got.shape], [...want.shape], what);
  assertEquals(got.dtype, want.dtype, what);
  const wanted = Array.from(want.data() as ArrayLike<number | bigint>, Number);
  Array.from(got.data() as ArrayLike<number | bigint>, Number).forEach((x, i) => {
    assert(Math.abs(x - wanted[i]) <= tol * (1 + Math.abs(wanted[i])), `${what}: ${x}`);
  });
}

for (const [name, { shapes, run, smooth = true }] of Object.entries(entries)) {
  const all: Fn = (...xs) => list(run(...xs));
  Deno.test(`linalg.${name}: batches, vmap, compile and float32 agree`, () => {
    const xs = shapes.map((s, k) => argument([2, ...s], k, "float64"));
    const each = [0, 1].map((i) => list(run(...xs.map((x) => x.select(0, i)))));
    const alone = each[0].map((_, k) => stack(each.map((outs) => outs[k])));
    const ways: Record<string, Tensor[]> = {
      vmap: list(func.vmap(all)(...xs) as Tensor[]),
      compile: list(compile(all)(...xs) as Tensor[]),
      "compiled vmap": list(compile(func.vmap(all))(...xs) as Tensor[]),
      "nested vmap": list(func.vmap(func.vmap(all))(...xs.map((x) => stack([x, x]))) as Tensor[])
        .map((y) => y.select(0, 1)),
    };
    // A vector beside a batch of matrices may be one for all.
    if (!shapes.some((s) => s.length === 1)) ways.batch = list(run(...xs));
    for (const [way, ys] of Object.entries(ways)) {
      if (way === "compile" && ways.batch === undefined) continue;
      ys.forEach((y, k) => same(`${name}, ${way}, ${k}`, y, alone[k], 1e-11));
    }
    list(run(...xs.map((x) => x.select(0, 0).to("float32")))).forEach((y, k) => {
      const want = each[0][k];
      same(`${name}, float32, ${k}`, y, want.dtype === "float64" ? want.to("float32") : want, 1e-4);
    });
  });
  if (!smooth) continue;
  Deno.test(`linalg.${name}: derivatives of two orders, also of batches and under vmap`, () => {
    const xs = shapes.map((s, k) => argument([2, ...s], k, "float64"));
    const options = { order: 2, rtol: 1e-4, atol: 1e-4 } as const;
    assert(gradcheck(func.vmap(all) as Fn, xs, options));
    const loss = (...x: Tensor[]) =>
      list(run(...x)).map((y, k) => y.mul(y).mul(k + 1).sum()).reduce((a, b) => a.add(b));
    const argnums = shapes.map((_, i) => i);
    const lanes = func.vmap(func.grad(loss, { argnums }) as Fn)(...xs) as Tensor[];
    for (const i of [0, 1]) {
      const grads = func.grad(loss, { argnums })(...xs.map((x) => x.select(0, i))) as Tensor[];
      grads.forEach((g, k) => same(`${name}, gradient ${k}`, lanes[k].select(0, i), g, 1e-9));
    }
  });
}

Deno.test("one matrix serves a batch of right sides, and batches broadcast", () => {
  const A = argument([3, 3], 1, "float64"), many = argument([5, 2, 3, 4], 2, "float64");
  const [LU, pivots] = linalg.luFactor(A), L = linalg.cholesky(definite(A));
  const functions: Record<string, (a: Tensor, b: Tensor) => Tensor> = {
    solve: (a, b) => linalg.solve(a, b),
    triangularSolve: (a, b) => linalg.triangularSolve(a, b, { upper: true }),
    lstsq: (a, b) => linalg.lstsq(a, b),
    luSolve: (_, b) => linalg.luSolve(LU, pivots, b),
    choleskySolve: (_, b) => linalg.choleskySolve(b, L),
  };
  for (const [name, run] of Object.entries(functions)) {
    const x = run(A, many);
    assertEquals([...x.shape], [5, 2, 3, 4]);
    for (const [i, j] of [[0, 0], [4, 1], [2, 0]]) {
      same(name, x.select(0, i).select(0, j), run(A, many.select(0, i).select(0, j)), 1e-12);
    }
    const lanes = func.vmap((b: Tensor) => run(A, b))(many) as Tensor;
    same(`${name}, vmap`, lanes, x, 1e-12);
    assert(gradcheck((a, b) => run(a, b), [A, many.slice([[0, 2]])], { order: 2, rtol: 1e-4 }));
    const empty = run(A, many.slice([[0, 0]]));
    assertEquals([...empty.shape], [0, 2, 3, 4]);
  }
  const stacked = stack([A, A.mul(2)]);
  const x = linalg.solve(stacked, many);
  same(
    "broadcast",
    x.select(0, 3).select(0, 1),
    linalg.solve(A.mul(2), many.select(0, 3).select(0, 1)),
    1e-12,
  );
  // A of shape [2, 3, 3] takes [2, 3] as two vectors.
  const vectors = linalg.solve(stacked, argument([2, 3], 3, "float64"));
  assertEquals([...vectors.shape], [2, 3]);
});

Deno.test("factorizations inside of loops in the graph", () => {
  const A = definite(argument([3, 3], 1, "float64"));
  // Newton's iteration for the square root of a matrix.
  const step = (a: Tensor, x: Tensor) => x.add(linalg.solve(x, a)).div(2);
  const unrolled = (a: Tensor) => {
    let x = a;
    for (let i = 0; i < 12; i++) x = step(a, x);
    return x;
  };
  const looped = (a: Tensor) => func.foriLoop(0, 12, (_, x: Tensor) => step(a, x), a);
  same("value", looped(A), unrolled(A), 1e-12);
  same("square", looped(A).matmul(looped(A)), A, 1e-11);
  const loss = (f: (a: Tensor) => Tensor) => func.grad((a: Tensor) => f(a).sum());
  same("gradient", loss(looped)(A), loss(unrolled)(A), 1e-9);
  same("compiled", compile(loss(looped))(A), loss(unrolled)(A), 1e-9);
  const batch = stack([A, A.mul(3)]);
  same("vmap", (func.vmap(looped)(batch) as Tensor).select(0, 1), unrolled(A.mul(3)), 1e-11);
  const others = {
    eigh: (x: Tensor) => {
      const [w, V] = linalg.eigh(x);
      return V.mul(w.sqrt().unsqueeze(0)).matmul(V.transpose(0, 1));
    },
    svd: (x: Tensor) => {
      const [U, S, Vh] = linalg.svd(x);
      return U.mul(S.sqrt().unsqueeze(0)).matmul(Vh);
    },
    qr: (x: Tensor) => {
      const [Q, R] = linalg.qr(x);
      return R.matmul(Q);
    },
    cholesky: (x: Tensor) => {
      const L = linalg.cholesky(x);
      return L.transpose(0, 1).matmul(L);
    },
    matrixExp: (x: Tensor) => linalg.matrixExp(x.div(10)),
    lstsq: (x: Tensor) => linalg.lstsq(x, A),
  };
  for (const [name, f] of Object.entries(others)) {
    const one = func.foriLoop(0, 3, (_, x: Tensor) => f(x), A);
    same(name, one, f(f(f(A))), 1e-10);
    const g = func.grad((a: Tensor) => func.foriLoop(0, 3, (_, x: Tensor) => f(x), a).sum())(A);
    same(`${name}, gradient`, g, func.grad((a: Tensor) => f(f(f(a))).sum())(A), 1e-8);
  }
});
