/**
 * Captured graphs of compiled functions: which of them serves for a call, and running it.
 *
 * @module
 */

import type { Executable } from "../../run/executable.ts";
import { bufferNode } from "../../graph/leaf.ts";
import { type GradBox, Node, noteUpdate, withGrad } from "../../graph/node.ts";
import { isLarge, realizeNodes, replace } from "../../run/execute.ts";
import { checkFresh } from "../../lower/walk.ts";
import type { Device, Storage } from "../../runtime/mod.ts";
import { type Operands, sameKind, sameOperands } from "./operands.ts";
import { fromTyped, wrap } from "../core.ts";
import { computeWaiting } from "../pending.ts";
import type { Tensor } from "../tensor.ts";
import type { Draw, Handle, LiveNumber, ValueRead } from "../trace.ts";
import { isShared } from "../views.ts";

/** A tensor that the function rebinds, and the output that holds its new value. */
export interface WriteBack {
  /** The tensor, or the number of the operand. */
  readonly target: Handle | number;
  readonly output: number;
  /** Whether it is a leaf with a gradient, and records. */
  readonly leaf: boolean;
  readonly requiresGrad: boolean;
}

/** A gradient that the function leaves behind. */
export interface GradWrite {
  readonly box: GradBox;
  readonly holder: Tensor | null;
  readonly output: number;
  /** What the latest call left; its memory belongs to nothing else. */
  latest: Node | null;
}

/** One trace of the function, compiled. */
export interface CapturedGraph {
  /** The arguments of the call that was traced; their tensors are not kept. */
  readonly operands: Operands;
  /** Stand-ins for these tensors; those that the function knew as well, themselves. */
  readonly stands: readonly (Node | Tensor)[];
  /** Where the arguments' tensors lay. */
  readonly devices: readonly Device[];
  /** Tensors from the surroundings, as they were. */
  readonly captured: ReadonlyMap<Handle, { kind: Node; box: GradBox | null }>;
  readonly executable: Executable;
  /** Where each leaf of the executable comes from. */
  readonly sources: (
    | { kind: "argument"; index: number }
    | { kind: "captured"; handle: Handle }
    | { kind: "random"; index: number }
    | { kind: "live"; index: number }
    | { kind: "fixed"; node: Node }
  )[];
  readonly numbers: number[];
  /** Makes the random numbers of a call, in the order in which the function draws. */
  readonly draws: readonly Draw[];
  /** Those drawn while tracing, for the first call. */
  drawn: readonly Node[] | null;
  /** Numbers that plain functions give before each call. */
  readonly live: readonly LiveNumber[];
  /** Those that they gave while tracing, for the first call. */
  liveFirst: readonly number[] | null;
  /** JavaScript values that have to be as they were. */
  readonly values: readonly ValueRead[];
  readonly guards: { box: GradBox; grad: unknown }[];
  readonly writeBacks: WriteBack[];
  readonly gradWrites: GradWrite[];
  readonly gradClears: GradBox[];
  /** Gradients that the function leaves with operands; null clears. */
  readonly argumentGrads: { index: number; output: number | null }[];
  /** Builds the result from the outputs' nodes. */
  readonly result: (nodes: Node[]) => unknown;
  readonly outputs: { shape: readonly number[] }[];
}

/** The numbers that plain functions give now; null where one gives something else. */
export function liveNumbers(r: CapturedGraph): readonly number[] | null {
  const numbers = r.liveFirst ?? r.live.map(({ read }) => read());
  r.liveFirst = null;
  return numbers.every((x) => x !== null) ? numbers as number[] : null;
}

/** Whether a captured graph serves for a call, in the surroundings as they are. */
export function matches(r: CapturedGraph, operands: Operands): boolean {
  if (!sameOperands(operands, r.operands, r.stands)) return false;
  for (let i = 0; i < r.devices.length; i++) {
    const x = operands.tensors[i];
    if ((x.rawNode.storage?.device ?? x.device) !== r.devices[i]) return false;
  }
  for (const { holder, key, value } of r.values) {
    if (!Object.is((holder as Record<string, unknown>)[key], value)) return false;
  }
  for (const g of r.guards) if (g.box.grad !== g.grad) return false;
  for (const [handle, { kind, box }] of r.captured) {
    if (!sameKind(handle.rawNode, kind) || handle.rawNode.box !== box) return false;
  }
  if (operands.tensors.some((x, i) => r.stands[i] instanceof Node && r.captured.has(x))) {
    return false;
  }
  return sharing(r, operands.tensors).length === 0;
}

/**
 * Arguments that are views of what the function changes, or are changed and viewed: with stand-ins for
 * them it would not see its own changes. They have to be handed over as they are.
 */
export function sharing(r: CapturedGraph, args: readonly Tensor[]): Tensor[] {
  if (!args.some((x) => x.place !== null)) return [];
  const given = args.filter((_, i) => r.stands[i] instanceof Node);
  const found = new Set<Tensor>();
  for (const { target } of r.writeBacks) {
    const changed = typeof target === "number" ? args[target] : target;
    if (changed.place === null) continue;
    for (const x of given) if (isShared(changed, x)) found.add(x);
    if (typeof target !== "number") continue;
    const known = [...r.captured.keys()].some((x) => isShared(changed, x));
    if (known || given.some((x) => isShared(changed, x))) found.add(args[target]);
  }
  return [...found];
}

/** Whether an update goes beside the present value of a tensor. */
function goesBeside({ target }: WriteBack): boolean {
  const storage = typeof target === "number" ? null : target.rawNode.storage;
  return storage !== null && storage.shared && isLarge(storage);
}

/** Runs a captured graph on the arguments of a call. */
export function replay(
  r: CapturedGraph,
  args: readonly Tensor[],
  numbers: readonly number[],
): unknown {
  const updates = r.writeBacks.length + r.gradWrites.length > 0;
  if (updates) computeWaiting(r.writeBacks.some(goesBeside));
  const drawn = r.drawn ?? r.draws.map((draw) => draw());
  r.drawn = null;
  const storages = new Array<Storage>(r.sources.length);
  for (let i = 0; i < storages.length; i++) {
    const s = r.sources[i];
    const node = s.kind === "argument"
      ? args[s.index].rawNode
      : s.kind === "captured"
      ? s.handle.rawNode
      : s.kind === "random"
      ? drawn[s.index]
      : s.kind === "live"
      ? fromTyped(Float64Array.of(numbers[s.index]), [], "float64").node
      : s.node;
    if (node.storage === null) realizeNodes([node]);
    checkFresh(node);
    storages[i] = node.storage!;
  }
  const spare = new Array<Storage | null>(r.outputs.length).fill(null);
  for (const { holder, output, latest } of r.gradWrites) {
    const memory = latest?.storage;
    if (memory && !memory.shared && holder?.rawNode === latest) spare[output] = memory;
  }
  for (const { target, output } of r.writeBacks) {
    const former = typeof target === "number" ? null : target.rawNode.storage?.former ?? null;
    if (former !== null) spare[output] = former;
  }
  const results = r.executable.run(storages, r.numbers, spare);
  const nodes = results.map((storage, i) => {
    storage.shared = false;
    return bufferNode(storage, r.outputs[i].shape);
  });
  if (updates) noteUpdate();
  for (const { target, output, leaf, requiresGrad } of r.writeBacks) {
    const node = nodes[output], handle = typeof target === "number" ? args[target] : target;
    const old = handle.rawNode.storage;
    if (handle === target && old !== null) replace(old, results[output]);
    if (leaf) {
      node.requiresGrad = requiresGrad;
      node.box = handle.rawNode.box ?? { grad: null };
      node.hooks = handle.rawNode.hooks;
    }
    // What was recorded inside stays inside; a view of a leaf may be written.
    withGrad(false, () => (handle as Tensor).setNode(node));
  }
  for (const write of r.gradWrites) {
    const { box, holder, output } = write;
    write.latest = nodes[output];
    if (holder === null) box.grad = wrap(nodes[output]);
    else {
      holder.setNode(nodes[output]);
      box.grad = holder;
    }
  }
  for (const box of r.gradClears) box.grad = null;
  for (const { index, output } of r.argumentGrads) {
    args[index].grad = output === null ? null : wrap(nodes[output]);
  }
  return r.result(nodes);
}
