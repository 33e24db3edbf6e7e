/**
 * Comparisons, logic, choice and conversion.
 *
 * @module
 */

import type { DType } from "../runtime/mod.ts";
import { DTypeError } from "../graph/errors.ts";
import { constant } from "../graph/leaf.ts";
import type { LowerContext } from "../graph/lower_context.ts";
import { apply, definePrimitive, isFloat, type Node, type Primitive } from "../graph/node.ts";
import { opcode } from "../graph/program_rule.ts";
import { broadcastShapes } from "../graph/shape.ts";
import {
  batchElementwise,
  binary,
  type BinarySpec,
  build1,
  build2,
  checkSame,
  num,
  type Unary,
  unary,
} from "./elementwise_define.ts";
import { sumTo } from "./reduce.ts";

const stepwise = "comparisons and logic are piecewise constant and give booleans";
const compare = (onnx: string): BinarySpec => ({ onnx, result: "bool", vjp: stepwise });
const logic = (onnx: string): BinarySpec => ({
  onnx,
  result: "bool",
  accepts: (d) => d === "bool",
  vjp: stepwise,
});
/** a < b */
export const ltPrim: Primitive<null> = binary("lt", { opcode: 40, ...compare("Less") });
/** a <= b */
export const lePrim: Primitive<null> = binary("le", { opcode: 41, ...compare("LessOrEqual") });
/** a == b */
export const eqPrim: Primitive<null> = binary("eq", {
  opcode: 42,
  ...compare("Equal"),
  accepts: () => true,
});
/** a and b */
export const logicalAndPrim: Primitive<null> = binary("logicalAnd", {
  opcode: 44,
  ...logic("And"),
});
/** a or b */
export const logicalOrPrim: Primitive<null> = binary("logicalOr", { opcode: 45, ...logic("Or") });
/** not x */
export const logicalNotPrim: Unary = unary("logicalNot", {
  opcode: 46,
  onnx: "Not",
  accepts: (d) => d === "bool",
  vjp: stepwise,
});
/** Whether x is NaN. */
export const isNanPrim: Unary = unary("isNan", {
  opcode: 47,
  onnx: "IsNaN",
  result: "bool",
  vjp: stepwise,
});

/** Whether a value cannot be -0. */
function isNeverNegativeZero(x: Node): boolean {
  return x.prim === constant ? !Object.is(x.attrs.value, -0) : /^(abs|exp)$/.test(x.prim.name);
}

/**
 * A choice by ONNX Runtime, whose Where turns a first operand of -0 into 0. So only the second operand
 * of each Where may be -0 here.
 */
function lowerSelect(c: LowerContext, [condition, a, b]: readonly string[], node: Node): string {
  const [, x, y] = node.inputs;
  if (!isFloat(node.dtype) || isNeverNegativeZero(x)) return c.op("Where", [condition, a, b]);
  const not = c.op("Not", [condition]);
  if (isNeverNegativeZero(y)) return c.op("Where", [not, b, a]);
  const least = c.scalar(node.dtype, -Infinity);
  return c.op("Max", [c.op("Where", [not, least, a]), c.op("Where", [condition, least, b])]);
}

/** condition ? a : b */
export const selectPrim: Primitive<null> = definePrimitive<null>({
  name: "select",
  infer([condition, a, b]) {
    if (condition.dtype !== "bool") {
      throw new DTypeError(
        `where: the condition is ${condition.dtype}, wants bool; compare first, as in x.ne(0).`,
      );
    }
    checkSame("where", a, b);
    const shape = broadcastShapes(
      "where",
      condition.shape,
      broadcastShapes("where", a.shape, b.shape),
    );
    return { shape, dtype: a.dtype };
  },
  lower: lowerSelect,
  vjp: (g, { inputs: [condition, a, b] }, needs) => [
    null,
    needs[1] ? sumTo(where(condition, g, num(0, g)), a.shape) : null,
    needs[2] ? sumTo(where(condition, num(0, g), g), b.shape) : null,
  ],
  batch: batchElementwise,
  // ONNX Runtime chooses between numbers only.
  decompose({ dtype, inputs: [condition, a, b] }) {
    if (dtype !== "bool") return null;
    return logicalOr(logicalAnd(condition, a), logicalAnd(logicalNot(condition), b));
  },
  program: { kind: "elementwise", opcode: opcode.select },
});

const wider: readonly (readonly DType[])[] = [
  ["bool", "uint8", "int32", "int64"],
  ["float16", "float32", "float64"],
];

/** Whether a conversion keeps every value, to a wider type of the same kind. */
function keepsValues(from: DType, to: DType): boolean {
  return from === "bool" || wider.some((types) => {
    const at = types.indexOf(from);
    return at >= 0 && types.indexOf(to) > at;
  });
}

/** Conversion of element type; the derivative converts back. */
export const castPrim: Primitive<{ to: DType }> = definePrimitive<{ to: DType }>({
  name: "cast",
  infer: ([x], { to }) => ({ shape: x.shape, dtype: to }),
  lower: (c, [x], node) => c.cast(x, node.attrs.to),
  vjp: (g, { inputs: [x] }) => [isFloat(x.dtype) ? cast(g, x.dtype) : null],
  reads: () => false,
  batch: batchElementwise,
  // ONNX Runtime passes over a conversion that loses nothing. Here it has to be known, since what is
  // written over the memory of x has to wait for all that read it.
  simplify: (node) => {
    const [x] = node.inputs, { to } = node.attrs;
    if (x.dtype === to) return x;
    const from = x.prim === castPrim && x.storage === null ? x.inputs[0] : null;
    return from !== null && keepsValues(from.dtype, x.dtype) ? cast(from, to) : node;
  },
});

/** a < b */
export const lt: (a: Node, b: Node) => Node = build2(ltPrim);
/** a <= b */
export const le: (a: Node, b: Node) => Node = build2(lePrim);
/** a == b */
export const eq: (a: Node, b: Node) => Node = build2(eqPrim);
/** a and b */
export const logicalAnd: (a: Node, b: Node) => Node = build2(logicalAndPrim);
/** a or b */
export const logicalOr: (a: Node, b: Node) => Node = build2(logicalOrPrim);
/** not x */
export const logicalNot: (x: Node) => Node = build1(logicalNotPrim);
/** Whether NaN. */
export const isNan: (x: Node) => Node = build1(isNanPrim);
/** condition ? a : b */
export function where(condition: Node, a: Node, b: Node): Node {
  return apply(selectPrim, [condition, a, b], null);
}
/** Conversion of element type. */
export function cast(x: Node, to: DType): Node {
  return x.dtype === to ? x : apply(castPrim, [x], { to });
}
