/**
 * Loops that keep few carries for the way back (Chen et al., Training Deep Nets with Sublinear Memory
 * Cost, 2016).
 *
 * @module
 */

import { closeBody, parametersLike } from "../graph/body.ts";
import type { Node } from "../graph/node.ts";
import { loop } from "./loop.ts";
import type { LoopSpec, Results } from "./loop_parts.ts";
import { concat, narrow, reshape } from "./movement.ts";

/**
 * A loop of loops of `chunk` iterations each. The way back through the outer one computes an inner one
 * again, from the carry that it began with; so only those carries are kept, and those of one inner loop.
 */
export function chunkedLoop(spec: LoopSpec, chunk: number): Results<Node> {
  const { step, init, xs = [], length, reverse = false } = spec;
  const count = Math.floor(length! / chunk), rest = length! - count * chunk;
  // What is left over comes last.
  const [mainAt, restAt] = reverse ? [rest, 0] : [0, count * chunk];
  const state = parametersLike(init);
  const chunks = xs.map((x) =>
    reshape(narrow(x, 0, mainAt, count * chunk), [count, chunk, ...x.shape.slice(1)])
  );
  const slices = parametersLike(
    chunks.map(({ shape, dtype }) => ({ shape: shape.slice(1), dtype })),
  );
  const consts = parametersLike(step.operands);
  const inner = loop({
    step: { body: step.body, operands: consts },
    init: state,
    xs: slices,
    length: chunk,
    reverse,
  });
  const outer = loop({
    step: closeBody(
      [...state, ...slices],
      [...inner.carries, ...inner.lists],
      step.body.surroundings,
      new Map(consts.map((x, i) => [x, step.operands[i]])),
    ),
    init,
    xs: chunks,
    length: count,
    reverse,
  });
  const lists = outer.lists.map((y) => reshape(y, [count * chunk, ...y.shape.slice(2)]));
  if (rest === 0) return { carries: outer.carries, lists, count: null };
  const last = loop({
    step,
    init: outer.carries,
    xs: xs.map((x) => narrow(x, 0, restAt, rest)),
    length: rest,
    reverse,
  });
  const joined = lists.map((y, i) => concat(reverse ? [last.lists[i], y] : [y, last.lists[i]], 0));
  return { carries: last.carries, lists: joined, count: null };
}
