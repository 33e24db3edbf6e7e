/**
 * Loops over a batch of examples.
 *
 * @module
 */

import { closeBody, parametersLike } from "../graph/body.ts";
import { constantNode } from "../graph/leaf.ts";
import type { Aval, Node } from "../graph/node.ts";
import { batchBody, type Batched, batchOnto, zerosOf } from "./body_rules.ts";
import { cond } from "./cond.ts";
import { add, cast, lt, where } from "./elementwise.ts";
import { iota } from "./iota.ts";
import { joinResults, type LoopAttrs, makeLoop, operandsOf } from "./loop_parts.ts";
import { expand, permute, reshape } from "./movement.ts";
import { amax, sum } from "./reduce.ts";

/** The batch of a list, in front of its elements, or (`back`) in front of the list again. */
function swapAxes(x: Node): Node {
  return permute(x, [1, 0, ...x.shape.slice(2).map((_, i) => i + 2)]);
}

function spread(x: Node, batched: boolean, size: number): Node {
  return batched ? x : expand(x, [size, ...x.shape]);
}

/** The rule of `loop`. */
export function batchLoop(
  node: Node<LoopAttrs>,
  xs: readonly Node[],
  batched: readonly boolean[],
  size: number,
): Node[] {
  const { attrs } = node, { bodies: [step, test], carries } = attrs;
  const flags = operandsOf(batched, attrs);
  // A carry that differs by example after one iteration does from the first on.
  const which = [...flags.init];
  let steps: Batched, tests: Batched | null;
  for (;;) {
    steps = batchBody(step, [...which, ...flags.xs, ...flags.stepConsts], size);
    tests = test === undefined ? null : batchBody(test, [...which, ...flags.testConsts], size);
    const more = steps.batched.slice(0, carries).map((b, i) => b && !which[i]);
    if (!more.includes(true)) break;
    more.forEach((b, i) => which[i] ||= b);
  }
  const each = tests?.batched[0] || flags.count;
  return each
    ? lanes(node, xs, batched, size)
    : together(node, xs, flags.xs, which, steps, tests, size);
}

/** All examples make the same iterations. */
function together(
  { attrs, prim }: Node<LoopAttrs>,
  xs: readonly Node[],
  inLists: readonly boolean[],
  which: readonly boolean[],
  steps: Batched,
  tests: Batched | null,
  size: number,
): Node[] {
  const { carries, length, reverse, save } = attrs, operands = operandsOf(xs, attrs);
  const own = attrs.xs, state = steps.params.slice(0, carries);
  const next = steps.outputs.slice(0, carries).map((x, i) =>
    which[i] ? spread(x, steps.batched[i], size) : x
  );
  const collected = [...steps.outputs.slice(carries), ...(save ? state : [])];
  const differs = [...steps.batched.slice(carries), ...(save ? which : [])];
  const close = (
    { params, outside }: Batched,
    explicit: number,
    outputs: readonly Node[],
    consts: readonly Node[],
    body: 0 | 1,
  ) => {
    params.slice(explicit).forEach((x, i) => outside.set(x, consts[i]));
    return closeBody(params.slice(0, explicit), outputs, attrs.bodies[body]!.surroundings, outside);
  };
  const results = makeLoop(prim, {
    step: close(steps, carries + own, [...next, ...collected], operands.stepConsts, 0),
    test: tests === null ? undefined : close(tests, carries, tests.outputs, operands.testConsts, 1),
    init: operands.init.map((x, i) =>
      which[i] ? spread(x, x.shape.length === state[i].shape.length, size) : x
    ),
    xs: operands.xs.map((x, i) => inLists[i] ? swapAxes(x) : x),
    length,
    reverse,
    count: operands.count,
  });
  return joinResults({
    carries: results.carries,
    lists: results.lists.map((x, i) => differs[i] ? swapAxes(x) : x),
    count: results.count,
  }, attrs);
}

/**
 * Each example makes iterations of its own: the loop goes on until all are done, and a finished example
 * keeps its carries. Its step is a choice, so that what the step would give there goes nowhere.
 */
function lanes(
  { attrs, prim }: Node<LoopAttrs>,
  xs: readonly Node[],
  batched: readonly boolean[],
  size: number,
): Node[] {
  const { bodies: [step, test], carries, length, reverse } = attrs, { surroundings } = step;
  const operands = operandsOf(xs, attrs), flags = operandsOf(batched, attrs);
  const lane = ({ shape, dtype }: Aval): Aval => ({ shape: [size, ...shape], dtype });
  const number: Aval = { shape: [], dtype: "int64" }, outside = new Map<Node, Node>();
  const read = (nodes: readonly Node[]) => {
    const params = parametersLike(nodes);
    params.forEach((x, i) => outside.set(x, nodes[i]));
    return params;
  };
  const params = step.params.slice(0, carries), state = parametersLike(params.map(lane));
  const slices = parametersLike(
    step.params.slice(carries, carries + attrs.xs).map((x, i) => flags.xs[i] ? lane(x) : x),
  );
  const [made] = parametersLike([lane(number)]), [at] = parametersLike([number]);
  // Which examples make this iteration.
  const tested = () => {
    const copy = batchOnto(test!, [...state, ...read(operands.testConsts)], size);
    const go = copy.of(test!.outputs[0]);
    copy.reads.forEach(({ stand, before }) => outside.set(stand, before));
    return spread(go, go.shape.length > 0, size);
  };
  const go = test === undefined ? lt(at, read([operands.count!])[0]) : tested();
  const ys = step.outputs.slice(carries);
  const kept = closeBody(step.params, [...params, ...ys.map(zerosOf)], surroundings);
  const results = cond(
    go,
    { body: step, operands: [] },
    kept,
    [...state, ...slices, ...read(operands.stepConsts)],
    { size, batched: [...params.map(() => true), ...flags.xs, ...flags.stepConsts] },
  );
  const saved = attrs.save
    ? state.map((x) => {
      const here = reshape(go, [size, ...x.shape.slice(1).map(() => 1)]);
      return where(here, x, constantNode(0, x.dtype));
    })
    : [];
  const next = results.slice(0, carries), lists = [...results.slice(carries), ...saved];
  const init = operands.init.map((x, i) => spread(x, flags.init[i], size));
  const through = operands.xs.map((x, i) => flags.xs[i] ? swapAxes(x) : x);
  const close = (params: readonly Node[], outputs: readonly Node[]) =>
    closeBody(params, outputs, surroundings, outside);
  const all = test === undefined
    ? makeLoop(prim, {
      step: close([...state, ...slices, at], [...next, ...lists]),
      init,
      xs: [...through, iota(length!, "int64")],
      length,
      reverse,
      count: amax(operands.count!, [0], false),
    })
    : makeLoop(prim, {
      step: close([...state, made, ...slices], [...next, add(made, cast(go, "int64")), ...lists]),
      test: close([...state, made], [
        lt(constantNode(0, "int64"), sum(cast(go, "int64"), [0], false)),
      ]),
      init: [...init, zerosOf(lane(number))],
      xs: through,
      length,
      reverse,
    });
  return joinResults({
    carries: all.carries.slice(0, carries),
    lists: all.lists.map(swapAxes),
    count: test === undefined ? null : all.carries[carries],
  }, attrs);
}
