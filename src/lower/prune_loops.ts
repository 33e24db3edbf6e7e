/**
 * Loops and choices without what nothing uses.
 *
 * A loop and the same one that saves its carries for the way back become one. Results that nothing uses
 * go, with the carries that are there for them only; a carry that never changes is read from outside.
 *
 * @module
 */

import { type Body, BodyReads, closeBody, readOf } from "../graph/body.ts";
import { apply, type Node, withInputs } from "../graph/node.ts";
import { order } from "../graph/order.ts";
import { type CondAttrs, condPrim } from "../primitives/cond.ts";
import { loopPrim } from "../primitives/loop.ts";
import {
  collectedOf,
  constsOf,
  isTested,
  joinResults,
  type LoopAttrs,
  operandsOf,
  resultsOf,
} from "../primitives/loop_parts.ts";
import { project, projectPrim } from "../primitives/tuple.ts";
import type { Pass, Rebuilder } from "./rebuild.ts";

/** Which parts of a loop some of its results need. */
interface Need {
  readonly carries: readonly boolean[];
  readonly lists: readonly boolean[];
  /** Parameters of the step that these read. */
  readonly read: ReadonlySet<Node>;
}

/** Carries that a body gives back as it got them. */
function constantCarries({ bodies: [step], carries }: LoopAttrs): boolean[] {
  return step.params.slice(0, carries).map((x, i) => step.outputs[i] === x);
}

function needOf(attrs: LoopAttrs, used: ReadonlySet<number>): Need {
  const { bodies: [step, test], carries } = attrs, collected = collectedOf(attrs);
  const results = carries + collected.length + (isTested(attrs) ? 1 : 0);
  const wanted = resultsOf(Array.from({ length: results }, (_, i) => used.has(i)), attrs);
  const state = step.params.slice(0, carries), need = [...wanted.carries];
  if (test !== undefined) {
    const tested = readOf(test.params, test.outputs);
    for (let i = 0; i < carries; i++) need[i] ||= tested.has(test.params[i]);
  }
  const reads = new BodyReads(step.params), next = step.outputs;
  reads.add(collected.filter((_, i) => wanted.lists[i]));
  const open = next.slice(0, carries).filter((_, i) => need[i]);
  do {
    reads.add(open.splice(0));
    state.forEach((x, i) => {
      if (need[i] || !reads.found.has(x)) return;
      need[i] = true;
      open.push(next[i]);
    });
  } while (open.length > 0);
  return { carries: need, lists: wanted.lists, read: reads.found };
}

/** A loop of some of its parts. Returns its results: null for those that are gone. */
function pruneLoop(
  inputs: readonly Node[],
  attrs: LoopAttrs,
  need: Need,
  partial: boolean,
  make: (node: Node) => Node,
): (Node | null)[] {
  const { bodies: [step, test], length, reverse, counted } = attrs;
  const operands = operandsOf(inputs, attrs), outside = constsOf(inputs, attrs);
  const state = step.params.slice(0, attrs.carries), fixed = constantCarries(attrs);
  state.forEach((x, i) => {
    if (!fixed[i]) return;
    outside.set(x, operands.init[i]);
    if (test !== undefined) outside.set(test.params[i], operands.init[i]);
  });
  const kept = state.map((_, i) => i).filter((i) => need.carries[i] && !fixed[i]);
  const slices = step.params.slice(attrs.carries, attrs.carries + attrs.xs);
  const through = slices.map((_, i) => i).filter((i) => need.read.has(slices[i]));
  const collected = collectedOf(attrs), lists = collected.filter((_, i) => need.lists[i]);
  const close = (body: Body, params: readonly Node[], outputs: readonly Node[]) =>
    closeBody(params, outputs, body.surroundings, outside);
  const next = [...kept.map((i) => step.outputs[i]), ...lists];
  const closed = close(
    step,
    [...kept.map((i) => state[i]), ...through.map((i) => slices[i])],
    next,
  );
  const tested = test && close(test, kept.map((i) => test.params[i]), test.outputs);
  const own: LoopAttrs = {
    bodies: tested === undefined ? [closed.body] : [closed.body, tested.body],
    carries: kept.length,
    xs: through.length,
    length,
    reverse,
    counted,
    save: false,
    partial,
  };
  const results = kept.map((i) => operands.init[i]);
  const all = [
    ...(counted ? [operands.count!] : []),
    ...results,
    ...through.map((i) => operands.xs[i]),
    ...closed.operands,
    ...(tested?.operands ?? []),
  ];
  const node = next.length + (tested === undefined ? 0 : 1) === 0
    ? null
    : make(apply(loopPrim, all, own));
  const made = resultsOf(node === null ? [] : node.outs!.map((_, i) => i), own);
  const result = (i: number) => i < 0 || node === null ? null : make(project(node, i));
  let at = 0;
  return joinResults({
    carries: state.map((_, i) =>
      fixed[i] ? operands.init[i] : result(kept.includes(i) ? made.carries[kept.indexOf(i)] : -1)
    ),
    lists: need.lists.map((n) => result(n ? made.lists[at++] : -1)),
    count: made.count === null ? null : result(made.count),
  }, attrs);
}

/** A choice of some of its results. */
function pruneCond(
  inputs: readonly Node[],
  attrs: CondAttrs,
  used: ReadonlySet<number>,
  make: (node: Node) => Node,
): (Node | null)[] {
  const { bodies, shared } = attrs, places = [...used].sort((a, b) => a - b);
  const closed = bodies.map((body, side) => {
    const own = side === 0 ? 1 + shared : 1 + bodies[0].params.length;
    const outside = new Map(body.params.slice(shared).map((x, i) => [x, inputs[own + i]]));
    const outputs = places.map((i) => body.outputs[i]);
    return closeBody(body.params.slice(0, shared), outputs, body.surroundings, outside);
  });
  const operands = [...inputs.slice(0, 1 + shared), ...closed.flatMap((c) => c.operands)];
  const node = make(apply(condPrim, operands, {
    bodies: [closed[0].body, closed[1].body],
    shared,
    lanes: null,
  }));
  return bodies[0].outputs.map((_, i) =>
    used.has(i) ? make(project(node, places.indexOf(i))) : null
  );
}

/** The loops and choices of a graph, and which of their results are used. */
class Uses {
  /** Equal loops, of which one may save its carries, by the first of them. */
  readonly leader = new Map<Node, Node>();
  /** The one that gives the most, for each leader. */
  readonly most = new Map<Node, Node>();
  readonly used = new Map<Node, Set<number>>();
  readonly live = new Set<Node>();
  /** Loops whose lists are read by others than loops of the same iterations. */
  readonly #whole = new Set<Node>();

  constructor(nodes: readonly Node[], outputs: readonly Node[]) {
    const numbers = new Map(nodes.map((node, i) => [node, i])), known = new Map<string, Node>();
    for (const node of nodes) {
      if (node.prim !== loopPrim && node.prim !== condPrim) continue;
      const { bodies, save, ...rest } = node.attrs;
      const key = JSON.stringify([rest, bodies, node.inputs.map((x) => numbers.get(x))]);
      const leader = known.get(key) ?? node;
      known.set(key, leader);
      this.leader.set(node, leader);
      if (leader === node || save) this.most.set(leader, node);
      if (leader === node) this.used.set(node, new Set());
    }
    for (const x of outputs) this.live.add(x);
    for (const x of outputs) this.#readWhole(x);
    for (let i = nodes.length - 1; i >= 0; i--) this.#spread(nodes[i]);
  }

  #spread(node: Node): void {
    const used = this.used.get(node);
    if (used !== undefined) {
      if (used.size > 0) { for (const x of this.#needs(node, used)) this.live.add(x); }
      return;
    }
    if (!this.live.has(node)) return;
    const leader = node.prim === projectPrim ? this.leader.get(node.inputs[0]) : undefined;
    if (leader !== undefined) this.used.get(leader)!.add(node.attrs.index);
    else this.#read(node, node.inputs);
  }

  #read(reader: Node, operands: readonly Node[]): void {
    const attrs: LoopAttrs | null = reader.prim === loopPrim ? reader.attrs : null;
    const parts = attrs?.counted ? operandsOf(reader.inputs, attrs) : null;
    for (const x of operands) {
      this.live.add(x);
      const isList = parts !== null && parts.xs.includes(x) && !parts.init.includes(x) &&
        !parts.stepConsts.includes(x);
      if (!isList || !this.#isOfIterations(x, parts.count!)) this.#readWhole(x);
    }
  }

  /** Whether a node is a result of a loop that makes `count` iterations. */
  #isOfIterations(x: Node, count: Node): boolean {
    const loop = x.prim === projectPrim ? this.leader.get(x.inputs[0]) : undefined;
    if (loop === undefined || loop.prim !== loopPrim) return false;
    const attrs: LoopAttrs = loop.attrs;
    if (attrs.counted) return operandsOf(loop.inputs, attrs).count === count;
    return count.prim === projectPrim && this.leader.get(count.inputs[0]) === loop;
  }

  #readWhole(x: Node): void {
    const leader = x.prim === projectPrim ? this.leader.get(x.inputs[0]) : undefined;
    if (leader?.prim !== loopPrim) return;
    const { carries, bodies: [step, test] } = leader.attrs as LoopAttrs;
    const count = test === undefined ? -1 : step.outputs.length, { index } = x.attrs;
    if (index >= carries && index !== count) this.#whole.add(leader);
  }

  /** Whether only loops of the same iterations read the lists of a loop. */
  isPartial(leader: Node): boolean {
    return !this.#whole.has(leader);
  }

  /** Operands that some results need. */
  #needs(leader: Node, used: ReadonlySet<number>): Node[] {
    const node = this.most.get(leader)!;
    if (node.prim === condPrim) return [...node.inputs];
    const attrs: LoopAttrs = node.attrs, need = needOf(attrs, used);
    const { count, init, xs, stepConsts, testConsts } = operandsOf(node.inputs, attrs);
    const { bodies: [step], carries } = attrs,
      lists = step.params.slice(carries, carries + attrs.xs);
    return [
      ...(count === null ? [] : [count]),
      ...init.filter((_, i) => need.carries[i]),
      ...xs.filter((_, i) => need.read.has(lists[i])),
      ...stepConsts.filter((_, i) => need.read.has(step.params[carries + attrs.xs + i])),
      ...testConsts,
    ];
  }
}

/** Rebuilds a graph without what its loops and choices compute for nothing. */
export const pruneLoops: Pass = (outputs, rebuilder: Rebuilder) => {
  const nodes = order(outputs);
  if (!nodes.some(({ prim }) => prim === loopPrim || prim === condPrim)) return [...outputs];
  const uses = new Uses(nodes, outputs), copies = new Map<Node, Node>();
  const results = new Map<Node, (Node | null)[]>(), make = (node: Node) => rebuilder.make(node);
  // What is not used has no copy, and nobody asks for it.
  const copyOf = (node: Node) => copies.get(node) ?? node;
  for (const node of nodes) {
    const used = uses.used.get(node);
    if (used !== undefined) {
      if (used.size === 0) continue;
      const { attrs, inputs, prim } = uses.most.get(node)!, operands = inputs.map(copyOf);
      results.set(
        node,
        prim === condPrim
          ? pruneCond(operands, attrs, used, make)
          : pruneLoop(operands, attrs, needOf(attrs, used), uses.isPartial(node), make),
      );
      continue;
    }
    if (!uses.live.has(node) || uses.leader.has(node)) continue;
    const leader = node.prim === projectPrim ? uses.leader.get(node.inputs[0]) : undefined;
    if (leader !== undefined) copies.set(node, results.get(leader)![node.attrs.index]!);
    else if (node.inputs.every((x) => copyOf(x) === x)) copies.set(node, node);
    else copies.set(node, make(withInputs(node, node.inputs.map(copyOf))));
  }
  return outputs.map(copyOf);
};
