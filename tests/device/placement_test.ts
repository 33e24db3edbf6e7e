/**
 * Nothing makes a tensor on the host in a computation on a device: not where the device is the default
 * one, and not where only the operands are there.
 */

import {
  autograd,
  bernoulli,
  checkpoint,
  clipGradNorm,
  compile,
  func,
  linalg,
  linearSolve,
  manualSeed,
  nn,
  normal,
  rand,
  randint,
  randLike,
  randn,
  randnLike,
  randperm,
  solvers,
  type Tensor,
  tensor,
  transform,
  uniform,
  where,
} from "@torchopt/torchopt";
import * as distributions from "@torchopt/torchopt/distributions";
import * as diff from "@torchopt/torchopt/diff";
import { layers } from "../nn/layer_table.ts";
import { losses } from "../nn/loss_table.ts";
import { schedules } from "../schedule/schedule_table.ts";
import { checkPlacement, type Results, type Way } from "./on_device.ts";

/** Puts an operand where the computation is to be. */
type Put = (x: Tensor) => Tensor;

/** Checks with the device as the default one, and with the operands there. */
function check(name: string, run: (put: Put) => Results, way: Way = {}): void {
  checkPlacement(name, () => run((x) => x), way);
  checkPlacement(`${name}, operands moved`, run, { ...way, moved: true });
}

const wave = (shape: number[], options: { dtype?: "float32" | "float64" } = {}) => {
  const size = shape.reduce((a, b) => a * b, 1);
  const data = Float64Array.from({ length: size }, (_, i) => Math.sin(7.3 * i + 1));
  return tensor(data, { shape, dtype: "float32", ...options });
};

Deno.test("random tensors are on the default device, and like tensors where those are", () => {
  checkPlacement("random", () => [
    rand([3]),
    randn([2, 2]),
    uniform([3], { low: 1, high: 2 }),
    normal([3], { mean: 1, std: 2 }),
    randint([4], { high: 9 }),
    randperm(5),
    bernoulli([4], { p: 0.3 }),
  ]);
  check("random, like", (put) => {
    const x = put(wave([3]).abs().mul(0.5));
    return [randLike(x), randnLike(x), bernoulli(x), nn.functional.dropout(x, { p: 0.5 })];
  });
  check("random, compiled", (put) => {
    const f = compile((x: Tensor) => nn.functional.dropout(x, { p: 0.5 }).add(randnLike(x)));
    const x = put(wave([4]));
    f(x);
    return f(x);
  });
});

Deno.test("every schedule of a count is computed where the count is", () => {
  const drawn = { init: 1, end: 0.1, steps: 5, begin: 1, rate: 0.5, power: 2 };
  for (const row of schedules) {
    check(row.schedule, (put) => {
      const scaling = transform.scaleBySchedule(row.make(drawn));
      const grads = [put(wave([2]))];
      let state = scaling.init(grads);
      const updates = Array.from({ length: 2 }, () => {
        const [[u], next] = scaling.update(grads, state, { inplace: false });
        state = next;
        return u;
      });
      return [updates, state];
    });
  }
});

Deno.test("every layer and its gradient are computed where the parameters are", () => {
  for (const row of layers) {
    const shape = row.shapes[0];
    check(row.layer, (put) => {
      manualSeed(1);
      const layer = row.make({ dtype: "float32" });
      // Parameters follow what they are given.
      const x = put(
        row.classes === undefined
          ? wave([...shape])
          : tensor(new BigInt64Array(shape.reduce((a, b) => a * b, 1)).fill(1n), { shape }),
      );
      layer.to(x.device);
      const parameters = [...layer.parameters()], y = layer.call(x);
      if (parameters.length === 0) return y;
      return [y, autograd.grad(y.square().sum(), parameters, { allowUnused: true })];
    });
  }
});

Deno.test("every loss and its gradient are computed where the input is", () => {
  for (const row of losses) {
    const shape = row.shapes.find((s) => s.length > 1 && !s.includes(0))!;
    check(row.loss, (put) => {
      const x = put(row.input === "any" ? wave([...shape]) : wave([...shape]).sigmoid());
      x.requiresGrad_();
      const target = row.target === "classes"
        ? tensor(new BigInt64Array(shape.filter((_, i) => i !== 1).reduce((a, b) => a * b, 1)), {
          shape: shape.filter((_, i) => i !== 1),
        })
        : wave([...shape]).sigmoid();
      const loss = row.make({}).to(x.device).call(x, put(target));
      return [loss, autograd.grad(loss, [x])];
    });
  }
});

Deno.test("derivatives of every kind are computed where the operands are", () => {
  const f = (x: Tensor) => x.sin().mul(x).sum();
  check("derivatives", (put) => {
    const x = put(wave([3]));
    return [
      func.grad(f)(x),
      func.jvp(f, [x], [x]),
      func.hessian(f)(x),
      func.jacrev((x: Tensor) => x.mul(x.sum()))(x),
      func.jacfwd((x: Tensor) => x.mul(x.sum()))(x),
      func.vmap((x: Tensor) => x.mul(2).add(1))(x),
      func.grad((x: Tensor) => checkpoint((x: Tensor) => x.exp().sum())(x) as Tensor)(x),
      where(x.gt(0), x, 0),
      x.cumsum(0),
      x.sort(0).values,
      x.gather(0, x.argsort(0)),
      nn.functional.oneHot(x.gt(0).to("int64"), 2),
      x.clamp(-0.5, 0.5).std(),
      x.narrow(0, 1, 2).mul(2),
    ];
  });
  check("clipGradNorm", (put) => {
    const clip = clipGradNorm(0.1), grads = [put(wave([3]))];
    return clip.update(grads, clip.init(grads), { inplace: false })[0];
  });
});

Deno.test("loops and choices are computed where their operands are", () => {
  check("loops", (put) => {
    const x = put(wave([3]));
    const grad = func.grad((x: Tensor) =>
      func.scan((c: Tensor, y: Tensor) => [c.mul(0.5).add(y), c], x.sum(), x)[0] as Tensor
    );
    return [
      func.scan((c: Tensor, y: Tensor) => [c.add(y), c.mul(y)], x.sum(), x),
      grad(x),
      func.foriLoop(0, 3, (i: Tensor, c: Tensor) => c.mul(0.5).add(i), x),
      func.whileLoop((c: Tensor) => c.abs().sum().gt(0.1), (c: Tensor) => c.mul(0.5), x),
      func.cond(x.sum().gt(0), (x: Tensor) => x.mul(2), (x: Tensor) => x.neg(), x),
    ];
  });
});

const positive = () => tensor([[4, 1, 0], [1, 3, 0.5], [0, 0.5, 2]]);

Deno.test("linear algebra is computed where the matrix is", () => {
  check("linalg", (put) => {
    const a = put(positive()), b = put(wave([3]));
    return [
      linalg.cholesky(a),
      linalg.inv(a),
      linalg.det(a),
      linalg.slogdet(a),
      linalg.qr(a),
      linalg.eigh(a),
      linalg.svd(a),
      linalg.solve(a, b),
      linalg.lstsq(a, b),
      linalg.pinv(a),
      linalg.matrixExp(a.mul(0.1)),
      linalg.matrixNorm(a),
    ];
  });
});

Deno.test("linear solvers are computed where the right side is", () => {
  const make = {
    auto: linearSolve.auto,
    solveBicgstab: linearSolve.solveBicgstab,
    solveCg: linearSolve.solveCg,
    solveCholesky: linearSolve.solveCholesky,
    solveGmres: linearSolve.solveGmres,
    solveInv: linearSolve.solveInv,
    solveLu: linearSolve.solveLu,
    solveMinres: linearSolve.solveMinres,
    solveNormalCg: linearSolve.solveNormalCg,
  };
  for (const [name, solver] of Object.entries(make)) {
    check(name, (put) => {
      const a = put(positive()), b = put(wave([3]));
      return (solver as typeof linearSolve.solveCg)({})((x: Tensor) => a.matmul(x), b);
    });
  }
});

Deno.test("solvers of nonlinear problems are computed where the unknowns are", () => {
  check("rootFind", (put) => {
    const a = put(tensor([2, 3]));
    return solvers.rootFind((x: Tensor) => x.square().sub(a), put(tensor([1, 1]))).value;
  });
  check("fixedPoint", (put) => {
    const a = put(tensor([0.2, 0.3]));
    return solvers.fixedPoint((x: Tensor) => x.mul(0.5).cos().add(a), put(tensor([1, 1]))).value;
  });
  for (const method of [solvers.bfgs(), solvers.lbfgs(), solvers.gradientDescent()]) {
    check("minimize", (put) => {
      const a = put(tensor([0.2, 0.3]));
      const f = (x: Tensor) => x.sub(a).square().sum();
      return solvers.minimize(f, put(tensor([1, 1])), { method }).value;
    });
  }
  check("leastSquares", (put) => {
    const a = put(tensor([0.2, 0.3]));
    return solvers.leastSquares((x: Tensor) => x.sub(a), put(tensor([1, 1]))).value;
  });
});

Deno.test("distributions are computed where their parameters are", () => {
  check("distributions", (put) => {
    const p = put(tensor([0.3, 0.6])), q = put(tensor([1.5, 2.5]));
    const all = [
      new distributions.Normal(p, q),
      new distributions.Uniform(p, q),
      new distributions.Bernoulli({ probs: p }),
      new distributions.Categorical({ probs: p }),
      new distributions.Exponential(q),
      new distributions.Gamma(q, p),
      new distributions.Beta(q, q),
      new distributions.Dirichlet(q),
      new distributions.Gumbel(p, q),
      new distributions.Laplace(p, q),
      new distributions.StudentT(q),
      new distributions.LogNormal(p, q),
    ];
    return all.map((d) => {
      const x = d.sample([2]);
      return [x, d.logProb(x), d.mean];
    });
  });
});

Deno.test("implicit and zero-order derivatives are computed where the parameters are", () => {
  // Whether the linear solve has converged is looked at.
  check("customRoot", (put) => {
    const root = diff.implicit.customRoot((x: Tensor, a: Tensor) => x.square().sub(a), {
      argnums: 1,
    })((x: Tensor, a: Tensor) => x.mul(0).add(a.sqrt()));
    const a = put(tensor([2, 3])).requiresGrad_(), x0 = put(tensor([1, 1]));
    return autograd.grad((root(x0, a) as Tensor).sum(), [a]);
  }, { reads: true });
  for (const method of ["naive", "forward", "antithetic"] as const) {
    check(`zeroOrder, ${method}`, (put) => {
      const x = put(tensor([0.2, 0.3])).requiresGrad_();
      const noise = new distributions.Normal(put(tensor(0)), put(tensor(1)));
      const f = diff.zeroOrder(noise, { method, numSamples: 3 })((x: Tensor) => x.square().sum());
      return autograd.grad(f(x), [x]);
    });
  }
});
