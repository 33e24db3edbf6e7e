/**
 * Compiled functions: traced once, run many times.
 *
 * @module
 */

import type { Executable } from "../../run/executable.ts";
import { isGradEnabled } from "../../graph/node.ts";
import { checkFunction } from "../describe.ts";
import { capture } from "./capture.ts";
import { takeOperands } from "./operands.ts";
import { type CapturedGraph, liveNumbers, matches, replay, sharing } from "./replay.ts";
import { Tensor } from "../tensor.ts";
import { currentTrace } from "../trace.ts";

/** Captured graphs that a compiled function keeps (one for each structure of its arguments). */
const VARIANTS = 32;

/** A function compiled by `compile()`. */
export interface Compiled<F extends (...args: never[]) => unknown> {
  /** Runs the compiled function. */
  (...args: Parameters<F>): ReturnType<F>;
  /** Number of times the function was traced. */
  readonly traces: number;
}

/**
 * Traces `fn` at its first call and afterwards runs the recorded graph, without calling `fn` again.
 *
 * Arguments and results are trees of tensors; other leaves of the arguments (numbers, strings) are
 * part of what is traced: another value traces anew, but a changed number needs no new session.
 * Tensors that `fn` reads from its surroundings are inputs with their current value; those that it
 * changes (parameters and states under an optimizer step, in-place methods, also on arguments) are
 * written back, in place where that is safe, and without history. Random numbers are drawn anew at
 * each call. JavaScript side effects happen only while tracing, and values cannot be read inside: a
 * hidden state is written with `h.copy_(next)`, or handed over and returned, since `h = next` or
 * `this.h = next` is done once, while tracing.
 *
 * `training` of modules that `fn` uses is looked at before each call, and so are the groups of an optimizer
 * and the number of modules in a container: `eval()`, `addParamGroup()` and `append()` trace anew.
 * A learning rate that is a plain function (`adam({ lr: () => rate })`) is called before each call.
 * Other JavaScript values that `fn` reads from its surroundings are those of the time of tracing: hand
 * them over as arguments.
 *
 * The tensor in `p.grad` stays, and a call that computes the gradient anew changes it in place; clone()
 * keeps the value.
 *
 * Results carry no history: take gradients inside. Called on a value through which gradients flow to
 * others, as inside of `func.grad` or `func.jacrev`, the function is not compiled but becomes a part of
 * what is differentiated; compile the outermost function.
 *
 * @param fn the function
 * @returns a function with the same arguments and results
 *
 * @example
 * ```ts
 * import { compile, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const square = compile((x) => x.mul(x));
 * assertEquals(square(tensor([1, 2])).toArray(), [1, 4]);
 * assertEquals(square(tensor([3, 4])).toArray(), [9, 16]);
 * assertEquals(square.traces, 1);
 * ```
 */
export function compile<R, A extends unknown[] = Tensor[]>(
  fn: (...args: A) => R,
): Compiled<(...args: A) => R> {
  checkFunction("compile", fn);
  const variants: CapturedGraph[] = [];
  const state = { traces: 0 };
  const call = (...args: A): R => {
    // Inside another trace the function is simply part of that trace.
    if (currentTrace() !== null) return fn(...args);
    const operands = takeOperands(args);
    if (isGradEnabled() && operands.leaves.some(hasHistory)) return fn(...args);
    let graph = variants.find((r) => matches(r, operands));
    let numbers = graph === undefined ? null : liveNumbers(graph);
    if (graph !== undefined && numbers === null) {
      variants.splice(variants.indexOf(graph), 1);
      graph = undefined;
    }
    if (graph === undefined) {
      const known = operands.tensors.filter((x) => variants.some((r) => r.captured.has(x)));
      graph = capture(fn, operands, new Set(known));
      const shared = sharing(graph, operands.tensors);
      if (shared.length > 0) graph = capture(fn, operands, new Set([...known, ...shared]));
      state.traces++;
      variants.unshift(graph);
      if (variants.length > VARIANTS) variants.pop();
      numbers = liveNumbers(graph);
    }
    return replay(graph, operands.tensors, numbers!) as R;
  };
  const compiled = Object.defineProperty(call, "traces", { get: () => state.traces });
  variantsOf.set(compiled, variants);
  return compiled as unknown as Compiled<(...args: A) => R>;
}

/** Whether gradients flow through a value to what it was computed from. */
function hasHistory(x: unknown): boolean {
  return x instanceof Tensor && x.requiresGrad && !x.isLeaf;
}

const variantsOf = new WeakMap<object, CapturedGraph[]>();

/** The latest graph of a compiled function; undefined before its first call. */
export function latestExecutable(compiled: object): Executable | undefined {
  return variantsOf.get(compiled)?.[0]?.executable;
}
