/**
 * Reductions over axes, and the adjoint of broadcasting.
 *
 * @module
 */

import { DTypeError, ShapeError } from "../graph/errors.ts";
import type { LowerContext } from "../graph/lower_context.ts";
import type { DType } from "../runtime/mod.ts";
import {
  apply,
  type Aval,
  definePrimitive,
  isFloat,
  type Node,
  type Primitive,
} from "../graph/node.ts";
import { reducedShape, sameShape, type Shape, showShape, sizeOf } from "../graph/shape.ts";
import { cast, div, eq, isNan, logicalOr, mul, num } from "./elementwise.ts";
import { expand, reshape } from "./movement.ts";
import { prodAdjoint, wideProduct } from "./products.ts";
import { isLongSum, lowerLongSum, lowerReduce, type Reduction } from "./reduce_stages.ts";
import { byHalves, lowerRuns, sumOf } from "./whole_reduce.ts";

/** Static arguments of a reduction. */
export interface ReduceAttrs {
  /** Reduced axes, sorted, counted from the front. */
  readonly axes: Shape;
  /** Whether reduced dimensions stay with size 1. */
  readonly keepdim: boolean;
}

function inferReduce(name: string, x: Node, { axes, keepdim }: ReduceAttrs): Aval {
  if (x.dtype === "bool") {
    throw new DTypeError(`${name}: got bool, wants numbers; convert with to("int64").`);
  }
  return { shape: reducedShape(x.shape, axes, keepdim), dtype: x.dtype };
}

/** A reduced value with its dimensions of size 1 put back. */
function keepDims(y: Node, like: Shape, axes: Shape): Node {
  return reshape(y, reducedShape(like, axes, true));
}

/** Like `inferReduce`, for what adds or multiplies: bytes would run over, and have no kernel. */
function inferTotal(name: string, x: Node, attrs: ReduceAttrs): Aval {
  if (x.dtype === "uint8") {
    throw new DTypeError(`${name}: got uint8, wants wider numbers; convert with to("int64").`);
  }
  return inferReduce(name, x, attrs);
}

function noAxes(node: Node<ReduceAttrs>): Node | null {
  return node.attrs.axes.every((a) => node.inputs[0].shape[a] === 1)
    ? reshape(node.inputs[0], node.shape)
    : null;
}

/** What a reduction over nothing gives everywhere, or null where there is something to reduce. */
function ofNothing(node: Node<ReduceAttrs>, value: number): Node | null {
  return sizeOf(node.inputs[0].shape) === 0 ? expand(num(value, node), node.shape) : null;
}

/** The batch is one more dimension in front, which is not reduced. */
function batchReduce({ prim, attrs }: Node<ReduceAttrs>, [x]: readonly Node[]): Node {
  return apply(prim, [x], { axes: attrs.axes.map((a) => a + 1), keepdim: attrs.keepdim });
}

/** A reduction by ONNX Runtime in the type of its operand. */
function lowerAs(
  c: LowerContext,
  onnx: Reduction,
  x: string,
  node: Node<ReduceAttrs>,
  dtype: DType = node.dtype,
): string {
  const { axes, keepdim } = node.attrs;
  return lowerReduce(c, onnx, x, { dtype, shape: node.inputs[0].shape }, axes, keepdim);
}

/** A sum of floating point; a long one in stages. */
function lowerFloatSum(c: LowerContext, x: string, node: Node<ReduceAttrs>): string {
  const { shape, dtype } = node.inputs[0], { axes } = node.attrs;
  if (!isLongSum(shape, axes)) return lowerAs(c, "ReduceSum", x, node);
  if (node.dtype !== "float16") return lowerLongSum(c, x, { dtype, shape }, axes, node.shape);
  // Partial sums of float16 would overflow where the whole one does not.
  const wide = { dtype: "float32", shape } as const;
  return c.cast(lowerLongSum(c, c.cast(x, "float32"), wide, axes, node.shape), "float16");
}

/** A sum or product, of whole numbers without going through float64. */
function lowerTotal(
  c: LowerContext,
  onnx: "ReduceSum" | "ReduceProd",
  x: string,
  node: Node<ReduceAttrs>,
): string {
  const { inputs: [{ shape }], attrs: { axes } } = node;
  if (isFloat(node.dtype)) {
    return onnx === "ReduceSum" ? lowerFloatSum(c, x, node) : lowerAs(c, onnx, x, node);
  }
  if (sizeOf(shape) === 0 || !c.target.has("MatMul", node.dtype)) return lowerAs(c, onnx, x, node);
  const of = { dtype: node.dtype, shape };
  return lowerRuns(c, x, of, axes, node.shape, onnx === "ReduceSum" ? sumOf : byHalves("Mul"));
}

/** Sum; 0 over nothing. */
export const sumPrim: Primitive<ReduceAttrs> = definePrimitive<ReduceAttrs>({
  name: "sum",
  infer: ([x], attrs) => inferTotal("sum", x, attrs),
  lower: (c, [x], node) => lowerTotal(c, "ReduceSum", x, node),
  vjp: (g, { inputs: [x], attrs }) => [expand(keepDims(g, x.shape, attrs.axes), x.shape)],
  batch: batchReduce,
  simplify(node) {
    const simple = noAxes(node) ?? ofNothing(node, 0);
    if (simple !== null) return simple;
    const [x] = node.inputs;
    if (x.prim === sumPrim) {
      // A sum of a sum is one sum over both sets of axes.
      const inner = (x as Node<ReduceAttrs>).attrs;
      const source = x.inputs[0];
      const left = source.shape.map((_, i) => i).filter((i) =>
        inner.keepdim || !inner.axes.includes(i)
      );
      const outer = node.attrs.axes.map((a) => left[a]);
      const axes = [...new Set([...inner.axes, ...outer])].sort((a, b) => a - b);
      return reshape(sum(source, axes, false), node.shape);
    }
    return node;
  },
  program: { kind: "reduce", code: 0, axes: (a) => a.axes },
});

function extremum(name: "amax" | "amin", onnx: Reduction, code: number): Primitive<ReduceAttrs> {
  return definePrimitive<ReduceAttrs>({
    name,
    infer([x], attrs) {
      if (attrs.axes.some((a) => x.shape[a] === 0)) {
        throw new ShapeError(
          `${name}: ${showShape(x.shape)} has no elements along the reduced dimension; ` +
            `an extremum needs at least one.`,
        );
      }
      return inferReduce(name, x, attrs);
    },
    lower(c, [x], node) {
      const found = lowerAs(c, onnx, x, node);
      if (!isFloat(node.dtype)) return found;
      // ONNX Runtime's kernel drops NaN; here, as in Program, one NaN makes the result NaN.
      const marks = c.cast(c.op("IsNaN", [x]), "float32");
      const any = c.cast(lowerAs(c, "ReduceMax", marks, node, "float32"), "bool");
      return c.op("Where", [any, c.scalar(node.dtype, NaN), found]);
    },
    // Ties share the cotangent evenly, as PyTorch's amax and amin do; so do several NaN.
    vjp(g, node) {
      const { inputs: [x], attrs: { axes } } = node;
      const wins = cast(logicalOr(eq(x, keepDims(node, x.shape, axes)), isNan(x)), g.dtype);
      const share = div(keepDims(g, x.shape, axes), sum(wins, axes, true));
      return [mul(wins, share)];
    },
    batch: batchReduce,
    simplify: (node) => noAxes(node) ?? node,
    program: { kind: "reduce", code, axes: (a) => a.axes },
  });
}
/** Largest element; ties share the gradient. */
export const amaxPrim: Primitive<ReduceAttrs> = extremum("amax", "ReduceMax", 1);
/** Smallest element; ties share the gradient. */
export const aminPrim: Primitive<ReduceAttrs> = extremum("amin", "ReduceMin", 2);

/** Factors of float32 whose product keeps its digits in float32. */
const FEW_FACTORS = 32;

/** Product; 1 over nothing. The derivative is right where elements are zero. */
export const prodPrim: Primitive<ReduceAttrs> = definePrimitive<ReduceAttrs>({
  name: "prod",
  infer: ([x], attrs) => inferTotal("prod", x, attrs),
  lower: (c, [x], node) => lowerTotal(c, "ReduceProd", x, node),
  vjp: (g, { inputs: [x], attrs: { axes } }) => [
    prodAdjoint(keepDims(g, x.shape, axes), x, [], axes),
  ],
  decompose({ shape, inputs: [x], attrs: { axes } }) {
    return isFloat(x.dtype) ? reshape(wideProduct(x, axes), shape) : null;
  },
  batch: batchReduce,
  simplify(node) {
    const { inputs: [x], attrs: { axes, keepdim } } = node;
    const simple = noAxes(node) ?? ofNothing(node, 1);
    if (simple !== null || x.dtype !== "float32") return simple ?? node;
    // Each factor adds a rounding error; the product of many is one of float64.
    const few = sizeOf(axes.map((a) => x.shape[a])) <= FEW_FACTORS;
    return few ? node : cast(prod(cast(x, "float64"), axes, keepdim), "float32");
  },
  program: { kind: "reduce", code: 3, axes: (a) => a.axes },
});

/** Sum over axes. */
export function sum(x: Node, axes: Shape, keepdim: boolean): Node {
  return apply(sumPrim, [x], { axes, keepdim });
}
/** Largest element over axes. */
export function amax(x: Node, axes: Shape, keepdim: boolean): Node {
  return apply(amaxPrim, [x], { axes, keepdim });
}
/** Smallest element over axes. */
export function amin(x: Node, axes: Shape, keepdim: boolean): Node {
  return apply(aminPrim, [x], { axes, keepdim });
}
/** Product over axes. */
export function prod(x: Node, axes: Shape, keepdim: boolean): Node {
  return apply(prodPrim, [x], { axes, keepdim });
}

/** The adjoint of broadcasting: sums `g` down to `shape`. */
export function sumTo(g: Node, shape: Shape): Node {
  if (sameShape(g.shape, shape)) return g;
  const skip = g.shape.length - shape.length;
  const axes: number[] = [];
  for (let i = 0; i < g.shape.length; i++) {
    if (i < skip || (shape[i - skip] === 1 && g.shape[i] !== 1)) axes.push(i);
  }
  return reshape(axes.length === 0 ? g : sum(g, axes, false), shape);
}
