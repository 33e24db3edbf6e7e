/**
 * Compiled functions: traced once, run many times.
 *
 * @module
 */

import type { Device, Storage } from "../runtime/mod.ts";
import type { Donation } from "../graph/donation.ts";
import { bufferNode, constantNode, placeholderNode } from "../graph/leaf.ts";
import { type Executable, executable } from "../graph/executable.ts";
import { type GradBox, isGradEnabled, Node } from "../graph/node.ts";
import { defaultDevice } from "../graph/defaults.ts";
import { realizeNodes } from "../graph/realize.ts";
import { sameShape } from "../graph/shape.ts";
import { checkFresh, walk } from "../graph/walk.ts";
import { type PyTree, type TreeDef, treeFlatten, treeUnflatten } from "../pytree/mod.ts";
import { isLeafNode, wrap } from "./core.ts";
import { computeCopies } from "./pending.ts";
import { Tensor } from "./tensor.ts";
import { currentTrace, type Draw, type Handle, Trace, withTrace } from "./trace.ts";

type Tree = PyTree<unknown>;
// deno-lint-ignore no-explicit-any
type AnyFunction = (...args: any[]) => any;

/** Recordings that a compiled function keeps (one for each structure of its arguments). */
const VARIANTS = 32;

/** A tensor that the function rebinds, and the output that holds its new value. */
interface WriteBack {
  readonly handle: Handle;
  readonly output: number;
  readonly leaf: boolean;
}

/** A gradient that the function leaves behind. */
interface GradWrite {
  readonly box: GradBox;
  readonly holder: Tensor | null;
  readonly output: number;
  /** What the latest call left; its memory belongs to nothing else. */
  latest: Node | null;
}

/** One recording of the function. */
interface Recording {
  /** Leaves of the arguments: stand-ins for tensors, other values as they were. */
  readonly leaves: readonly unknown[];
  /** Structure of the arguments. */
  readonly def: TreeDef;
  readonly program: Executable;
  /** Where each leaf of the program comes from. */
  readonly sources: (
    | { kind: "argument"; index: number }
    | { kind: "captured"; handle: Handle; node: Node }
    | { kind: "random"; index: number }
    | { kind: "fixed"; node: Node }
  )[];
  readonly numbers: number[];
  /** Makes the random numbers of a call, in the order in which the function draws. */
  readonly draws: readonly Draw[];
  /** Those drawn while tracing, for the first call. */
  drawn: readonly Node[] | null;
  readonly guards: { box: GradBox; grad: unknown }[];
  readonly writeBacks: WriteBack[];
  readonly gradWrites: GradWrite[];
  readonly gradClears: GradBox[];
  /** Gradients that the function accumulates in its arguments. */
  readonly argumentGrads: { index: number; output: number }[];
  /** Builds the result from the outputs' nodes. */
  readonly result: (nodes: Node[]) => unknown;
  readonly outputs: { shape: readonly number[] }[];
}

/** A function compiled by `compile()`. */
// deno-lint-ignore no-explicit-any
export interface Compiled<F extends (...args: any[]) => any> {
  /** Runs the compiled function. */
  (...args: Parameters<F>): ReturnType<F>;
  /** Number of times the function was traced. */
  readonly traces: number;
}

/**
 * Traces `fn` at its first call and afterwards runs the recorded graph, without calling `fn` again.
 *
 * Arguments and results are trees of tensors; other leaves of the arguments (numbers, strings) are
 * part of the recording: another value traces anew, but a changed number needs no new session.
 * Tensors that `fn` reads from its surroundings are inputs with their current value; those that it
 * rebinds (parameters and states under an optimizer step, in-place methods) are written back, in
 * place where that is safe. Random numbers are drawn anew at each call. JavaScript side effects
 * happen only while tracing, and values cannot be read inside.
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
// deno-lint-ignore no-explicit-any
export function compile<F extends (...args: any[]) => any>(fn: F): Compiled<F> {
  const recordings: Recording[] = [];
  const state = { traces: 0 };
  const call = (...args: Parameters<F>): ReturnType<F> => {
    // Inside another trace the function is simply part of that trace.
    if (currentTrace() !== null) return fn(...args);
    const { leaves, def } = treeFlatten(args as unknown as Tree) as {
      leaves: unknown[];
      def: TreeDef;
    };
    if (isGradEnabled() && leaves.some(hasHistory)) return fn(...args);
    let recording = recordings.find((r) => matches(r, leaves, def));
    if (recording === undefined) {
      recording = record(fn, leaves, def);
      state.traces++;
      recordings.unshift(recording);
      if (recordings.length > VARIANTS) recordings.pop();
    }
    return replay(recording, leaves) as ReturnType<F>;
  };
  const compiled = Object.defineProperty(call, "traces", { get: () => state.traces });
  recordingsOf.set(compiled, recordings);
  return compiled as unknown as Compiled<F>;
}

/** Whether gradients flow through a value to what it was computed from. */
function hasHistory(x: unknown): boolean {
  return x instanceof Tensor && x.requiresGrad && !x.isLeaf;
}

const recordingsOf = new WeakMap<object, Recording[]>();

/** The latest graph of a compiled function; undefined before its first call. */
export function latestProgram(compiled: object): Executable | undefined {
  return recordingsOf.get(compiled)?.[0]?.program;
}

/** Whether a tensor now is as one was when the function was traced. */
function sameKind(now: Node, then: Node): boolean {
  return now === then ||
    (now.dtype === then.dtype && now.requiresGrad === then.requiresGrad &&
      sameShape(now.shape, then.shape));
}

function matches(r: Recording, leaves: readonly unknown[], def: TreeDef): boolean {
  if (leaves.length !== r.leaves.length) return false;
  for (let i = 0; i < leaves.length; i++) {
    const now = leaves[i], then = r.leaves[i];
    if (now instanceof Tensor) {
      if (!(then instanceof Node) || !sameKind(now.rawNode, then)) return false;
    } else if (!Object.is(now, then)) return false;
  }
  if (!def.equals(r.def)) return false;
  for (const g of r.guards) if (g.box.grad !== g.grad) return false;
  for (const s of r.sources) {
    if (s.kind === "captured" && !sameKind(s.handle.rawNode, s.node)) return false;
  }
  return true;
}

function record(fn: AnyFunction, leaves: unknown[], def: TreeDef): Recording {
  const trace = new Trace((node) => void realizeNodes([node]));
  const stands = new Map<Node, number>();
  const standIns: unknown[] = leaves.map((leaf, i) => {
    if (!(leaf instanceof Tensor)) return leaf;
    const node = placeholderNode(leaf.rawNode);
    node.requiresGrad = leaf.requiresGrad;
    if (leaf.requiresGrad && isLeafNode(leaf.rawNode)) node.box = { grad: null };
    stands.set(node, i);
    return node;
  });
  try {
    return withTrace(trace, () => {
      const inside = standIns.map((x, i) => leaves[i] instanceof Tensor ? wrap(x as Node) : x);
      // deno-lint-ignore no-explicit-any
      const args = treeUnflatten(def as any, inside as any) as unknown[];
      const output = fn(...args);
      return finish(trace, output, stands, standIns, def);
    });
  } finally {
    trace.restore();
  }
}

function finish(
  trace: Trace,
  output: unknown,
  stands: ReadonlyMap<Node, number>,
  leaves: unknown[],
  def: TreeDef,
): Recording {
  const { leaves: results, def: outDef } = treeFlatten(output as Tree) as {
    leaves: unknown[];
    // deno-lint-ignore no-explicit-any
    def: any;
  };
  const targets: Node[] = [];
  const resultAt = results.map((x) => {
    if (!(x instanceof Tensor)) return -1;
    targets.push(x.node);
    return targets.length - 1;
  });
  const writeBacks: WriteBack[] = [], gradWrites: GradWrite[] = [], gradClears: GradBox[] = [];
  const guards: Recording["guards"] = [];
  const overwrite = new Map<number, Node>();
  // The list grows while it is walked: reading a gradient holder captures it.
  for (let i = 0; i < trace.captured.length; i++) {
    const { handle, stand, box, gradBefore } = trace.captured[i];
    if (handle.rawNode !== stand) {
      overwrite.set(targets.length, stand);
      writeBacks.push({ handle, output: targets.length, leaf: handle.rawNode.requiresGrad });
      targets.push(handle.rawNode);
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
  const argumentGrads: Recording["argumentGrads"] = [];
  for (const [stand, index] of stands) {
    if (stand.box === null || stand.box.grad === null) continue;
    argumentGrads.push({ index, output: targets.length });
    targets.push((stand.box.grad as Tensor).node);
  }
  // A graph has at least one output.
  if (targets.length === 0) targets.push(constantNode(0, "float32"));
  const captured = new Map(trace.captured.map((c) => [c.stand, c]));
  const random = new Map(trace.random.map((r, i) => [r.stand, i]));
  const inputs = new Set<Node>([...stands.keys(), ...captured.keys(), ...random.keys()]);
  const walked = walk(targets, inputs);
  const donations: Donation[] = [];
  for (const [output, stand] of overwrite) {
    const leaf = walked.leaves.indexOf(stand);
    if (leaf >= 0) donations.push({ leaf, output });
  }
  const program = executable(walked, targets, donations, deviceOf(walked.leaves, trace));
  const sources: Recording["sources"] = walked.leaves.map((node) => {
    const argument = stands.get(node), outer = captured.get(node), drawn = random.get(node);
    if (argument !== undefined) return { kind: "argument", index: argument };
    if (outer !== undefined) return { kind: "captured", handle: outer.handle, node: outer.before };
    if (drawn !== undefined) return { kind: "random", index: drawn };
    return { kind: "fixed", node };
  });
  return {
    leaves,
    def,
    program,
    sources,
    numbers: walked.scalars.map((n) => n.attrs.value as number),
    draws: trace.random.map((r) => r.draw),
    drawn: trace.random.map((r) => r.first),
    guards: guards.filter((g) =>
      g.grad !== null || gradWrites.some((w) => w.box === g.box) || gradClears.includes(g.box)
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
          // deno-lint-ignore no-explicit-any
        }) as any,
      ),
  };
}

function deviceOf(leaves: readonly Node[], trace: Trace): Device {
  for (const node of leaves) {
    const storage = node.storage ?? trace.captured.find((c) => c.stand === node)?.before.storage;
    if (storage) return storage.device;
  }
  return defaultDevice();
}

function replay(r: Recording, args: unknown[]): unknown {
  if (r.writeBacks.length + r.gradWrites.length > 0) computeCopies();
  const drawn = r.drawn ?? r.draws.map((draw) => draw());
  r.drawn = null;
  const storages = new Array<Storage>(r.sources.length);
  for (let i = 0; i < storages.length; i++) {
    const s = r.sources[i];
    const node = s.kind === "argument"
      ? (args[s.index] as Tensor).rawNode
      : s.kind === "captured"
      ? s.handle.rawNode
      : s.kind === "random"
      ? drawn[s.index]
      : s.node;
    if (node.storage === null) realizeNodes([node]);
    checkFresh(node);
    storages[i] = node.storage!;
  }
  const spare = new Map<number, Storage>();
  for (const { holder, output, latest } of r.gradWrites) {
    const memory = latest?.storage;
    if (memory && holder?.rawNode === latest) spare.set(output, memory);
  }
  const results = r.program.bind(storages, r.numbers, spare);
  r.program.run(results);
  const nodes = results.map((storage, i) => bufferNode(storage, r.outputs[i].shape));
  for (const { handle, output, leaf } of r.writeBacks) {
    const node = nodes[output];
    if (leaf) {
      node.requiresGrad = true;
      node.box = handle.rawNode.box;
      node.hooks = handle.rawNode.hooks;
    }
    handle.rawNode = node;
  }
  for (const write of r.gradWrites) {
    const { box, holder, output } = write;
    write.latest = nodes[output];
    if (holder === null) box.grad = wrap(nodes[output]);
    else {
      holder.rawNode = nodes[output];
      box.grad = holder;
    }
  }
  for (const box of r.gradClears) box.grad = null;
  for (const { index, output } of r.argumentGrads) {
    const tensor = args[index] as Tensor, g = wrap(nodes[output]);
    tensor.grad = tensor.grad === null ? g : g.add(tensor.grad);
  }
  return r.result(nodes);
}
