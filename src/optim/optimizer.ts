/**
 * The base class of the classic optimizers.
 *
 * @module
 */

import type { GradientTransformation, OptState, TensorTree } from "../base.ts";
import { asTransformation } from "../combine.ts";
import { constantNode } from "../graph/leaf.ts";
import { isFloat, type Node, unobserved, withGrad } from "../graph/node.ts";
import { expand } from "../primitives/movement.ts";
import { BackendError } from "../graph/errors.ts";
import { TensorCore, wrap } from "../tensor/core.ts";
import { commitStep, LostUpdates } from "../tensor/pending.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkNames, describe } from "../transform/options.ts";
import { assign, transaction } from "../transform/transaction.ts";
import { updated } from "../update.ts";
import { groupOf, guardOptimizer } from "./param_groups.ts";
import { pairUp, save, type SavedState, write } from "./state_dict.ts";
import { checkFunction, parameterList } from "../tensor/describe.ts";
import { currentTrace, noteRead } from "../tensor/trace.ts";

/** Parameters with options of their own. */
export type ParamGroup<O = Record<never, never>> = Partial<O> & {
  /** The parameters. */
  readonly params: Iterable<Tensor>;
};

/** What an optimizer updates: tensors, or groups of tensors. */
export type OptimizerParams<O = Record<never, never>> = Iterable<Tensor> | Iterable<ParamGroup<O>>;

/** Options of `zeroGrad`. */
export interface ZeroGradOptions {
  /** Whether gradients become null in place of zeros (default false). */
  readonly setToNone?: boolean;
}

interface Group {
  readonly params: readonly Tensor[];
  readonly impl: GradientTransformation;
  state: OptState;
}

const WANTS = "an iterable of tensors, or of groups { params, ...options }";

/**
 * An optimizer in the manner of `torch.optim`: it holds parameters and state, reads the gradients
 * that `backward()` left in `grad`, and updates parameters in place.
 *
 * A step is one run of one graph: what waits from `backward()` (the loss and the gradients), states
 * and new parameters are computed together, over the old memory. The state is made at construction,
 * so that a function with `backward()` and `step()` can be compiled as it stands. Parameters whose
 * `grad` is null are left alone, and so is their part of the state.
 *
 * @example
 * ```ts
 * import { Optimizer, sgd, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const w = tensor([1, 2], { requiresGrad: true });
 * const optimizer = new Optimizer([w], sgd({ lr: 0.5 }));
 * optimizer.zeroGrad();
 * w.square().sum().backward();
 * optimizer.step();
 * assertEquals(w.toArray(), [0, 0]);
 * ```
 *
 * @example Groups with options of their own
 * ```ts
 * import { Adam, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const w = tensor([1, 2], { requiresGrad: true }), b = tensor([0], { requiresGrad: true });
 * const optimizer = new Adam([w], { lr: 0.1 });
 * optimizer.addParamGroup({ params: [b], lr: 0.01 });
 * assertEquals(optimizer.paramGroups.map((group) => group.length), [1, 1]);
 * ```
 */
export class Optimizer<O = Record<never, never>> {
  readonly #impl: GradientTransformation;
  readonly #configure: ((options: Partial<O>) => GradientTransformation<unknown>) | null;
  readonly #groups: Group[] = [];
  readonly #known = new Set<Tensor>();

  /**
   * Makes the optimizer and its state.
   *
   * @param params tensors, or groups `{ params, ...options }`
   * @param impl the transformation, such as `adam({ lr: 1e-3 })`
   * @param configure makes the transformation of a group that has options of its own
   * @throws {TypeError} where a parameter is no floating-point tensor, comes twice, is not a leaf, or
   * where `impl` is no transformation
   * @throws {RangeError} where there are no parameters
   */
  constructor(
    params: OptimizerParams<O>,
    impl: GradientTransformation<unknown>,
    configure?: (options: Partial<O>) => GradientTransformation<unknown>,
  ) {
    this.#impl = asTransformation(this.constructor.name, impl);
    this.#configure = configure ?? null;
    const list = parameterList(this.constructor.name, params, WANTS);
    if (list.length === 0) {
      throw new RangeError(`${this.constructor.name}: params is empty, wants at least one tensor.`);
    }
    const grouped = !(list[0] instanceof TensorCore);
    for (const group of grouped ? list : [{ params: list }]) {
      this.addParamGroup(group as ParamGroup<O>);
    }
  }

  /**
   * The parameters, one list for each group, to read. Options of a group stay as they were given: a
   * rate that changes is a function, `lr: () => rate`, a tensor or a schedule.
   */
  get paramGroups(): readonly (readonly Tensor[])[] {
    return this.#groups.map((group) => groupOf(this.constructor.name, group.params, "params"));
  }

  /**
   * Adds parameters, with a state of their own and (in the optimizers with options) with own options.
   *
   * @param group `{ params, ...options }`, or tensors
   * @throws {TypeError} as the constructor does; then nothing is changed
   */
  addParamGroup(group: ParamGroup<O> | Iterable<Tensor>): void {
    const op = this.constructor.name;
    const isList = typeof group === "object" && group !== null && Symbol.iterator in group;
    const { params: given, ...options } = isList
      ? { params: group as Iterable<Tensor> }
      : (group ?? {}) as ParamGroup<O>;
    const params = parameterList(op, given, WANTS);
    if (params.length === 0) {
      throw new RangeError(`${op}: params of a group is empty, wants at least one tensor.`);
    }
    const fresh = new Set<Tensor>();
    params.forEach((param, i) => {
      checkParam(op, param, i);
      if (this.#known.has(param) || fresh.has(param)) {
        throw new TypeError(
          `${op}: parameter ${i} of the group comes twice; a parameter belongs to one group, once.`,
        );
      }
      fresh.add(param);
    });
    const impl = this.#implOf(op, options as unknown as Partial<O>);
    const list = params as Tensor[];
    this.#groups.push({ params: list, impl, state: impl.init(list) });
    for (const param of fresh) this.#known.add(param);
  }

  #implOf(op: string, options: Partial<O>): GradientTransformation {
    const names = Object.keys(options);
    if (names.length === 0) return this.#impl;
    if (this.#configure !== null) return asTransformation(op, this.#configure(options));
    throw new TypeError(
      `${op}: the group has options of its own (${
        names.join(", ")
      }), which an Optimizer made of a ` +
        `transformation does not know. Use a class such as Adam, or pass configure, which makes the ` +
        `transformation of a group.`,
    );
  }

  /**
   * Resets the gradients of all parameters.
   *
   * @param options `setToNone` (default false): null in place of zeros
   */
  zeroGrad(options: ZeroGradOptions = {}): void {
    checkNames(`${this.constructor.name}.zeroGrad`, options, ["setToNone"]);
    const { setToNone = false } = options;
    unobserved(() => {
      for (const { params } of this.#groups) {
        for (const param of params) {
          const { box } = param.node;
          // A trace wants to know what is read.
          if (currentTrace() === null ? (box?.grad ?? null) === null : param.grad === null) {
            continue;
          }
          box!.grad = setToNone ? null : zerosLike(param);
        }
      }
    });
  }

  /**
   * Updates all parameters once, from their `grad`.
   *
   * @param closure computes the loss anew and leaves gradients behind; called with recording on
   * @returns what the closure returns
   * @throws {TypeError} where a gradient or state does not fit its parameter; then nothing is changed
   * @throws {ShapeError} where an update has not the shape of its parameter; then nothing is changed
   * @throws {BackendError} where a gradient depends on memory that was freed, or taken by several updates
   * since; then nothing is changed
   */
  step(closure?: null): void;
  /** Updates all parameters once, from the gradients that the closure leaves. */
  step<T>(closure: () => T): T;
  step<T>(closure?: (() => T) | null): T | void {
    if (closure !== undefined && closure !== null) {
      checkFunction(`${this.constructor.name}.step`, closure, "the closure");
    }
    const loss = closure === undefined || closure === null ? undefined : withGrad(true, closure);
    const states: OptState[] = [];
    noteRead(this.#groups, "length", this.#groups.length);
    transaction(() =>
      withGrad(false, () =>
        unobserved(() => {
          const op = `${this.constructor.name}.step`;
          for (const group of this.#groups) states.push(stepGroup(op, group));
        }))
    );
    try {
      commitStep();
    } catch (cause) {
      throw cause instanceof LostUpdates ? this.#explain(cause) : cause;
    }
    this.#groups.forEach((group, i) => group.state = states[i]);
    return loss;
  }

  /** Names the parameter for which a step could not be computed. */
  #explain(cause: LostUpdates): BackendError {
    for (const { params } of this.#groups) {
      const i = params.findIndex((param) => cause.handles.includes(param));
      if (i < 0) continue;
      return new BackendError(
        `${this.constructor.name}.step: the gradient of parameter ${i}, or its state, is gone. Call ` +
          `zeroGrad() and backward() anew. ${cause.message}`,
        { cause },
      );
    }
    return cause;
  }

  /**
   * The state as plain data, one tree for each group: every tensor is `{ shape, dtype, data }`.
   *
   * @returns copies; later steps do not change them
   */
  stateDict(): SavedState[] {
    return this.#groups.map((group) => save(group.state));
  }

  /**
   * Goes on from a saved state. With the parameters of that time, the next steps are the same to the
   * last bit.
   *
   * @param states what `stateDict()` returned
   * @throws {TypeError} where the state belongs to other parameters or another optimizer; it names the
   * place. Then nothing is changed.
   */
  loadStateDict(states: readonly SavedState[]): void {
    const op = `${this.constructor.name}.loadStateDict`;
    if (!Array.isArray(states) || states.length !== this.#groups.length) {
      throw new TypeError(
        `${op}: got ${describe(states)}, wants an array of ${this.#groups.length}, one state for ` +
          `each group.`,
      );
    }
    const loadings = this.#groups.map((group, i) => pairUp(op, group.state, states[i]));
    this.#groups.forEach((group, i) => {
      write(loadings[i]);
      group.state = loadings[i].state;
    });
  }
}

guardOptimizer("Optimizer", Optimizer.prototype);

/** Updates the parameters of a group; returns its next state. */
function stepGroup(op: string, group: Group): OptState {
  const grads = group.params.map((param) => param.grad);
  const options = { params: group.params, inplace: true };
  const [updates, state] = group.impl.update(grads as TensorTree, group.state, options);
  (updates as (Tensor | null)[]).forEach((update, i) => {
    if (update === null || update === undefined) return;
    assign(group.params[i], updated(group.params[i], update, op, () => [i]));
  });
  return state;
}

function zerosLike(param: Tensor): Tensor {
  const zeros: Node = expand(constantNode(0, param.dtype), param.shape);
  return wrap(zeros);
}

function checkParam(op: string, param: unknown, at: number): asserts param is Tensor {
  if (!(param instanceof TensorCore)) {
    throw new TypeError(`${op}: parameter ${at} is ${describe(param)}, wants a tensor.`);
  }
  if (!isFloat(param.dtype)) {
    throw new TypeError(
      `${op}: parameter ${at} is ${param.dtype}, wants floating point; convert it first.`,
    );
  }
  if (!param.isLeaf) {
    throw new TypeError(
      `${op}: parameter ${at} is the result of a recorded operation, wants a leaf; use detach(), or ` +
        `a functional optimizer to differentiate through updates.`,
    );
  }
}
