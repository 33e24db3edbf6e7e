/**
 * Gradients through optimizers: every case of `meta_gradients.json`, and of `meta_gradients_outer.json`,
 * which has the same format.
 */

import { assert } from "@std/assert";
import { applyUpdates, autograd, nn, type Tensor } from "@torchopt/torchopt";
import { treeLeaves } from "@torchopt/torchopt/pytree";
import * as meta from "../../src/optim/mod.ts";
import { extractStateDict, recoverStateDict, stopGradient } from "../../src/utils/mod.ts";
import { assertClose, type Tolerance } from "../helpers/close.ts";
import {
  type GoldenDType,
  type GoldenNumber,
  type GoldenOptions,
  type GoldenTensor,
  readGolden,
  runAll,
  toClassic,
  toOptimizer,
  toOptimizerOptions,
  toTensor,
} from "../helpers/golden.ts";
import "../helpers/seed.ts";

type Named = Record<string, GoldenNumber[]>;

interface Inner {
  optimizer: string;
  options: GoldenOptions;
  K: number;
}

type Case =
  & { name: string; dtype: GoldenDType }
  & (
    | (Inner & {
      kind: "meta";
      inner_losses: number[];
      outer_loss: number;
      adapted_params: Named;
      d_outer_d_meta: number[];
      d_outer_d_init: Named;
      d_outer_d_adapted: Named;
    })
    | {
      kind: "outer_loop";
      inner: Inner;
      outer: { optimizer: string; options: GoldenOptions };
      history: { outer_loss: number; meta_grad: number[]; meta: number[] }[];
    }
    | {
      kind: "maml";
      mode: "second_order" | "first_order" | "truncated";
      inner: Inner;
      outer_losses: number[];
      adapted_params: Named[];
      summed_grads: Named;
    }
    | (Inner & {
      kind: "moments";
      outer_loss: number;
      d_outer_d_state: (GoldenTensor | null)[];
      d_outer_d_init: Named;
    })
  );

type CaseOf<K extends Case["kind"]> = Case & { kind: K };

interface TaskData {
  x_train: GoldenTensor;
  y_train: GoldenTensor;
  x_val: GoldenTensor;
  y_val: GoldenTensor;
}

interface Golden {
  param_names: string[];
  init: Record<string, GoldenTensor>;
  meta0: GoldenTensor;
  data: Record<string, TaskData>;
  cases: Case[];
}

const tolerances: Record<GoldenDType, Tolerance> = {
  float64: { rtol: 1e-8, atol: 1e-10 },
  float32: { rtol: 2e-3, atol: 1e-4 },
};

type Tensors = Record<string, Tensor>;

/** What the cases of a file share. */
class Problem {
  readonly names: readonly string[];
  readonly tasks: readonly string[];
  readonly #golden: Golden;

  constructor(golden: Golden) {
    this.names = golden.param_names;
    this.tasks = Object.keys(golden.data);
    this.#golden = golden;
  }

  /** x -> tanh(x @ w1 + b1) -> ... -> x @ wL + bL. */
  predict(params: Tensors, x: Tensor): Tensor {
    const layers = this.names.length / 2;
    for (let l = 1; l <= layers; l++) {
      x = x.matmul(params[`w${l}`]).add(params[`b${l}`]);
      if (l < layers) x = x.tanh();
    }
    return x;
  }

  net(dtype: GoldenDType): Net {
    return new Net(this, this.names.map((name) => toTensor(this.#golden.init[name], dtype)));
  }

  weights(dtype: GoldenDType): Tensor {
    return toTensor(this.#golden.meta0, dtype).requiresGrad_();
  }

  task(name: string, dtype: GoldenDType) {
    const data = this.#golden.data[name];
    return {
      x: toTensor(data.x_train, dtype),
      y: toTensor(data.y_train, dtype),
      xVal: toTensor(data.x_val, dtype),
      yVal: toTensor(data.y_val, dtype),
    };
  }

  byName<T extends Tensor | null>(tensors: readonly T[]): Record<string, T> {
    return Object.fromEntries(this.names.map((name, i) => [name, tensors[i]]));
  }

  assertNamed(
    what: string,
    actual: Record<string, Tensor | null>,
    expected: Named,
    tolerance: Tolerance,
  ): void {
    for (const name of this.names) {
      assertClose(actual[name]!.data(), expected[name], tolerance, `${what}.${name}`);
    }
  }
}

class Net extends nn.Module {
  readonly #problem: Problem;

  constructor(problem: Problem, init: readonly Tensor[]) {
    super();
    this.#problem = problem;
    init.forEach((x, i) => this.registerParameter(problem.names[i], new nn.Parameter(x)));
  }

  get named(): Tensors {
    return this as unknown as Tensors;
  }

  get params(): Tensor[] {
    return this.#problem.names.map((name) => this.named[name]);
  }

  override forward(x: Tensor): Tensor {
    return this.#problem.predict(this.named, x);
  }
}

const mse = (a: Tensor, b: Tensor) => a.sub(b).square().mean();

const weighted = (pred: Tensor, y: Tensor, meta: Tensor) =>
  pred.sub(y).square().mean(1).mul(meta.sigmoid()).mean();

function metaOptimizer(net: nn.Module, { optimizer, options }: Inner): meta.MetaOptimizer {
  const classes = meta as unknown as Record<
    string,
    new (net: nn.Module, options: GoldenOptions) => meta.MetaOptimizer
  >;
  assert(Object.hasOwn(classes, optimizer), `unknown meta-optimizer ${optimizer}`);
  return new classes[optimizer](net, toOptimizerOptions(options));
}

const runners: {
  [K in Case["kind"]]: (problem: Problem, c: CaseOf<K>, tolerance: Tolerance) => void;
} = {
  meta(problem, c, tolerance) {
    const net = problem.net(c.dtype), data = problem.task(problem.tasks[0], c.dtype);
    const weights = problem.weights(c.dtype);
    const optimizer = metaOptimizer(net, c), initial = net.params;
    const losses = Array.from({ length: c.K }, () => {
      const loss = weighted(net.call(data.x), data.y, weights);
      optimizer.step(loss);
      return loss;
    });
    const outer = mse(net.call(data.xVal), data.yVal), adapted = net.params;
    const all = [weights, ...initial];
    const grads = autograd.grad(outer, all, { allowUnused: true });
    const direct = autograd.grad(outer, adapted);
    losses.forEach((loss, i) =>
      assertClose(loss.data(), [c.inner_losses[i]], tolerance, `inner loss ${i}`)
    );
    assertClose(outer.data(), [c.outer_loss], tolerance, "outer loss");
    problem.assertNamed("adapted", net.named, c.adapted_params, tolerance);
    assertClose(grads[0]!.data(), c.d_outer_d_meta, tolerance, "d_meta");
    problem.assertNamed("d_init", problem.byName(grads.slice(1)), c.d_outer_d_init, tolerance);
    problem.assertNamed("d_adapted", problem.byName(direct), c.d_outer_d_adapted, tolerance);
  },

  outer_loop(problem, c, tolerance) {
    const net = problem.net(c.dtype), data = problem.task(problem.tasks[0], c.dtype);
    const weights = problem.weights(c.dtype);
    const optimizer = metaOptimizer(net, c.inner);
    const outerOptimizer = toClassic(c.outer.optimizer, [weights], c.outer.options);
    const start = extractStateDict(net), begun = extractStateDict(optimizer);
    c.history.forEach((expected, i) => {
      for (let k = 0; k < c.inner.K; k++) {
        optimizer.step(weighted(net.call(data.x), data.y, weights));
      }
      const outer = mse(net.call(data.xVal), data.yVal);
      outerOptimizer.zeroGrad();
      outer.backward();
      assertClose(weights.grad!.data(), expected.meta_grad, tolerance, `meta_grad ${i}`);
      outerOptimizer.step();
      assertClose(outer.data(), [expected.outer_loss], tolerance, `outer loss ${i}`);
      assertClose(weights.data(), expected.meta, tolerance, `meta ${i}`);
      recoverStateDict(net, start);
      recoverStateDict(optimizer, begun);
    });
  },

  maml(problem, c, tolerance) {
    const net = problem.net(c.dtype), optimizer = metaOptimizer(net, c.inner);
    const start = extractStateDict(net), begun = extractStateDict(optimizer);
    const cutAfter = { second_order: Infinity, first_order: c.inner.K, truncated: c.inner.K - 1 };
    const sums: (Tensor | null)[] = problem.names.map(() => null);
    problem.tasks.forEach((name, i) => {
      const data = problem.task(name, c.dtype);
      recoverStateDict(net, start);
      recoverStateDict(optimizer, begun);
      let origin = net.params;
      for (let k = 1; k <= c.inner.K; k++) {
        optimizer.step(mse(net.call(data.x), data.y));
        if (k !== cutAfter[c.mode]) continue;
        stopGradient(net);
        stopGradient(optimizer);
        origin = net.params;
      }
      const outer = mse(net.call(data.xVal), data.yVal);
      const grads = autograd.grad(outer, origin);
      grads.forEach((g, k) => sums[k] = sums[k] === null ? g : sums[k].add(g!));
      assertClose(outer.data(), [c.outer_losses[i]], tolerance, `outer loss ${i}`);
      problem.assertNamed(`adapted ${i}`, net.named, c.adapted_params[i], tolerance);
    });
    problem.assertNamed("summed", problem.byName(sums), c.summed_grads, tolerance);
  },

  moments(problem, c, tolerance) {
    const net = problem.net(c.dtype), data = problem.task(problem.tasks[0], c.dtype);
    const initial: Record<string, Tensor> = problem.byName(net.params) as Record<string, Tensor>;
    const optimizer = toOptimizer(c.optimizer, c.options);
    let params = initial, state = optimizer.init(params);
    const moments = treeLeaves<Tensor>(state).filter((x) => x.requiresGrad);
    for (let k = 0; k < c.K; k++) {
      const list = problem.names.map((name) => params[name]);
      const grads = problem.byName(
        autograd.grad(mse(problem.predict(params, data.x), data.y), list, { createGraph: true }),
      );
      const [updates, next] = optimizer.update(grads, state, { params, inplace: false });
      params = applyUpdates(params, updates, { inplace: false });
      state = next;
    }
    const outer = mse(problem.predict(params, data.xVal), data.yVal);
    const leaves = [...moments, ...problem.names.map((name) => initial[name])];
    const grads = autograd.grad(outer, leaves, { allowUnused: true });
    assertClose(outer.data(), [c.outer_loss], tolerance, "outer loss");
    assert(moments.length === c.d_outer_d_state.length, `${moments.length} moments`);
    c.d_outer_d_state.forEach((expected, i) => {
      const got = grads[i]?.data() ?? new Float64Array(moments[i].size);
      const want = expected?.data ?? new Array<number>(moments[i].size).fill(0);
      assertClose(got, want, tolerance, `d_state ${i}`);
    });
    problem.assertNamed(
      "d_init",
      problem.byName(grads.slice(moments.length)),
      c.d_outer_d_init,
      tolerance,
    );
  },
};

/** The reference's fused backward pass neglects eps beside the root; here the derivative is exact. */
function toleranceOf(c: Case): Tolerance {
  const { options } = "inner" in c ? c.inner : c;
  const fused = options.use_accelerated_op === true;
  return fused && c.dtype === "float64" ? { rtol: 1e-6, atol: 1e-7 } : tolerances[c.dtype];
}

for (const file of ["meta_gradients.json", "meta_gradients_outer.json"]) {
  const golden = readGolden<Golden>(file), problem = new Problem(golden);
  for (const kind of new Set(golden.cases.map((c) => c.kind))) {
    const cases = golden.cases.filter((c) => c.kind === kind);
    Deno.test(`golden ${file}: ${kind} (${cases.length} cases)`, () => {
      assert(Object.hasOwn(runners, kind), `unknown kind ${kind}`);
      runAll(cases, (c) => runners[kind](problem, c as never, toleranceOf(c)));
    });
  }
}
