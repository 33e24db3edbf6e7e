/**
 * Primitives that move elements: alias, detach, reshape, permute, expand; and those of `slicing.ts`.
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import { ShapeError } from "../graph/errors.ts";
import { constant } from "../graph/leaf.ts";
import { apply, definePrimitive, type Node, type Primitive } from "../graph/node.ts";
import type { View } from "../graph/program_rule.ts";
import { isContiguous } from "../graph/views.ts";
import { contiguousStrides, sameShape, type Shape, showShape, sizeOf } from "../graph/shape.ts";
import { sumTo } from "./reduce.ts";

export * from "./slicing.ts";

/** A new handle on the same value: gradients pass, but it can be a root of differentiation. */
export const aliasPrim: Primitive<null> = definePrimitive<null>({
  name: "alias",
  infer: ([x]) => x,
  lower: (c, [x]) => c.op("Identity", [x]),
  vjp: (g) => [g],
  reads: () => false,
  batch: (_node, [x]) => alias(x),
  simplify: (node) => node.inputs[0],
  program: { kind: "view", view: (_node, of) => of },
});

/** The value without its history. */
export const detachPrim: Primitive<null> = definePrimitive<null>({
  name: "detach",
  infer: ([x]) => x,
  lower: (c, [x]) => c.op("Identity", [x]),
  vjp: "detach() stops gradients",
  batch: (_node, [x]) => detach(x),
  simplify: (node) => node.inputs[0],
  program: { kind: "view", view: (_node, of) => of },
});

/** Same elements in the same order under another shape. */
export const reshapePrim: Primitive<{ shape: Shape }> = definePrimitive<{ shape: Shape }>({
  name: "reshape",
  infer([x], { shape }) {
    if (sizeOf(shape) !== sizeOf(x.shape)) {
      throw new ShapeError(
        `reshape: ${showShape(x.shape)} has ${sizeOf(x.shape)} elements, ` +
          `${showShape(shape)} has ${sizeOf(shape)}; they must be equal.`,
      );
    }
    return { shape, dtype: x.dtype };
  },
  lower: (c, [x], node) => c.op("Reshape", [x, c.ints(node.shape)], { allowzero: attr.int(1) }),
  vjp: (g, { inputs: [x] }) => [reshape(g, x.shape)],
  batch: (node, [x], _batched, size) => reshape(x, [size, ...node.shape]),
  simplify(node) {
    const [x] = node.inputs;
    if (sameShape(x.shape, node.shape)) return x;
    if (x.prim === reshapePrim) return reshape(x.inputs[0], node.shape);
    if (x.prim === expandPrim && x.inputs[0].prim === constant) {
      return expand(x.inputs[0], node.shape);
    }
    return node;
  },
  program: {
    kind: "view",
    view: (node, of) =>
      isContiguous(of) ? contiguousView(node.shape, of.offset) : splitDims(of, node.shape),
  },
});

/** The view of a contiguous tensor. */
function contiguousView(shape: Shape, offset = 0): View {
  return { dims: shape, strides: contiguousStrides(shape), offset };
}

/** Reshape of a strided view, where only sizes of 1 come or go; null otherwise. */
function splitDims(of: View, shape: Shape): View | null {
  const big = of.dims.map((_, i) => i).filter((i) => of.dims[i] !== 1);
  const target = shape.filter((d) => d !== 1);
  if (!sameShape(big.map((i) => of.dims[i]), target)) return null;
  let k = 0;
  const strides = shape.map((d) => d === 1 ? 0 : of.strides[big[k++]]);
  return { dims: shape, strides, offset: of.offset };
}

/** Reordered dimensions: dimension i of the result is dimension perm[i] of the operand. */
export const permutePrim: Primitive<{ perm: Shape }> = definePrimitive<{ perm: Shape }>({
  name: "permute",
  infer([x], { perm }) {
    if (perm.length !== x.shape.length || new Set(perm).size !== perm.length) {
      throw new ShapeError(
        `permute: ${showShape(perm)} is not an order of the ${x.shape.length} dimensions of ` +
          `${showShape(x.shape)}; name each dimension once.`,
      );
    }
    return { shape: perm.map((p) => x.shape[p]), dtype: x.dtype };
  },
  lower: (c, [x], node) => c.op("Transpose", [x], { perm: attr.ints([...node.attrs.perm]) }),
  vjp: (g, node) => [permute(g, inversePerm(node.attrs.perm))],
  batch: (node, [x]) => permute(x, [0, ...node.attrs.perm.map((p) => p + 1)]),
  simplify(node) {
    const { perm } = node.attrs;
    const [x] = node.inputs;
    if (perm.every((p, i) => p === i)) return x;
    if (x.prim === permutePrim) {
      const inner = (x as Node<{ perm: Shape }>).attrs.perm;
      return permute(x.inputs[0], perm.map((p) => inner[p]));
    }
    // Moving only dimensions of size 1 is a reshape, which costs nothing.
    const moved = perm.filter((p) => x.shape[p] !== 1);
    if (moved.every((p, i) => i === 0 || p > moved[i - 1])) return reshape(x, node.shape);
    return node;
  },
  program: {
    kind: "view",
    view: (node, of) => ({
      dims: node.attrs.perm.map((p) => of.dims[p]),
      strides: node.attrs.perm.map((p) => of.strides[p]),
      offset: of.offset,
    }),
  },
});

/** The permutation that undoes `perm`. */
export function inversePerm(perm: Shape): number[] {
  const out = new Array<number>(perm.length);
  perm.forEach((p, i) => out[p] = i);
  return out;
}

/** Repetition along dimensions of size 1 and new leading dimensions. */
export const expandPrim: Primitive<{ shape: Shape }> = definePrimitive<{ shape: Shape }>({
  name: "expand",
  infer([x], { shape }) {
    const skip = shape.length - x.shape.length;
    if (skip < 0 || x.shape.some((d, i) => d !== 1 && d !== shape[i + skip])) {
      throw new ShapeError(
        `expand: ${showShape(x.shape)} cannot be repeated to ${showShape(shape)}; ` +
          `only dimensions of size 1 and new leading dimensions grow.`,
      );
    }
    return { shape, dtype: x.dtype };
  },
  lower: (c, [x], node) => c.op("Expand", [x, c.ints(node.shape)]),
  vjp: (g, { inputs: [x] }) => [sumTo(g, x.shape)],
  batch(node, [x], _batched, size) {
    const own = node.inputs[0].shape;
    const ones = node.shape.slice(own.length).map(() => 1);
    return expand(reshape(x, [size, ...ones, ...own]), [size, ...node.shape]);
  },
  simplify(node) {
    const [x] = node.inputs;
    if (sameShape(x.shape, node.shape)) return x;
    if (x.prim === expandPrim) return expand(x.inputs[0], node.shape);
    return node;
  },
  program: {
    kind: "view",
    view(node, of) {
      const skip = node.shape.length - of.dims.length;
      return {
        dims: node.shape,
        strides: node.shape.map((_, i) =>
          i < skip || of.dims[i - skip] === 1 ? 0 : of.strides[i - skip]
        ),
        offset: of.offset,
      };
    },
  },
});

/** Same elements in the same order under another shape. */
export function reshape(x: Node, shape: Shape): Node {
  return sameShape(x.shape, shape) ? x : apply(reshapePrim, [x], { shape });
}
/** Reordered dimensions. */
export function permute(x: Node, perm: Shape): Node {
  return apply(permutePrim, [x], { perm });
}
/** Repetition along dimensions of size 1 and new leading ones. */
export function expand(x: Node, shape: Shape): Node {
  return sameShape(x.shape, shape) ? x : apply(expandPrim, [x], { shape });
}
/** Operands of a batching rule, all of them batched: those that are not are repeated. */
export function batchAll(xs: readonly Node[], batched: readonly boolean[], size: number): Node[] {
  return xs.map((x, i) => batched[i] ? x : expand(x, [size, ...x.shape]));
}
/** A new root on the same value. */
export function alias(x: Node): Node {
  return apply(aliasPrim, [x], null);
}
/** The value without its history. */
export function detach(x: Node): Node {
  return x.requiresGrad ? apply(detachPrim, [x], null) : x;
}
