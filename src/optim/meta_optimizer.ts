/**
 * The base class of the differentiable optimizers.
 *
 * @module
 */

import { sweep } from "../primitives/reverse.ts";
import type { GradientTransformation, OptState } from "../base.ts";
import { asTransformation } from "../combine.ts";
import { GradientError } from "../graph/errors.ts";
import { constantNode } from "../graph/leaf.ts";
import { isGradEnabled, withGrad } from "../graph/node.ts";
import { showShape } from "../graph/shape.ts";
import { Module } from "../nn/module.ts";
import { readSlot, type Slot, writeSlot } from "../nn/slots.ts";
import { expand } from "../primitives/movement.ts";
import { treeLeaves } from "../pytree/mod.ts";
import { TensorCore, wrap } from "../tensor/core.ts";
import { commitStep, holdSweep, holdUpdate } from "../tensor/pending.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkBoolean } from "../tensor/describe.ts";
import { computeDeep } from "../tensor/history.ts";
import { currentTrace, noteRead, noteWrite, type Trace } from "../tensor/trace.ts";
import { checkNames, describe } from "../transform/options.ts";
import { applyUpdates } from "../update.ts";
import { groupOf, guardOptimizer } from "./param_groups.ts";

/** Uncomputed operations in a row from which linked steps are computed: a few dozen steps. */
const MAX_DEPTH = 1000;

/** Options of differentiable optimizers beside those of the method. */
export interface MetaOptimizerOptions {
  /**
   * Whether gradients count as constants when one differentiates through steps (default false):
   * first-order MAML (Finn et al., Model-Agnostic Meta-Learning, 2017, section 5.2).
   */
  readonly firstOrder?: boolean;
}

/** The state of each parameter group, as `MetaOptimizer.stateDict()` gives it. */
export type MetaOptimizerState = readonly OptState[];

/** Modules of one group; each entry lists the places that share one tensor. */
interface Group {
  readonly places: readonly (readonly Slot[])[];
  state: OptState;
}

/**
 * A differentiable optimizer of a module's parameters.
 *
 * A step writes new tensors into the module, `p + u`, which are linked to the graph: a later loss can
 * be differentiated with respect to the parameters before the steps, and to everything else that
 * gradients, updates and the optimizer's state depend on. The old tensors are not changed;
 * `extractStateDict` and `recoverStateDict` go back to them, `stopGradient` cuts the link. A
 * parameter that the loss does not depend on, or that is frozen, stays as it is, with its state. A
 * tensor that several places share is updated once, and stays shared.
 *
 * In evaluation mode (`eval()`), and inside `noGrad`, steps are not linked: every step is computed
 * at once, and the new parameters are leaves.
 *
 * Inside `compile()`, the module has to be brought back (by `recoverStateDict`) before the compiled
 * function returns.
 *
 * @example
 * ```ts
 * import { MetaOptimizer, nn, sgd, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * class Net extends nn.Module {
 *   a: Tensor = new nn.Parameter(1);
 *   forward(x: Tensor): Tensor {
 *     return this.a.mul(x.square());
 *   }
 * }
 * const net = new Net(), x = tensor(2, { requiresGrad: true });
 * const optimizer = new MetaOptimizer(net, sgd({ lr: 1 }));
 * optimizer.step(net.call(x));
 * net.call(x).backward();
 * assertEquals(net.a.item(), -3);
 * assertEquals(x.grad!.item(), -28);
 * ```
 *
 * @example Several modules
 * ```ts
 * import { MetaSGD, nn, ones } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const net = new nn.Linear(2, 1), head = new nn.Linear(1, 1);
 * const optimizer = new MetaSGD(net, { lr: 0.1 });
 * optimizer.addParamGroup(head);
 * optimizer.train(); // as it is; eval() takes steps without history
 * optimizer.step(head.call(net.call(ones([1, 2]))).sum());
 * assertEquals([net.weight.isLeaf, head.weight.isLeaf], [false, false]);
 * ```
 */
export class MetaOptimizer {
  #training = true;
  #firstOrder: boolean;
  readonly #impl: GradientTransformation;
  readonly #groups: Group[] = [];
  readonly #madeIn = currentTrace()?.compiling ?? null;

  /**
   * Makes an optimizer with a new state.
   *
   * @param module the module whose parameters are updated
   * @param impl the transformation, such as `sgd({ lr: 0.1 })`
   * @param options `firstOrder` (default false)
   * @throws {TypeError} where the arguments are no module and no transformation
   */
  constructor(
    module: Module,
    impl: GradientTransformation<unknown>,
    options: MetaOptimizerOptions = {},
  ) {
    this.#impl = asTransformation(this.constructor.name, impl);
    checkNames(this.constructor.name, options, ["firstOrder"]);
    const { firstOrder = false } = options;
    checkBoolean(`${this.constructor.name}: firstOrder`, firstOrder);
    this.#firstOrder = firstOrder;
    this.addParamGroup(module);
  }

  /**
   * Whether steps are linked to the graph; `train()` and `eval()` switch it. Like `firstOrder`, it is
   * looked at before each call of a compiled function that takes steps.
   */
  get training(): boolean {
    return noteRead(this, "training", this.#training);
  }

  /** @ignore Documentation shows a getter only where its setter is hidden. */
  set training(on: boolean) {
    checkBoolean(`${this.constructor.name}.training`, on);
    noteWrite(this, "training");
    this.#training = on;
  }

  /** Whether gradients count as constants when one differentiates through steps; it can be set. */
  get firstOrder(): boolean {
    return noteRead(this, "firstOrder", this.#firstOrder);
  }

  /** @ignore */
  set firstOrder(on: boolean) {
    checkBoolean(`${this.constructor.name}.firstOrder`, on);
    noteWrite(this, "firstOrder");
    this.#firstOrder = on;
  }

  /** The parameters as they are now, one list for each group, to read. */
  get paramGroups(): readonly (readonly Tensor[])[] {
    const op = this.constructor.name;
    return this.#groups.map((group) => groupOf(op, this.#paramsOf(group), "module"));
  }

  /**
   * Adds the parameters of another module, with a state of their own.
   *
   * @throws {TypeError} where it is no module, or a parameter belongs to a group already
   */
  addParamGroup(module: Module): void {
    const op = this.constructor.name;
    if (!(module instanceof Module)) {
      throw new TypeError(`${op}: got ${describe(module)}, wants a module.`);
    }
    const known = new Set(this.paramGroups.flat());
    const shared = new Map<Tensor, Slot[]>();
    for (const slot of module.slots(["parameter"])) {
      const tensor = readSlot(slot);
      if (known.has(tensor)) {
        throw new TypeError(`${op}: ${slot.name} belongs to a group already; add it once.`);
      }
      const places = shared.get(tensor);
      if (places === undefined) shared.set(tensor, [slot]);
      else places.push(slot);
    }
    this.#groups.push({
      places: [...shared.values()],
      state: this.#impl.init([...shared.keys()]),
    });
  }

  /** Links the steps that follow to the graph. */
  train(mode = true): this {
    this.training = mode;
    return this;
  }

  /** Does not link the steps that follow to the graph. */
  eval(): this {
    return this.train(false);
  }

  /**
   * Updates the parameters once, by the gradient of a loss.
   *
   * @param loss a scalar that depends on the parameters as they are now
   * @throws {GradientError} a loss of several elements, or that depends on nothing that requires a
   * gradient. Then nothing is changed.
   */
  step(loss: Tensor): void {
    this.#checkLoss(loss);
    const linked = this.training && isGradEnabled();
    noteRead(this.#groups, "length", this.#groups.length);
    const params = this.#groups.map((group) => this.#paramsOf(group));
    const compiling = currentTrace()?.compiling ?? null;
    if (compiling !== null && compiling !== this.#madeIn) this.#wantBack(compiling, params);
    const grads = gradients(loss, params, linked && !this.firstOrder);
    const next = withGrad(linked, () =>
      this.#groups.map((group, i) => {
        const [updates, state] = this.#impl.update(grads[i], group.state, {
          params: params[i],
          inplace: false,
        });
        return { state, params: applyUpdates(params[i], updates, { inplace: false }) };
      }));
    const fresh = next.flatMap((group, i) => group.params.filter((x, k) => x !== params[i][k]));
    const states = treeLeaves<unknown>(next.map(({ state }) => state))
      .filter((x): x is Tensor => x instanceof TensorCore);
    if (linked) computeDeep([...fresh, ...states], MAX_DEPTH);
    else detachStep(loss, fresh, states);
    this.#groups.forEach((group, i) => {
      group.state = next[i].state;
      next[i].params.forEach((tensor, k) => {
        if (tensor === params[i][k]) return;
        for (const slot of group.places[k]) writeSlot(slot, tensor);
      });
    });
  }

  /**
   * The state of each group. It refers to the state's tensors, which steps never change.
   *
   * @returns an array, one entry for each group
   */
  stateDict(): MetaOptimizerState {
    return this.#groups.map((group) => group.state);
  }

  /**
   * Goes back to a state.
   *
   * @param state what `stateDict()` or `extractStateDict()` returned
   * @throws {TypeError} where it has not one entry for each group
   */
  loadStateDict(state: MetaOptimizerState): void {
    if (!Array.isArray(state) || state.length !== this.#groups.length) {
      throw new TypeError(
        `${this.constructor.name}.loadStateDict: got ${describe(state)}, wants an array of ` +
          `${this.#groups.length}, one state for each group.`,
      );
    }
    this.#groups.forEach((group, i) => group.state = state[i]);
  }

  /** At the end of a compiled function, parameters and state have to be those of its beginning. */
  #wantBack(trace: Trace, params: readonly (readonly Tensor[])[]): void {
    const states = this.stateDict();
    trace.whenDone(this, () => {
      const inside = trace.inside();
      const made = (x: unknown) => x instanceof TensorCore && inside(x);
      const place = this.#groups.flatMap(({ places }) => places)
        .map(([slot]) => slot).find((slot) => made(readSlot(slot)));
      const left = place?.name ??
        (treeLeaves<unknown>(this.stateDict()).some(made) ? "state" : null);
      if (left === null) return;
      this.#groups.forEach((group, i) => {
        group.state = states[i];
        group.places.forEach((slots, k) => slots.forEach((slot) => writeSlot(slot, params[i][k])));
      });
      const name = this.constructor.name;
      throw new GradientError(
        `${name}.step: inside compile() ${
          left === "state" ? "the state of the optimizer" : left
        } was left ` +
          `as a step made it, and later calls do not run its code. Take ` +
          `extractStateDict() of module and optimizer first, and bring both back by ` +
          `recoverStateDict() before the function returns.`,
      );
    });
  }

  #paramsOf({ places }: Group): Tensor[] {
    return places.map(([first, ...others]) => {
      const tensor = readSlot(first);
      const other = others.find((slot) => readSlot(slot) !== tensor);
      if (other === undefined && tensor instanceof TensorCore) return tensor;
      throw new TypeError(
        other === undefined
          ? `${this.constructor.name}: ${first.name} is ${
            describe(tensor)
          }, was a parameter when ` +
            `the optimizer was made; make a new optimizer.`
          : `${this.constructor.name}: ${first.name} and ${other.name} shared a tensor when the ` +
            `optimizer was made and do not any more; make a new optimizer.`,
      );
    });
  }

  #checkLoss(loss: unknown): asserts loss is Tensor {
    const op = `${this.constructor.name}.step`;
    if (!(loss instanceof TensorCore)) {
      throw new TypeError(`${op}: got ${describe(loss)}, wants the loss, a scalar tensor.`);
    }
    if (loss.size !== 1) {
      throw new GradientError(
        `${op}: the loss has shape ${showShape(loss.shape)}, wants a scalar; reduce it (sum(), ` +
          `mean()).`,
      );
    }
    if (!loss.requiresGrad) {
      throw new GradientError(
        `${op}: the loss does not depend on anything that requires a gradient; compute it from the ` +
          `module's parameters, outside of noGrad().`,
      );
    }
  }
}

guardOptimizer("MetaOptimizer", MetaOptimizer.prototype);

/**
 * Gradients of the loss; null where it does not depend on a parameter. The parameters count as
 * independent, so that the sweep ends at them, however many steps lie before.
 */
function gradients(
  loss: Tensor,
  params: readonly (readonly Tensor[])[],
  createGraph: boolean,
): (Tensor | null)[][] {
  const { node } = loss;
  const targets = new Set(params.flat().map((tensor) => tensor.node));
  return withGrad(createGraph, () => {
    const seed = expand(constantNode(1, node.dtype), node.shape);
    const { cotangents } = sweep([node], [seed], targets, targets);
    return params.map((group) =>
      group.map((tensor) => {
        const g = cotangents.get(tensor.node);
        return g === undefined ? null : wrap(g);
      })
    );
  });
}

/** Ends the graph behind new parameters, and computes them with the loss and the states at once. */
function detachStep(loss: Tensor, params: readonly Tensor[], states: readonly Tensor[]): void {
  for (const tensor of params) {
    // The leaf is what is kept, not the sum that it stands for.
    tensor.node.keep = false;
    tensor.requiresGrad_();
  }
  for (const tensor of [...params, ...states]) holdUpdate(tensor, tensor.node);
  holdSweep([loss], []);
  commitStep();
}
