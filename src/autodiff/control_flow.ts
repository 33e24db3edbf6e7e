/**
 * Loops in the graph: one node, whatever the number of iterations.
 *
 * @module
 */

import { parametersLike } from "../graph/body.ts";
import { DTypeError, ShapeError } from "../graph/errors.ts";
import { parameterNode } from "../graph/leaf.ts";
import { isFloat, type Node } from "../graph/node.ts";
import { showShape } from "../graph/shape.ts";
import { chunkedLoop } from "../primitives/loop_chunks.ts";
import { iota } from "../primitives/iota.ts";
import { loop } from "../primitives/loop.ts";
import { wrap } from "../tensor/core.ts";
import { tensor } from "../tensor/creation.ts";
import { checkFunction, checkNames, describe } from "../tensor/describe.ts";
import { Tensor } from "../tensor/tensor.ts";
import { BodyTrace, traceBody } from "./body_trace.ts";
import { checkCarry, checkCondition, type Flat, flatten, unflatten } from "./carry.ts";

/**
 * Which carries the way back keeps: by default that of each iteration; with a number `n`, that of each
 * `n`-th, from which those between are computed again; with `"sqrt"`, about as many as are between two.
 */
export type LoopCheckpoint = "sqrt" | number;

/** Iterations between two carries that are kept; all of them where none lies between. */
function chunkOf(op: string, checkpoint: LoopCheckpoint | undefined, length: number): number {
  if (checkpoint === undefined) return length;
  if (checkpoint === "sqrt") return Math.max(1, Math.round(Math.sqrt(length)));
  if (Number.isSafeInteger(checkpoint) && checkpoint > 0) return Math.min(checkpoint, length);
  throw new TypeError(
    `${op}: checkpoint is ${describe(checkpoint)}, wants "sqrt" or a whole number from 1 on.`,
  );
}

/** A loop of a known number of iterations, that was recorded. */
interface Fixed<Y> {
  readonly carries: readonly Node[];
  readonly lists: readonly Node[];
  readonly output: Y;
}

/** Records the step of a loop of `length` iterations over some lists, and makes the loop. */
function fixedLoop<Y>(
  op: string,
  first: Flat,
  xs: readonly Node[],
  { length, reverse, checkpoint }: {
    length: number;
    reverse?: boolean;
    checkpoint?: LoopCheckpoint;
  },
  step: (state: Tensor[], slices: Tensor[]) => { next: Flat; ys: readonly Node[]; output: Y },
): Fixed<Y> {
  const chunk = chunkOf(op, checkpoint, length), carries = first.nodes.length;
  const slices = xs.map((x) => parameterNode({ shape: x.shape.slice(1), dtype: x.dtype }, x));
  const trace = new BodyTrace(`${op}()`, length);
  const params = [...parametersLike(first.nodes), ...slices];
  const { closed, output } = traceBody(trace, params, (all) => {
    const { next, ys, output } = step(all.slice(0, carries), all.slice(carries));
    checkCarry(op, first, next);
    return { nodes: [...next.nodes, ...ys], output };
  });
  const lists = [...xs, ...trace.drawn.map(({ all }) => all)];
  const spec = { step: closed, init: first.nodes, xs: lists, length, reverse };
  return { ...(chunk < length ? chunkedLoop(spec, chunk) : loop(spec)), output };
}

/** Options of `func.scan`. */
export interface ScanOptions {
  /** Number of iterations; wanted where there is no `xs`, and must fit where there is. */
  readonly length?: number;
  /** Go from the last element to the first (default false). `ys` are in the order of `xs`. */
  readonly reverse?: boolean;
  /** Which carries are kept for the way back (default: all). */
  readonly checkpoint?: LoopCheckpoint;
}

/** The number of iterations of a scan. */
function scanLength(lists: readonly Node[], given: number | undefined): number {
  let length = given;
  if (given !== undefined) checkIterations("scan", "length", given);
  lists.forEach(({ shape }, i) => {
    if (shape.length === 0) {
      throw new ShapeError(
        `scan: tensor ${i} of xs has no dimension to go through; what is the same in each iteration ` +
          "is used from outside, or put into the carry.",
      );
    }
    length ??= shape[0];
    if (shape[0] !== length) {
      throw new ShapeError(
        `scan: tensor ${i} of xs has ${shape[0]} elements to go through, and ` +
          `${given === undefined ? "tensor 0" : "length"} says ${length}; they must be equal.`,
      );
    }
  });
  if (length === undefined) {
    throw new TypeError("scan: without xs, say how often, as in { length: 100 }.");
  }
  return length;
}

/**
 * Goes through tensors along their first dimension, with a carry from one element to the next, in the
 * graph: one node, whatever the number of elements.
 *
 * `fn` is traced once. It may use tensors of its surroundings, such as parameters of a module, but not
 * change them in place; each part of the carry keeps its shape and dtype. Random numbers that it draws
 * are others in each iteration.
 *
 * Derivatives of every order go through, forward and backward. The way back computes each iteration
 * again from the carry that it began with. Those carries are kept: with `checkpoint`, only some of them,
 * for one more computation of the iterations; with `"sqrt"`, memory grows with the root of the length
 * (Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016).
 *
 * @param fn function of the carry and of an element of `xs`, which returns the next carry and a tree of
 * what is to be collected
 * @param init the first carry, a tree of tensors (numbers become tensors)
 * @param xs a tree of tensors with equal first dimensions; null (or nothing) for none
 * @param options number of iterations, direction, what is kept
 * @returns the last carry, and what was collected, with the iterations as first dimension
 * @throws {TypeError} where `fn` returns another structure, the number of iterations is not known, or a
 *   misspelled option is given
 * @throws {ShapeError} where a part of the carry changes its shape, or `xs` differ in length
 * @throws {DTypeError} where a part of the carry changes its dtype
 *
 * @example
 * ```ts
 * import { func, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * // Exponential smoothing, and its derivative with respect to the rate.
 * const xs = tensor([1, 0, 0, 4]);
 * const smooth = (rate: Tensor) =>
 *   func.scan((mean, x) => {
 *     const next = mean.add(x.sub(mean).mul(rate));
 *     return [next, next];
 *   }, tensor(0), xs);
 * assertEquals(smooth(tensor(0.5))[1].toArray(), [0.5, 0.25, 0.125, 2.0625]);
 * assertEquals(func.grad((rate) => smooth(rate)[0])(tensor(0.5)).item(), 3.75);
 * ```
 */
export function scan<C, X, Y>(
  fn: (carry: C, x: X) => readonly [carry: C, y: Y],
  init: C,
  xs?: X,
  options: ScanOptions = {},
): [carry: C, ys: Y] {
  const op = "scan";
  checkFunction(op, fn);
  checkNames(op, options, ["length", "reverse", "checkpoint"]);
  if (typeof (options.reverse ?? false) !== "boolean") {
    throw new TypeError(`scan: reverse is ${describe(options.reverse)}, wants true or false.`);
  }
  const { length, ...rest } = options;
  const first = flatten(op, "the carry", init, { into: true });
  const through = flatten(op, "xs", xs, { into: true });
  const n = scanLength(through.nodes, length);
  const all = { length: n, ...rest };
  const { carries, lists, output: ysDef } = fixedLoop(op, first, through.nodes, all, (state, x) => {
    const pair = fn(unflatten(first.def, state), unflatten(through.def, x));
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw new TypeError(
        `scan: the function returned ${describe(pair)}, wants [carry, y]; y may be null.`,
      );
    }
    const next = flatten(op, "the carry that is returned", pair[0], { into: false, like: first });
    const { nodes, def } = flatten(op, "what is collected", pair[1], { into: false });
    return { next, ys: nodes, output: def };
  });
  return [unflatten(first.def, carries.map(wrap)), unflatten(ysDef, lists.map(wrap))];
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
  const length = maxIterations ?? null, first = flatten(op, "the carry", init, { into: true });
  const { def } = first, params = () => parametersLike(first.nodes);
  const test = traceBody(new BodyTrace("whileLoop()"), params(), (state) => {
    const go = cond(unflatten(def, state));
    return { nodes: [checkCondition(op, go)], output: null };
  });
  const trace = new BodyTrace("whileLoop()", length);
  const step = traceBody(trace, params(), (state) => {
    const next = flatten(op, "what the body returns", body(unflatten(def, state)), {
      into: false,
      like: first,
    });
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

/** Options of `func.foriLoop`. */
export interface ForiOptions extends WhileOptions {
  /** Which carries are kept for the way back (default: all); for bounds that are numbers. */
  readonly checkpoint?: LoopCheckpoint;
}

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
 * @param options what is kept for the way back, the largest number of iterations
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
  checkNames(op, options, ["maxIterations", "checkpoint"]);
  const { checkpoint, ...rest } = options, { maxIterations } = rest;
  if (maxIterations !== undefined) checkIterations(op, "maxIterations", maxIterations);
  const from = bound(op, "lo", lo), to = bound(op, "hi", hi);
  if (typeof from !== "number" || typeof to !== "number") {
    if (checkpoint !== undefined) {
      throw new TypeError(
        "foriLoop: checkpoint wants bounds that are numbers, since it divides the iterations into equal " +
          "parts; leave it out, or give the bounds as numbers.",
      );
    }
    const last = typeof to === "number" ? tensor(to, { dtype: "int64" }) : to;
    const [, carry] = whileLoop<[Tensor, C]>(
      ([i]) => i.lt(last),
      ([i, carry]) => [i.add(1), body(i, carry)],
      [typeof from === "number" ? tensor(from, { dtype: "int64" }) : from, init],
      rest,
    );
    return carry;
  }
  const length = Math.min(Math.max(0, to - from), maxIterations ?? Infinity);
  const first = flatten(op, "the carry", init, { into: true });
  const numbers = wrap(iota(length, "int64"));
  const through = [(from === 0 ? numbers : numbers.add(from)).node];
  const { carries } = fixedLoop(op, first, through, { length, checkpoint }, (state, [i]) => {
    const carry = body(i, unflatten(first.def, state));
    return {
      next: flatten(op, "what the body returns", carry, { into: false, like: first }),
      ys: [],
      output: null,
    };
  });
  return unflatten(first.def, carries.map(wrap));
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
