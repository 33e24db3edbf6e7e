/**
 * Loops: one node, whatever the number of iterations.
 *
 * @module
 */

import type { Body, ClosedBody } from "../graph/body.ts";
import { GradientError } from "../graph/errors.ts";
import { constantNode, emptyNode } from "../graph/leaf.ts";
import { apply, type Aval, definePrimitive, type Node, type Primitive } from "../graph/node.ts";
import { emitLoop } from "./loop_onnx.ts";
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
}

/** A loop. */
export const loopPrim: Primitive<LoopAttrs> = definePrimitive<LoopAttrs>({
  name: "loop",
  infer(_inputs, { bodies: [step, test], carries, length, save }) {
    const list = ({ shape, dtype }: Aval): Aval => ({ shape: [length!, ...shape], dtype });
    const carry = step.params.slice(0, carries).map(({ shape, dtype }) => ({ shape, dtype }));
    const count: Aval[] = test === undefined ? [] : [{ shape: [], dtype: "int64" }];
    const ys = step.outputs.slice(carries).map(list);
    return [...carry, ...ys, ...count, ...(save ? carry.map(list) : [])];
  },
  lower: emitLoop,
  describe({ attrs: { bodies: [step, test], length, counted } }) {
    const most = length === null ? "any number of" : counted || test ? `up to ${length}` : length;
    return `loop (ONNX ${counted || test ? "Loop" : "Scan"}): ${most} iterations of ` +
      `${step.size} operations`;
  },
  vjp() {
    throw new GradientError("loop: gradients through a loop are not there yet.");
  },
  batch() {
    throw new GradientError("vmap: loops inside are not there yet.");
  },
});

/** A loop to be made. */
export interface LoopSpec {
  readonly step: ClosedBody;
  readonly test?: ClosedBody;
  readonly init: readonly Node[];
  readonly xs?: readonly Node[];
  readonly length: number | null;
  readonly reverse?: boolean;
  /** The number of iterations, an int64. */
  readonly count?: Node;
}

/** Results of a loop. */
export interface LoopResults {
  readonly carries: Node[];
  readonly ys: Node[];
  /** The number of iterations, where there is a test. */
  readonly count: Node | null;
}

/** Makes a loop. */
export function loop(spec: LoopSpec): LoopResults {
  const { step, test, init, xs = [], length, reverse = false, count } = spec;
  const carries = init.length, outputs = step.body.outputs.slice(carries);
  if (length === 0) {
    const ys = outputs.map(({ shape, dtype }) => emptyNode([0, ...shape], dtype));
    return { carries: [...init], ys, count: test === undefined ? null : constantNode(0, "int64") };
  }
  const operands = [
    ...(count === undefined ? [] : [count]),
    ...init,
    ...xs,
    ...step.operands,
    ...(test?.operands ?? []),
  ];
  const bodies: LoopAttrs["bodies"] = test === undefined ? [step.body] : [step.body, test.body];
  const node = apply(loopPrim, operands, {
    bodies,
    carries,
    xs: xs.length,
    length,
    reverse,
    counted: count !== undefined,
    save: false,
  });
  const all = node.outs!.map((_, i) => project(node, i));
  const ys = carries + outputs.length;
  return {
    carries: all.slice(0, carries),
    ys: all.slice(carries, ys),
    count: test === undefined ? null : all[ys],
  };
}
