/**
 * Implicit differentiation of first and second order: every case of `implicit_extra.json`, through
 * `customRoot()` and `customFixedPoint()`.
 */

import { assert } from "@std/assert";
import {
  autograd,
  diff,
  func,
  linearSolve,
  maximum,
  minimum,
  nn,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { treeFlatten, treeLeaves, treeMap } from "@torchopt/torchopt/pytree";
import {
  type GoldenNumber,
  type GoldenTensor,
  readGolden,
  runAll,
  toTensor,
} from "../helpers/golden.ts";
import "../helpers/seed.ts";

type Named = Record<string, Tensor>;
type Solution = Tensor | Named;
type Stored = GoldenTensor | Record<string, GoldenTensor>;
type Matrix = { shape: number[]; data: GoldenNumber[] };

interface Case {
  name: string;
  kind: string;
  inputs: Record<string, GoldenTensor>;
  // deno-lint-ignore no-explicit-any
  options: Record<string, any>;
  solution: Stored;
  loss: number;
  grads: Record<string, GoldenNumber[]>;
  tol: number;
  hvp_tol: number;
  hvp_direction: Record<string, GoldenTensor>;
  hvp: Record<string, GoldenNumber[]>;
  directional_derivative: number;
  hessian?: Record<string, Matrix>;
  solution_jacobian?: Record<string, Matrix>;
  neumann?: { terms: number; grads: Record<string, GoldenNumber[]> }[];
  extra?: {
    theta_star: GoldenTensor;
    outer_at_star: number;
    outer_lr: number;
    outer_gradient_descent: number[][];
  };
}

const golden = readGolden<{ cases: Case[] }>("implicit_extra.json");

/** A problem: the equation, and the loss of its solution. */
interface Problem {
  /** What is 0 at the solution. */
  residual?: (x: Solution, t: Named) => Solution;
  /** What the solution is a fixed point of. */
  fixed?: (x: Solution, t: Named) => Solution;
  loss?: (x: Solution, t: Named) => Tensor;
}

const one = (x: Solution) => x as Tensor;
const many = (x: Solution) => x as Named;
const soft = (v: Tensor, q: Tensor) => v.sign().mul(v.abs().sub(q).relu());

const problems: Record<string, (c: Case) => Problem> = {
  ridge: ({ name, options }) => ({
    residual: (w, t) => {
      const penalty = t.l2 ?? (t.theta.exp());
      return t.X.t().matmul(t.X.matmul(one(w)).sub(t.y ?? t.Y)).add(one(w).mul(penalty));
    },
    loss: options.X_val !== undefined
      ? (w) => toTensor(options.X_val).matmul(one(w)).sub(toTensor(options.y_val)).square().mean()
      : name === "ridge/multi_output"
      ? (w) => inner(one(w), options.cotangent).add(one(w).pow(3).sum().div(3))
      : undefined,
  }),
  prox: ({ options: { step } }) => ({
    fixed: (w, t) => {
      const x = one(w);
      if (t.lower !== undefined) {
        const moved = x.sub(t.A.t().matmul(t.A.matmul(x).sub(t.b)).mul(step));
        return minimum(maximum(moved, t.lower), t.upper);
      }
      const slope = t.X.t().matmul(t.X.matmul(x).sub(t.y));
      const all = t.mu === undefined ? slope : slope.add(x.mul(t.mu));
      return soft(x.sub(all.mul(step)), t.lam.mul(step));
    },
  }),
  logistic: ({ options }) => {
    const labels = toTensor(options.labels);
    return {
      residual: (w, t) =>
        t.X.t().matmul(t.X.matmul(one(w)).sigmoid().sub(labels)).div(labels.size)
          .add(t.log_l2.exp().mul(one(w))),
      loss: options.X_val === undefined
        ? undefined
        : (w) =>
          toTensor(options.X_val).matmul(one(w)).sub(toTensor(options.y_val)).square().mean(),
    };
  },
  softmax: ({ options: { classes } }) => {
    const hot = nn.functional.oneHot(tensor(classes, { dtype: "int64" }), 3).to("float64");
    return {
      residual: (x, t) => {
        const { W, b } = many(x), rest = t.X.matmul(W).add(b).softmax(1).sub(hot);
        return {
          W: t.X.t().matmul(rest).div(hot.shape[0]).add(W.mul(t.l2)),
          b: rest.mean(0).add(b.mul(t.l2b)),
        };
      },
    };
  },
  deq: ({ name, options }) => ({
    fixed: (z, t) =>
      one(z).ndim === 2
        ? one(z).matmul(t.W.t()).add(t.x.matmul(t.U.t())).add(t.b).tanh()
        : t.W.matmul(one(z)).add(t.U.matmul(t.x)).add(t.b).tanh(),
    loss: name === "deq/cell"
      ? (z) => inner(one(z), options.cotangent).add(one(z).square().sum())
      : undefined,
  }),
  newton: ({ name, options }) => {
    if (name === "newton/scalar") {
      return {
        residual: (x, t) => one(x).pow(3).add(one(x).mul(t.p)).sub(t.q),
        loss: (x) => one(x).square(),
      };
    }
    if (name === "newton/nonsymmetric") {
      return {
        residual: (x, t) => t.M.matmul(one(x)).add(t.M.t().matmul(one(x)).tanh().mul(t.s)).sub(t.b),
      };
    }
    return {
      residual: (x, t) => {
        const [x0, x1] = one(x).unbind(0), [a0, a1, a2] = t.a.unbind(0);
        const rows = [
          x0.square().add(a0.mul(x1)).sub(3),
          a1.mul(x0.sin()).add(x1.pow(3)).sub(a2),
        ];
        return rows[0].reshape([1]).mul(tensor([1, 0], { dtype: "float64" }))
          .add(rows[1].reshape([1]).mul(tensor([0, 1], { dtype: "float64" })));
      },
      loss: (x) => inner(one(x), options.cotangent).add(one(x).prod()),
    };
  },
  bilevel: ({ name, options }) => {
    const outer = (w: Solution) =>
      toTensor(options.C).matmul(one(w)).sub(toTensor(options.d)).square().sum().div(2);
    if (name === "bilevel/quadratic") {
      return {
        residual: (w, t) => t.H.matmul(one(w)).sub(t.B.matmul(t.theta)),
        loss: (w, t) => outer(w).add(t.theta.square().sum().mul(options.rho / 2)),
      };
    }
    return {
      residual: (w, t) =>
        toTensor(options.H).matmul(one(w)).add(t.theta.exp().mul(one(w)))
          .add(one(w).pow(3).mul(0.2)).sub(t.c),
      loss: (w, t) => outer(w).add(t.theta.exp().sum().mul(0.05)),
    };
  },
  kkt: () => ({
    residual: (x, t) => {
      const { nu, z } = many(x);
      return {
        nu: t.A.matmul(z).sub(t.b),
        z: t.Q.matmul(z).add(t.c).add(t.A.t().matmul(nu)),
      };
    },
  }),
  tree: ({ options }) => ({
    residual: (x, t) => {
      const { c, w } = many(x);
      return {
        c: c.sub(t.hyper.mul(w.sum()).tanh()).sub(t.shift),
        w: t.scale.mul(w).add(w.sin().mul(0.3)).add(c.mul(0.2)).sub(t.target),
      };
    },
    loss: (x, t) => inner(many(x).w, options.cotangent).add(many(x).c.mul(2)).add(t.hyper.square()),
  }),
  matrix_sqrt: () => ({ residual: (Y, t) => one(Y).matmul(one(Y)).sub(t.S) }),
  eigenpair: ({ options }) => ({
    residual: (x, t) => {
      const { v, lam } = many(x);
      return {
        lam: v.square().sum().sub(1).div(2),
        v: t.S.matmul(v).sub(v.mul(lam)),
      };
    },
    loss: (x) => inner(many(x).v, options.cotangent).add(many(x).lam.square()),
  }),
};

function inner(x: Tensor, cotangent: GoldenTensor): Tensor {
  return x.mul(toTensor(cotangent)).sum();
}

/** The sum of the solution's products with the stored cotangents. */
function linearLoss({ options }: Case): (x: Solution) => Tensor {
  return (x) =>
    options.cotangents === undefined ? inner(one(x), options.cotangent) : Object.entries(
      options.cotangents as Record<string, GoldenTensor>,
    ).map(([k, g]) => inner(many(x)[k], g)).reduce((a, b) => a.add(b));
}

function toSolution(stored: Stored): Solution {
  return Array.isArray(stored.shape)
    ? toTensor(stored as GoldenTensor)
    : Object.fromEntries(Object.entries(stored).map(([k, v]) => [k, toTensor(v)]));
}

const named = (stored: Record<string, GoldenTensor>): Named =>
  Object.fromEntries(Object.entries(stored).map(([k, v]) => [k, toTensor(v)]));

/** Newton's method from near the solution, with values read in between. */
function newton(residual: (x: Solution, t: Named) => Solution) {
  const size = (x: Solution) => Math.max(...treeLeaves<Tensor>(x).map((v) => v.abs().max().item()));
  return (start: Solution, t: Named): Solution => {
    let x = treeMap((v: Tensor) => v.mul(1.001).add(1e-4), start) as Solution;
    for (let k = 0; k < 30; k++) {
      const rest = residual(x, t);
      if (size(rest) < 1e-14) break;
      const step = linearSolve.solveInv()(
        (v: Solution) =>
          func.jvp((y: Solution) => residual(y, t), [x], [v as never])[1] as Solution,
        rest,
      );
      x = treeMap((v: Tensor, d: Tensor) => v.sub(d).detach(), x, step) as Solution;
    }
    return x;
  };
}

/** Throws unless numbers are close in the largest norm. */
function assertNear(
  got: ArrayLike<number | bigint>,
  want: readonly GoldenNumber[],
  tol: number,
  what: string,
) {
  assert(got.length === want.length, `${what}: ${got.length} numbers, wants ${want.length}`);
  const wanted = want.map(Number), size = Math.max(0, ...wanted.map(Math.abs));
  wanted.forEach((w, i) => {
    const g = Number(got[i]);
    if (Math.abs(g - w) <= tol * size + 1e-12) return;
    throw new Error(`${what}[${i}]: got ${g}, want ${w} (${tol} of ${size})`);
  });
}

const exact = linearSolve.solveInv();

/** The solution as a function of the inputs, by the equation. */
function solverOf(c: Case, solve: linearSolve.LinearSolver) {
  const { residual, fixed } = problems[c.kind](c);
  const rest = residual ??
    ((x: Solution, t: Named) =>
      treeMap((a: Tensor, b: Tensor) => a.sub(b), fixed!(x, t), x) as Solution);
  const decorate = residual !== undefined
    ? diff.implicit.customRoot(residual, { argnums: 1, solve })
    : diff.implicit.customFixedPoint(fixed!, { argnums: 1, solve });
  const solved = decorate(newton(rest)), start = toSolution(c.solution);
  return (t: Named) => solved(start, t);
}

function run(c: Case): void {
  const t = named(c.inputs), direction = named(c.hvp_direction), names = Object.keys(t);
  const solve = solverOf(c, exact), loss = problems[c.kind](c).loss ?? linearLoss(c);
  const whole = (t: Named) => loss(solve(t), t);
  const x = solve(t);
  for (const [path, leaf] of leavesOf(x, c.solution)) {
    assertNear(leaf.data(), path, c.tol, "solution");
  }
  const [value, grads] = func.valueAndGrad(whole)(t);
  assertNear(value.data(), [c.loss], c.tol, "loss");
  for (const k of names) assertNear(grads[k].data(), c.grads[k], c.tol, `grads.${k}`);
  const [, slope] = func.jvp(whole, [t], [direction]);
  assertNear(slope.data(), [c.directional_derivative], c.tol, "directional derivative");
  const [, hv] = func.hvp(whole, t, direction);
  for (const k of names) assertNear(hv[k].data(), c.hvp[k], c.hvp_tol, `hvp.${k}`);
  const forward = func.jvp(func.grad(whole), [t], [direction])[1];
  for (const k of names) assertNear(forward[k].data(), c.hvp[k], c.hvp_tol, `forward hvp.${k}`);
  for (const [k, want] of Object.entries(c.solution_jacobian ?? {})) {
    const tangents = Object.fromEntries(names.map((n) => [n, t[n].mul(0)]));
    const columns = basis(t[k]).map((e) =>
      treeLeaves<Tensor>(func.jvp(solve, [t], [{ ...tangents, [k]: e }] as never)[1])
        .flatMap((v) => [...v.data()].map(Number))
    );
    assertNear(transposed(columns), want.data, c.tol, `solution_jacobian.${k}`);
  }
  for (const [k, want] of Object.entries(c.hessian ?? {})) {
    const rows = basis(t[k]).map((e) => {
      const at = (v: Tensor) => whole({ ...t, [k]: v });
      return [...func.hvp(at, t[k], e)[1].data()].map(Number);
    });
    assertNear(rows.flat(), want.data, c.hvp_tol, `hessian.${k}`);
  }
}

const leavesOf = (x: Solution, stored: Stored): [GoldenNumber[], Tensor][] => {
  const { leaves } = treeFlatten<Tensor>(x);
  const parts = Array.isArray(stored.shape)
    ? [stored as GoldenTensor]
    : Object.keys(stored).sort().map((k) => (stored as Record<string, GoldenTensor>)[k]);
  return leaves.map((leaf, i) => [parts[i].data, leaf]);
};

function basis(x: Tensor): Tensor[] {
  return Array.from({ length: x.size }, (_, i) => {
    const data = new Array(x.size).fill(0);
    data[i] = 1;
    return tensor(data, { shape: x.shape, dtype: x.dtype });
  });
}

function transposed(columns: number[][]): number[] {
  return columns[0].flatMap((_, i) => columns.map((column) => column[i]));
}

for (const kind of new Set(golden.cases.map((c) => c.kind))) {
  Deno.test(`golden implicit_extra.json: ${kind}`, () => {
    runAll(golden.cases.filter((c) => c.kind === kind), run);
  });
}

Deno.test("golden implicit_extra.json: truncated series in place of the solve", () => {
  for (const c of golden.cases) {
    for (const { terms, grads } of c.neumann ?? []) {
      const series = diff.implicit.neumann(terms);
      const t = treeMap((x: Tensor) => x.requiresGrad_(), named(c.inputs)) as Named;
      const loss = (problems[c.kind](c).loss ?? linearLoss(c))(solverOf(c, series)(t), t);
      const names = Object.keys(t);
      const found = autograd.grad(loss, names.map((k) => t[k]));
      names.forEach((k, i) =>
        assertNear(found[i]!.data(), grads[k], c.tol, `${c.name}: ${terms} terms, ${k}`)
      );
    }
  }
});

Deno.test("golden implicit_extra.json: outer gradient descent", () => {
  for (const c of golden.cases) {
    if (c.extra === undefined) continue;
    const { theta_star, outer_at_star, outer_lr, outer_gradient_descent } = c.extra;
    const solve = solverOf(c, exact), loss = problems[c.kind](c).loss ?? linearLoss(c);
    const t = named(c.inputs),
      outer = (theta: Tensor) => {
        const all = { ...t, theta };
        return loss(solve(all), all);
      };
    assertNear(outer(toTensor(theta_star)).data(), [outer_at_star], c.tol, "outer at star");
    let { theta } = t;
    for (const want of outer_gradient_descent) {
      theta = theta.sub(func.grad(outer)(theta).mul(outer_lr)).detach();
      assertNear(theta.data(), want, 1e-8, "theta");
    }
  }
});
