/**
 * A functional optimizer that keeps its state.
 *
 * @module
 */

import type { GradientTransformation, OptState, TensorTree } from "../base.ts";
import { grad } from "../autodiff/grad.ts";
import { asTransformation } from "../combine.ts";
import { treeFlatten, treeUnflatten } from "../pytree/mod.ts";
import { TensorCore } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { currentTrace, withTrace } from "../tensor/trace.ts";
import { checkNames, describe } from "../transform/options.ts";
import { writeState } from "../transform/own.ts";
import { transaction } from "../transform/transaction.ts";
import { applyUpdates } from "../update.ts";

const NAMES = ["inplace"];

/** Options of `FuncOptimizer`. */
export interface FuncOptimizerOptions {
  /** Whether steps update in place (default false). */
  readonly inplace?: boolean;
}

/** Options of `FuncOptimizer.step`. */
export interface FuncOptimizerStepOptions {
  /** Whether parameters are updated in place (default null: as the constructor was told). */
  readonly inplace?: boolean | null;
}

/**
 * Holds a functional optimizer and its state. A step takes a loss and the parameters and returns the
 * next parameters, which can be differentiated unless it works in place.
 *
 * @example
 * ```ts
 * import { autograd, FuncOptimizer, sgd, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const optimizer = new FuncOptimizer(sgd({ lr: 0.25 }));
 * const w = tensor(2, { requiresGrad: true });
 * const { w: next } = optimizer.step(w.square(), { w });
 * assertEquals(next.item(), 1); // 2 - 0.25 * 4
 * const [g] = autograd.grad(next, [w]);
 * assertEquals(g!.item(), 0.5);
 * ```
 */
export class FuncOptimizer {
  readonly #impl: GradientTransformation;
  readonly #inplace: boolean;
  readonly #madeIn = currentTrace()?.compiling ?? null;
  #state: OptState | null = null;

  /**
   * Holds an optimizer; the first step makes its state.
   *
   * @param impl the functional optimizer
   * @param options `inplace` (default false)
   * @throws {TypeError} where `impl` is no transformation
   */
  constructor(impl: GradientTransformation<unknown>, options: FuncOptimizerOptions = {}) {
    this.#impl = asTransformation("FuncOptimizer", impl);
    checkNames("FuncOptimizer", options, NAMES);
    this.#inplace = options.inplace ?? false;
  }

  /**
   * Makes the state, which the first step does otherwise. Inside of `compile()` the first step cannot,
   * where the state is made of the parameters' values.
   *
   * @param params tree of parameters
   */
  init(params: TensorTree): void {
    this.#state = this.#impl.init(params);
  }

  /**
   * Differentiates the loss, and updates the parameters. The first step makes the state.
   *
   * @param loss a scalar that depends on the parameters; a parameter it does not depend on stays
   * @param params tree of tensors that require gradients
   * @param options `inplace`: overrides that of the constructor, unless it is null
   * @returns the next parameters; `params` itself in place
   * @throws {TypeError} where the loss is no tensor, or the state belongs to another tree
   */
  step<T extends TensorTree>(
    loss: Tensor,
    params: T,
    options: FuncOptimizerStepOptions = {},
  ): T {
    checkNames("FuncOptimizer.step", options, NAMES);
    const inplace = options.inplace ?? this.#inplace;
    if (!(loss instanceof TensorCore)) {
      throw new TypeError(
        `FuncOptimizer.step: the loss is ${describe(loss)}, wants a scalar tensor.`,
      );
    }
    const { leaves, def } = treeFlatten<Tensor>(params);
    const grads = grad(loss, leaves, { createGraph: !inplace, allowUnused: true });
    const compiling = currentTrace()?.compiling ?? null;
    // A compiled function runs this code once: what lives on has to be written back by its runs.
    const livesOn = compiling !== null && compiling !== this.#madeIn;
    const state = this.#state ?? (livesOn ? this.#initOutside(params) : this.#impl.init(params));
    const tree = treeUnflatten<Tensor | null>(def, grads) as TensorTree;
    const [updates, next] = this.#impl.update(tree, state, { params, inplace });
    this.#state = livesOn && next !== state ? transaction(() => writeState(state, next)) : next;
    return applyUpdates(params, updates, { inplace });
  }

  /** The first state, which is to outlive the trace under way. */
  #initOutside(params: TensorTree): OptState {
    try {
      return withTrace(null, () => this.#impl.init(params));
    } catch (cause) {
      throw new TypeError(
        `FuncOptimizer.step: the first step makes the state, and cannot inside of compile() where that ` +
          `takes the values of the parameters; call init(params) or take a step outside first. ` +
          (cause as Error).message,
        { cause },
      );
    }
  }

  /** The state: references to its tensors, or null before the first step. */
  stateDict(): OptState | null {
    return this.#state;
  }

  /** Goes on from a state that `stateDict()` returned; its tensors are taken as they are. */
  loadStateDict(state: OptState | null): void {
    this.#state = state;
  }
}
