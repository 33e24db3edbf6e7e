/**
 * Implicit differentiation: every case of `implicit.json`. With several leaves the reference's
 * `solve_inv()` takes the diagonal blocks of the Jacobian only; there, the exact solution is wanted
 * (`docs/differences.md`).
 */

import { assertEquals } from "@std/assert";
import {
  autograd,
  diff,
  linalg,
  linearSolve,
  nn,
  noGrad,
  SGD,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { treeMap } from "@torchopt/torchopt/pytree";
import { assertClose, type Tolerance } from "../helpers/close.ts";
import {
  type GoldenOptions,
  type GoldenTensor,
  readGolden,
  runAll,
  toOptions,
  toTensor,
} from "../helpers/golden.ts";
import { toSolver } from "../helpers/linear_solvers.ts";
import "../helpers/seed.ts";

interface Case extends GoldenOptions {
  name: string;
  kind: string;
}

interface Golden extends GoldenOptions {
  cases: Case[];
}

const golden = readGolden<Golden>("implicit.json");
const meta: Tolerance = { rtol: 1e-6, atol: 1e-8 };
const tight: Tolerance = { rtol: 1e-7, atol: 1e-9 };
const given = (name: string) => toTensor(golden[name] as GoldenTensor);
const float64 = (x: number) => tensor(x, { dtype: "float64", requiresGrad: true });

function tensors(tree: GoldenOptions): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(tree).map(([k, v]) => [k, toTensor(v)]));
}

/** Options of the solvers of `linalg`. */
function optionsOf(stored: GoldenOptions): GoldenOptions {
  const { A: _, x0: _x0, ...rest } = toOptions(stored);
  return rest.M === undefined ? rest : { ...rest, M: toTensor(rest.M) };
}

const run: Record<string, (c: Case) => void> = {
  cg(c) {
    const A = given("A"), x0 = c.options.x0 === undefined ? null : toTensor(c.options.x0);
    const operator = c.options.A === undefined ? A : (v: Tensor) => A.matmul(v);
    const x = linalg.cg(operator, given("b"), x0, optionsOf(c.options));
    assertClose(x.data(), c.x.data, tight, "x");
  },
  cg_tree(c) {
    const x = linalg.cg(tensors(c.A), tensors(c.b), null, optionsOf(c.options));
    for (const [name, part] of Object.entries(x)) {
      assertClose(part.data(), c.x[name].data, tight, `x.${name}`);
    }
  },
  ns(c) {
    const A = toTensor(c.A), b = given("b"), options = optionsOf(c.options);
    assertClose(linalg.ns(A, b, options).data(), c.x.data, tight, "x");
    const callable = linalg.ns((v: Tensor) => A.matmul(v), b, options);
    assertClose(callable.data(), c.x_callable.data, tight, "callable");
  },
  ns_inv(c) {
    const inverse = linalg.nsInv(toTensor(c.A), optionsOf(c.options));
    assertClose(inverse.data(), c.inv.data, tight, "inverse");
  },
  linear_solve(c) {
    const A = given(c.A);
    const x = toSolver(c.solver)((v: Tensor) => A.matmul(v), given("b"));
    assertClose(x.data(), c.x.data, tight, "x");
  },
  linear_solve_matrix_rhs(c) {
    const A = toTensor(c.A6), b = toTensor(c.b);
    const matvec = (v: Tensor) => A.matmul(v.flatten()).reshape(b.shape);
    assertClose(toSolver(c.solver)(matvec, b).data(), c.x.data, tight, "x");
  },
  linear_solve_scalar(c) {
    const x = linearSolve.solveInv()((v: Tensor) => v.mul(c.a), float64(c.b).detach());
    assertEquals(x.shape, []);
    assertClose(x.data(), [c.x], tight, "x");
  },
  custom_root_ridge(c) {
    const l2 = float64(golden.l2), X = given("X").requiresGrad_(), y = given("y").requiresGrad_();
    const optimality = (w: Tensor, l2: Tensor, X: Tensor, y: Tensor) =>
      X.t().matmul(X.matmul(w).sub(y)).add(w.mul(l2));
    const solver = (_w: Tensor, l2: Tensor, X: Tensor, y: Tensor) => {
      const n = X.shape[1], A = X.t().matmul(X), rhs = X.t().matmul(y);
      return linearSolve.solveInv()((v: Tensor) => A.matmul(v).add(v.mul(l2)), rhs.reshape([n]));
    };
    const root = diff.implicit.customRoot(optimality, {
      argnums: [1, 2, 3],
      solve: toSolver(c.solver),
    })(solver);
    const w = root(given("cotangent").mul(0), l2, X, y);
    assertClose(w.data(), c.w.data, tight, "w");
    const grads = autograd.grad(w.mul(given("cotangent")).sum(), [l2, X, y]);
    assertClose(grads[0]!.data(), [c.d_l2], tight, "d_l2");
    assertClose(grads[1]!.data(), c.d_X.data, tight, "d_X");
    assertClose(grads[2]!.data(), c.d_y.data, tight, "d_y");
  },
  custom_root_has_aux(c) {
    const l2 = float64(golden.l2), X = given("X"), y = given("y");
    const normal = (w: Tensor, l2: Tensor) => X.t().matmul(X.matmul(w)).add(w.mul(l2));
    const rhs = X.t().matmul(y);
    const root = diff.implicit.customRoot(
      (w: Tensor, l2: Tensor) => normal(w, l2).sub(rhs),
      { argnums: 1, hasAux: true },
    )((_: Tensor, l2: Tensor) => [
      linearSolve.solveInv()((w: Tensor) => normal(w, l2), rhs),
      { iterations: 1 },
    ]);
    const [w, aux] = root(rhs, l2) as [Tensor, unknown];
    assertEquals(aux, c.aux);
    assertClose(w.data(), c.w.data, tight, "w");
    const [dL2] = autograd.grad(w.mul(given("cotangent")).sum(), [l2]);
    assertClose(dL2!.data(), [c.d_l2], tight, "d_l2");
  },
  custom_root_fixed_point(c) {
    const C = given("C").requiresGrad_(), theta = given("theta").requiresGrad_();
    const step = (x: Tensor, C: Tensor, theta: Tensor) => C.matmul(x).add(theta).tanh();
    const solver = (x: Tensor, C: Tensor, theta: Tensor) => {
      for (let i = 0; i < 200; i++) x = step(x, C, theta).detach();
      return x;
    };
    const options = { argnums: [1, 2], solve: toSolver(c.solver) };
    const root = diff.implicit.customRoot(
      (x: Tensor, C: Tensor, theta: Tensor) => step(x, C, theta).sub(x),
      options,
    )(solver);
    const fixed = diff.implicit.customFixedPoint(step, options)(solver);
    // A ridge is added to the Jacobian, whose sign differs.
    for (const solve of c.solver.includes("ridge") ? [root] : [root, fixed]) {
      const x = solve(theta.detach().mul(0), C, theta);
      assertClose(x.data(), c.x.data, tight, "x");
      const [dC, dTheta] = autograd.grad(x.mul(given("cotangent")).sum(), [C, theta]);
      assertClose(dC!.data(), c.d_C.data, tight, "d_C");
      assertClose(dTheta!.data(), c.d_theta.data, tight, "d_theta");
    }
  },
  custom_root_tuple(c) {
    const X = given("X"), y = given("y"), l2 = float64(golden.l2), m = y.size;
    type Params = [Tensor, Tensor];
    const optimality = ([w, b]: Params, l2: Tensor): Params => {
      const r = X.matmul(w).add(b).sub(y).div(m);
      return [X.t().matmul(r).add(w.mul(l2)), r.sum().reshape([1]).add(b.mul(l2))];
    };
    const solver = ([w, b]: Params, l2: Tensor): Params =>
      linearSolve.solveInv()(
        (p: Params) => {
          const at = optimality(p, l2), zero = optimality([w.mul(0), b.mul(0)], l2);
          return at.map((x, i) => x.sub(zero[i])) as Params;
        },
        optimality([w.mul(0), b.mul(0)], l2).map((x) => x.neg()) as Params,
      );
    const root = diff.implicit.customRoot(optimality, { argnums: 1, solve: toSolver(c.solver) });
    const [w, b] = root(solver)([given("cotangent"), float64(0).detach().reshape([1])], l2);
    assertClose(w.data(), c.w.data, tight, "w");
    assertClose(b.data(), c.c.data, tight, "c");
    const loss = w.mul(given("cotangent")).sum().add(b.sum().mul(2));
    assertClose(autograd.grad(loss, [l2])[0]!.data(), [c.d_l2], tight, "d_l2");
  },
  logistic(c) {
    const X = given("X").requiresGrad_(), logL2 = given("log_l2").requiresGrad_();
    const labels = given("labels"), m = labels.size;
    const optimality = (w: Tensor, logL2: Tensor, X: Tensor) =>
      X.t().matmul(X.matmul(w).sigmoid().sub(labels)).div(m).add(logL2.exp().mul(w));
    const root = diff.implicit.customRoot(optimality, {
      argnums: [1, 2],
      solve: toSolver(c.solver),
    });
    const w = root((w: Tensor, logL2: Tensor, X: Tensor) => {
      for (let i = 0; i < 400; i++) w = w.sub(optimality(w, logL2, X).mul(0.5)).detach();
      return w;
    })(logL2.detach().mul(0), logL2, X);
    assertClose(w.data(), c.w.data, { rtol: 1e-6, atol: 1e-8 }, "w");
    const [dL2, dX] = autograd.grad(w.mul(given("cotangent")).sum(), [logL2, X]);
    assertClose(dL2!.data(), c.d_log_l2.data, tight, "d_log_l2");
    assertClose(dX!.data(), c.d_X.data, tight, "d_X");
  },
  imaml,
};

type Params = Record<string, Tensor>;

const NAMES = ["b1", "b2", "w1", "w2"];

function net(p: Params, x: Tensor): Tensor {
  return x.matmul(p.w1).add(p.b1).tanh().matmul(p.w2).add(p.b2);
}

/** What the inner problem ends at, by the number of steps; all cases have the same one. */
const trained = new Map<number, ReadonlyMap<string, Tensor>>();

/** The network of iMAML, drawn towards its meta-parameters. */
class Inner extends nn.ImplicitMetaGradientModule {
  params: Map<string, Tensor>;
  meta: Map<string, Tensor>;

  constructor(meta: Params) {
    super(meta);
    this.meta = new Map(Object.entries(meta));
    this.params = new Map(
      NAMES.map((name) => [name, new nn.Parameter(meta[name].detach().clone())]),
    );
  }

  forward(x: Tensor): Tensor {
    return net(Object.fromEntries(this.params), x);
  }

  override objective(x: Tensor, y: Tensor): Tensor {
    const distance = NAMES.map((name) =>
      this.params.get(name)!.sub(this.meta.get(name)!).square().sum()
    ).reduce((a, b) => a.add(b));
    return this.forward(x).sub(y).square().mean().add(distance.mul(0.5 * golden.imaml.reg));
  }

  override solve(x: Tensor, y: Tensor, steps: number): this {
    const known = trained.get(steps);
    if (known !== undefined) {
      known.forEach((value, name) => noGrad(() => this.params.get(name)!.copy_(value)));
      return this;
    }
    const optimizer = new SGD(this.parameters(), { lr: golden.imaml.inner_lr });
    for (let i = 0; i < steps; i++) {
      optimizer.zeroGrad();
      this.objective(x, y).backward();
      optimizer.step();
    }
    trained.set(steps, new Map([...this.params].map(([name, p]) => [name, p.detach().clone()])));
    return this;
  }
}

/** Solves the inner problem of a case; gives the task, the outer loss and its gradients by name. */
function solveTask(c: Case, linearSolver: linearSolve.LinearSolver) {
  class Task extends Inner {
    static override linearSolve = linearSolver;
  }
  const { x_train, y_train, x_val, y_val } = tensors(golden.imaml.data);
  const meta = treeMap((x: Tensor) => x.requiresGrad_(), tensors(golden.imaml.init)) as Params;
  const task = new Task(meta);
  task.solve(x_train, y_train, c.inner_steps);
  const loss = task.call(x_val).sub(y_val).square().mean();
  const grads = autograd.grad(loss, NAMES.map((name) => meta[name]));
  for (const name of NAMES) assertEquals(meta[name].grad, null);
  return { task, loss, grads: Object.fromEntries(NAMES.map((name, i) => [name, grads[i]!])) };
}

function imaml(c: Case): void {
  const { task, loss, grads } = solveTask(c, toSolver(c.solver));
  assertClose(loss.data(), [c.outer_loss], meta, "outer_loss");
  // Where the reference takes diagonal blocks, the solution of the whole system is right.
  const blocks = /^solve_inv\((ridge=(.*))?\)$/.exec(c.solver);
  const exact = blocks === null
    ? null
    : solveTask(c, linearSolve.solveCg({ rtol: 1e-13, ridge: Number(blocks[2] ?? 0) })).grads;
  for (const name of NAMES) {
    assertClose(task.params.get(name)!.data(), c.adapted_params[name], meta, name);
    const want = exact === null ? c.d_meta[name] : exact[name].data();
    assertClose(grads[name].data(), want, meta, `d_meta.${name}`);
  }
}

for (const kind of new Set(golden.cases.map((c) => c.kind))) {
  Deno.test(`golden implicit.json: ${kind}`, () => {
    runAll(golden.cases.filter((c) => c.kind === kind), run[kind]);
  });
}
