/**
 * Loops: one node, whatever the number of iterations.
 *
 * @module
 */

import { closeBody, readOf } from "../graph/body.ts";
import { parameterNode } from "../graph/leaf.ts";
import {
  apply,
  type Aval,
  definePrimitive,
  type Node,
  type Primitive,
  withGrad,
} from "../graph/node.ts";
import { BatchCopy } from "./batching.ts";
import { livingCarries, pushforwardBody, zerosOf } from "./body_rules.ts";
import { batchLoop } from "./loop_batch.ts";
import { emitLoop } from "./loop_onnx.ts";
import {
  collectedOf,
  constsOf,
  isTested,
  joinResults,
  listOf,
  type LoopAttrs,
  type LoopSpec,
  makeLoop,
  merge,
  operandsOf,
  type Results,
  resultsOf,
} from "./loop_parts.ts";
import { pullbackLoop, refuseOpen } from "./loop_vjp.ts";
import { isCarryingForward, sweep, zerosNode } from "./reverse.ts";
import { project } from "./tuple.ts";

/** A loop. Its operands and results are those of `LoopAttrs`. */
export const loopPrim: Primitive<LoopAttrs> = definePrimitive<LoopAttrs>({
  name: "loop",
  infer(_inputs, attrs) {
    const { bodies: [step], carries, length } = attrs;
    const lists = collectedOf(attrs).map((x) => listOf(x, length!));
    const last = step.params.slice(0, carries).map(({ shape, dtype }): Aval => ({ shape, dtype }));
    const count: Aval = { shape: [], dtype: "int64" };
    return joinResults({ carries: last, lists, count: isTested(attrs) ? count : null }, attrs);
  },
  lower: emitLoop,
  describe({ attrs }) {
    const { bodies: [step], length, counted } = attrs, open = counted || isTested(attrs);
    const most = length === null ? "any number of" : open ? `up to ${length}` : length;
    return `loop (ONNX ${open ? "Loop" : "Scan"}): ${most} iterations of ${step.size} operations`;
  },
  vjp(gs: (Node | null)[], node, needs) {
    if (isCarryingForward()) return pullbackLater(gs, node, needs);
    return pullbackLoop(gs, node, needs);
  },
  batch: batchLoop,
});

/** Makes a loop. */
export function loop(spec: LoopSpec): Results<Node> {
  return makeLoop(loopPrim, spec);
}

// ---------------------------------------------------------------- forward

/** Static arguments of `loopPullback`. */
interface PullbackAttrs extends LoopAttrs {
  /** Which results of the loop have cotangents: they come first among the operands. */
  readonly given: readonly number[];
  /** Which operands of the loop are asked for. */
  readonly wanted: readonly number[];
}

/**
 * The pullback of a loop, not computed yet. It is linear in the cotangents, and its derivative with
 * respect to them is a loop that carries directions along, forward.
 */
export const loopPullbackPrim: Primitive<PullbackAttrs> = definePrimitive<PullbackAttrs>({
  name: "loopPullback",
  infer: (inputs, { given, wanted }) =>
    wanted.map((i): Aval => {
      const { shape, dtype } = inputs[given.length + i];
      return { shape, dtype };
    }),
  lower: () => refuseOpen(),
  unpack: (node, index) => computed(node)[index],
  vjp(ts: (Node | null)[], node, needs) {
    const { given } = node.attrs;
    if (!needs.slice(given.length).includes(true)) return pushforward(ts, node);
    const outs = withGrad(true, () => computed(node)),
      used = outs.map((_, i) => i).filter((i) => ts[i] !== null);
    const targets = new Set(node.inputs.filter((_, i) => needs[i]));
    const found = sweep(used.map((i) => outs[i]), used.map((i) => ts[i]!), targets, targets, true);
    return node.inputs.map((x) => found.cotangents.get(x) ?? null);
  },
  batch(node, xs, _batched, size) {
    const pairs = node.inputs.map((x, i) => [x, xs[i]] as const);
    const copy = new BatchCopy(size, node.attrs.bodies[0].surroundings, pairs);
    return computed(node).map((x) => copy.of(x));
  },
});

/** The loop of a pullback, on the operands that it has there. */
function loopOf({ inputs, attrs }: Node<PullbackAttrs>): Node<LoopAttrs> {
  const { given, wanted: _, ...own } = attrs;
  return apply(loopPrim, inputs.slice(given.length), own);
}

/** The pullback as it is computed. */
function computed(node: Node<PullbackAttrs>): Node[] {
  const own = loopOf(node), { given, wanted } = node.attrs;
  const gs = own.outs!.map((_, i) => given.includes(i) ? node.inputs[given.indexOf(i)] : null);
  const needs = own.inputs.map((_, i) => wanted.includes(i));
  const parts = pullbackLoop(gs, own, needs);
  return wanted.map((i) => parts[i] ?? zerosNode(own.inputs[i]));
}

function pullbackLater(
  gs: readonly (Node | null)[],
  { inputs, attrs }: Node<LoopAttrs>,
  needs: readonly boolean[],
): (Node | null)[] {
  const given = gs.map((_, i) => i).filter((i) => gs[i] !== null);
  const wanted = inputs.map((_, i) => i).filter((i) => needs[i]);
  const node = apply(loopPullbackPrim, [...given.map((i) => gs[i]!), ...inputs], {
    ...attrs,
    given,
    wanted,
  });
  const parts: (Node | null)[] = inputs.map(() => null);
  wanted.forEach((i, k) => parts[i] = project(node, k));
  return parts;
}

/** Directions of the results of a pullback's loop, given those of its operands: a loop of both. */
function pushforward(
  ts: readonly (Node | null)[],
  { inputs, attrs }: Node<PullbackAttrs>,
): (Node | null)[] {
  const { given, wanted, ...own } = attrs, { bodies: [step, test], carries, length } = own;
  const primals = inputs.slice(given.length), operands = operandsOf(primals, own);
  const along = operandsOf(primals.map((_, i) => ts[wanted.indexOf(i)] ?? null), own);
  const collected = collectedOf(own), { params } = step;
  const state = params.slice(0, carries), slices = params.slice(carries, carries + own.xs);
  const outside = params.slice(carries + own.xs);
  const count = carries + collected.length + (test === undefined ? 0 : 1);
  const asked = resultsOf(Array.from({ length: count }, (_, i) => given.indexOf(i)), own);
  const lists = collected.map((_, i) => i).filter((i) => asked.lists[i] >= 0);
  const moving = [
    ...slices.filter((_, i) => along.xs[i] !== null),
    ...outside.filter((_, i) => along.stepConsts[i] !== null),
  ];
  const living = livingCarries(
    step,
    carries,
    new Set([...moving, ...state.filter((_, i) => along.init[i] !== null)]),
    { carries: asked.carries.map((k) => k >= 0), others: lists.map((i) => collected[i]) },
  );
  const alive = state.map((_, i) => i).filter((i) => living[i]);
  const followed = [...alive.map((i) => state[i]), ...moving];
  const directions = new Map(followed.map((x) => [x, parameterNode(x)]));
  const outputs = [...alive.map((i) => step.outputs[i]), ...lists.map((i) => collected[i])];
  const { result, outside: read } = pushforwardBody(step, outputs, directions);
  const pushed = outputs.map((x, k) => result[k] ?? zerosOf(x));
  const behind = merge(constsOf(primals, own), read);
  outside.forEach((x, i) => {
    if (along.stepConsts[i] !== null) behind.set(directions.get(x)!, along.stepConsts[i]!);
  });
  const carried = [...state, ...alive.map((i) => directions.get(state[i])!)];
  const next = [...step.outputs.slice(0, carries), ...pushed];
  const pairs = slices.flatMap((x, i) => {
    const direction = along.xs[i];
    const own = [x, operands.xs[i]] as const;
    return direction === null ? [own] : [own, [directions.get(x)!, direction] as const];
  });
  const used = readOf(pairs.map(([x]) => x), next), through = pairs.filter(([x]) => used.has(x));
  const back = makeLoop(loopPrim, {
    step: closeBody([...carried, ...through.map(([x]) => x)], next, step.surroundings, behind),
    test: test === undefined ? undefined : closeBody(
      [...test.params.slice(0, carries), ...carried.slice(carries)],
      test.outputs,
      test.surroundings,
      behind,
    ),
    init: [...operands.init, ...alive.map((i) => along.init[i] ?? zerosOf(state[i]))],
    xs: through.map(([, list]) => list),
    length,
    reverse: own.reverse,
    count: operands.count,
  });
  const parts: (Node | null)[] = inputs.map(() => null);
  alive.forEach((i, k) => {
    if (asked.carries[i] >= 0) parts[asked.carries[i]] = back.carries[carries + k];
  });
  lists.forEach((i, k) => parts[asked.lists[i]] = back.lists[k]);
  return parts;
}
