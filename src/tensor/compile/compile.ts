/**
 * Compiled functions: traced once, run many times.
 *
 * @module
 */

import type { Device } from "../../runtime/mod.ts";
import type { Donation } from "../../lower/donation.ts";
import { constantNode, isLeafNode, placeholderNode } from "../../graph/leaf.ts";
import { type Executable, executableFor } from "../../run/executable.ts";
import { type GradBox, isGradEnabled, Node } from "../../graph/node.ts";
import { defaultDevice } from "../../graph/defaults.ts";
import { realizeNodes } from "../../run/execute.ts";
import { walk } from "../../lower/walk.ts";
import { type PyTree, treeFlatten, treeUnflatten } from "../../pytree/mod.ts";
import { wrap } from "../core.ts";
import { checkFunction } from "../describe.ts";
import { type Operands, takeOperands } from "./operands.ts";
import {
  type CapturedGraph,
  type GradWrite,
  liveNumbers,
  matches,
  replay,
  sharing,
  type WriteBack,
} from "./replay.ts";
import { Tensor } from "../tensor.ts";
import { type Captured, currentTrace, type Handle, Trace, withTrace } from "../trace.ts";
import { follows, wholesOf } from "../views.ts";

type Tree = PyTree<unknown>;
type AnyFunction = (...args: never[]) => unknown;

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
      graph = record(fn, operands, new Set(known));
      const shared = sharing(graph, operands.tensors);
      if (shared.length > 0) graph = record(fn, operands, new Set([...known, ...shared]));
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

/**
 * Traces the function. Tensors in `known` are handed to it as they are, since it reads them from its
 * surroundings too; where there are more of them, it starts anew.
 */
function record(fn: AnyFunction, operands: Operands, known: Set<Handle>): CapturedGraph {
  let drawn: Node[] = [];
  for (;;) {
    const others = new Set(operands.tensors.filter((x) => !known.has(x)));
    const trace = new Trace((node) => void realizeNodes([node]), "compile()", others);
    trace.drawnBefore = drawn;
    try {
      return withTrace(trace, () => attempt(trace, fn, operands, known));
    } catch (error) {
      if (trace.aliased === null) throw error;
      known.add(trace.aliased);
      drawn = trace.random.map((r) => r.first);
    } finally {
      trace.restore();
    }
  }
}

/** The tensors that the function is handed, one for each operand. */
function standIns({ tensors, grads }: Operands, known: ReadonlySet<Handle>): Tensor[] {
  const inside = tensors.map((tensor) => {
    if (known.has(tensor)) return tensor;
    const node = placeholderNode(tensor.rawNode);
    node.requiresGrad = tensor.requiresGrad;
    if (tensor.requiresGrad && isLeafNode(tensor.rawNode)) node.box = { grad: null };
    return wrap(node);
  });
  grads.forEach((grad, i) => {
    if (grad >= 0 && inside[i] !== tensors[i]) inside[i].rawNode.box = { grad: inside[grad] };
  });
  return inside;
}

/** Runs the function on stand-ins and compiles what it builds. */
function attempt(
  trace: Trace,
  fn: AnyFunction,
  operands: Operands,
  known: ReadonlySet<Handle>,
): CapturedGraph {
  const { leaves, def, at, tensors, grads } = operands;
  const inside = standIns(operands, known);
  const stands = inside.map((x, i) => x === tensors[i] ? x : x.rawNode);
  const args = treeUnflatten(def, leaves.map((x, i) => at[i] < 0 ? x : inside[at[i]]));
  const output = fn(...args as never[]);
  // The function may have caught the error that should have ended it.
  if (trace.aliased !== null) throw new Error("internal: an argument was read");
  trace.done();
  const { leaves: results, def: outDef } = treeFlatten(output as Tree);
  const targets: Node[] = [];
  const resultAt = results.map((x) => {
    if (!(x instanceof Tensor)) return -1;
    targets.push(x.node);
    return targets.length - 1;
  });
  const writeBacks: WriteBack[] = [], argumentGrads: CapturedGraph["argumentGrads"] = [];
  const gradWrites: GradWrite[] = [], gradClears: GradBox[] = [];
  const guards: CapturedGraph["guards"] = [];
  const overwrite = new Map<number, Node>();
  // The list grows while it is walked: reading a gradient holder captures it.
  const wholes = wholesOf(trace.captured.map((c) => c.handle));
  for (let i = 0; i < trace.captured.length; i++) {
    const { handle, stand, box, gradBefore } = trace.captured[i];
    // Views follow what they were taken from.
    if (handle.rawNode !== stand && !follows(handle, wholes)) {
      overwrite.set(targets.length, stand);
      writeBacks.push(writeBack(handle, handle.rawNode, targets.push(handle.rawNode) - 1));
    }
    if (box === null) continue;
    guards.push({ box, grad: gradBefore });
    if (box.grad === gradBefore) continue;
    if (box.grad === null) gradClears.push(box);
    else {
      const fresh = box.grad as Tensor;
      const holder = gradBefore as Tensor | null;
      // A gradient that was not read is not computed here; each run takes its memory all the same.
      if (holder?.traceId === trace.id) overwrite.set(targets.length, holder.node);
      gradWrites.push({ box, holder, output: targets.length, latest: null });
      targets.push(fresh.node);
    }
  }
  inside.forEach((x, i) => {
    if (x === tensors[i]) return;
    const { rawNode } = x;
    if (rawNode !== stands[i]) writeBacks.push(writeBack(i, rawNode, targets.push(rawNode) - 1));
    const before = grads[i] >= 0 ? inside[grads[i]] : null;
    const after = (rawNode.box?.grad ?? null) as Tensor | null;
    if (i >= grads.length || after === before) return;
    const output = after === null ? null : targets.push(after.node) - 1;
    argumentGrads.push({ index: i, output });
  });
  // A graph has at least one output.
  if (targets.length === 0) targets.push(constantNode(0, "float32"));
  const captured = new Map(trace.captured.map((c) => [c.stand, c]));
  const random = new Map(trace.random.map((r, i) => [r.stand, i]));
  const live = new Map(trace.live.map((x, i) => [x.stand, i]));
  const places = new Map(stands.map((x, i) => [x, i]));
  const inputs = new Set<Node>([
    ...stands.filter((x) => x instanceof Node),
    ...captured.keys(),
    ...random.keys(),
    ...live.keys(),
  ]);
  const walked = walk(targets, inputs);
  const leafAt = new Map(walked.leaves.map((node, i) => [node, i]));
  const donations: Donation[] = [];
  for (const [output, stand] of overwrite) {
    const leaf = leafAt.get(stand);
    if (leaf !== undefined) donations.push({ leaf, output });
  }
  const executable = executableFor(walked, targets, donations, deviceOf(walked.leaves, captured));
  const changed = new Set([...gradWrites.map((w) => w.box), ...gradClears]);
  const sources: CapturedGraph["sources"] = walked.leaves.map((node) => {
    const argument = places.get(node), outer = captured.get(node), drawn = random.get(node);
    if (argument !== undefined) return { kind: "argument", index: argument };
    if (outer !== undefined) return { kind: "captured", handle: outer.handle };
    if (drawn !== undefined) return { kind: "random", index: drawn };
    const number = live.get(node);
    if (number !== undefined) return { kind: "live", index: number };
    return { kind: "fixed", node };
  });
  return {
    operands: { ...operands, tensors: [], leaves: leaves.map((x, i) => at[i] < 0 ? x : null) },
    stands,
    captured: new Map(trace.captured.map((c) => [c.handle, { kind: c.stand, box: c.box }])),
    executable,
    sources,
    numbers: walked.scalars.map((n) => n.attrs.value as number),
    draws: trace.random.map((r) => r.draw),
    drawn: trace.random.map((r) => r.first),
    live: trace.live,
    liveFirst: trace.live.map((x) => x.first),
    values: trace.values,
    guards: guards.filter(({ box, grad }) =>
      grad !== null || trace.gradsRead.has(box) || changed.has(box)
    ),
    writeBacks,
    gradWrites,
    gradClears,
    argumentGrads,
    outputs: targets.map((t) => ({ shape: t.shape })),
    result: (nodes) =>
      treeUnflatten(
        outDef,
        results.map((x, i) => {
          if (resultAt[i] < 0) return x;
          return wrap(nodes[resultAt[i]]);
        }),
      ),
  };
}

function writeBack(target: Handle | number, node: Node, output: number): WriteBack {
  const leaf = node.box !== null && isLeafNode(node);
  return { target, output, leaf, requiresGrad: leaf && node.requiresGrad };
}

function deviceOf(leaves: readonly Node[], captured: ReadonlyMap<Node, Captured>): Device {
  for (const node of leaves) {
    const storage = node.storage ?? captured.get(node)?.before.storage;
    if (storage) return storage.device;
  }
  return defaultDevice();
}
