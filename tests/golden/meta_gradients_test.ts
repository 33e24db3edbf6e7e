/** Gradients through optimizers: every case of `meta_gradients.json`. */

import { assert } from "@std/assert";
import {
  Adam,
  applyUpdates,
  autograd,
  nn,
  type Optimizer,
  SGD,
  type Tensor,
} from "@torchopt/torchopt";
import { treeLeaves } from "@torchopt/torchopt/pytree";
import * as meta from "../../src/optim/meta/mod.ts";
import { extractStateDict, recoverStateDict, stopGradient } from "../../src/utils/mod.ts";
import {
  assertClose,
  type GoldenDType,
  type GoldenNumber,
  type GoldenOptions,
  type GoldenTensor,
  readGolden,
  runAll,
  type Tolerance,
  toOptimizer,
  toOptions,
  toSchedule,
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
      outer: { optimizer: "SGD" | "Adam"; options: GoldenOptions };
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

const golden = readGolden<{
  param_names: string[];
  init: Record<string, GoldenTensor>;
  meta0: GoldenTensor;
  data: Record<string, TaskData>;
  cases: Case[];
}>("meta_gradients.json");

const names = golden.param_names;
const tolerances: Record<GoldenDType, Tolerance> = {
  float64: { rtol: 1e-8, atol: 1e-10 },
  float32: { rtol: 2e-3, atol: 1e-4 },
};

/** x -> tanh(x @ w1 + b1) -> ... -> x @ wL + bL. */
function predict(params: Record<string, Tensor>, x: Tensor): Tensor {
  const layers = names.length / 2;
  for (let l = 1; l <= layers; l++) {
    x = x.matmul(params[`w${l}`]).add(params[`b${l}`]);
    if (l < layers) x = x.tanh();
  }
  return x;
}

class Net extends nn.Module {
  constructor(dtype: GoldenDType) {
    super();
    for (const name of names) {
      this.registerParameter(name, new nn.Parameter(toTensor(golden.init[name], dtype)));
    }
  }

  get named(): Record<string, Tensor> {
    return this as unknown as Record<string, Tensor>;
  }

  override forward(x: Tensor): Tensor {
    return predict(this.named, x);
  }
}

function task(name: string, dtype: GoldenDType) {
  const data = golden.data[name];
  return {
    x: toTensor(data.x_train, dtype),
    y: toTensor(data.y_train, dtype),
    xVal: toTensor(data.x_val, dtype),
    yVal: toTensor(data.y_val, dtype),
  };
}

const mse = (a: Tensor, b: Tensor) => a.sub(b).square().mean();

const weighted = (pred: Tensor, y: Tensor, meta: Tensor) =>
  pred.sub(y).square().mean(1).mul(meta.sigmoid()).mean();

function metaOptimizer(net: nn.Module, { optimizer, options }: Inner): meta.MetaOptimizer {
  const own = toOptions(options);
  if (typeof own.lr === "object") own.lr = toSchedule(own.lr);
  const classes = meta as unknown as Record<
    string,
    new (net: nn.Module, options: GoldenOptions) => meta.MetaOptimizer
  >;
  return new classes[optimizer](net, own);
}

function assertNamed(
  what: string,
  actual: Record<string, Tensor | null>,
  expected: Named,
  tolerance: Tolerance,
) {
  for (const name of names) {
    assertClose(`${what}.${name}`, actual[name]!.data(), expected[name], tolerance);
  }
}

const byName = (tensors: readonly (Tensor | null)[]) =>
  Object.fromEntries(names.map((name, i) => [name, tensors[i]]));

const paramsOf = (net: Net) => names.map((name) => net.named[name]);

const runners: { [K in Case["kind"]]: (c: CaseOf<K>, tolerance: Tolerance) => void } = {
  meta(c, tolerance) {
    const net = new Net(c.dtype), data = task("task0", c.dtype);
    const weights = toTensor(golden.meta0, c.dtype).requiresGrad_();
    const optimizer = metaOptimizer(net, c), initial = paramsOf(net);
    const losses = Array.from({ length: c.K }, () => {
      const loss = weighted(net.call(data.x), data.y, weights);
      optimizer.step(loss);
      return loss;
    });
    const outer = mse(net.call(data.xVal), data.yVal), adapted = paramsOf(net);
    const all = [weights, ...initial];
    const grads = autograd.grad(outer, all, { allowUnused: true });
    const direct = autograd.grad(outer, adapted);
    losses.forEach((loss, i) =>
      assertClose(`inner loss ${i}`, loss.data(), [c.inner_losses[i]], tolerance)
    );
    assertClose("outer loss", outer.data(), [c.outer_loss], tolerance);
    assertNamed("adapted", net.named, c.adapted_params, tolerance);
    assertClose("d_meta", grads[0]!.data(), c.d_outer_d_meta, tolerance);
    assertNamed("d_init", byName(grads.slice(1)), c.d_outer_d_init, tolerance);
    assertNamed("d_adapted", byName(direct), c.d_outer_d_adapted, tolerance);
  },

  outer_loop(c, tolerance) {
    const net = new Net(c.dtype), data = task("task0", c.dtype);
    const weights = toTensor(golden.meta0, c.dtype).requiresGrad_();
    const optimizer = metaOptimizer(net, c.inner);
    const classes = { SGD, Adam } as unknown as Record<
      string,
      new (params: Tensor[], options: GoldenOptions) => Optimizer
    >;
    const outerOptimizer = new classes[c.outer.optimizer]([weights], toOptions(c.outer.options));
    const start = extractStateDict(net), begun = extractStateDict(optimizer);
    c.history.forEach((expected, i) => {
      for (let k = 0; k < c.inner.K; k++) {
        optimizer.step(weighted(net.call(data.x), data.y, weights));
      }
      const outer = mse(net.call(data.xVal), data.yVal);
      outerOptimizer.zeroGrad();
      outer.backward();
      assertClose(`meta_grad ${i}`, weights.grad!.data(), expected.meta_grad, tolerance);
      outerOptimizer.step();
      assertClose(`outer loss ${i}`, outer.data(), [expected.outer_loss], tolerance);
      assertClose(`meta ${i}`, weights.data(), expected.meta, tolerance);
      recoverStateDict(net, start);
      recoverStateDict(optimizer, begun);
    });
  },

  maml(c, tolerance) {
    const net = new Net(c.dtype), optimizer = metaOptimizer(net, c.inner);
    const start = extractStateDict(net), begun = extractStateDict(optimizer);
    const cutAfter = { second_order: Infinity, first_order: c.inner.K, truncated: c.inner.K - 1 };
    const sums: (Tensor | null)[] = names.map(() => null);
    Object.keys(golden.data).forEach((name, i) => {
      const data = task(name, c.dtype);
      recoverStateDict(net, start);
      recoverStateDict(optimizer, begun);
      let origin = paramsOf(net);
      for (let k = 1; k <= c.inner.K; k++) {
        optimizer.step(mse(net.call(data.x), data.y));
        if (k !== cutAfter[c.mode]) continue;
        stopGradient(net);
        stopGradient(optimizer);
        origin = paramsOf(net);
      }
      const outer = mse(net.call(data.xVal), data.yVal);
      const grads = autograd.grad(outer, origin);
      grads.forEach((g, k) => sums[k] = sums[k] === null ? g : sums[k].add(g!));
      assertClose(`outer loss ${i}`, outer.data(), [c.outer_losses[i]], tolerance);
      assertNamed(`adapted ${i}`, net.named, c.adapted_params[i], tolerance);
    });
    assertNamed("summed", byName(sums), c.summed_grads, tolerance);
  },

  moments(c, tolerance) {
    const net = new Net(c.dtype), data = task("task0", c.dtype);
    const initial: Record<string, Tensor> = byName(paramsOf(net)) as Record<string, Tensor>;
    const optimizer = toOptimizer(c.optimizer, c.options);
    let params = initial, state = optimizer.init(params);
    const moments = treeLeaves<Tensor>(state).filter((x) => x.requiresGrad);
    for (let k = 0; k < c.K; k++) {
      const list = names.map((name) => params[name]);
      const grads = byName(
        autograd.grad(mse(predict(params, data.x), data.y), list, { createGraph: true }),
      );
      const [updates, next] = optimizer.update(grads, state, { params, inplace: false });
      params = applyUpdates(params, updates, { inplace: false });
      state = next;
    }
    const outer = mse(predict(params, data.xVal), data.yVal);
    const leaves = [...moments, ...names.map((name) => initial[name])];
    const grads = autograd.grad(outer, leaves, { allowUnused: true });
    assertClose("outer loss", outer.data(), [c.outer_loss], tolerance);
    assert(moments.length === c.d_outer_d_state.length, `${moments.length} moments`);
    c.d_outer_d_state.forEach((expected, i) => {
      const got = grads[i]?.data() ?? new Float64Array(moments[i].size);
      const want = expected?.data ?? new Array<number>(moments[i].size).fill(0);
      assertClose(`d_state ${i}`, got, want, tolerance);
    });
    assertNamed("d_init", byName(grads.slice(moments.length)), c.d_outer_d_init, tolerance);
  },
};

/** The reference's fused backward pass neglects eps beside the root; here the derivative is exact. */
function toleranceOf(c: Case): Tolerance {
  const tolerance = tolerances[c.dtype];
  const fused = c.kind === "meta" && c.options.use_accelerated_op === true;
  return fused && c.dtype === "float64" ? { rtol: 1e-6, atol: 1e-7 } : tolerance;
}

for (const kind of Object.keys(runners) as Case["kind"][]) {
  const cases = golden.cases.filter((c) => c.kind === kind);
  Deno.test(`golden meta_gradients: ${kind} (${cases.length} cases)`, () => {
    runAll(cases, (c) => runners[kind](c as never, toleranceOf(c)));
  });
}
