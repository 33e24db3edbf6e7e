/**
 * A choice between two bodies, of which one runs.
 *
 * @module
 */

import { type Body, closeBody, type ClosedBody, parametersLike, readOf } from "../graph/body.ts";
import { parameterNode } from "../graph/leaf.ts";
import type { LowerContext } from "../graph/lower_context.ts";
import { apply, type Aval, definePrimitive, type Node, type Primitive } from "../graph/node.ts";
import { batchBody, batchOnto, pullbackBody, zerosOf } from "./body_rules.ts";
import { where } from "./elementwise.ts";
import { expand, reshape } from "./movement.ts";
import { sum } from "./reduce.ts";
import { project } from "./tuple.ts";

/**
 * Static arguments of `cond`. Operands are the condition, those that both bodies have as parameters,
 * then what the first reads from outside, then what the second does.
 */
export interface CondAttrs {
  /** What gives the results where the condition holds, and where it does not. */
  readonly bodies: readonly [yes: Body, no: Body];
  /** Number of operands of both. */
  readonly shared: number;
  /**
   * Where there is a condition for each example of a batch: their number, and which operands (after the
   * condition) have an element for each. The bodies are those of one example, and results are batches.
   * Both bodies run then; but derivatives are chosen as values are, so that what the other body would
   * give, NaN say, goes nowhere.
   */
  readonly lanes: { readonly size: number; readonly batched: readonly boolean[] } | null;
}

/** The operands of one of the bodies. */
function operandsOf<T>(list: readonly T[], { bodies: [yes], shared }: CondAttrs): [T[], T[]] {
  const common = list.slice(1, 1 + shared), own = yes.params.length - shared;
  return [
    [...common, ...list.slice(1 + shared, 1 + shared + own)],
    [...common, ...list.slice(1 + shared + own)],
  ];
}

/** A choice. */
export const condPrim: Primitive<CondAttrs> = definePrimitive<CondAttrs>({
  name: "cond",
  infer: (_inputs, { bodies: [yes], lanes }) =>
    yes.outputs.map(({ shape, dtype }): Aval => ({
      shape: lanes === null ? shape : [lanes.size, ...shape],
      dtype,
    })),
  lower(c: LowerContext, names, { attrs }) {
    const { bodies } = attrs, operands = operandsOf(names, attrs);
    const [yes, no] = bodies.map((body, i) =>
      c.subgraph([], body.outputs, () => c.inline(body, operands[i]))
    );
    const results = { outputs: bodies[0].outputs.length };
    return c.ops("If", [names[0]], { then_branch: yes, else_branch: no }, results);
  },
  unpack: (node, index) => node.attrs.lanes === null ? null : select(node)[index],
  describe: ({ attrs: { bodies: [yes, no] } }) =>
    `cond (ONNX If): ${yes.size} or ${no.size} operations`,
  vjp: (gs: (Node | null)[], node, needs) => pullback(gs, node, needs),
  batch: (node, xs, batched, size) => batch(node, xs, batched, size),
});

/** Makes a choice: the results of one body or the other, which have equal shapes and types. */
export function cond(
  condition: Node,
  yes: ClosedBody,
  no: ClosedBody,
  operands: readonly Node[],
  lanes: CondAttrs["lanes"] = null,
): Node[] {
  if (yes.body.outputs.length === 0) return [];
  const inputs = [condition, ...operands, ...yes.operands, ...no.operands];
  // Operands that are read from outside differ by example where the caller says so, else not at all.
  const batched = lanes === null
    ? null
    : [...lanes.batched, ...inputs.slice(1 + lanes.batched.length).map(() => false)];
  const node = apply(condPrim, inputs, {
    bodies: [yes.body, no.body],
    shared: operands.length,
    lanes: lanes === null ? null : { size: lanes.size, batched: batched! },
  });
  return node.outs!.map((_, i) => project(node, i));
}

const selected = new WeakMap<Node, Node[]>();

/** Both bodies on the whole batch, and for each example the results of one. */
function select(node: Node<CondAttrs>): Node[] {
  let results = selected.get(node);
  if (results !== undefined) return results;
  const { inputs, attrs } = node, { bodies, lanes } = attrs;
  const size = lanes!.size, operands = operandsOf(inputs, attrs);
  const [yes, no] = bodies.map((body, i) => {
    const copy = batchOnto(body, operands[i], size);
    return body.outputs.map((x) => copy.of(x));
  });
  results = node.outs!.map((_, i) => {
    const { shape } = bodies[0].outputs[i], ones = shape.map(() => 1);
    const chosen = where(reshape(inputs[0], [size, ...ones]), yes[i], no[i]);
    return expand(chosen, [size, ...shape]);
  });
  selected.set(node, results);
  return results;
}

function pullback(
  gs: readonly (Node | null)[],
  node: Node<CondAttrs>,
  needs: readonly boolean[],
): (Node | null)[] {
  const { inputs, attrs } = node, { bodies, lanes } = attrs;
  const given = gs.map((_, i) => i).filter((i) => gs[i] !== null);
  const wanted = inputs.map((_, i) => i).filter((i) => i > 0 && needs[i]);
  const example = (x: Node, batched: boolean): Aval => ({
    shape: batched ? x.shape.slice(1) : x.shape,
    dtype: x.dtype,
  });
  const places = inputs.map((_, i) => i), own = operandsOf(places, attrs);
  const seeds = parametersLike(given.map((i) => example(gs[i]!, lanes !== null)));
  const derived = bodies.map((body, side) => {
    const paramOf = new Map(own[side].map((place, k) => [place, body.params[k]]));
    const params = wanted.flatMap((i) => paramOf.get(i) ?? []);
    const outputs = given.map((i) => body.outputs[i]);
    const { result, outside } = pullbackBody(body, outputs, seeds, params);
    const cotangents = wanted.map((i) => {
      const param = paramOf.get(i), g = param === undefined ? undefined : result.get(param);
      return g ?? zerosOf(example(inputs[i], lanes?.batched[i - 1] ?? false));
    });
    return { paramOf, cotangents, outside };
  });
  // Everything is an operand of both, under parameters of its own.
  const values = [...inputs.slice(1), ...given.map((i) => gs[i]!)];
  const differs = [
    ...(lanes?.batched ?? inputs.slice(1).map(() => false)),
    ...given.map(() => true),
  ];
  const sides = derived.map(({ paramOf }) =>
    values.map((x, k) =>
      seeds[k - inputs.length + 1] ?? paramOf.get(k + 1) ?? parameterNode(example(x, differs[k]))
    )
  );
  const used = sides.map((params, i) => readOf(params, derived[i].cotangents));
  const kept = values.map((_, k) => k).filter((k) => used.some((set, i) => set.has(sides[i][k])));
  const [yes, no] = derived.map(({ cotangents, outside }, i) => {
    const params = kept.map((k) => sides[i][k]);
    return closeBody(params, cotangents, bodies[i].surroundings, outside);
  });
  const grads = cond(
    inputs[0],
    yes,
    no,
    kept.map((k) => values[k]),
    lanes === null ? null : { size: lanes.size, batched: kept.map((k) => differs[k]) },
  );
  const parts: (Node | null)[] = inputs.map(() => null);
  wanted.forEach((i, k) => {
    const shared = lanes !== null && !lanes.batched[i - 1];
    parts[i] = shared ? sum(grads[k], [0], false) : grads[k];
  });
  return parts;
}

function batch(
  node: Node<CondAttrs>,
  xs: readonly Node[],
  batched: readonly boolean[],
  size: number,
): Node[] {
  const { attrs } = node, { bodies, shared, lanes } = attrs;
  if (lanes !== null) return more(node, xs, batched, size);
  if (batched[0]) {
    const [yes, no] = split(xs, attrs);
    return cond(xs[0], yes, no, xs.slice(1, 1 + shared), { size, batched: batched.slice(1) });
  }
  const operands = operandsOf(xs, attrs), which = operandsOf(batched, attrs);
  const copies = bodies.map((body, i) => batchBody(body, which[i], size));
  const differs = bodies[0].outputs.map((_, i) => copies.some((c) => c.batched[i]));
  const [yes, no] = copies.map(({ params, outputs, batched: own, outside }, side) => {
    params.slice(shared).forEach((x, k) => outside.set(x, operands[side][shared + k]));
    const results = outputs.map((x, i) =>
      differs[i] && !own[i] ? expand(x, [size, ...x.shape]) : x
    );
    return closeBody(params.slice(0, shared), results, bodies[side].surroundings, outside);
  });
  return cond(xs[0], yes, no, xs.slice(1, 1 + shared));
}

/** The bodies of a choice, with other operands. */
function split(xs: readonly Node[], attrs: CondAttrs): [ClosedBody, ClosedBody] {
  const { bodies: [yes, no], shared } = attrs, [a, b] = operandsOf(xs, attrs);
  return [
    { body: yes, operands: a.slice(shared) },
    { body: no, operands: b.slice(shared) },
  ];
}

/** A batch of batches is one batch of all examples. */
function more(
  { attrs, outs }: Node<CondAttrs>,
  xs: readonly Node[],
  batched: readonly boolean[],
  size: number,
): Node[] {
  const lanes = attrs.lanes!, count = size * lanes.size;
  const which = [true, ...lanes.batched].map((inner, i) => inner || batched[i]);
  const flat = xs.map((x, i) => {
    if (!which[i]) return x;
    const inner = i === 0 || lanes.batched[i - 1];
    const own = x.shape.slice((batched[i] ? 1 : 0) + (inner ? 1 : 0));
    const ones = [batched[i] ? size : 1, inner ? lanes.size : 1, ...own];
    return reshape(expand(reshape(x, ones), [size, lanes.size, ...own]), [count, ...own]);
  });
  const [yes, no] = split(flat, attrs), operands = flat.slice(1, 1 + attrs.shared);
  const results = cond(flat[0], yes, no, operands, { size: count, batched: which.slice(1) });
  return results.map((x, i) => reshape(x, [size, ...outs![i].shape]));
}
