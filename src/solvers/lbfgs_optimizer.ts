/**
 * L-BFGS as an optimizer with a closure.
 *
 * @module
 */

import { withGrad } from "../graph/node.ts";
import { tensor } from "../tensor/creation.ts";
import { checkFunction, checkNames, describe, parameterList } from "../tensor/describe.ts";
import { guardNames } from "../tensor/guards.ts";
import { Tensor } from "../tensor/tensor.ts";
import { forbidInTrace } from "../tensor/trace.ts";
import { strongWolfeOnHost, type Trial } from "./wolfe_on_host.ts";

/** Options of {@linkcode LBFGS}, with the defaults of `torch.optim.LBFGS`. */
export interface LBFGSOptions {
  /** Step size (default 1). */
  readonly lr?: number;
  /** Iterations in each step (default 20). */
  readonly maxIter?: number;
  /** Evaluations of the closure in each step (default 5/4 of `maxIter`). */
  readonly maxEval?: number | null;
  /** Largest gradient to reach (default 1e-7). */
  readonly toleranceGrad?: number;
  /** Change of the loss, or of the parameters, with which a step ends (default 1e-9). */
  readonly toleranceChange?: number;
  /** How many changes are remembered (default 100). */
  readonly historySize?: number;
  /** `"strong_wolfe"`, or null for steps of size `lr` (default). */
  readonly lineSearchFn?: "strong_wolfe" | null;
}

const dot = (a: Float64Array, b: Float64Array) => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};

const largest = (a: Float64Array) => a.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

/** A change s of the parameters and y of the gradient. */
interface Pair {
  readonly s: Float64Array;
  readonly y: Float64Array;
  readonly rho: number;
}

/**
 * L-BFGS in the manner of `torch.optim.LBFGS`: `step(closure)` evaluates a closure that computes the
 * gradients, as often as it needs, and reads values in between. {@linkcode minimize} does the same in one
 * graph, from a function instead of a closure.
 *
 * @example
 * ```ts
 * import { LBFGS, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const x = tensor([-1.2, 1], { dtype: "float64", requiresGrad: true });
 * const optimizer = new LBFGS([x], { lineSearchFn: "strong_wolfe", maxIter: 100 });
 * optimizer.step(() => {
 *   optimizer.zeroGrad();
 *   const [a, b] = x.unbind(0);
 *   const loss = b.sub(a.square()).square().mul(100).add(a.neg().add(1).square());
 *   loss.backward();
 *   return loss;
 * });
 * assert(x.sub(1).abs().max().item() < 1e-4);
 * ```
 */
export class LBFGS {
  readonly #params: Tensor[];
  readonly #options: Required<LBFGSOptions>;
  #pairs: Pair[] = [];
  #direction: Float64Array | null = null;
  #t = 0;
  #before: Float64Array | null = null;
  #scale = 1;
  #iterations = 0;
  #evaluations = 0;

  /**
   * Makes the optimizer.
   *
   * @param params tensors to update: leaves that require a gradient
   * @param options as in PyTorch
   * @throws {TypeError} where a parameter is none, or an option is misspelled
   */
  constructor(params: Iterable<Tensor>, options: LBFGSOptions = {}) {
    const names = [
      "lr",
      "maxIter",
      "maxEval",
      "toleranceGrad",
      "toleranceChange",
      "historySize",
      "lineSearchFn",
    ];
    checkNames("LBFGS", options, names);
    this.#params = parameterList("LBFGS", params, "an iterable of tensors") as Tensor[];
    if (this.#params.length === 0) throw new RangeError("LBFGS: params is empty.");
    for (const p of this.#params) {
      if (p instanceof Tensor && p.requiresGrad && p.isLeaf) continue;
      throw new TypeError(
        `LBFGS: a parameter is ${describe(p)}, wants leaves that require a gradient.`,
      );
    }
    const { lr = 1, maxIter = 20, maxEval, toleranceGrad = 1e-7, toleranceChange = 1e-9 } = options;
    const { historySize = 100, lineSearchFn = null } = options;
    for (const [name, value] of Object.entries({ lr, maxIter, historySize })) {
      if (typeof value === "number" && value > 0) continue;
      throw new RangeError(`LBFGS: ${name} is ${describe(value)}, wants a number > 0.`);
    }
    if (lineSearchFn !== null && lineSearchFn !== "strong_wolfe") {
      throw new TypeError(
        `LBFGS: lineSearchFn is ${describe(lineSearchFn)}, wants "strong_wolfe" or null.`,
      );
    }
    this.#options = {
      lr,
      maxIter,
      maxEval: maxEval ?? Math.floor(maxIter * 5 / 4),
      toleranceGrad,
      toleranceChange,
      historySize,
      lineSearchFn,
    };
  }

  /** How many iterations were made since the beginning. */
  get iterations(): number {
    return this.#iterations;
  }

  /** How often closures were evaluated since the beginning. */
  get evaluations(): number {
    return this.#evaluations;
  }

  /** Sets the gradients to null. */
  zeroGrad(): void {
    for (const p of this.#params) p.grad = null;
  }

  /**
   * Makes up to `maxIter` iterations.
   *
   * @param closure clears the gradients, computes the loss, calls `backward()`, returns the loss
   * @returns the loss before
   */
  step(closure: () => Tensor): Tensor {
    checkFunction("LBFGS.step", closure, "the closure");
    forbidInTrace("LBFGS.step");
    const { lr, maxIter, toleranceGrad, toleranceChange, historySize, lineSearchFn } =
      this.#options;
    const maxEval = this.#options.maxEval!;
    const first = withGrad(true, closure), loss = { value: this.#valueOf(first) };
    let g = this.#gradient(), evaluations = 1;
    this.#evaluations++;
    if (largest(g) <= toleranceGrad) return first;
    for (let k = 1;; k++) {
      this.#iterations++;
      const d = this.#nextDirection(g, historySize), slope = dot(g, d);
      this.#before = g;
      const length = g.reduce((sum, x) => sum + Math.abs(x), 0);
      let t = this.#iterations === 1 ? Math.min(1, 1 / length) * lr : lr;
      if (slope > -toleranceChange) break;
      const x = this.#values(), value = loss.value;
      const at = (t: number): Trial => {
        this.#write(x.map((v, i) => v + t * d[i]));
        const f = this.#valueOf(withGrad(true, closure)), g = this.#gradient();
        return { t, f, g, slope: dot(g, d) };
      };
      if (lineSearchFn === "strong_wolfe") {
        const most = Math.min(25, maxEval - 1 - evaluations);
        const start = { t: 0, f: value, g, slope };
        const { found, evaluations: used } = strongWolfeOnHost(
          at,
          start,
          t,
          most,
          largest(d),
          toleranceChange,
        );
        this.#write(x.map((v, i) => v + found.t * d[i]));
        t = found.t;
        loss.value = found.f;
        g = found.g;
        evaluations += used;
        this.#evaluations += used;
      } else if (k !== maxIter) {
        const found = at(t);
        loss.value = found.f;
        g = found.g;
        evaluations++;
        this.#evaluations++;
      } else this.#write(x.map((v, i) => v + t * d[i]));
      this.#t = t;
      const moved = largest(d) * Math.abs(t), change = Math.abs(loss.value - value);
      if (k === maxIter || evaluations >= maxEval || largest(g) <= toleranceGrad) break;
      if (moved <= toleranceChange || change < toleranceChange) break;
    }
    return first;
  }

  /** The direction from a gradient, after what the last step showed is remembered. */
  #nextDirection(g: Float64Array, history: number): Float64Array {
    const before = this.#before, d = this.#direction;
    if (before !== null && d !== null) {
      const y = g.map((x, i) => x - before[i]), s = d.map((x) => x * this.#t), sy = dot(y, s);
      if (sy > 1e-10) {
        if (this.#pairs.length === history) this.#pairs.shift();
        this.#pairs.push({ s, y, rho: 1 / sy });
        this.#scale = sy / dot(y, y);
      }
    }
    const q = g.map((x) => -x), alphas: number[] = [];
    for (let i = this.#pairs.length - 1; i >= 0; i--) {
      const { s, y, rho } = this.#pairs[i];
      alphas[i] = rho * dot(s, q);
      y.forEach((v, j) => q[j] -= alphas[i] * v);
    }
    const r = q.map((x) => x * this.#scale);
    this.#pairs.forEach(({ s, y, rho }, i) => {
      const beta = rho * dot(y, r);
      s.forEach((v, j) => r[j] += (alphas[i] - beta) * v);
    });
    return this.#direction = r;
  }

  #valueOf(loss: unknown): number {
    if (loss instanceof Tensor && loss.size === 1) return loss.item();
    throw new TypeError(
      `LBFGS.step: the closure returned ${describe(loss)}, wants the loss, a scalar tensor.`,
    );
  }

  #gather(of: (p: Tensor) => Tensor | null): Float64Array {
    const size = this.#params.reduce((sum, p) => sum + p.size, 0), all = new Float64Array(size);
    let at = 0;
    for (const p of this.#params) {
      const values = of(p)?.data();
      if (values !== undefined) all.set(values as Float64Array, at);
      at += p.size;
    }
    return all;
  }

  #gradient(): Float64Array {
    return this.#gather((p) => p.grad);
  }

  #values(): Float64Array {
    return this.#gather((p) => p);
  }

  #write(x: Float64Array): void {
    let at = 0;
    withGrad(false, () => {
      for (const p of this.#params) {
        const { shape, dtype, device } = p, values = x.slice(at, at += p.size);
        p.copy_(tensor(values, { shape, dtype, device }));
      }
    });
  }
}

const OPTIONS =
  "an LBFGS has one group of parameters, and options that stay as they were given; make a " +
  "new one for others.";
guardNames("LBFGS", LBFGS.prototype, {
  param_groups: OPTIONS,
  paramGroups: OPTIONS,
  defaults: OPTIONS,
  state: "there is no state to read or write; a new LBFGS begins without memory of former steps.",
});
