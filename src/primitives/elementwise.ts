/**
 * Elementwise primitives. Each stands with its type rule, its ONNX operator, its Program
 * instruction and its derivative. Operands broadcast as in NumPy.
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import type { DType } from "../runtime/mod.ts";
import { DTypeError } from "../graph/errors.ts";
import { constantNode, constantValue } from "../graph/leaf.ts";
import {
  apply,
  type Aval,
  definePrimitive,
  isFloat,
  type Node,
  type Primitive,
} from "../graph/node.ts";
import { opcode } from "../graph/program_rule.ts";
import { broadcastShapes } from "../graph/shape.ts";
import * as approx from "./approximations.ts";
import { sumTo } from "./reduce.ts";

type Unary = Primitive<null>;
type Vjp = Primitive<null>["vjp"];

/** The number `value` in the type of `like`. */
export function num(value: number, like: Aval): Node {
  return constantNode(value, like.dtype);
}

interface UnarySpec {
  /** ONNX operator; `ops` without one decompose instead. */
  onnx?: string;
  vjp: Vjp;
  /** Result type; the operand's by default. */
  result?: DType;
  /** Accepted operands; floating point by default. */
  accepts?: (d: DType) => boolean;
  /** Equal graph for the types that ONNX Runtime has no kernel for. */
  decompose?: (x: Node) => Node;
  /** Types that have an ONNX Runtime kernel; all by default. */
  kernels?: readonly DType[];
  simplify?: Primitive<null>["simplify"];
}

const anyNumber = (d: DType) => d !== "bool";

function unary(name: keyof typeof opcode, spec: UnarySpec): Unary {
  const accepts = spec.accepts ?? isFloat;
  return definePrimitive<null>({
    name,
    infer([x]) {
      if (!accepts(x.dtype)) {
        throw new DTypeError(
          `${name}: got ${x.dtype}, wants ${
            accepts === isFloat ? "a floating-point tensor" : "a number tensor"
          }; convert it first, as in x.to("float32").`,
        );
      }
      return { shape: x.shape, dtype: spec.result ?? x.dtype };
    },
    lower: (c, [x]) => c.op(spec.onnx!, [x]),
    vjp: spec.vjp,
    simplify: spec.simplify,
    decompose: spec.decompose === undefined
      ? undefined
      : (node) =>
        spec.kernels?.includes(node.inputs[0].dtype) ? null : spec.decompose!(node.inputs[0]),
    program: { kind: "elementwise", opcode: opcode[name] },
  });
}

function checkSame(name: string, a: Node, b: Node): void {
  if (a.dtype !== b.dtype) {
    throw new DTypeError(
      `${name}: operands are ${a.dtype} and ${b.dtype}; convert one with to("${a.dtype}").`,
    );
  }
}

interface BinarySpec {
  onnx?: string;
  vjp: Vjp;
  result?: DType;
  accepts?: (d: DType) => boolean;
  decompose?: (a: Node, b: Node) => Node;
  simplify?: Primitive<null>["simplify"];
  lower?: Primitive<null>["lower"];
}

function binary(name: keyof typeof opcode, spec: BinarySpec): Primitive<null> {
  const accepts = spec.accepts ?? anyNumber;
  return definePrimitive<null>({
    name,
    infer([a, b]) {
      checkSame(name, a, b);
      if (!accepts(a.dtype)) {
        throw new DTypeError(`${name}: ${a.dtype} operands are not accepted.`);
      }
      return { shape: broadcastShapes(name, a.shape, b.shape), dtype: spec.result ?? a.dtype };
    },
    lower: spec.lower ?? ((c, inputs) => c.op(spec.onnx!, inputs)),
    vjp: spec.vjp,
    simplify: spec.simplify,
    decompose: spec.decompose === undefined
      ? undefined
      : (node) => spec.decompose!(node.inputs[0], node.inputs[1]),
    program: { kind: "elementwise", opcode: opcode[name] },
  });
}

/** Whether replacing `node` by `by` keeps the shape. */
function keeps(node: Node, by: Node): boolean {
  return by.shape.length === node.shape.length && by.shape.every((d, i) => d === node.shape[i]);
}

// ---------------------------------------------------------------- arithmetic

/** a + b */
export const addPrim: Primitive<null> = binary("add", {
  onnx: "Add",
  vjp: (g, { inputs: [a, b] }, needs) => [
    needs[0] ? sumTo(g, a.shape) : null,
    needs[1] ? sumTo(g, b.shape) : null,
  ],
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
  onnx: "Sub",
  vjp: (g, { inputs: [a, b] }, needs) => [
    needs[0] ? sumTo(g, a.shape) : null,
    needs[1] ? neg(sumTo(g, b.shape)) : null,
  ],
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
  onnx: "Mul",
  vjp: (g, { inputs: [a, b] }, needs) => [
    needs[0] ? sumTo(mul(g, b), a.shape) : null,
    needs[1] ? sumTo(mul(g, a), b.shape) : null,
  ],
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
  onnx: "Div",
  vjp: (g, node, needs) => {
    const [a, b] = node.inputs;
    return [
      needs[0] ? sumTo(div(g, b), a.shape) : null,
      needs[1] ? neg(sumTo(div(mul(g, node), b), b.shape)) : null,
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
 * a ** b. The derivative with respect to `a` is 0 where `b` is 0, that with respect to `b` is 0
 * where `a` is 0 and `b` is not negative (PyTorch's choice).
 */
export const powPrim: Primitive<null> = binary("pow", {
  onnx: "Pow",
  accepts: isFloat,
  vjp: (g, node, needs) => {
    const [a, b] = node.inputs;
    const zero = num(0, a);
    return [
      needs[0]
        ? sumTo(where(eq(b, zero), zero, mul(mul(g, b), pow(a, sub(b, num(1, a))))), a.shape)
        : null,
      needs[1]
        ? sumTo(
          where(
            logicalAnd(eq(a, zero), le(zero, b)),
            zero,
            mul(mul(g, node), log(a)),
          ),
          b.shape,
        )
        : null,
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

/** Derivative of maximum and minimum: the winner takes it, ties share it evenly. */
function extremumVjp(wins: (a: Node, b: Node) => Node): Vjp {
  return (g: Node, { inputs: [a, b] }: Node, needs) => {
    const zero = num(0, a);
    const half = mul(g, num(0.5, a));
    const side = (x: Node, y: Node) => where(eq(x, y), half, where(wins(x, y), g, zero));
    return [
      needs[0] ? sumTo(side(a, b), a.shape) : null,
      needs[1] ? sumTo(side(b, a), b.shape) : null,
    ];
  };
}
/** Larger of two; NaN if one is NaN. */
export const maximumPrim: Primitive<null> = binary("maximum", {
  onnx: "Max",
  vjp: extremumVjp((a, b) => lt(b, a)),
});
/** Smaller of two; NaN if one is NaN. */
export const minimumPrim: Primitive<null> = binary("minimum", {
  onnx: "Min",
  vjp: extremumVjp((a, b) => lt(a, b)),
});
/** Remainder with the sign of the dividend (C's fmod). */
export const fmodPrim: Primitive<null> = binary("fmod", {
  lower: (c, inputs) => c.op("Mod", inputs, { fmod: attr.int(1) }),
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
  // Mod without fmod is for whole numbers only; floating point goes through floor.
  lower: (c, inputs, node) =>
    isFloat(node.dtype)
      ? c.op("Sub", [
        inputs[0],
        c.op("Mul", [c.op("Floor", [c.op("Div", [inputs[0], inputs[1]])]), inputs[1]]),
      ])
      : c.op("Mod", inputs),
  vjp: (g, { inputs: [a, b] }, needs) => [
    needs[0] ? sumTo(g, a.shape) : null,
    needs[1] ? neg(sumTo(mul(g, floor(div(a, b))), b.shape)) : null,
  ],
});
/** Angle of the point (b, a). */
export const atan2Prim: Primitive<null> = binary("atan2", {
  accepts: isFloat,
  decompose: approx.atan2,
  vjp: (g, { inputs: [a, b] }, needs) => {
    const r = add(square(a), square(b));
    return [
      needs[0] ? sumTo(div(mul(g, b), r), a.shape) : null,
      needs[1] ? neg(sumTo(div(mul(g, a), r), b.shape)) : null,
    ];
  },
});

// ---------------------------------------------------------------- unary

/** -x */
export const negPrim: Unary = unary("neg", {
  onnx: "Neg",
  accepts: anyNumber,
  vjp: (g) => [neg(g)],
  simplify: (node) => node.inputs[0].prim === negPrim ? node.inputs[0].inputs[0] : node,
});
/** |x|; derivative 0 at 0. */
export const absPrim: Unary = unary("abs", {
  onnx: "Abs",
  accepts: anyNumber,
  vjp: (g, { inputs: [x] }) => [mul(g, sign(x))],
});
/** -1, 0 or 1; derivative 0. */
export const signPrim: Unary = unary("sign", {
  onnx: "Sign",
  accepts: anyNumber,
  vjp: () => [null],
});
/** Square root. */
export const sqrtPrim: Unary = unary("sqrt", {
  onnx: "Sqrt",
  vjp: (g, node) => [div(mul(g, num(0.5, g)), node)],
});
/** e ** x */
export const expPrim: Unary = unary("exp", { onnx: "Exp", vjp: (g, node) => [mul(g, node)] });
/** Natural logarithm. */
export const logPrim: Unary = unary("log", {
  onnx: "Log",
  vjp: (g, { inputs: [x] }) => [div(g, x)],
});
/** Sine. */
export const sinPrim: Unary = unary("sin", {
  onnx: "Sin",
  vjp: (g, { inputs: [x] }) => [mul(g, cos(x))],
});
/** Cosine. */
export const cosPrim: Unary = unary("cos", {
  onnx: "Cos",
  vjp: (g, { inputs: [x] }) => [neg(mul(g, sin(x)))],
});
/** Tangent. */
export const tanPrim: Unary = unary("tan", {
  decompose: (x) => div(sin(x), cos(x)),
  vjp: (g, node) => [mul(g, add(square(node), num(1, g)))],
});
/** Hyperbolic tangent. */
export const tanhPrim: Unary = unary("tanh", {
  onnx: "Tanh",
  vjp: (g, node) => [mul(g, sub(num(1, g), square(node)))],
});
/** 1 / (1 + e ** -x) */
export const sigmoidPrim: Unary = unary("sigmoid", {
  onnx: "Sigmoid",
  vjp: (g, node) => [mul(g, mul(node, sub(num(1, g), node)))],
});
/** Error function. */
export const erfPrim: Unary = unary("erf", {
  onnx: "Erf",
  kernels: ["float32"],
  decompose: approx.erf,
  vjp: (g, { inputs: [x] }) => [mul(mul(g, num(2 / Math.sqrt(Math.PI), g)), exp(neg(square(x))))],
});
/** log(1 + x), accurate near 0. */
export const log1pPrim: Unary = unary("log1p", {
  decompose: approx.log1p,
  vjp: (g, { inputs: [x] }) => [div(g, add(x, num(1, g)))],
});
/** e ** x - 1, accurate near 0. */
export const expm1Prim: Unary = unary("expm1", {
  decompose: approx.expm1,
  vjp: (g, node) => [mul(g, add(node, num(1, g)))],
});
/** Arc tangent. */
export const atanPrim: Unary = unary("atan", {
  onnx: "Atan",
  kernels: ["float32"],
  decompose: approx.atan,
  vjp: (g, { inputs: [x] }) => [div(g, add(square(x), num(1, g)))],
});
/** Arc sine. */
export const asinPrim: Unary = unary("asin", {
  onnx: "Asin",
  kernels: ["float32"],
  decompose: approx.asin,
  vjp: (g, { inputs: [x] }) => [mul(g, rsqrt(sub(num(1, g), square(x))))],
});
/** Arc cosine. */
export const acosPrim: Unary = unary("acos", {
  onnx: "Acos",
  kernels: ["float32"],
  decompose: approx.acos,
  vjp: (g, { inputs: [x] }) => [neg(mul(g, rsqrt(sub(num(1, g), square(x)))))],
});
/** Hyperbolic sine. */
export const sinhPrim: Unary = unary("sinh", {
  onnx: "Sinh",
  kernels: ["float32"],
  decompose: approx.sinh,
  vjp: (g, { inputs: [x] }) => [mul(g, cosh(x))],
});
/** Hyperbolic cosine. */
export const coshPrim: Unary = unary("cosh", {
  onnx: "Cosh",
  kernels: ["float32"],
  decompose: approx.cosh,
  vjp: (g, { inputs: [x] }) => [mul(g, sinh(x))],
});
/** log(1 + e ** x), safe for large x. */
export const softplusPrim: Unary = unary("softplus", {
  onnx: "Softplus",
  kernels: ["float32"],
  decompose: (x) => add(maximum(x, num(0, x)), log1p(exp(neg(abs(x))))),
  vjp: (g, { inputs: [x] }) => [mul(g, sigmoid(x))],
});
/** 1 / x */
export const reciprocalPrim: Unary = unary("reciprocal", {
  onnx: "Reciprocal",
  vjp: (g, node) => [neg(mul(g, square(node)))],
});
/** x * x */
export const squarePrim: Unary = unary("square", {
  accepts: anyNumber,
  decompose: (x) => mul(x, x),
  vjp: (g, { inputs: [x] }) => [mul(mul(g, num(2, g)), x)],
  simplify: (node) => node.inputs[0].prim === negPrim ? square(node.inputs[0].inputs[0]) : node,
});
/** 1 / sqrt(x) */
export const rsqrtPrim: Unary = unary("rsqrt", {
  decompose: (x) => reciprocal(sqrt(x)),
  vjp: (g, node) => [mul(mul(g, num(-0.5, g)), mul(node, square(node)))],
});
/** max(x, 0); derivative 0 at 0. */
export const reluPrim: Unary = unary("relu", {
  onnx: "Relu",
  vjp: (g, { inputs: [x] }) => [where(lt(num(0, x), x), g, num(0, g))],
});
/** Largest whole number not above x; derivative 0. */
export const floorPrim: Unary = unary("floor", { onnx: "Floor", vjp: () => [null] });
/** Smallest whole number not below x; derivative 0. */
export const ceilPrim: Unary = unary("ceil", { onnx: "Ceil", vjp: () => [null] });
/** Nearest whole number, halves to even; derivative 0. */
export const roundPrim: Unary = unary("round", { onnx: "Round", vjp: () => [null] });

// ---------------------------------------------------------------- logic

const stepwise = "comparisons and logic are piecewise constant and give booleans";
const compare = (onnx: string): BinarySpec => ({ onnx, result: "bool", vjp: stepwise });
const logic = (onnx: string): BinarySpec => ({
  onnx,
  result: "bool",
  accepts: (d) => d === "bool",
  vjp: stepwise,
});
/** a < b */
export const ltPrim: Primitive<null> = binary("lt", compare("Less"));
/** a <= b */
export const lePrim: Primitive<null> = binary("le", compare("LessOrEqual"));
/** a == b */
export const eqPrim: Primitive<null> = binary("eq", { ...compare("Equal"), accepts: () => true });
/** a and b */
export const logicalAndPrim: Primitive<null> = binary("logicalAnd", logic("And"));
/** a or b */
export const logicalOrPrim: Primitive<null> = binary("logicalOr", logic("Or"));
/** not x */
export const logicalNotPrim: Unary = unary("logicalNot", {
  onnx: "Not",
  accepts: (d) => d === "bool",
  vjp: stepwise,
});
/** Whether x is NaN. */
export const isNanPrim: Unary = unary("isNan", { onnx: "IsNaN", result: "bool", vjp: stepwise });

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
  lower: (c, inputs) => c.op("Where", inputs),
  vjp: (g, { inputs: [condition, a, b] }, needs) => [
    null,
    needs[1] ? sumTo(where(condition, g, num(0, g)), a.shape) : null,
    needs[2] ? sumTo(where(condition, num(0, g), g), b.shape) : null,
  ],
  program: { kind: "elementwise", opcode: opcode.select },
});

/** Conversion of element type; the derivative converts back. */
export const castPrim: Primitive<{ to: DType }> = definePrimitive<{ to: DType }>({
  name: "cast",
  infer: ([x], { to }) => ({ shape: x.shape, dtype: to }),
  lower: (c, [x], node) => c.cast(x, node.attrs.to),
  vjp: (g, { inputs: [x] }) => [isFloat(x.dtype) ? cast(g, x.dtype) : null],
  simplify: (node) => node.inputs[0].dtype === node.attrs.to ? node.inputs[0] : node,
});

// ---------------------------------------------------------------- builders

const build1 = (p: Unary) => (x: Node): Node => apply(p, [x], null);
const build2 = (p: Primitive<null>) => (a: Node, b: Node): Node => apply(p, [a, b], null);

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
/** -x */
export const neg: (x: Node) => Node = build1(negPrim);
/** |x| */
export const abs: (x: Node) => Node = build1(absPrim);
/** Sign. */
export const sign: (x: Node) => Node = build1(signPrim);
/** Square root. */
export const sqrt: (x: Node) => Node = build1(sqrtPrim);
/** e ** x */
export const exp: (x: Node) => Node = build1(expPrim);
/** Natural logarithm. */
export const log: (x: Node) => Node = build1(logPrim);
/** Sine. */
export const sin: (x: Node) => Node = build1(sinPrim);
/** Cosine. */
export const cos: (x: Node) => Node = build1(cosPrim);
/** Tangent. */
export const tan: (x: Node) => Node = build1(tanPrim);
/** Hyperbolic tangent. */
export const tanh: (x: Node) => Node = build1(tanhPrim);
/** Logistic function. */
export const sigmoid: (x: Node) => Node = build1(sigmoidPrim);
/** Error function. */
export const erf: (x: Node) => Node = build1(erfPrim);
/** log(1 + x) */
export const log1p: (x: Node) => Node = build1(log1pPrim);
/** e ** x - 1 */
export const expm1: (x: Node) => Node = build1(expm1Prim);
/** Arc tangent. */
export const atan: (x: Node) => Node = build1(atanPrim);
/** Arc sine. */
export const asin: (x: Node) => Node = build1(asinPrim);
/** Arc cosine. */
export const acos: (x: Node) => Node = build1(acosPrim);
/** Hyperbolic sine. */
export const sinh: (x: Node) => Node = build1(sinhPrim);
/** Hyperbolic cosine. */
export const cosh: (x: Node) => Node = build1(coshPrim);
/** log(1 + e ** x) */
export const softplus: (x: Node) => Node = build1(softplusPrim);
/** 1 / x */
export const reciprocal: (x: Node) => Node = build1(reciprocalPrim);
/** x * x */
export const square: (x: Node) => Node = build1(squarePrim);
/** 1 / sqrt(x) */
export const rsqrt: (x: Node) => Node = build1(rsqrtPrim);
/** max(x, 0) */
export const relu: (x: Node) => Node = build1(reluPrim);
/** Floor. */
export const floor: (x: Node) => Node = build1(floorPrim);
/** Ceiling. */
export const ceil: (x: Node) => Node = build1(ceilPrim);
/** Nearest whole number. */
export const round: (x: Node) => Node = build1(roundPrim);
/** condition ? a : b */
export function where(condition: Node, a: Node, b: Node): Node {
  return apply(selectPrim, [condition, a, b], null);
}
/** Conversion of element type. */
export function cast(x: Node, to: DType): Node {
  return x.dtype === to ? x : apply(castPrim, [x], { to });
}
