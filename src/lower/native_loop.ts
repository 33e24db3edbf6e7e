/**
 * Loops whose step is one Program: they run as one node of the Loop kernel, which calls nothing of ONNX
 * Runtime in an iteration (`ops/program/loop.h`).
 *
 * Program computes in one floating-point type, in which truth values are numbers. Whole numbers have no
 * place there but as counters: a carry that grows by one leaves the step, and so does its limit in the
 * test. Where the step wants it as a number of the type, the kernel counts.
 *
 * @module
 */

import { type Body, closeBody } from "../graph/body.ts";
import { copyBelow } from "../graph/copy.ts";
import { constant, constantValue, parameterNode } from "../graph/leaf.ts";
import { isFloat, type Node, type Target, withInputs } from "../graph/node.ts";
import { NodeTable, numberNodes, order } from "../graph/order.ts";
import { sizeOf } from "../graph/shape.ts";
import { isContiguous } from "../graph/views.ts";
import * as e from "../primitives/elementwise.ts";
import { collectedOf, type LoopAttrs, operandsOf } from "../primitives/loop_parts.ts";
import { type ComputeType, partition } from "./partition.ts";
import { assemble, type ProgramCode } from "./program.ts";
import { simplifyBody } from "./simplify.ts";

/** Kinds of what a step reads and writes: `LoopPlace` of the kernel. */
const CARRY = 0, LIST = 1, CONSTANT = 2, COUNTER = 3, TEST = 4;

type Place = readonly [kind: number, index: number];

/** A counter and what it stays below. */
export interface Limit {
  /** Number of the carry. */
  readonly counter: number;
  /** An operand of the loop, or a structural number. */
  readonly bound: Node;
  /** 1 where the counter may reach the bound. */
  readonly plus: number;
}

/** A loop for the kernel. Carries and lists go by their numbers in the loop. */
export interface NativeLoop {
  readonly type: ComputeType;
  readonly code: ProgramCode;
  /** Carries that the kernel has; the others are counters. */
  readonly carries: readonly number[];
  /** Operands of the loop that are gone through, and that are the same in each iteration. */
  readonly lists: readonly Node[];
  readonly constants: readonly Node[];
  /** Counters that the step reads. */
  readonly counters: readonly number[];
  readonly limits: readonly Limit[];
  /** What is left of the test, as nodes of its body; null where nothing is. */
  readonly test: Node | null;
  /** The attribute `layout` of the kernel. */
  readonly layout: readonly number[];
  /** Operations of a step, and elements of the largest value in it. */
  readonly size: number;
  readonly largest: number;
}

/** Carries that grow by one in each iteration. */
function countersOf({ bodies: [step], carries }: LoopAttrs): Set<number> {
  const found = new Set<number>();
  for (let i = 0; i < carries; i++) {
    const param = step.params[i], { prim, inputs } = step.outputs[i];
    if (isFloat(param.dtype) || param.shape.length > 0 || prim !== e.addPrim) continue;
    const [a, b] = inputs;
    if ((a === param && constantValue(b) === 1) || (b === param && constantValue(a) === 1)) {
      found.add(i);
    }
  }
  return found;
}

/** The parts of a conjunction. */
function conjuncts(node: Node): Node[] {
  return node.prim === e.logicalAndPrim ? node.inputs.flatMap(conjuncts) : [node];
}

/** Splits a test into limits of counters and the rest. */
function splitTest(inputs: readonly Node[], attrs: LoopAttrs, counters: ReadonlySet<number>) {
  const { bodies: [, test], carries } = attrs, limits: Limit[] = [], rest: Node[] = [];
  if (test === undefined) return { limits, rest };
  const { testConsts } = operandsOf(inputs, attrs);
  for (const part of conjuncts(test.outputs[0])) {
    const strict = part.prim === e.ltPrim, [low, high] = part.inputs;
    const counter = strict || part.prim === e.lePrim ? test.params.indexOf(low) : -1;
    const bound = high?.prim === constant ? high : testConsts[test.params.indexOf(high) - carries];
    if (counters.has(counter) && bound !== undefined && bound.shape.length === 0) {
      limits.push({ counter, bound, plus: strict ? 0 : 1 });
    } else rest.push(part);
  }
  return { limits, rest };
}

/** The floating-point type of a step; null where there are two or none. */
function typeOf(nodes: readonly Node[]): ComputeType | null {
  const types = new Set(nodes.map((x) => x.dtype).filter(isFloat));
  const [type] = types;
  return types.size === 1 && type !== "float16" ? type as ComputeType : null;
}

/** The step and the test after it as one graph, in which whole numbers are left out. */
class Step {
  /** Parameters of the graph, where each is, and what of the loop stands behind it. */
  readonly params: Node[] = [];
  readonly places: Place[] = [];
  readonly lists: Node[] = [];
  readonly constants: Node[] = [];
  readonly counters: number[] = [];
  readonly #copies = new Map<Node, Node>();
  /** Parameters that are whole numbers, and what makes the number for a step that converts one. */
  readonly #whole = new Map<Node, () => Node>();

  constructor(readonly type: ComputeType) {}

  add(like: Node, place: Place): Node {
    const param = parameterNode({ shape: like.shape, dtype: this.type });
    this.params.push(param);
    this.places.push(place);
    return param;
  }

  /** A parameter that the step reads: as it is, or, of whole numbers, where it converts them. */
  read(param: Node, make: () => Node): void {
    if (param.dtype === this.type) this.#copies.set(param, make());
    else if (param.dtype === "bool") this.#copies.set(param, e.lt(e.num(0, make()), make()));
    else {
      let made: Node | null = null;
      this.#copies.set(param, param);
      this.#whole.set(param, () => made ??= make());
    }
  }

  /** Takes a value for a parameter of the test. */
  take(param: Node, value: Node): void {
    this.#copies.set(param, value);
  }

  list(x: Node): Place {
    return [LIST, this.lists.push(x) - 1];
  }

  constant(x: Node): Place {
    return [CONSTANT, this.constants.push(x) - 1];
  }

  counter(i: number): Place {
    return [COUNTER, this.counters.push(i) - 1];
  }

  copy(root: Node): Node {
    return copyBelow(root, this.#copies, (node) => {
      if (node.inputs.length === 0) return node;
      const whole = node.prim === e.castPrim && node.attrs.to === this.type
        ? this.#whole.get(node.inputs[0])
        : undefined;
      return whole?.() ?? withInputs(node, node.inputs.map((x) => this.#copies.get(x)!));
    });
  }
}

/** A loop as the kernel runs it, or null where its step is more than a Program. */
export function nativeLoop(node: Node<LoopAttrs>, target: Target): NativeLoop | null {
  const { attrs, inputs } = node, { bodies: [step, test], carries } = attrs;
  const collected = collectedOf(attrs), operands = operandsOf(inputs, attrs);
  const counters = countersOf(attrs), { limits, rest } = splitTest(inputs, attrs, counters);
  const kept = Array.from({ length: carries }, (_, i) => i).filter((i) => !counters.has(i));
  const results = [...kept.map((i) => step.outputs[i]), ...collected];
  const type = typeOf([...step.params, ...results]);
  const fits = (x: Node) => (x.dtype === type || x.dtype === "bool") && sizeOf(x.shape) > 0;
  if (type === null || !results.every(fits) || !kept.every((i) => fits(step.params[i]))) {
    return null;
  }
  const graph = new Step(type), slices = step.params.slice(carries, carries + attrs.xs);
  const constants = (params: readonly Node[], values: readonly Node[]) =>
    params.forEach((x, i) => graph.read(x, () => graph.add(x, graph.constant(values[i]))));
  step.params.slice(0, carries).forEach((x, i) =>
    graph.read(x, () => graph.add(x, counters.has(i) ? graph.counter(i) : [CARRY, kept.indexOf(i)]))
  );
  slices.forEach((x, i) => graph.read(x, () => graph.add(x, graph.list(operands.xs[i]))));
  constants(step.params.slice(carries + attrs.xs), operands.stepConsts);
  const outputs = results.map((x) => graph.copy(x));
  if (rest.length > 0) {
    // The test comes after the step, of its results. A counter that it needs otherwise is left there.
    kept.forEach((i, k) => graph.take(test!.params[i], outputs[k]));
    for (const i of counters) graph.take(test!.params[i], test!.params[i]);
    constants(test!.params.slice(carries), operands.testConsts);
    outputs.push(graph.copy(rest.reduce(e.logicalAnd)));
  }
  const closed = closeBody(graph.params, outputs, step.surroundings);
  if (closed.operands.length > 0 || outputs.length === 0) return null;
  const targets: Place[] = [
    ...kept.map((_, k): Place => [CARRY, k]),
    ...collected.map((_, k): Place => [LIST, k]),
    ...(rest.length > 0 ? [[TEST, 0] as const] : []),
  ];
  const made = assembleStep(closed.body, type, graph, targets, target);
  if (made === null) return null;
  const sizes = (list: readonly Node[]) => [list.length, ...list.map((x) => sizeOf(x.shape))];
  const shapes = [...kept.map((i) => step.params[i]), ...collected];
  const elements = graph.lists.map((x) => sizeOf(x.shape.slice(1)));
  return {
    type,
    code: made.code,
    carries: kept,
    lists: graph.lists,
    constants: graph.constants,
    counters: graph.counters,
    limits,
    test: rest.length > 0 ? rest.reduce(e.logicalAnd) : null,
    layout: [
      ...sizes(kept.map((i) => step.params[i])),
      ...[elements.length, ...elements],
      ...sizes(collected),
      ...shapes.flatMap(({ shape }) => [shape.length, ...shape]),
      graph.constants.length,
      graph.counters.length,
      attrs.length ?? 0,
      attrs.reverse ? 1 : 0,
      rest.length > 0 ? 1 : 0,
      attrs.partial ? 1 : 0,
      ...made.places,
    ],
    size: made.size,
    largest: made.largest,
  };
}

/** The step as one Program, and where each value of it is; null where it is more than that. */
function assembleStep(
  body: Body,
  type: ComputeType,
  graph: Step,
  targets: readonly Place[],
  target: Target,
) {
  const { results, stands } = simplifyBody(body, target), nodes = order(results);
  numberNodes(nodes);
  const parts = partition(nodes, results, true);
  const [unit] = parts.units;
  if (parts.units.length !== 1 || !("region" in unit) || unit.region.type !== type) return null;
  const external = new NodeTable<true>(nodes.length), { region } = unit;
  const wanted = new Map<Node, Place[]>(), moves: number[] = [];
  for (let i = 0; i < results.length; i++) {
    const { root, view } = parts.operand(results[i]);
    const whole = isContiguous(view) && view.offset === 0 &&
      sizeOf(root.shape) === sizeOf(results[i].shape);
    if (!whole) return null;
    if (parts.regionOf.get(root) === region) {
      external.set(root, true);
      wanted.set(root, [...(wanted.get(root) ?? []), targets[i]]);
    } else {
      const at = stands.indexOf(root);
      if (at < 0) return null;
      moves.push(0, ...graph.places[at], ...targets[i]);
    }
  }
  const code = assemble(region, parts, external, () => 0);
  const inputs: Place[] = [];
  for (const x of code.inputs) {
    if (x === null) return null;
    const at = stands.indexOf(x);
    inputs.push(at >= 0 ? graph.places[at] : graph.constant(x));
  }
  const outputs = code.outputs.map((x) => wanted.get(x)![0]);
  for (const places of wanted.values()) {
    for (const to of places.slice(1)) moves.push(1, ...places[0], ...to);
  }
  const places = [...inputs.flat(), ...outputs.flat(), moves.length / 5, ...moves];
  const largest = region.nodes.reduce((most, n) => Math.max(most, sizeOf(n.shape)), 0);
  return { code, places, size: region.nodes.length, largest };
}
