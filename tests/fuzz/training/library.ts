/** The library's side. */

import * as torchopt from "@torchopt/torchopt";
import { autograd, func, nn, type Tensor } from "@torchopt/torchopt";
import type { Functional, Inner, Recipe, Side, Stepper, Value } from "./value.ts";

const CLASSES = {
  sgd: torchopt.SGD,
  adam: torchopt.Adam,
  adamw: torchopt.AdamW,
  rmsprop: torchopt.RMSProp,
  adagrad: torchopt.AdaGrad,
};

const tensors = (xs: readonly Value[]) => xs as unknown as Tensor[];
const values = (xs: readonly unknown[]) => xs as unknown as Value[];
const tensor = (x: Value) => x as unknown as Tensor;
const value = (x: unknown) => x as unknown as Value;

function transformation({ kind, options, clip }: Recipe): torchopt.GradientTransformation {
  const impl = torchopt[kind](options);
  return clip === null ? impl : torchopt.chain(torchopt.clipGradNorm(clip), impl);
}

const MOMENTS = ["mu", "nu", "trace", "sumOfSquares"];

/** What stands under the names of moments in a state, in the order of the reference. */
function momentsIn(state: unknown): unknown[] {
  const found: Record<string, unknown[]> = {};
  const visit = (x: unknown, name: string | null) => {
    if (typeof x !== "object" || x === null) return;
    const isTensor = x instanceof torchopt.Tensor || ("data" in x && "dtype" in x);
    if (isTensor) {
      if (name !== null) (found[name] ??= []).push(x);
    } else {
      for (const [key, part] of Object.entries(x)) {
        visit(part, MOMENTS.includes(key) ? key : name);
      }
    }
  };
  visit(state, null);
  return MOMENTS.flatMap((name) => found[name] ?? []);
}

function stepper(params: readonly Tensor[], recipe: Recipe): Stepper {
  const optimizer = recipe.clip === null
    ? new CLASSES[recipe.kind](params, recipe.options)
    : new torchopt.Optimizer(params, transformation(recipe));
  return {
    step: (closure) => closure === undefined ? optimizer.step() : optimizer.step(closure),
    zeroGrad: (options) => optimizer.zeroGrad(options),
    save: () => optimizer.stateDict(),
    load: (state) => optimizer.loadStateDict(state as torchopt.SavedState[]),
    moments: () =>
      momentsIn(optimizer.stateDict()).map((x) =>
        Array.from((x as { data: Float64Array }).data, Number)
      ),
  };
}

function functional(recipe: Recipe): Functional {
  const impl = transformation(recipe);
  return {
    init: (params) => impl.init(tensors(params)),
    update(grads, state, params, inplace) {
      const [updates, next] = impl.update(tensors(grads), state as torchopt.OptState, {
        params: tensors(params),
        inplace,
      });
      return [values(updates as Tensor[]), next];
    },
    apply: (params, updates, inplace) =>
      values(torchopt.applyUpdates(tensors(params), tensors(updates), { inplace })),
    moments: (state) => values(momentsIn(state)),
  };
}

class Net extends nn.Module {
  params: Tensor[];
  constructor(params: Tensor[]) {
    super();
    this.params = params;
  }
  forward(): Tensor {
    return this.params[0];
  }
}

function inner(params: Tensor[], recipe: Recipe): Inner {
  const net = new Net(params);
  const optimizer = new torchopt.MetaOptimizer(net, transformation(recipe));
  return {
    params: () => values(net.params),
    step: (loss) => optimizer.step(tensor(loss)),
    extract: () => [torchopt.extractStateDict(net), torchopt.extractStateDict(optimizer)],
    recover(snapshot) {
      const [module, state] = snapshot as [torchopt.ModuleState, torchopt.MetaOptimizerState];
      torchopt.recoverStateDict(net, module);
      torchopt.recoverStateDict(optimizer, state);
    },
  };
}

/** The library's side. */
export function library(): Side {
  return {
    tensor(data, shape, { dtype, requiresGrad = false }) {
      const x = torchopt.tensor(data as number[], { shape, dtype });
      // Modules find parameters by their class.
      return value(requiresGrad ? new nn.Parameter(x) : x);
    },
    cat: (xs) => value(torchopt.cat(tensors(xs))),
    where: (mask, a, b) => value(torchopt.where(tensor(mask).gt(0.1), tensor(a), tensor(b))),
    noGrad: (fn) => torchopt.noGrad(fn),
    grad: (output, inputs, createGraph) =>
      autograd.grad(tensor(output), tensors(inputs), { createGraph, allowUnused: true }).map((g) =>
        g === null ? null : value(g)
      ),
    backward: (outputs) => autograd.backward(tensors(outputs)),
    realize: (xs) => torchopt.realize(...tensors(xs)),
    later: (x) => tensor(x).dataAsync(),
    compile: (fn) => torchopt.compile(fn) as unknown as typeof fn,
    vmap: (fn) => (x) => value(func.vmap((row: Tensor) => tensor(fn(value(row))))(tensor(x))),
    stepper: (params, recipe) => stepper(tensors(params), recipe),
    functional,
    holder(recipe) {
      const optimizer = new torchopt.FuncOptimizer(transformation(recipe));
      return (loss, params, inplace) =>
        values(optimizer.step(tensor(loss), tensors(params), { inplace }));
    },
    inner: (params, recipe) => inner(tensors(params), recipe),
  };
}
