/**
 * The node of the Loop kernel, and what prepares its operands.
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import { closeBody } from "../graph/body.ts";
import { constant } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import { doubleBits } from "./double_bits.ts";
import {
  collectedOf,
  joinResults,
  listOf,
  type LoopAttrs,
  operandsOf,
} from "../primitives/loop_parts.ts";
import { lowerReduce } from "../primitives/reduce_stages.ts";
import type { Emitter } from "./emit.ts";
import type { NativeLoop } from "./native_loop.ts";

/** Names of values: as they are, and as numbers of the kernel's type. */
export interface Names {
  value(node: Node): string;
  numbers(node: Node): string;
}

/** Whole numbers are two for the kernel, which every type holds: high times this, and low. */
const HIGH = 1 << 20;

/** Emits a loop; returns the names of its results. */
export function emitNativeLoop(
  c: Emitter,
  { attrs, inputs }: Node<LoopAttrs>,
  native: NativeLoop,
  names: Names,
): string[] {
  const { bodies: [step, test], carries, length } = attrs, { type } = native;
  const operands = operandsOf(inputs, attrs), collected = collectedOf(attrs);
  const name = (x: Node) => x.prim === constant ? number(c, x) : names.value(x);
  const wide = (x: Node) => x.dtype === "int64" ? name(x) : c.cast(name(x), "int64");
  const starts = new Map<number, string>();
  const start = (i: number) => {
    let known = starts.get(i);
    if (known === undefined) starts.set(i, known = wide(operands.init[i]));
    return known;
  };
  const bounds = [
    ...(operands.count === null ? [] : [name(operands.count)]),
    ...native.limits.map(({ counter, bound, plus }) => {
      const left = c.op("Sub", [wide(bound), start(counter)]);
      return plus === 0 ? left : c.op("Add", [left, c.scalar("int64", plus)]);
    }),
  ];
  const most = length ?? HIGH * HIGH;
  const limit = bounds.length === 0
    ? c.constant(type, [2], [Math.floor(most / HIGH), most % HIGH])
    : pair(c, clip(c, bounds, most), type);
  const first = native.test === null ? [] : [firstTest(c, inputs, attrs, native, names)];
  const outputs = c.ops(type === "float32" ? "LoopF32" : "LoopF64", [
    ...native.carries.map((i) => names.numbers(operands.init[i])),
    ...native.lists.map(names.numbers),
    ...native.constants.map((x) =>
      x.prim === constant ? c.cast(number(c, x), type) : names.numbers(x)
    ),
    ...native.counters.map((i) => pair(c, start(i), type)),
    limit,
    ...first,
  ], {
    code: attr.ints(native.code.code),
    consts: attr.ints(native.code.constants.map(doubleBits)),
    layout: attr.ints(native.layout),
  }, { domain: "torchopt", outputs: native.carries.length + collected.length + 1 });
  const { code: { code, constants }, layout } = native;
  c.programs.push({ type, code, constants, layout });
  const results = [
    ...native.carries.map((i) => step.params[i]),
    ...collected.map((x) => listOf(x, length ?? 0)),
  ];
  results.forEach(({ shape }, i) => c.describe(outputs[i], type, shape));
  c.describe(outputs[results.length], type, [2]);
  const typed = results.map(({ dtype }, i) =>
    dtype === "bool" ? c.cast(outputs[i], "bool") : outputs[i]
  );
  let count: string | null = null;
  const made = () => count ??= whole(c, outputs[results.length]);
  return joinResults({
    carries: Array.from({ length: carries }, (_, i) => {
      const at = native.carries.indexOf(i);
      if (at >= 0) return typed[at];
      const last = c.op("Add", [start(i), made()]), { dtype } = operands.init[i];
      return dtype === "int64" ? last : c.cast(last, dtype);
    }),
    lists: typed.slice(native.carries.length),
    count: test === undefined ? null : made(),
  }, attrs);
}

/** A structural number. */
function number(c: Emitter, { dtype, shape, attrs: { value } }: Node): string {
  return c.constant(dtype, shape, [value]);
}

/** The smallest of some numbers, from 0 to `most`. */
function clip(c: Emitter, bounds: readonly string[], most: number): string {
  const least = c.op("Min", [...bounds, c.scalar("int64", most)]);
  return c.op("Max", [least, c.scalar("int64", 0)]);
}

/** A whole number as two. */
function pair(c: Emitter, x: string, type: NativeLoop["type"]): string {
  const high = c.scalar("int64", HIGH), first = c.op("Div", [x, high]);
  const rest = c.op("Sub", [x, c.op("Mul", [first, high])]);
  const parts = [first, rest].map((part) => c.op("Unsqueeze", [part, c.ints([0])]));
  return c.cast(c.op("Concat", parts, { axis: attr.int(0) }), type);
}

/** Two numbers as one. */
function whole(c: Emitter, x: string): string {
  const parts = c.op("Mul", [c.cast(x, "int64"), c.ints([HIGH, 1])]);
  return lowerReduce(c, "ReduceSum", parts, { dtype: "int64", shape: [2] }, [0], false);
}

/** The test before the first iteration, without the limits, as a number. */
function firstTest(
  c: Emitter,
  inputs: readonly Node[],
  attrs: LoopAttrs,
  { test, type }: NativeLoop,
  { value }: Names,
): string {
  const { params, surroundings } = attrs.bodies[1]!;
  const { init, testConsts } = operandsOf(inputs, attrs);
  const { body } = closeBody(params, [test!], surroundings);
  return c.cast(c.inline(body, [...init, ...testConsts].map(value))[0], type);
}
