/** The dense cases of `linear.json`: values, gradients, Hessian-vector products. */

import { assert, assertEquals } from "@std/assert";
import { autograd, compile, linalg, type Tensor } from "@torchopt/torchopt";
import {
  type GoldenNumber,
  type GoldenOptions,
  type GoldenTensor,
  readGolden,
  runAll,
  toTensor,
} from "../helpers/golden.ts";

/** Tensors, or their numbers, by name. */
type Named<T> = Record<string, T>;

interface Case {
  name: string;
  kind: string;
  inputs: Named<GoldenTensor>;
  options: GoldenOptions;
  outputs: Named<GoldenTensor>;
  tol: number;
  abs_tol?: number;
  cotangents?: Named<GoldenTensor>;
  grads?: Named<GoldenNumber[]>;
  grad_tol?: number;
  hvp_direction?: Named<GoldenTensor>;
  hvp?: Named<GoldenNumber[]>;
  hvp_tol?: number;
  extra?: Named<GoldenTensor>;
}

const { cases } = readGolden<{ cases: Case[] }>("linear.json");

const order = (o: GoldenOptions) => o.ord as number;

/** Q and R with R's diagonal not negative. */
function normalizedQr(a: Tensor, mode: "reduced" | "complete"): [Tensor, Tensor] {
  const [q, r] = linalg.qr(a, { mode });
  const negative = linalg.diagonal(r).lt(0).to("float64").mul(-2).add(1).detach();
  const signs = negative.pad([0, r.shape.at(-2)! - negative.shape.at(-1)!], { value: 1 });
  return [q.mul(signs.unsqueeze(-2)), r.mul(signs.unsqueeze(-1))];
}

/** Columns (or rows) whose entry of largest magnitude in `of` is positive. */
const signs = (of: Tensor) => {
  const top = of.abs().argmax(-2, { keepdim: true });
  return of.gather(-2, top).sign();
};

type Run = (x: Named<Tensor>, o: GoldenOptions) => Named<Tensor>;

const kinds: Record<string, Run> = {
  solve: ({ A, b }, { left, transpose }) => ({ x: linalg.solve(A, b, { left, transpose }) }),
  solve_ill: ({ A, b }, { spd }) => ({
    x: spd && A.requiresGrad === false
      ? linalg.choleskySolve(b, linalg.cholesky(A))
      : linalg.solve(A, b),
  }),
  cholesky_solve: ({ A, b }) => ({ x: linalg.choleskySolve(b, linalg.cholesky(A)) }),
  triangular: ({ A, b }, { upper, unit, transpose }) => ({
    x: linalg.triangularSolve(A, b, { upper, unitriangular: unit, transpose }),
  }),
  tridiagonal: ({ diag, lower, upper, b }) => ({
    x: linalg.solve(diag.diag().add(lower.diag(-1)).add(upper.diag(1)), b),
  }),
  lstsq: ({ A, b }) => ({ x: linalg.lstsq(A, b) }),
  rank_deficient: ({ A, b }, { rcond }) => ({ x: linalg.lstsq(A, b, { rcond }) }),
  inv: ({ A }) => ({ inv: linalg.inv(A) }),
  pinv: ({ A }) => ({ pinv: linalg.pinv(A) }),
  det: ({ A }) => ({ det: linalg.det(A) }),
  slogdet: ({ A }) => {
    const [sign, logabsdet] = linalg.slogdet(A);
    return { sign, logabsdet };
  },
  logdet: ({ A }) => ({ logdet: linalg.logdet(A) }),
  cholesky: ({ A }, { upper }) => ({ L: linalg.cholesky(A, { upper }) }),
  lu: ({ A }) => {
    const [, L, U] = linalg.lu(A);
    return { L, U };
  },
  qr: ({ A }, { mode }): Named<Tensor> => {
    const [Q, R] = normalizedQr(A, mode);
    return mode === "reduced" ? { Q, R } : { R };
  },
  eigh: ({ A }) => {
    const [w, V] = linalg.eigh(A);
    return { w, V2: V.square() };
  },
  eigvalsh_repeated: ({ A }) => ({ w: linalg.eigvalsh(A) }),
  svd: ({ A }, { full_matrices: fullMatrices }) => {
    const [U, s, Vh] = linalg.svd(A, { fullMatrices });
    return { s, U2: U.square(), Vh2: Vh.square() };
  },
  svdvals: ({ A }) => ({ s: linalg.svdvals(A) }),
  expm: ({ A }) => ({ expm: linalg.matrixExp(A) }),
  matrix_power: ({ A }, { n }) => ({ power: linalg.matrixPower(A, n) }),
  vector_norm: ({ A }, o) => ({
    norm: linalg.vectorNorm(A, order(o), { dim: o.dim, keepdim: o.keepdim }),
  }),
  matrix_norm: ({ A }, o) => ({ norm: linalg.matrixNorm(A, order(o), { keepdim: o.keepdim }) }),
  cond: ({ A }, { p }) => ({ cond: linalg.cond(A, p) }),
  matrix_rank: ({ A }) => ({ rank: linalg.matrixRank(A) }),
};

/** Cases whose gradient is that of a function of the symmetric part. */
const symmetric = new Set(["cholesky", "cholesky_solve", "eigh", "eigvalsh_repeated"]);

/** Asserts that numbers differ by no more than a part of the largest of them. */
function near(what: string, got: Tensor, want: readonly GoldenNumber[], tol: number, abs: number) {
  const values = Array.from(got.data() as ArrayLike<number | bigint>, Number);
  const numbers = want.map(Number);
  assertEquals(values.length, numbers.length, what);
  const most = numbers.reduce((m, v) => Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m, 0);
  numbers.forEach((v, i) => {
    if (Object.is(v, values[i]) || v === values[i]) return;
    const off = Math.abs(values[i] - v);
    assert(off <= tol * most + abs, `${what}[${i}]: ${values[i]}, expected ${v} (${tol})`);
  });
}

const symmetricPart = (g: Tensor) => g.add(g.transpose(-1, -2)).div(2);

function check(c: Case, run: Run): void {
  const names = Object.keys(c.inputs), abs = c.abs_tol ?? 1e-14;
  const wanted = c.grads !== undefined;
  const inputs = Object.fromEntries(
    names.map((name) => [name, toTensor(c.inputs[name]).requiresGrad_(wanted)]),
  );
  const outputs = run(inputs, c.options);
  for (const [name, { shape, data }] of Object.entries(c.outputs)) {
    assertEquals([...outputs[name].shape], shape, name);
    near(name, outputs[name], data, c.tol, abs);
  }
  if (!wanted) return;
  let loss: Tensor | null = null;
  for (const [name, stored] of Object.entries(c.cotangents ?? {})) {
    const part = outputs[name].mul(toTensor(stored)).sum();
    loss = loss === null ? part : loss.add(part);
  }
  if (loss === null) loss = outputs.w.exp().sum();
  const list = names.map((name) => inputs[name]);
  const second = c.hvp !== undefined;
  const raw = loss.requiresGrad
    ? autograd.grad(loss, list, { createGraph: second, allowUnused: true })
    : list.map(() => null);
  const folded = (g: Tensor, name: string) =>
    symmetric.has(c.kind) && name === "A" ? symmetricPart(g) : g;
  const grads = raw.map((g, i) => folded(g ?? list[i].mul(0), names[i]));
  names.forEach((name, i) => near(`d${name}`, grads[i], c.grads![name], c.grad_tol!, abs));
  if (!second) return;
  const along = grads.map((g, i) => g.mul(toTensor(c.hvp_direction![names[i]])).sum())
    .reduce((a, b) => a.add(b));
  const found = along.requiresGrad
    ? autograd.grad(along, list, { allowUnused: true })
    : list.map(() => null);
  names.forEach((name, i) => {
    const h = folded(found[i] ?? list[i].mul(0), name);
    near(`hvp ${name}`, h, c.hvp![name], c.hvp_tol!, Math.max(abs, 1e-12));
  });
}

/** What stands beside the outputs: factors with their signs fixed, orders of rows. */
function checkExtra(c: Case): void {
  if (c.extra === undefined) return;
  const { extra } = c, A = toTensor(c.inputs.A);
  const same = (name: string, x: Tensor) => near(name, x, extra[name].data, c.tol, 1e-14);
  if (c.kind === "lu") {
    same("P", linalg.lu(A)[0]);
    const [LU, pivots] = linalg.luFactor(A);
    same("LU", LU);
    assertEquals(Array.from(pivots.data(), Number), extra.pivots.data.map(Number));
  }
  if (c.kind === "eigh") {
    const [, V] = linalg.eigh(A);
    same("V", V.mul(signs(V)));
  }
  if (c.kind === "svd") {
    const [U, , Vh] = linalg.svd(A), by = signs(U);
    same("U", U.mul(by));
    same("Vh", Vh.mul(by.transpose(-1, -2)));
  }
}

for (const [kind, run] of Object.entries(kinds)) {
  const own = cases.filter((c) => c.kind === kind);
  Deno.test(`golden linear.json: ${kind} (${own.length} cases)`, () => {
    runAll(own, (c) => {
      check(c, run);
      checkExtra(c);
    });
  });
  Deno.test(`golden linear.json: ${kind}, compiled (${own.length} cases)`, () => {
    runAll(own, (c) => {
      const compiled = compile((x: Named<Tensor>) => run(x, c.options));
      const bare = { ...c, grads: undefined, hvp: undefined };
      check(bare, (x) => compiled(x) as Named<Tensor>);
    });
  });
}
