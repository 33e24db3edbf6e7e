/**
 * Reverse-mode differentiation of graphs: derivative rules, applied from the outputs down, build
 * more graph. (Griewank & Walther, Evaluating Derivatives, 2008, ch. 3.)
 *
 * @module
 */

import { constantNode } from "../graph/leaf.ts";
import { type GradBox, isFloat, nextEpoch, type Node } from "../graph/node.ts";
import { recordOf } from "../graph/record.ts";
import { deviceOf, knownDevice, noteDevice } from "../graph/device_of.ts";
import { onlyHostInUse } from "../runtime/mod.ts";
import { add } from "./elementwise.ts";
import { alias, expand } from "./movement.ts";
import { projectPrim } from "./tuple.ts";

/** A tensor of zeros, as a node. */
export function zerosNode(like: Node): Node {
  return expand(constantNode(0, like.dtype), like.shape);
}

const none: ReadonlySet<Node> = new Set();

/** The part of a graph that gradients pass on their way down. */
interface Recorded {
  /** Nodes, operands first. */
  readonly order: readonly Node[];
  /** Numbers of the operands of all nodes, one node after the other; -1 where no target is below. */
  readonly operands: readonly number[];
  /** Where the operands of each node start. */
  readonly starts: readonly number[];
  /** Whether a node is a target, or above one; null where all are. */
  readonly above: readonly boolean[] | null;
  /** Number of each output; -1 for those that no gradient can leave. */
  readonly outputs: readonly number[];
}

// Scratch of `recorded`, which calls nothing that might walk a graph itself.
const stack: Node[] = [], cursor: number[] = [];

/**
 * What is recorded between `outputs` and `targets` (null: all there is), and not below `ends`. Nodes
 * that are older than all targets cannot be above one: they are left out, so that the gradient of an
 * inner step costs what that step costs, however long the history of its parameters is.
 */
function recorded(
  outputs: readonly Node[],
  targets: Targets | null,
  ends: ReadonlySet<Node>,
): Recorded {
  const oldest = targets === null ? 0 : targets.oldest;
  const epoch = nextEpoch();
  const order: Node[] = [];
  for (const given of outputs) {
    const output = recordOf(given);
    if (!output.requiresGrad || output.mark === epoch || output.made < oldest) continue;
    output.mark = epoch;
    stack.push(output);
    cursor.push(0);
    while (stack.length > 0) {
      const top = stack.length - 1, node = stack[top];
      if (cursor[top] < node.inputs.length && !ends.has(node)) {
        const x = recordOf(node.inputs[cursor[top]++]);
        if (x.requiresGrad && x.mark !== epoch && x.made >= oldest) {
          x.mark = epoch;
          stack.push(x);
          cursor.push(0);
        }
      } else {
        stack.pop();
        cursor.pop();
        node.local = order.length;
        order.push(node);
      }
    }
  }
  // Derivative rules may walk graphs themselves, so that marks and numbers are read before they run.
  const operands: number[] = [], starts: number[] = [];
  const above: boolean[] | null = targets === null ? null : [];
  for (const node of order) {
    starts.push(operands.length);
    const open = !ends.has(node);
    let isAbove = targets === null || targets.of(node) !== null;
    const { inputs } = node;
    for (let i = 0; i < inputs.length; i++) {
      const x = recordOf(inputs[i]);
      const passes = open && x.mark === epoch && (above === null || above[x.local]);
      operands.push(passes ? x.local : -1);
      if (passes) isAbove = true;
    }
    if (above !== null) above.push(isAbove);
  }
  const numbers: number[] = [];
  for (const output of outputs) {
    const x = recordOf(output);
    numbers.push(x.mark === epoch ? x.local : -1);
  }
  return { order, operands, starts, above, outputs: numbers };
}

/**
 * Nodes that gradients are wanted for. A leaf that was updated since stands for the nodes that it had
 * before as well, from which values may have been built.
 */
class Targets {
  /** `Node.made` of the oldest node that is wanted. */
  readonly oldest: number;
  readonly #byRecord = new Map<Node, Node>();
  readonly #byBox = new Map<GradBox, Node>();

  constructor(nodes: ReadonlySet<Node>) {
    let oldest = Infinity;
    for (const node of nodes) {
      this.#byRecord.set(recordOf(node), node);
      if (!node.requiresGrad) continue;
      const made = node.box?.made ?? node.made;
      if (made < oldest) oldest = made;
      if (node.box !== null && made < node.made) this.#byBox.set(node.box, node);
    }
    this.oldest = oldest;
  }

  /** The target that a recorded node belongs to, or null. */
  of(node: Node): Node | null {
    const target = this.#byRecord.get(node);
    if (target !== undefined) return target;
    return node.box === null ? null : this.#byBox.get(node.box) ?? null;
  }
}

/** Outcome of a reverse sweep. */
export interface Sweep {
  /**
   * Complete cotangent of each target that received one; where all recorded leaves are targets, also
   * of each node that keeps its gradient.
   */
  readonly cotangents: ReadonlyMap<Node, Node>;
  /** Targets (or where there are none, holders of gradients) that the outputs depend on. */
  readonly reached: ReadonlySet<Node>;
}

/** What each node has received so far. */
type Received = (Node | undefined)[];

function accumulate(received: Received, i: number, g: Node): void {
  const known = received[i];
  received[i] = known === undefined ? g : add(known, g);
}

/**
 * Carries `seeds` (cotangents of `outputs`) down to `wanted`, or to all recorded leaves where
 * `wanted` is null. Gradients do not pass through nodes in `ends`, which are taken as independent;
 * their hooks are not called where this is a part of a sweep (`partial`), which knows their complete gradient.
 */
export function sweep(
  outputs: readonly Node[],
  seeds: readonly Node[],
  wanted: ReadonlySet<Node> | null,
  ends: ReadonlySet<Node> = none,
  partial = false,
): Sweep {
  if (ends.size > 0) ends = new Set([...ends].map(recordOf));
  const targets = wanted === null ? null : new Targets(wanted);
  const { order, operands, starts, above, outputs: numbers } = recorded(outputs, targets, ends);
  const cotangents = new Map<Node, Node>(), reached = new Set<Node>();
  const received: Received = new Array(order.length).fill(undefined);
  // Results of a primitive with several, each with its own cotangent.
  let tuples: Map<Node, (Node | null)[]> | null = null;
  for (let at = 0; at < numbers.length; at++) {
    const i = numbers[at];
    if (i >= 0 && (above === null || above[i])) accumulate(received, i, seeds[at]);
  }
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i];
    if (above !== null && !above[i]) continue;
    const target = targets === null ? null : targets.of(node);
    if (target !== null) reached.add(target);
    else if (targets === null && node.box !== null) reached.add(node);
    let g = received[i];
    received[i] = undefined;
    if (g !== undefined) {
      if (node.hooks !== null && !(partial && ends.has(node))) {
        for (const hook of node.hooks) g = hook(g) ?? g;
      }
      if (targets === null) {
        const last = node.inputs.length === 0 || node.box !== null || ends.has(node);
        if (last) cotangents.set(node, g);
      } else if (target !== null) {
        const known = cotangents.get(target);
        cotangents.set(target, known === undefined ? g : add(known, g));
      }
    }
    if (node.inputs.length === 0 || ends.has(node)) continue;
    if (node.prim === projectPrim) {
      const tuple = node.inputs[0];
      if (g === undefined) continue;
      const parts = (tuples ??= new Map()).get(tuple) ??
        new Array<Node | null>(tuple.outs!.length).fill(null);
      const { index } = node.attrs;
      parts[index] = parts[index] === null ? g : add(parts[index]!, g);
      tuples.set(tuple, parts);
      continue;
    }
    const all = node.outs === null ? g : tuples?.get(node);
    if (all === undefined) continue;
    // Filled by push(): compiled and interpreted map() make arrays of different kinds, and code that
    // was compiled for one kind is thrown away when the other comes.
    const needs: boolean[] = [], start = starts[i];
    for (let k = 0; k < node.inputs.length; k++) needs.push(operands[start + k] >= 0);
    if (!needs.includes(true)) continue;
    const rule = node.customVjp ?? node.prim.vjp;
    if (typeof rule === "string") continue;
    const parts = node.customVjp !== null
      ? node.customVjp(node.outs === null ? [g!] : tuples!.get(node)!)
      // deno-lint-ignore no-explicit-any
      : (node.prim.vjp as any)(all, node, needs) as (Node | null)[];
    for (let k = 0; k < node.inputs.length; k++) {
      const part = parts[k];
      if (part !== null && part !== undefined && needs[k] && isFloat(node.inputs[k].dtype)) {
        accumulate(received, operands[start + k], part);
      }
    }
  }
  if (!onlyHostInUse()) {
    for (const [node, g] of cotangents) {
      cotangents.set(node, beside(node, g));
    }
  }
  return { cotangents, reached };
}

/** A cotangent where its tensor is, also where it was made of numbers alone. */
function beside(node: Node, g: Node): Node {
  if (knownDevice(g) !== undefined) return g;
  const placed = alias(g);
  noteDevice(placed, deviceOf(node));
  return placed;
}

/**
 * Cotangents of the `inputs` of a small graph, taken at its own nodes: the derivative of a fused
 * operation is that of the graph that defines it. Null where `needs` says that none is needed.
 */
export function pullback(
  outputs: readonly Node[],
  cotangents: readonly (Node | null)[],
  inputs: readonly Node[],
  needs: readonly boolean[],
): (Node | null)[] {
  const outs: Node[] = [], seeds: Node[] = [];
  outputs.forEach((output, i) => {
    const seed = cotangents[i];
    if (seed === null || !output.requiresGrad) return;
    outs.push(output);
    seeds.push(seed);
  });
  const targets = new Set(inputs.filter((_, i) => needs[i]));
  const result = sweep(outs, seeds, targets, targets, true);
  return inputs.map((x, i) => needs[i] ? result.cotangents.get(x) ?? zerosNode(x) : null);
}

let forward = false;

/**
 * Runs `fn`, which takes pullbacks in order to carry directions forward: only their derivative with
 * respect to the cotangents will be asked for. Those of loops are left uncomputed then.
 */
export function carryingForward<T>(fn: () => T): T {
  const before = forward;
  forward = true;
  try {
    return fn();
  } finally {
    forward = before;
  }
}

/** Whether pullbacks are taken in order to carry directions forward. */
export function isCarryingForward(): boolean {
  return forward;
}
