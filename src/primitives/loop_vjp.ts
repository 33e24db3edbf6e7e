/**
 * The way back through a loop.
 *
 * @module
 */

import { closeBody, parametersLike, readOf } from "../graph/body.ts";
import { GradientError } from "../graph/errors.ts";
import type { Node } from "../graph/node.ts";
import { livingCarries, pullbackBody, zerosOf } from "./body_rules.ts";
import { add } from "./elementwise.ts";
import {
  applyLoop,
  collectedOf,
  constsOf,
  type LoopAttrs,
  makeLoop,
  merge,
  operandsOf,
  resultsOf,
} from "./loop_parts.ts";

/**
 * The way back: a loop over the same iterations in the other order, which begins each with the carries
 * that were saved, computes the step again, and carries the cotangents of the carries, and the sums of
 * those of what the step reads from outside.
 */
export function pullbackLoop(
  gs: readonly (Node | null)[],
  node: Node<LoopAttrs>,
  needs: readonly boolean[],
): (Node | null)[] {
  const { attrs } = node, { bodies: [step], carries, length } = attrs;
  if (length === null) refuseOpen();
  const given = resultsOf(gs, attrs), needed = operandsOf(needs, attrs);
  const operands = operandsOf(node.inputs, attrs), { params } = step;
  const [state, slices] = [params.slice(0, carries), params.slice(carries, carries + attrs.xs)];
  const outside = params.slice(carries + attrs.xs), collected = collectedOf(attrs);
  const sources = [
    ...state.filter((_, i) => needed.init[i]),
    ...slices.filter((_, i) => needed.xs[i]),
    ...outside.filter((_, i) => needed.stepConsts[i]),
  ];
  const lists = collected.map((_, i) => i).filter((i) => given.lists[i] !== null);
  const living = livingCarries(step, carries, new Set(sources), {
    carries: given.carries.map((g) => g !== null),
    others: lists.map((i) => collected[i]),
  });
  const alive = state.map((_, i) => i).filter((i) => living[i]);
  const seeds = parametersLike([...alive.map((i) => state[i]), ...lists.map((i) => collected[i])]);
  const wanted = new Set([...sources, ...alive.map((i) => state[i])]);
  const outputs = [...alive.map((i) => step.outputs[i]), ...lists.map((i) => collected[i])];
  const { result: cotangents, outside: read } = pullbackBody(step, outputs, seeds, [...wanted]);
  const summed = outside.filter((x) => cotangents.has(x));
  const gone = slices.filter((x) => cotangents.has(x) && sources.includes(x));
  const sums = parametersLike(summed);
  const next = [
    ...alive.map((i) => cotangents.get(state[i]) ?? zerosOf(state[i])),
    ...summed.map((x, k) => add(sums[k], cotangents.get(x)!)),
    ...gone.map((x) => cotangents.get(x)!),
  ];
  if (next.length === 0) return node.inputs.map(() => null);
  const saved = applyLoop(node.prim, node.inputs, { ...attrs, save: true });
  const histories = saved.lists.slice(saved.lists.length - carries);
  const pairs = [
    ...state.map((x, i) => [x, histories[i]] as const),
    ...slices.map((x, i) => [x, operands.xs[i]] as const),
    ...lists.map((i, k) => [seeds[alive.length + k], given.lists[i]!] as const),
  ];
  const used = readOf(pairs.map(([x]) => x), next), through = pairs.filter(([x]) => used.has(x));
  const carried = [...seeds.slice(0, alive.length), ...sums];
  const back = makeLoop(node.prim, {
    step: closeBody(
      [...carried, ...through.map(([x]) => x)],
      next,
      step.surroundings,
      merge(constsOf(node.inputs, attrs), read),
    ),
    init: [
      ...alive.map((i) => given.carries[i] ?? zerosOf(state[i])),
      ...summed.map(zerosOf),
    ],
    xs: through.map(([, list]) => list),
    length,
    reverse: !attrs.reverse,
    count: saved.count ?? operands.count,
  });
  const grad = new Map<Node, Node>();
  alive.forEach((i, k) => grad.set(state[i], back.carries[k]));
  summed.forEach((x, k) => grad.set(x, back.carries[alive.length + k]));
  gone.forEach((x, k) => grad.set(x, back.lists[k]));
  const parts = params.map((x) => grad.get(x) ?? null);
  return align(parts, node);
}

/** What belongs to the parameters of the step, in the order of the operands of the loop. */
function align(parts: readonly (Node | null)[], { inputs, attrs }: Node<LoopAttrs>) {
  const before = attrs.counted ? [null] : [], all = [...before, ...parts];
  return [...all, ...inputs.slice(all.length).map(() => null)];
}

/** Throws: nobody can go back through a loop of any length. */
export function refuseOpen(): never {
  throw new GradientError(
    "whileLoop: gradients go back through each iteration, and there is no telling how many there are. " +
      "Give the largest number, as in { maxIterations: 100 }; take the derivative forward, with " +
      "func.jvp; or, where the loop solves an equation, give its own derivative with customVjp.",
  );
}
