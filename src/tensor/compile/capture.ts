/**
 * Tracing a function for `compile()`: what it gives and what it changes becomes the outputs of one graph.
 *
 * @module
 */

import { type Device, isOnHost } from "../../runtime/mod.ts";
import { constantNode, isLeafNode, placeholderNode } from "../../graph/leaf.ts";
import { executableFor } from "../../run/executable_cache.ts";
import { type GradBox, Node } from "../../graph/node.ts";
import { defaultDevice } from "../../graph/defaults.ts";
import { realizeNodes } from "../../run/execute.ts";
import { type Walk, walk } from "../../lower/walk.ts";
import { type PyTree, treeFlatten, treeUnflatten } from "../../pytree/mod.ts";
import { wrap } from "../core.ts";
import type { Operands } from "./operands.ts";
import type { CapturedGraph, GradWrite, WriteBack } from "./replay.ts";
import { Tensor } from "../tensor.ts";
import { type Handle, Trace, withTrace } from "../trace.ts";
import { follows, wholesOf } from "../views.ts";

type Tree = PyTree<unknown>;
/** Any function. */
export type AnyFunction = (...args: never[]) => unknown;

/**
 * Traces the function. Tensors in `known` are handed to it as they are, since it reads them from its
 * surroundings too; where there are more of them, it starts anew.
 */
export function capture(fn: AnyFunction, operands: Operands, known: Set<Handle>): CapturedGraph {
  let drawn: Node[] = [];
  for (;;) {
    const others = new Set(operands.tensors.filter((x) => !known.has(x)));
    const trace = new Trace((node) => void realizeNodes([node]), "compile()", others);
    trace.drawnBefore = drawn;
    try {
      return withTrace(trace, () => graphOf(trace, fn, operands, known));
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

/** What the traced function gave and changed. */
class Effects {
  /** What a run computes. */
  readonly targets: Node[] = [];
  /** Stand-ins of inputs whose memory an output, by its number, may take. */
  readonly overwrite = new Map<number, Node>();
  readonly writeBacks: WriteBack[] = [];
  readonly gradWrites: GradWrite[] = [];
  readonly gradClears: GradBox[] = [];
  readonly guards: CapturedGraph["guards"] = [];
  readonly argumentGrads: CapturedGraph["argumentGrads"] = [];

  /** Adds an output; its number. */
  #output(node: Node): number {
    return this.targets.push(node) - 1;
  }

  /** Takes the value of the function; how that is built from the outputs' nodes. */
  takeResult(output: unknown): CapturedGraph["result"] {
    const { leaves, def } = treeFlatten(output as Tree);
    const at = leaves.map((x) => x instanceof Tensor ? this.#output(x.node) : -1);
    return (nodes) => treeUnflatten(def, leaves.map((x, i) => at[i] < 0 ? x : wrap(nodes[at[i]])));
  }

  /** Takes what became of tensors of the surroundings, and of their gradients. */
  takeCaptured(trace: Trace): void {
    // The list grows while it is walked: reading a gradient holder captures it.
    const wholes = wholesOf(trace.captured.map((c) => c.handle));
    for (let i = 0; i < trace.captured.length; i++) {
      const { handle, stand, box, gradBefore } = trace.captured[i];
      // Views follow what they were taken from.
      if (handle.rawNode !== stand && !follows(handle, wholes)) {
        this.overwrite.set(this.targets.length, stand);
        this.writeBacks.push(writeBack(handle, handle.rawNode, this.#output(handle.rawNode)));
      }
      if (box === null) continue;
      this.guards.push({ box, grad: gradBefore });
      if (box.grad === gradBefore) continue;
      if (box.grad === null) this.gradClears.push(box);
      else this.#takeGrad(box, gradBefore as Tensor | null, trace);
    }
  }

  #takeGrad(box: GradBox, holder: Tensor | null, trace: Trace): void {
    // A gradient that was not read is not computed here; each run takes its memory all the same.
    if (holder?.traceId === trace.id) this.overwrite.set(this.targets.length, holder.node);
    const output = this.#output((box.grad as Tensor).node);
    this.gradWrites.push({ box, holder, output, latest: null });
  }

  /** Takes what became of the arguments, and of their gradients. */
  takeArguments(
    { tensors, grads }: Operands,
    inside: readonly Tensor[],
    stands: readonly (Node | Tensor)[],
  ): void {
    inside.forEach((x, i) => {
      if (x === tensors[i]) return;
      const { rawNode } = x;
      if (rawNode !== stands[i]) this.writeBacks.push(writeBack(i, rawNode, this.#output(rawNode)));
      const before = grads[i] >= 0 ? inside[grads[i]] : null;
      const after = (rawNode.box?.grad ?? null) as Tensor | null;
      if (i >= grads.length || after === before) return;
      const output = after === null ? null : this.#output(after.node);
      this.argumentGrads.push({ index: i, output });
    });
  }

  /** Gradients that have to be as they were for the graph to serve. */
  guardsOf(trace: Trace): CapturedGraph["guards"] {
    const changed = new Set([...this.gradWrites.map((w) => w.box), ...this.gradClears]);
    return this.guards.filter(({ box, grad }) =>
      grad !== null || trace.gradsRead.has(box) || changed.has(box)
    );
  }

  /** For each output the leaf whose memory it may take, or -1. */
  wishes(leaves: readonly Node[]): number[] {
    const leafAt = new Map(leaves.map((node, i) => [node, i]));
    return this.targets.map((_, output) => leafAt.get(this.overwrite.get(output)!) ?? -1);
  }
}

/** Runs the function on stand-ins and compiles what it builds. */
function graphOf(
  trace: Trace,
  fn: AnyFunction,
  operands: Operands,
  known: ReadonlySet<Handle>,
): CapturedGraph {
  const { leaves, def, at, tensors } = operands;
  const inside = standIns(operands, known);
  const stands = inside.map((x, i) => x === tensors[i] ? x : x.rawNode);
  const args = treeUnflatten(def, leaves.map((x, i) => at[i] < 0 ? x : inside[at[i]]));
  const output = fn(...args as never[]);
  // The function may have caught the error that should have ended it.
  if (trace.aliased !== null) throw new Error("internal: an argument was read");
  trace.done();
  const effects = new Effects(), { targets } = effects;
  const result = effects.takeResult(output);
  effects.takeCaptured(trace);
  effects.takeArguments(operands, inside, stands);
  // A graph has at least one output.
  if (targets.length === 0) targets.push(constantNode(0, "float32"));
  const inputs = inputsOf(trace, stands), walked = walk(targets, new Set(inputs.keys()));
  const device = deviceOf(walked.leaves, inputs, operands, trace);
  const executable = executableFor(walked, targets, effects.wishes(walked.leaves), device);
  const { writeBacks, gradWrites, gradClears, argumentGrads } = effects;
  return {
    operands: { ...operands, tensors: [], leaves: leaves.map((x, i) => at[i] < 0 ? x : null) },
    stands,
    devices: tensors.map((x) => x.device),
    captured: new Map(trace.captured.map((c) => [c.handle, { kind: c.stand, box: c.box }])),
    executable,
    sources: walked.leaves.map((node) => inputs.get(node) ?? { kind: "fixed", node }),
    numbers: walked.scalars.map((n) => n.attrs.value as number),
    draws: trace.random.map((r) => r.draw),
    drawn: trace.random.map((r) => r.first),
    live: trace.live,
    liveFirst: trace.live.map((x) => x.first),
    values: trace.values,
    guards: effects.guardsOf(trace),
    ...{ writeBacks, gradWrites, gradClears, argumentGrads },
    outputs: targets.map((t) => ({ shape: t.shape })),
    result,
  };
}

type Sources = Map<Node, CapturedGraph["sources"][number]>;

/** Where the inputs of the graph come from. */
function inputsOf(trace: Trace, stands: readonly (Node | Tensor)[]): Sources {
  const inputs: Sources = new Map();
  trace.live.forEach(({ stand }, index) => inputs.set(stand, { kind: "live", index }));
  trace.random.forEach(({ stand }, index) => inputs.set(stand, { kind: "random", index }));
  for (const { stand, handle } of trace.captured) inputs.set(stand, { kind: "captured", handle });
  stands.forEach((stand, index) => {
    if (stand instanceof Node) inputs.set(stand, { kind: "argument", index });
  });
  return inputs;
}

function writeBack(target: Handle | number, node: Node, output: number): WriteBack {
  const leaf = node.box !== null && isLeafNode(node);
  return { target, output, leaf, requiresGrad: leaf && node.requiresGrad };
}

/** Where the graph runs: on the device of its tensors, numbers on the host aside. */
function deviceOf(
  leaves: Walk["leaves"],
  inputs: Sources,
  { tensors }: Operands,
  trace: Trace,
): Device {
  const before = new Map<Node, Node>(trace.captured.map((c) => [c.stand, c.before]));
  let found: Device | null = null;
  for (const node of leaves) {
    const source = inputs.get(node);
    const device = source === undefined
      ? node.storage?.device
      : source.kind === "argument"
      ? tensors[source.index].device
      : source.kind === "captured"
      ? before.get(node)!.storage?.device
      : undefined;
    if (device === undefined) continue;
    if (node.shape.length > 0 || !isOnHost(device)) return device;
    found ??= device;
  }
  return found ?? defaultDevice();
}
