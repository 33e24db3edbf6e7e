/**
 * Loops in the graph: one node, whatever the number of iterations.
 *
 * @module
 */

import { DTypeError, ShapeError } from "../graph/errors.ts";
import { type Aval, isFloat, type Node } from "../graph/node.ts";
import { parametersLike } from "../graph/body.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import { iota } from "../primitives/iota.ts";
import { loop } from "../primitives/loop.ts";
import { type PyTree, type TreeDef, treeFlatten, treeUnflatten } from "../pytree/mod.ts";
import { wrap } from "../tensor/core.ts";
import { tensor } from "../tensor/creation.ts";
import { checkFunction, checkNames, describe } from "../tensor/describe.ts";
import { Tensor } from "../tensor/tensor.ts";
import { BodyTrace, traceBody } from "./body_trace.ts";

type Tree = PyTree<unknown>;

/** A tree of tensors, flat. */
interface Flat {
  readonly nodes: Node[];
  readonly def: TreeDef;
}

/** The tensors of a tree; numbers and truth values become some. */
function flatten(op: string, what: string, tree: unknown): Flat {
  const { leaves, def } = treeFlatten(tree as Tree);
  const nodes = leaves.map((x) => {
    if (x instanceof Tensor) return x.node;
    if (typeof x === "number" || typeof x === "boolean") return tensor(x).node;
    throw new TypeError(`${op}: ${what} is a tree of tensors and numbers, got ${describe(x)}.`);
  });
  return { nodes, def };
}

function unflatten<T>(def: TreeDef, tensors: readonly Tensor[]): T {
  return treeUnflatten(def, tensors as unknown[]) as T;
}

const kind = ({ shape, dtype }: Aval) => `${dtype} of shape ${showShape(shape)}`;

/** Throws unless a carry comes out of the body as it went in. */
function checkCarry(op: string, before: Flat, after: Flat): void {
  if (!before.def.equals(after.def)) {
    throw new TypeError(
      `${op}: the carry has the structure ${before.def}, and the body returns ${after.def}; ` +
        "it has to return all of the carry, in the same structure.",
    );
  }
  before.nodes.forEach((x, i) => {
    const y = after.nodes[i];
    if (x.dtype === y.dtype && sameShape(x.shape, y.shape)) return;
    const path = before.def.paths()[i].join(".");
    const what = path === "" ? "the carry" : `the carry's ${path}`;
    const problem = `${op}: ${what} is ${kind(x)} at first, and ${kind(y)} after an iteration; `;
    if (x.dtype !== y.dtype) {
      throw new DTypeError(`${problem}both must be equal. Convert it with to("${x.dtype}").`);
    }
    throw new ShapeError(`${problem}both must be equal.`);
  });
}

/** Options of `func.whileLoop`. */
export interface WhileOptions {
  /**
   * Iterations after which the loop ends, whatever the condition says (default: none). Gradients through
   * the loop need it; `func.jvp` does not.
   */
  readonly maxIterations?: number;
}

/** Throws unless a number of iterations is one. */
function checkIterations(op: string, name: string, n: unknown): asserts n is number {
  if (Number.isSafeInteger(n) && n as number >= 0) return;
  throw new RangeError(`${op}: ${name} is ${describe(n)}, wants a whole number from 0 on.`);
}

/**
 * Repeats `body` as long as `cond` is true, in the graph: one node, and nothing is read on the host. The
 * number of iterations may depend on values; the test comes before each iteration.
 *
 * Both functions are traced once. They may use tensors of their surroundings, such as parameters of a
 * module, but not change them in place; each part of the carry keeps its shape and dtype. Numbers in
 * them are data: a loop with another number reuses the compiled session.
 *
 * @param cond function of the carry that returns one bool
 * @param body function of the carry that returns the next carry
 * @param init the first carry, a tree of tensors (numbers become tensors)
 * @param options the largest number of iterations
 * @returns the carry for which `cond` is false, or that after `maxIterations`
 * @throws {TypeError} where the body returns another structure, or a misspelled option is given
 * @throws {ShapeError} where a part of the carry changes its shape, or the condition is not one value
 * @throws {DTypeError} where a part of the carry changes its dtype, or the condition is not bool
 *
 * @example
 * ```ts
 * import { func, tensor } from "@torchopt/torchopt";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * // The square root of 2 by Newton's method.
 * const x = func.whileLoop(
 *   (x) => x.square().sub(2).abs().gt(1e-12),
 *   (x) => x.add(x.reciprocal().mul(2)).div(2),
 *   tensor(1, { dtype: "float64" }),
 *   { maxIterations: 50 },
 * );
 * assertAlmostEquals(x.item(), Math.SQRT2, 1e-12);
 * ```
 */
export function whileLoop<C>(
  cond: (carry: C) => Tensor,
  body: (carry: C) => C,
  init: C,
  options: WhileOptions = {},
): C {
  const op = "whileLoop";
  checkFunction(op, cond, "the condition");
  checkFunction(op, body, "the body");
  checkNames(op, options, ["maxIterations"]);
  const { maxIterations } = options;
  if (maxIterations !== undefined) checkIterations(op, "maxIterations", maxIterations);
  const length = maxIterations ?? null, first = flatten(op, "the carry", init);
  const { def } = first, params = () => parametersLike(first.nodes);
  const test = traceBody(new BodyTrace("whileLoop()"), params(), (state) => {
    const go = cond(unflatten(def, state));
    return { nodes: [checkCondition(op, go)], output: null };
  });
  const trace = new BodyTrace("whileLoop()", length);
  const step = traceBody(trace, params(), (state) => {
    const next = flatten(op, "what the body returns", body(unflatten(def, state)));
    checkCarry(op, first, next);
    return { nodes: next.nodes, output: null };
  });
  const { carries } = loop({
    step: step.closed,
    test: test.closed,
    init: first.nodes,
    xs: trace.drawn.map(({ all }) => all),
    length,
  });
  return unflatten(def, carries.map(wrap));
}

/** The node of a condition: one bool. */
function checkCondition(op: string, condition: unknown): Node {
  if (!(condition instanceof Tensor)) {
    throw new TypeError(
      `${op}: the condition is ${describe(condition)}, wants a tensor with one bool.`,
    );
  }
  const { node } = condition;
  if (node.dtype !== "bool") {
    throw new DTypeError(
      `${op}: the condition is ${node.dtype}, wants bool; compare, as in x.ne(0).`,
    );
  }
  if (node.shape.length > 0) {
    throw new ShapeError(
      `${op}: the condition has shape ${
        showShape(node.shape)
      }, wants one bool, []; reduce it with ` +
        "any() or all().",
    );
  }
  return node;
}

/** Options of `func.foriLoop`. */
export interface ForiOptions extends WhileOptions {}

/**
 * Calls `body` with `i` from `lo` to `hi - 1`, in the graph: one node, whatever the number of
 * iterations. `body` is traced once, with `i` a tensor (int64, without dimensions).
 *
 * Where `lo` and `hi` are numbers, their difference is part of the structure, as a shape is. They may be
 * tensors, too: then this is a `whileLoop`, and gradients need `maxIterations`.
 *
 * @param lo first value of `i`
 * @param hi one more than its last value; no iteration where it is not above `lo`
 * @param body function of `i` and the carry that returns the next carry
 * @param init the first carry, a tree of tensors (numbers become tensors)
 * @param options the largest number of iterations, where a bound is a tensor
 * @returns the last carry
 * @throws {TypeError} where the body returns another structure, or a misspelled option is given
 * @throws {ShapeError} where a part of the carry changes its shape
 * @throws {DTypeError} where a part of the carry changes its dtype
 *
 * @example
 * ```ts
 * import { func, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const sum = func.foriLoop(0, 5, (i, sum) => sum.add(i.mul(i)), tensor(0));
 * assertEquals(sum.item(), 30);
 * ```
 */
export function foriLoop<C>(
  lo: number | Tensor,
  hi: number | Tensor,
  body: (i: Tensor, carry: C) => C,
  init: C,
  options: ForiOptions = {},
): C {
  const op = "foriLoop";
  checkFunction(op, body, "the body");
  checkNames(op, options, ["maxIterations"]);
  const from = bound(op, "lo", lo), to = bound(op, "hi", hi);
  if (typeof from !== "number" || typeof to !== "number") {
    const last = typeof to === "number" ? tensor(to, { dtype: "int64" }) : to;
    const [, carry] = whileLoop<[Tensor, C]>(
      ([i]) => i.lt(last),
      ([i, carry]) => [i.add(1), body(i, carry)],
      [typeof from === "number" ? tensor(from, { dtype: "int64" }) : from, init],
      options,
    );
    return carry;
  }
  const length = Math.max(0, to - from), first = flatten(op, "the carry", init), { def } = first;
  const trace = new BodyTrace("foriLoop()", length);
  const params = parametersLike([...first.nodes, { shape: [], dtype: "int64" }]);
  const step = traceBody(trace, params, (state) => {
    const i = state[state.length - 1], carry = unflatten<C>(def, state.slice(0, -1));
    const next = flatten(op, "what the body returns", body(i, carry));
    checkCarry(op, first, next);
    return { nodes: next.nodes, output: null };
  });
  const numbers = wrap(iota(length, "int64"));
  const { carries } = loop({
    step: step.closed,
    init: first.nodes,
    xs: [(from === 0 ? numbers : numbers.add(from)).node, ...trace.drawn.map(({ all }) => all)],
    length,
  });
  return unflatten(def, carries.map(wrap));
}

/** A bound: a whole number, or a tensor that holds one. */
function bound(op: string, name: string, x: unknown): number | Tensor {
  if (typeof x === "number" && Number.isSafeInteger(x)) return x;
  if (!(x instanceof Tensor)) {
    throw new TypeError(
      `${op}: ${name} is ${describe(x)}, wants a whole number or a tensor of one.`,
    );
  }
  if (isFloat(x.dtype) || x.dtype === "bool") {
    throw new DTypeError(`${op}: ${name} is ${x.dtype}, wants int64; convert it with to("int64").`);
  }
  if (x.ndim > 0) {
    throw new ShapeError(`${op}: ${name} has shape ${showShape(x.shape)}, wants one number, [].`);
  }
  return x.dtype === "int64" ? x : x.to("int64");
}
