/**
 * Elementwise arithmetic of two operands.
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import type { DType } from "../runtime/mod.ts";
import type { LowerContext } from "../graph/lower_context.ts";
import { constantValue } from "../graph/leaf.ts";
import { isFloat, type Node, type Primitive } from "../graph/node.ts";
import { opcode } from "../graph/program_rule.ts";
import * as approx from "./approximations.ts";
import { binary, build2, keeps, num, type Vjp } from "./elementwise_define.ts";
import { eq, le, logicalAnd, lt, where } from "./logic.ts";
import { sumTo } from "./reduce.ts";
import { detach } from "./movement.ts";
import { abs, floor, log, neg, negPrim, reciprocal, round, sqrt, square } from "./unary.ts";

/**
 * Quotients of whole numbers. The processor traps where the smallest number is divided by -1, so those
 * divisions are done as negations, which wrap around.
 */
function wholeDiv(c: LowerContext, [a, b]: readonly string[], dtype: DType): string {
  if (dtype === "uint8") return c.op("Div", [a, b]);
  const turned = c.op("Equal", [b, c.scalar(dtype, -1)]);
  const safe = c.op("Where", [turned, c.scalar(dtype, 1), b]);
  return c.op("Where", [turned, c.op("Neg", [a]), c.op("Div", [a, safe])]);
}

/** Remainders of whole numbers, with the sign of the dividend or the divisor; see `wholeDiv`. */
function wholeMod(
  c: LowerContext,
  [a, b]: readonly string[],
  dtype: DType,
  ofDividend: boolean,
): string {
  if (dtype === "uint8") return c.op("Mod", [a, b]);
  // Nothing is left over of a division by 1 or -1.
  const turned = c.op("Equal", [b, c.scalar(dtype, -1)]);
  const divisor = c.op("Where", [turned, c.scalar(dtype, 1), b]);
  if (!ofDividend) return c.op("Mod", [a, divisor]);
  // The kernel of C's fmod goes through float64.
  return c.op("Sub", [a, c.op("Mul", [c.op("Div", [a, divisor]), divisor])]);
}

/** Remainder of floating point with the sign of the divisor, from that of C, which is exact. */
function floorMod(c: LowerContext, [a, b]: readonly string[], dtype: DType): string {
  const zero = c.scalar(dtype, 0);
  const rest = c.op("Mod", [a, b], { fmod: attr.int(1) });
  const below = (x: string) => c.op("Less", [x, zero]);
  const left = c.op("Not", [c.op("Equal", [rest, zero])]);
  const apart = c.op("And", [left, c.op("Xor", [below(rest), below(b)])]);
  return c.op("Where", [apart, c.op("Add", [rest, b]), rest]);
}

/** a + b */
export const addPrim: Primitive<null> = binary("add", {
  opcode: opcode.add,
  onnx: "Add",
  vjp: (g, { inputs: [a, b] }, needs) => [
    needs[0] ? sumTo(g, a.shape) : null,
    needs[1] ? sumTo(g, b.shape) : null,
  ],
  reads: () => false,
  simplify(node) {
    const [a, b] = node.inputs;
    if (constantValue(b) === 0 && keeps(node, a)) return a;
    if (constantValue(a) === 0 && keeps(node, b)) return b;
    if (b.prim === negPrim) return sub(a, b.inputs[0]);
    if (a.prim === negPrim) return sub(b, a.inputs[0]);
    return node;
  },
});
/** a - b */
export const subPrim: Primitive<null> = binary("sub", {
  opcode: opcode.sub,
  onnx: "Sub",
  vjp: (g, { inputs: [a, b] }, needs) => [
    needs[0] ? sumTo(g, a.shape) : null,
    needs[1] ? neg(sumTo(g, b.shape)) : null,
  ],
  reads: () => false,
  simplify(node) {
    const [a, b] = node.inputs;
    if (constantValue(b) === 0 && keeps(node, a)) return a;
    if (constantValue(a) === 0 && keeps(node, b)) return neg(b);
    if (b.prim === negPrim) return add(a, b.inputs[0]);
    return node;
  },
});
/** a * b */
export const mulPrim: Primitive<null> = binary("mul", {
  opcode: opcode.mul,
  onnx: "Mul",
  vjp: (g, { inputs: [a, b] }, needs) => [
    needs[0] ? sumTo(mul(g, b), a.shape) : null,
    needs[1] ? sumTo(mul(g, a), b.shape) : null,
  ],
  reads: ({ inputs }, index) => inputs[1 - index].requiresGrad,
  simplify(node) {
    const [a, b] = node.inputs;
    const ca = constantValue(a), cb = constantValue(b);
    if (cb === 1 && keeps(node, a)) return a;
    if (ca === 1 && keeps(node, b)) return b;
    if (cb === -1 && keeps(node, a)) return neg(a);
    if (ca === -1 && keeps(node, b)) return neg(b);
    if (a.prim === negPrim && b.prim === negPrim) return mul(a.inputs[0], b.inputs[0]);
    if (a.prim === negPrim) return neg(mul(a.inputs[0], b));
    if (b.prim === negPrim) return neg(mul(a, b.inputs[0]));
    return node;
  },
});
/** a / b; whole numbers divide as in C (towards zero). */
export const divPrim: Primitive<null> = binary("div", {
  opcode: opcode.div,
  lower: (c, inputs, node) =>
    isFloat(node.dtype) ? c.op("Div", inputs) : wholeDiv(c, inputs, node.dtype),
  vjp: (g, node, needs) => {
    const [a, b] = node.inputs;
    // One division serves both.
    const quotient = div(g, b);
    return [
      needs[0] ? sumTo(quotient, a.shape) : null,
      needs[1] ? neg(sumTo(mul(quotient, node), b.shape)) : null,
    ];
  },
  simplify(node) {
    const [a, b] = node.inputs;
    if (constantValue(b) === 1 && keeps(node, a)) return a;
    if (a.prim === negPrim) return neg(div(a.inputs[0], b));
    if (b.prim === negPrim) return neg(div(a, b.inputs[0]));
    return node;
  },
});
/**
 * a ** b log(a), and 0 where `a` is 0 and `b` not negative. There the formula sees 1 in place of `a`,
 * so that no derivative of what is thrown away is infinite.
 */
function byExponent(a: Node, b: Node): Node {
  const zero = num(0, a);
  const none = logicalAnd(eq(a, zero), le(zero, b)), base = where(none, num(1, a), a);
  return where(none, zero, mul(pow(base, b), log(base)));
}

/** b a ** (b - 1), and 0 where `b` is 0 and 1 / a infinite; the formula sees 1 there, likewise. */
function byBase(a: Node, b: Node): Node {
  const zero = num(0, a), one = num(1, a);
  const none = logicalAnd(eq(b, zero), lt(abs(a), num(smallest(a.dtype), a)));
  return where(none, zero, mul(b, pow(where(none, one, a), sub(b, one))));
}

/** Smallest normal number of a floating-point type. */
function smallest(dtype: DType): number {
  return dtype === "float64" ? 2 ** -1022 : dtype === "float32" ? 2 ** -126 : 2 ** -14;
}

/**
 * a ** b. The derivative with respect to `a` is 0 where `b` is 0, that with respect to `b` is 0
 * where `a` is 0 and `b` is not negative (PyTorch's choice).
 */
export const powPrim: Primitive<null> = binary("pow", {
  opcode: 4,
  onnx: "Pow",
  accepts: isFloat,
  vjp: (g, node, needs) => {
    const [a, b] = node.inputs;
    return [
      needs[0] ? sumTo(mul(g, byBase(a, b)), a.shape) : null,
      needs[1] ? sumTo(mul(g, byExponent(a, b)), b.shape) : null,
    ];
  },
  simplify(node) {
    const [a, b] = node.inputs;
    const c = constantValue(b);
    if (c === null || !keeps(node, a)) return node;
    if (c === 1) return a;
    if (c === 2) return square(a);
    if (c === 0.5) return sqrt(a);
    if (c === -1) return reciprocal(a);
    return node;
  },
});

/**
 * Derivative of maximum and minimum: the loser gets none of it, ties share it evenly. NaN loses against
 * nothing.
 */
function extremumVjp(loses: (a: Node, b: Node) => Node): Vjp {
  return (g: Node, { inputs: [a, b] }: Node, needs) => {
    const zero = num(0, a);
    const half = mul(g, num(0.5, a));
    const side = (x: Node, y: Node) => where(eq(x, y), half, where(loses(x, y), zero, g));
    return [
      needs[0] ? sumTo(side(a, b), a.shape) : null,
      needs[1] ? sumTo(side(b, a), b.shape) : null,
    ];
  };
}
/** Larger of two; NaN if one is NaN. */
export const maximumPrim: Primitive<null> = binary("maximum", {
  opcode: 5,
  onnx: "Max",
  vjp: extremumVjp((a, b) => lt(a, b)),
});
/** Smaller of two; NaN if one is NaN. */
export const minimumPrim: Primitive<null> = binary("minimum", {
  opcode: 6,
  onnx: "Min",
  vjp: extremumVjp((a, b) => lt(b, a)),
});
/** Remainder with the sign of the dividend (C's fmod). */
export const fmodPrim: Primitive<null> = binary("fmod", {
  opcode: 51,
  lower: (c, inputs, node) =>
    isFloat(node.dtype)
      ? c.op("Mod", inputs, { fmod: attr.int(1) })
      : wholeMod(c, inputs, node.dtype, true),
  vjp: (g, node, needs) => {
    const [a, b] = node.inputs;
    return [
      needs[0] ? sumTo(g, a.shape) : null,
      needs[1] ? neg(sumTo(mul(g, round(div(sub(a, node), b))), b.shape)) : null,
    ];
  },
});
/** Remainder with the sign of the divisor (Python's %). */
export const remainderPrim: Primitive<null> = binary("remainder", {
  opcode: 52,
  lower: (c, inputs, node) =>
    isFloat(node.dtype) ? floorMod(c, inputs, node.dtype) : wholeMod(c, inputs, node.dtype, false),
  vjp: (g, { inputs: [a, b] }, needs) => [
    needs[0] ? sumTo(g, a.shape) : null,
    needs[1] ? neg(sumTo(mul(g, floor(div(a, b))), b.shape)) : null,
  ],
});
/** Angle of the point (b, a). */
export const atan2Prim: Primitive<null> = binary("atan2", {
  opcode: 53,
  accepts: isFloat,
  decompose: approx.atan2,
  vjp: (g, { inputs: [a, b] }, needs) => {
    // b / (a ** 2 + b ** 2) in units of the larger, which keep the squares in range; the result does
    // not depend on them. At (0, 0), where there is no angle, both derivatives count as 0.
    const zero = num(0, a), size = detach(maximum(abs(a), abs(b)));
    const usable = logicalAnd(lt(zero, size), lt(size, num(Infinity, a)));
    const unit = where(usable, size, num(1, a));
    const y = div(a, unit), x = div(b, unit), squares = add(square(y), square(x));
    const share = div(div(g, unit), where(eq(squares, zero), num(1, a), squares));
    return [
      needs[0] ? sumTo(mul(share, x), a.shape) : null,
      needs[1] ? neg(sumTo(mul(share, y), b.shape)) : null,
    ];
  },
});

/** a + b */
export const add: (a: Node, b: Node) => Node = build2(addPrim);
/** a - b */
export const sub: (a: Node, b: Node) => Node = build2(subPrim);
/** a * b */
export const mul: (a: Node, b: Node) => Node = build2(mulPrim);
/** a / b */
export const div: (a: Node, b: Node) => Node = build2(divPrim);
/** a ** b */
export const pow: (a: Node, b: Node) => Node = build2(powPrim);
/** Larger of two. */
export const maximum: (a: Node, b: Node) => Node = build2(maximumPrim);
/** Smaller of two. */
export const minimum: (a: Node, b: Node) => Node = build2(minimumPrim);
/** C's fmod. */
export const fmod: (a: Node, b: Node) => Node = build2(fmodPrim);
/** Python's %. */
export const remainder: (a: Node, b: Node) => Node = build2(remainderPrim);
/** Angle of the point (b, a). */
export const atan2: (a: Node, b: Node) => Node = build2(atan2Prim);
