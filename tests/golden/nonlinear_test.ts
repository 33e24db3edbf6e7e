/** Nonlinear solvers: every case of `nonlinear.json`, by every method that fits it. */

import { assert, assertEquals } from "@std/assert";
import { concat, func, solvers, type Tensor, tensor } from "@torchopt/torchopt";
import {
  type GoldenNumber,
  type GoldenTensor,
  readGolden,
  runAll,
  toTensor,
} from "../helpers/golden.ts";
import "../helpers/seed.ts";

interface Case {
  name: string;
  kind: string;
  data: Record<string, GoldenTensor | number>;
  x0: GoldenTensor;
  x: GoldenTensor | number;
  bracket: [number, number];
  value: number;
  residual_norm: number;
  first_gauss_newton_step?: GoldenTensor;
  "lm_step_lambda_0.1"?: GoldenTensor;
  covariance?: GoldenTensor | null;
  rtol: number;
  atol: number;
}

const golden = readGolden<{ cases: Case[] }>("nonlinear.json");
const f64 = { dtype: "float64" } as const;
const row = (...parts: Tensor[]) => concat(parts.map((p) => p.reshape([1])));
const at = (x: Tensor, i: number) => x.select(0, i);

type Vector = (x: Tensor) => Tensor;

/** Data of a case as tensors. */
function dataOf(c: Case): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(c.data).map(([k, v]) => [
      k,
      typeof v === "number" ? tensor(v, f64) : toTensor(v),
    ]),
  );
}

const functions: Record<string, (d: Record<string, Tensor>, x: Tensor) => Tensor> = {
  "root/cubic": ({ q }, x) => x.pow(3).sub(x.mul(q)).sub(5),
  "root/cos": (_, x) => x.cos().sub(x),
  "root/kepler": ({ e }, x) => x.sub(e.mul(x.sin())).sub(1.2),
  "root/2d": ({ a, b, c }, x) =>
    row(
      at(x, 0).square().add(a.mul(at(x, 1))).sub(3),
      b.mul(at(x, 0).sin()).add(at(x, 1).pow(3)).sub(c),
    ),
  "root/nonsymmetric": ({ M, b }, x) => M.matmul(x).add(M.t().matmul(x).tanh().mul(0.5)).sub(b),
  "root/powell_badly_scaled": (_, x) =>
    row(
      at(x, 0).mul(at(x, 1)).mul(1e4).sub(1),
      at(x, 0).neg().exp().add(at(x, 1).neg().exp()).sub(1.0001),
    ),
  "root/broyden_tridiagonal": (_, x) => {
    const n = x.size, zero = tensor([0], f64);
    const before = concat([zero, x.narrow(0, 0, n - 1)]);
    const after = concat([x.narrow(0, 1, n - 1), zero]);
    return x.mul(-2).add(3).mul(x).sub(before).sub(after.mul(2)).add(1);
  },
  "root/chandrasekhar": (_, x) => {
    const n = x.size, mu = tensor(Array.from({ length: n }, (_, i) => (i + 0.5) / n), f64);
    const kernel = mu.unsqueeze(1).div(mu.unsqueeze(1).add(mu));
    return x.sub(kernel.matmul(x).mul(0.9 / (2 * n)).neg().add(1).reciprocal());
  },
  "fixed_point/cos": (_, x) => x.cos(),
  "fixed_point/tanh": ({ C, theta }, x) => C.matmul(x).add(theta).tanh(),
  "fixed_point/sqrt": ({ q }, x) => x.add(q.div(x)).div(2),
  "fixed_point/pagerank": ({ P }, x) => P.matmul(x).mul(0.85).add(0.15 / x.size),
  "bisection/cos": (_, x) => x.cos().sub(x),
  "bisection/cubic": ({ q }, x) => x.pow(3).sub(x.mul(q)).sub(5),
  "bisection/exp": (_, x) => x.exp().sub(4),
  "least_squares/rosenbrock": (_, x) => {
    const n = x.size, a = x.narrow(0, 0, n - 1), b = x.narrow(0, 1, n - 1);
    return concat([b.sub(a.square()).mul(10), a.neg().add(1)]);
  },
  "least_squares/powell": (_, x) =>
    row(
      at(x, 0).add(at(x, 1).mul(10)),
      at(x, 2).sub(at(x, 3)).mul(Math.sqrt(5)),
      at(x, 1).sub(at(x, 2).mul(2)).square(),
      at(x, 0).sub(at(x, 3)).square().mul(Math.sqrt(10)),
    ),
  "least_squares/exponential": ({ t, y }, p) =>
    at(p, 0).mul(at(p, 1).mul(t).neg().exp()).add(at(p, 2)).sub(y),
  "least_squares/sine": ({ t, y }, p) => at(p, 0).mul(at(p, 1).mul(t).add(at(p, 2)).sin()).sub(y),
  "least_squares/circle": ({ points }, p) =>
    points.sub(p.narrow(0, 0, 2)).square().sum(1).sqrt().sub(at(p, 2)),
  "least_squares/linear": ({ X, y }, p) => X.matmul(p).sub(y),
  "least_squares/freudenstein_roth": (_, x) => {
    const [a, b] = x.unbind(0);
    return row(
      a.sub(13).add(b.neg().add(5).mul(b).sub(2).mul(b)),
      a.sub(29).add(b.add(1).mul(b).sub(14).mul(b)),
    );
  },
  "minimise/quadratic": ({ H, b }, x) => x.dot(H.matmul(x)).div(2).sub(b.dot(x)),
  "minimise/rosenbrock": (_, x) => {
    const n = x.size, a = x.narrow(0, 0, n - 1), b = x.narrow(0, 1, n - 1);
    return b.sub(a.square()).square().mul(100).add(a.neg().add(1).square()).sum();
  },
  "minimise/beale": (_, p) => {
    const [x, y] = p.unbind(0);
    return [1.5, 2.25, 2.625].map((c, i) => x.mul(y.pow(i + 1)).sub(x).add(c).square()).reduce((
      a,
      b,
    ) => a.add(b));
  },
  "minimise/himmelblau": (_, p) => {
    const [x, y] = p.unbind(0);
    return x.square().add(y).sub(11).square().add(x.add(y.square()).sub(7).square());
  },
  "minimise/logistic": ({ X, y }, w) => {
    const z = X.matmul(w);
    return z.softplus().sub(y.mul(z)).mean().add(w.square().sum().mul(0.05));
  },
  "minimise/booth": (_, p) => {
    const [x, y] = p.unbind(0);
    return x.add(y.mul(2)).sub(7).square().add(x.mul(2).add(y).sub(5).square());
  },
  "minimise/huber_like": ({ theta }, x) => {
    const n = x.size;
    return x.sub(theta).square().add(1).sqrt().sum()
      .add(x.narrow(0, 0, n - 1).mul(x.narrow(0, 1, n - 1)).sum().mul(0.1));
  },
};

/** Throws unless numbers are within the tolerance of the case. */
function compare(what: string, got: Tensor, want: readonly GoldenNumber[], { rtol, atol }: Case) {
  const own = [...got.data()].map(Number);
  want.map(Number).forEach((w, i) => {
    if (Math.abs(own[i] - w) <= atol + rtol * Math.abs(w)) return;
    throw new Error(`${what}[${i}]: got ${own[i]}, want ${w}`);
  });
}

const numbers = (x: GoldenTensor | number) => typeof x === "number" ? [x] : x.data;

const roots = {
  newton: solvers.newton(),
  broyden: solvers.broyden(),
};
const minimizers = {
  lbfgs: solvers.lbfgs(),
  bfgs: solvers.bfgs(),
  nonlinearCg: solvers.nonlinearCg(),
  "lbfgs, backtracking": solvers.lbfgs({ lineSearch: solvers.backtracking() }),
  "bfgs, backtracking": solvers.bfgs({ lineSearch: solvers.backtracking() }),
};
const squares = {
  levenbergMarquardt: solvers.levenbergMarquardt(),
  gaussNewton: solvers.gaussNewton(),
  dogleg: solvers.dogleg(),
};

const run: Record<string, (c: Case, f: Vector) => void> = {
  root(c, f) {
    for (const [name, method] of Object.entries(roots)) {
      const { value, status } = solvers.rootFind(f, toTensor(c.x0), { method });
      assertEquals(status, "converged", name);
      compare(name, value, numbers(c.x), c);
    }
    const near = toTensor(c.x as GoldenTensor).mul(1 + 1e-4);
    const chord = solvers.rootFind(f, near, { method: solvers.chord() });
    assertEquals(chord.status, "converged", "chord");
    compare("chord", chord.value, numbers(c.x), c);
  },
  fixed_point(c, f) {
    for (const method of [solvers.picard(), solvers.anderson()]) {
      const { value, status } = solvers.fixedPoint(f, toTensor(c.x0), { method });
      assertEquals(status, "converged", method.name);
      compare(method.name, value, numbers(c.x), c);
    }
  },
  bisection(c, f) {
    const [lower, upper] = c.bracket, method = solvers.bisection({ lower, upper });
    const { value, status } = solvers.rootFind(f, tensor(lower, f64), { method });
    assertEquals(status, "converged");
    compare("bisection", value, numbers(c.x), c);
  },
  least_squares(c, r) {
    const x0 = toTensor(c.x0), x = toTensor(c.x as GoldenTensor);
    for (const [name, method] of Object.entries(squares)) {
      const found = solvers.leastSquares(r, x0, { method });
      assert(["converged", "stagnated"].includes(found.status), `${name}: ${found.status}`);
      compare(name, found.value, numbers(c.x), c);
      assert(Math.abs(found.residual - c.residual_norm) <= 1e-8, `${name}: ${found.residual}`);
    }
    const step = (method: solvers.LeastSquaresMethod) =>
      solvers.leastSquares(r, x0, { method, maxiter: 1 }).value.sub(x0);
    if (c.first_gauss_newton_step) {
      const method = solvers.gaussNewton({ damped: false });
      compare("Gauss-Newton step", step(method), c.first_gauss_newton_step.data, c);
    }
    const marquardt = c["lm_step_lambda_0.1"];
    // A step that does not lead down is not taken.
    if (marquardt && r(x0.add(toTensor(marquardt))).norm().item() < r(x0).norm().item()) {
      compare("step", step(solvers.levenbergMarquardt({ damping: 0.1 })), marquardt.data, c);
    }
    if (c.covariance) {
      const J = func.jacrev(r)(x) as Tensor, freedom = J.shape[0] - J.shape[1];
      const covariance = J.t().matmul(J).inverse().mul(r(x).square().sum().div(freedom));
      compare("covariance", covariance, c.covariance.data, c);
    }
  },
  minimise(c, f) {
    for (const [name, method] of Object.entries(minimizers)) {
      const found = solvers.minimize(f, toTensor(c.x0), { method });
      assertEquals(found.status, "converged", name);
      compare(name, found.value, numbers(c.x), c);
      assert(Math.abs(found.objective - c.value) <= 1e-9 * (1 + Math.abs(c.value)), name);
    }
  },
};

for (const kind of new Set(golden.cases.map((c) => c.kind))) {
  Deno.test(`golden nonlinear.json: ${kind}`, () => {
    runAll(
      golden.cases.filter((c) => c.kind === kind),
      (c) => run[kind](c, (x) => functions[c.name](dataOf(c), x)),
    );
  });
}
