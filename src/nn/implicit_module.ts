/**
 * Modules whose parameters solve an inner problem, with gradients by the implicit function theorem.
 *
 * @module
 */

import { grad } from "../autodiff/function_transforms.ts";
import { implicitRoot } from "../diff/implicit/root.ts";
import { takeVector } from "../linalg/iterative/operator.ts";
import { solveNormalCg } from "../linear_solve/solve_normal_cg.ts";
import type { LinearSolver } from "../linear_solve/solver.ts";
import { detach } from "../primitives/movement.ts";
import { wrap } from "../tensor/core.ts";
import { checkFunction, describe } from "../tensor/describe.ts";
import { Tensor } from "../tensor/tensor.ts";
import { currentTrace } from "../tensor/trace.ts";
import { MetaGradientModule } from "./meta_module.ts";

/** Tensors by the names of the parameters. */
type Named = Record<string, Tensor>;

/** Solvers that are wrapped, in the prototypes of classes. */
const wrapped = new WeakSet<object>();

/** Modules that are being solved. */
const solving = new WeakSet<object>();

/** Whether a residual was looked at, by class. */
const seen = new WeakMap<object, { done: boolean }>();

/**
 * A module with an inner problem: `solve()` trains its own parameters, and afterwards gradients flow
 * through them to the meta-parameters, by the implicit function theorem and not through the iterations
 * of `solve()` (Rajeswaran et al., Meta-learning with implicit gradients, 2019).
 *
 * A class gives `solve(...args)` and either `objective(...args)`, the inner loss, or
 * `optimality(...args)`, what is 0 at the solution: one tensor for each parameter, in an array in the
 * order of `parameters()` or by name. Where there is no `optimality`, it is the gradient of
 * `objective` with respect to the parameters. Both get the arguments of `solve`.
 *
 * `solve()` may train as it likes, with values read and with any optimizer. What it leaves in `.grad`
 * of meta-parameters is put back, so that `loss.backward()` may be called without naming inputs. When
 * it returns, the parameters are replaced by tensors that know their derivative; the next `solve()`
 * starts from their values. Gradients reach the meta-parameters and whatever else `objective` reads
 * that requires one; of every order, in `vmap()` and `compile()` too.
 *
 * Static properties of the class say more:
 *
 * - `linearSolve`: the solver of the linear system (default `linearSolve.solveNormalCg()`);
 * - `strict`: whether a residual far from 0 after `solve()` is an error (default false: the first one
 *   is warned of), and a linear solve that ended at its own `maxiter`.
 *
 * @example
 * ```ts
 * import { autograd, linearSolve, nn, SGD, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * // The inner problem draws x towards 3 and towards the meta-parameter: x = (3 + meta) / 2.
 * class Inner extends nn.ImplicitMetaGradientModule {
 *   static override linearSolve = linearSolve.solveCg();
 *   x = new nn.Parameter(tensor([0], { dtype: "float64" }));
 *   meta: Tensor;
 *   constructor(meta: Tensor) {
 *     super(meta);
 *     this.meta = meta;
 *   }
 *   forward(): Tensor {
 *     return this.x;
 *   }
 *   override objective(): Tensor {
 *     return this.x.sub(3).square().add(this.x.sub(this.meta).square()).sum();
 *   }
 *   override solve(): this {
 *     const optimizer = new SGD(this.parameters(), { lr: 0.2 });
 *     for (let step = 0; step < 60; step++) {
 *       optimizer.zeroGrad();
 *       this.objective().backward();
 *       optimizer.step();
 *     }
 *     return this;
 *   }
 * }
 * const meta = tensor([1], { dtype: "float64", requiresGrad: true });
 * const inner = new Inner(meta);
 * inner.solve();
 * const [g] = autograd.grad(inner.x.sum(), [meta]);
 * assert(Math.abs(inner.x.item() - 2) < 1e-9 && Math.abs(g!.item() - 0.5) < 1e-9);
 * ```
 */
export abstract class ImplicitMetaGradientModule extends MetaGradientModule {
  /** Solves the linear system of the derivative; null stands for `linearSolve.solveNormalCg()`. */
  static linearSolve: LinearSolver | null = null;
  /** Whether a doubtful solution is an error. */
  static strict = false;

  /** Takes meta-parameters and meta-modules, also inside arrays, maps and plain objects. */
  constructor(...meta: unknown[]) {
    super(...meta);
    wrapSolve(new.target.prototype);
  }

  /** Solves the inner problem by changing the parameters; what it returns is passed on. */
  // deno-lint-ignore no-explicit-any
  solve(..._args: any[]): unknown {
    throw new TypeError(
      `${this.constructor.name}: there is no solve(); give one that trains the parameters.`,
    );
  }

  /** The inner loss, a scalar. */
  // deno-lint-ignore no-explicit-any
  objective(..._args: any[]): Tensor {
    throw new TypeError(
      `${this.constructor.name}: there is no objective(), the inner loss; give one, or optimality().`,
    );
  }

  /**
   * What is 0 at the solution: one tensor for each parameter, in an array or by name. As it stands here,
   * the gradient of `objective()` with respect to the parameters.
   */
  // deno-lint-ignore no-explicit-any
  optimality(...args: any[]): readonly Tensor[] | Readonly<Record<string, Tensor>> {
    const loss = (params: Named) => within(this, params, () => this.objective(...args));
    return grad(loss)(Object.fromEntries(this.namedParameters()));
  }
}

/** Lets `solve()` of a class leave parameters that know their derivative. */
function wrapSolve(prototype: object): void {
  for (
    let p = prototype;
    p !== ImplicitMetaGradientModule.prototype;
    p = Object.getPrototypeOf(p)
  ) {
    const own = Object.getOwnPropertyDescriptor(p, "solve");
    if (own === undefined) continue;
    const { value } = own;
    if (typeof value !== "function" || wrapped.has(value)) continue;
    const solve = function (this: ImplicitMetaGradientModule, ...args: unknown[]): unknown {
      return solving.has(this) ? value.apply(this, args) : solveModule(this, value, args);
    };
    wrapped.add(solve);
    Object.defineProperty(p, "solve", { ...own, value: solve });
  }
}

/** The parameters by name; each has to be a leaf, so that it can be trained. */
function parametersOf(module: ImplicitMetaGradientModule): Named {
  const found = module.namedParameters();
  const used = found.filter(([, x]) => !x.isLeaf);
  if (used.length > 0) {
    // Results of an earlier solve.
    module.swap("solve", Object.fromEntries(used.map(([name, x]) => [name, leafOf(x)])));
  }
  return Object.fromEntries(module.namedParameters());
}

function leafOf(x: Tensor): Tensor {
  return wrap(detach(x.node)).requiresGrad_();
}

/** Runs `solve()` and gives the parameters that it leaves their derivative. */
function solveModule(
  module: ImplicitMetaGradientModule,
  solve: (...args: unknown[]) => unknown,
  args: readonly unknown[],
): unknown {
  const type = module.constructor as typeof ImplicitMetaGradientModule, op = `${type.name}.solve`;
  const before = parametersOf(module), metas = module.metaParameters();
  const residual = residualOf(op, module, args);
  if (Object.keys(before).length === 0) {
    throw new TypeError(
      `${op}: the module has no parameters to solve for; they are properties that hold tensors which ` +
        `require a gradient (nn.Parameter) or modules, and were not handed to the constructor.`,
    );
  }
  if (metas.length === 0) {
    throw new TypeError(
      `${op}: the module has no meta-parameters; hand the tensors or modules that the inner problem ` +
        `depends on to super(...), and keep them as properties.`,
    );
  }
  const { linearSolve, strict } = type;
  if (linearSolve !== null) checkFunction(op, linearSolve, "linearSolve");
  const grads = metas.map((x) => x.grad);
  solving.add(module);
  let output: unknown;
  try {
    output = solve.apply(module, [...args]);
  } finally {
    solving.delete(module);
    metas.forEach((x, i) => {
      if (x.grad !== grads[i]) x.grad = grads[i];
    });
  }
  if (output instanceof Promise) {
    throw new TypeError(
      `${op}: solve() is asynchronous, and the derivative is that of the parameters when it returns; ` +
        `await outside of it.`,
    );
  }
  const solution = takeVector(
    op,
    "the parameters",
    Object.fromEntries(
      module.namedParameters().map(([name, x]) => [name, wrap(detach(x.node))]),
    ),
  );
  if (!seen.has(type)) seen.set(type, { done: false });
  const root = implicitRoot({
    op,
    solution,
    residual,
    solve: linearSolve ?? solveNormalCg(),
    strict,
    seen: seen.get(type)!,
  });
  const names = solution.def.paths().map(([name]) => String(name));
  module.swap("solve", Object.fromEntries(names.map((name, i) => [name, root[i]])));
  putBackAfterTrace(module, before);
  return output;
}

/** A compiled function leaves the tensors of its beginning, which its runs write to. */
function putBackAfterTrace(module: ImplicitMetaGradientModule, before: Named): void {
  const trace = currentTrace()?.compiling ?? null;
  trace?.whenDone(module, () => void module.swap("solve", before));
}

/** Calls `fn` while the module has other parameters. */
function within<T>(module: ImplicitMetaGradientModule, params: Named, fn: () => T): T {
  const restore = module.swap("solve", params);
  try {
    return fn();
  } finally {
    restore();
  }
}

/** The residual as a function of the parameters. */
function residualOf(
  op: string,
  module: ImplicitMetaGradientModule,
  args: readonly unknown[],
): (x: unknown) => unknown {
  const { optimality, objective } = ImplicitMetaGradientModule.prototype;
  if (module.optimality === optimality && module.objective === objective) {
    throw new TypeError(
      `${op}: ${module.constructor.name} has neither objective(), the inner loss, nor optimality(), ` +
        `what is 0 at the solution; give one of them as a method.`,
    );
  }
  return (x) => {
    const params = x as Named;
    return byName(op, params, within(module, params, () => module.optimality(...args)));
  };
}

/** A residual as the parameters are: by name. */
function byName(op: string, params: Named, residual: unknown): unknown {
  const names = Object.keys(params);
  const list = residual instanceof Tensor ? [residual] : residual;
  if (!Array.isArray(list)) return residual;
  if (list.length !== names.length) {
    throw new TypeError(
      `${op}: optimality() returned ${describe(residual)} for ${names.length} parameter(s) ` +
        `(${names.join(", ")}); return one tensor for each, in this order or by name.`,
    );
  }
  return Object.fromEntries(names.map((name, i) => [name, list[i]]));
}
