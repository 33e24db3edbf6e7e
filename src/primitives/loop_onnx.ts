/**
 * Loops as ONNX: `Scan` where the number of iterations is known, `Loop` elsewhere.
 *
 * @module
 */

import type { LowerContext } from "../graph/lower_context.ts";
import type { Aval, Node } from "../graph/node.ts";
import { attr } from "../onnx/mod.ts";
import { collectedOf, type LoopAttrs, operandsOf } from "./loop_parts.ts";

/** Emits a loop; returns the names of its results. */
export function emitLoop(c: LowerContext, names: string[], node: Node<LoopAttrs>): string[] {
  const { attrs } = node;
  return attrs.counted || attrs.bodies.length > 1
    ? emitOpen(c, names, node)
    : emitScan(c, names, node);
}

function emitScan(c: LowerContext, names: string[], { attrs }: Node<LoopAttrs>): string[] {
  const { bodies: [step], carries, xs: count, reverse, save, length } = attrs;
  const { init, xs, stepConsts } = operandsOf(names, attrs), collected = collectedOf(attrs);
  const carry = step.params.slice(0, carries);
  // Scan has to go through something.
  const through = count > 0 ? xs : [c.op("ConstantOfShape", [c.ints([length!])])];
  const slices: Aval[] = count > 0
    ? step.params.slice(carries, carries + count)
    : [{ shape: [], dtype: "float32" }];
  const body = c.subgraph([...carry, ...slices], [...carry, ...collected], (params) => {
    const own = params.slice(0, carries + count);
    return [...c.inline(step, [...own, ...stepConsts]), ...(save ? params.slice(0, carries) : [])];
  });
  const directions = (n: number) => attr.ints(new Array(n).fill(reverse ? 1 : 0));
  return c.ops("Scan", [...init, ...through], {
    body,
    num_scan_inputs: attr.int(through.length),
    scan_input_directions: directions(through.length),
    ...(collected.length > 0 ? { scan_output_directions: directions(collected.length) } : {}),
  }, { outputs: carries + collected.length });
}

/** A loop whose number of iterations the run finds, or is told. */
function emitOpen(c: LowerContext, names: string[], { attrs }: Node<LoopAttrs>): string[] {
  const { bodies: [step, test], carries, reverse, save, length } = attrs;
  const { count, init, xs, stepConsts, testConsts } = operandsOf(names, attrs);
  const carry = step.params.slice(0, carries), collected = collectedOf(attrs);
  const number: Aval = { shape: [], dtype: "int64" }, truth: Aval = { shape: [], dtype: "bool" };
  const one = c.scalar("int64", 1);
  const most = count ?? (length === null ? "" : c.scalar("int64", length));
  const last = reverse ? c.op("Sub", [most, one]) : "";
  const tested = (state: readonly string[]) => c.inline(test!, [...state, ...testConsts])[0];
  const body = c.subgraph(
    [number, truth, ...carry, number],
    [truth, ...carry, number, ...collected],
    ([at, go, ...params]) => {
      const state = params.slice(0, carries);
      const place = xs.length === 0 ? "" : reverse ? c.op("Sub", [last, at]) : at;
      const slices = xs.map((x) => c.op("Gather", [x, place], { axis: attr.int(0) }));
      const results = c.inline(step, [...state, ...slices, ...stepConsts]);
      const next = results.slice(0, carries);
      return [
        test === undefined ? go : tested(next),
        ...next,
        c.op("Add", [at, one]),
        ...results.slice(carries),
        ...(save ? state : []),
      ];
    },
  );
  const start = test === undefined ? "" : tested(init);
  const outputs = c.ops("Loop", [most, start, ...init, c.scalar("int64", 0)], { body }, {
    outputs: carries + 1 + collected.length,
  });
  const made = outputs[carries];
  const lists = outputs.slice(carries + 1).map((name, i) =>
    filled(c, name, made, collected[i], length!, reverse)
  );
  const ys = step.outputs.length - carries;
  return [
    ...outputs.slice(0, carries),
    ...lists.slice(0, ys),
    ...(test === undefined ? [] : [made]),
    ...lists.slice(ys),
  ];
}

/** What the iterations gave, in the order of their inputs, and zeros for those that did not take place. */
function filled(
  c: LowerContext,
  name: string,
  made: string,
  { shape, dtype }: Aval,
  length: number,
  reverse: boolean,
): string {
  if (reverse) {
    const back = c.ints([-1]);
    name = c.op("Slice", [name, back, c.ints([-length - 1]), c.ints([0]), back]);
  }
  const missing = c.op("Unsqueeze", [
    c.op("Sub", [c.scalar("int64", length), made]),
    c.ints([0]),
  ]);
  const sizes = shape.length === 0
    ? missing
    : c.op("Concat", [missing, c.ints(shape)], { axis: attr.int(0) });
  const zeros = c.op("Expand", [c.scalar(dtype, 0), sizes]);
  return c.op("Concat", [name, zeros], { axis: attr.int(0) });
}
