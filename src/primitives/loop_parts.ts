/**
 * The parts of a loop: what its operands and results are.
 *
 * @module
 */

import type { Body, ClosedBody } from "../graph/body.ts";
import { constantNode, emptyNode } from "../graph/leaf.ts";
import { apply, type Aval, type Node, type Primitive } from "../graph/node.ts";
import { project } from "./tuple.ts";

/**
 * Static arguments of `loop`. Operands are the number of iterations (where `counted`), the first
 * carries, what is gone through, and what the bodies read from outside: first the step, then the test.
 * Results are the last carries, the lists of what each iteration gave, the number of iterations (where
 * there is a test), and (where `save`) lists of the carries that each iteration began with.
 */
export interface LoopAttrs {
  /** The step and, where the number of iterations is open, the test whether there is another one. */
  readonly bodies: readonly [step: Body, test?: Body];
  /** Number of carries: first parameters and first results of the step. */
  readonly carries: number;
  /** Number of lists that are gone through: the parameters of the step after the carries. */
  readonly xs: number;
  /** Sizes of the lists, and the largest number of iterations; null where there is none. */
  readonly length: number | null;
  /** Whether the lists are gone through from the last iteration to the first. */
  readonly reverse: boolean;
  /** Whether the number of iterations is an operand. */
  readonly counted: boolean;
  /** Whether the carries are saved. */
  readonly save: boolean;
  /** Whether nobody reads lists after the last iteration, so that they need not be zero there. */
  readonly partial: boolean;
}

/** Operands of a loop, or what belongs to each. */
export interface Operands<T> {
  /** How many iterations, where it is data. */
  readonly count: T | null;
  readonly init: readonly T[];
  readonly xs: readonly T[];
  /** What the step and the test read from outside. */
  readonly stepConsts: readonly T[];
  readonly testConsts: readonly T[];
}

/** The parts of a list of operands. */
export function operandsOf<T>(list: readonly T[], attrs: LoopAttrs): Operands<T> {
  const { carries, xs, counted, bodies: [step] } = attrs;
  const first = counted ? 1 : 0, afterInit = first + carries, afterXs = afterInit + xs;
  const afterStep = afterXs + step.params.length - carries - xs;
  return {
    count: counted ? list[0] : null,
    init: list.slice(first, afterInit),
    xs: list.slice(afterInit, afterXs),
    stepConsts: list.slice(afterXs, afterStep),
    testConsts: list.slice(afterStep),
  };
}

/** Results of a loop, or what belongs to each. */
export interface Results<T> {
  readonly carries: readonly T[];
  /** What each iteration gave, and the carries that it began with where they are saved. */
  readonly lists: readonly T[];
  /** The number of iterations, where there is a test. */
  readonly count: T | null;
}

/** The parts of a list of results. */
export function resultsOf<T>(list: readonly T[], attrs: LoopAttrs): Results<T> {
  const { carries, bodies: [step, test] } = attrs, ys = step.outputs.length;
  const after = test === undefined ? ys : ys + 1;
  return {
    carries: list.slice(0, carries),
    lists: [...list.slice(carries, ys), ...list.slice(after)],
    count: test === undefined ? null : list[ys],
  };
}

/** A list of results, of its parts. */
export function joinResults<T>({ carries, lists, count }: Results<T>, attrs: LoopAttrs): T[] {
  const ys = attrs.bodies[0].outputs.length - attrs.carries;
  const counts = count === null ? [] : [count];
  return [...carries, ...lists.slice(0, ys), ...counts, ...lists.slice(ys)];
}

/** What an iteration adds to lists, as nodes of the step. */
export function collectedOf({ carries, save, bodies: [step] }: LoopAttrs): Node[] {
  return [...step.outputs.slice(carries), ...(save ? step.params.slice(0, carries) : [])];
}

/** Shape and type of a list of such values. */
export function listOf({ shape, dtype }: Aval, length: number): Aval {
  return { shape: [length, ...shape], dtype };
}

/** Whether values say how many iterations there are. */
export function isTested({ bodies }: LoopAttrs): boolean {
  return bodies[1] !== undefined;
}

/** A loop to be made. */
export interface LoopSpec {
  /** The step: parameters are the carries and an element of each list. */
  readonly step: ClosedBody;
  /** Whether there is another iteration, of the carries. */
  readonly test?: ClosedBody;
  readonly init: readonly Node[];
  /** Lists that are gone through. */
  readonly xs?: readonly Node[];
  /** Sizes of the lists and the largest number of iterations; null where there is none. */
  readonly length: number | null;
  readonly reverse?: boolean;
  /** The number of iterations, an int64. */
  readonly count?: Node | null;
}

/** Makes a loop. */
export function makeLoop(prim: Primitive<LoopAttrs>, spec: LoopSpec): Results<Node> {
  const { step, test, init, xs = [], length, reverse = false, count = null } = spec;
  const carries = init.length, counted = count !== null;
  const bodies: LoopAttrs["bodies"] = test === undefined ? [step.body] : [step.body, test.body];
  const attrs: LoopAttrs = {
    bodies,
    carries,
    xs: xs.length,
    length,
    reverse,
    counted,
    save: false,
    partial: false,
  };
  if (length === 0) {
    const lists = collectedOf(attrs).map(({ shape, dtype }) => emptyNode([0, ...shape], dtype));
    return { carries: init, lists, count: isTested(attrs) ? constantNode(0, "int64") : null };
  }
  // Nothing goes through it, and nothing is collected.
  const idle = init.length === 0 && collectedOf(attrs).length === 0 && !isTested(attrs);
  if (idle) return { carries: [], lists: [], count: null };
  const consts = [...step.operands, ...(test?.operands ?? [])];
  return applyLoop(prim, [...(counted ? [count] : []), ...init, ...xs, ...consts], attrs);
}

/** Makes a loop on a list of operands. */
export function applyLoop(
  prim: Primitive<LoopAttrs>,
  operands: readonly Node[],
  attrs: LoopAttrs,
): Results<Node> {
  const node = apply(prim, operands, attrs);
  return resultsOf(node.outs!.map((_, i) => project(node, i)), attrs);
}

/** What the parameters of a loop's bodies that are read from outside stand for. */
export function constsOf(operands: readonly Node[], attrs: LoopAttrs): Map<Node, Node> {
  const { bodies: [step, test], carries, xs } = attrs;
  const { stepConsts, testConsts } = operandsOf(operands, attrs);
  return new Map([
    ...step.params.slice(carries + xs).map((x, i) => [x, stepConsts[i]] as const),
    ...(test?.params.slice(carries) ?? []).map((x, i) => [x, testConsts[i]] as const),
  ]);
}

/** What two maps say. */
export function merge(a: ReadonlyMap<Node, Node>, b: ReadonlyMap<Node, Node>): Map<Node, Node> {
  return new Map([...a, ...b]);
}
