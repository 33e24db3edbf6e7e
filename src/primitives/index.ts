/**
 * Primitives that choose elements by number: gather, scatter, take along an axis and its adjoint.
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import { DTypeError, ShapeError } from "../graph/errors.ts";
import { constant } from "../graph/leaf.ts";
import type { LowerContext } from "../graph/lower_context.ts";
import { apply, definePrimitive, type Node, type Primitive } from "../graph/node.ts";
import { sameShape, type Shape, showShape, sizeOf } from "../graph/shape.ts";
import { add, cast, le, logicalAnd, lt, mul, num, where } from "./elementwise.ts";
import { iota } from "./iota.ts";
import { batchAll, expand, inversePerm, permute, reshape } from "./movement.ts";
import { scatterZeros } from "./windows.ts";

/** Static arguments of primitives that work along one axis. */
export interface AxisAttrs {
  /** Axis, counted from the front. */
  readonly axis: number;
}

function checkIndex(op: string, index: Node): void {
  if (index.dtype !== "int64" && index.dtype !== "int32") {
    throw new DTypeError(
      `${op}: the index is ${index.dtype}, wants int64 or int32; convert it with to("int64").`,
    );
  }
}

/** Gather and scatter need equal ranks, and an index no larger than the tensor beside the axis. */
function checkAligned(op: string, x: Node, axis: number, index: Node): void {
  checkIndex(op, index);
  const fits = index.shape.length === x.shape.length && x.shape.length > 0 &&
    index.shape.every((d, i) => i === axis || d <= x.shape[i]);
  if (!fits) {
    throw new ShapeError(
      `${op}: the index ${showShape(index.shape)} does not fit ${showShape(x.shape)} along ` +
        `dimension ${axis}; it needs as many dimensions, none larger except dimension ${axis}.`,
    );
  }
}

/**
 * Element `[.., index[.., k, ..], ..]` for each element of `index` (`torch.gather`). Inputs: x, index.
 */
export const gatherPrim: Primitive<AxisAttrs> = definePrimitive<AxisAttrs>({
  name: "gather",
  index: 1,
  infer([x, index], { axis }) {
    checkAligned("gather", x, axis, index);
    return { shape: index.shape, dtype: x.dtype };
  },
  lower: (c, inputs, node) => c.op("GatherElements", inputs, { axis: attr.int(node.attrs.axis) }),
  vjp: (g, { inputs: [x, index], attrs: { axis } }) => [
    scatterAdd(zeros(x.shape, x), axis, index, g),
    null,
  ],
  batch({ attrs: { axis } }, xs, batched, size) {
    if (batched[0]) {
      const [x, index] = batchAll(xs, batched, size);
      return gather(x, axis + 1, index);
    }
    // All examples look up in one table: their places stand one after another along the axis.
    const [x, index] = xs;
    const [, ...own] = index.shape;
    const flat = own.map((d, i) => i === axis ? size * d : d);
    const y = gather(x, axis, reshape(permute(index, intoAxis(index.shape.length, axis)), flat));
    const split = [...own.slice(0, axis), size, ...own.slice(axis)];
    return permute(reshape(y, split), outOfAxis(split.length, axis));
  },
});

/** The permutation that moves dimension 0 before what is dimension `axis` without it. */
function intoAxis(rank: number, axis: number): number[] {
  const rest = Array.from({ length: rank - 1 }, (_, i) => i + 1);
  return [...rest.slice(0, axis), 0, ...rest.slice(axis)];
}

/** The permutation that moves dimension `axis` to the front. */
function outOfAxis(rank: number, axis: number): number[] {
  return inversePerm(intoAxis(rank, axis));
}

/**
 * `x` with `src` added at the places that `index` names; repeated places accumulate
 * (`torch.scatter_add`). Inputs: x, index, src.
 */
export const scatterAddPrim: Primitive<AxisAttrs> = definePrimitive<AxisAttrs>({
  name: "scatterAdd",
  index: 1,
  infer([x, index, src], { axis }) {
    checkAligned("scatterAdd", x, axis, index);
    checkAddable("scatterAdd", x, src);
    if (!sameShape(index.shape, src.shape)) {
      throw new ShapeError(
        `scatterAdd: the index ${showShape(index.shape)} and the source ` +
          `${showShape(src.shape)} must have equal shapes; slice the source.`,
      );
    }
    return { shape: x.shape, dtype: x.dtype };
  },
  lower: (c, inputs, node) =>
    c.op("ScatterElements", inputs, {
      axis: attr.int(node.attrs.axis),
      reduction: attr.string("add"),
    }),
  vjp: (g, { inputs: [, index], attrs: { axis } }, needs) => [
    needs[0] ? g : null,
    null,
    needs[2] ? gather(g, axis, index) : null,
  ],
  batch(node, xs, batched, size) {
    const [x, index, src] = batchAll(xs, batched, size);
    return scatterAdd(x, node.attrs.axis + 1, index, src);
  },
  decompose({ inputs: [x, index, src], shape, attrs: { axis } }, target) {
    const number = x.prim.name === "expand" ? x.inputs[0] : x;
    const onZeros = number.prim === constant && number.attrs.value === 0;
    if (!onZeros || !target.has("torchopt.ScatterZeros", x.dtype)) return null;
    const last = shape.length - 1;
    if (axis !== last || index.dtype !== "int64") return null;
    if (!sameShape(shape.slice(0, last), index.shape.slice(0, last))) return null;
    return scatterZeros(index, src, shape);
  },
});

/**
 * Slices of `x` along an axis, in the order of `index`; its shape takes the place of the axis, and
 * negative numbers count from the end. Inputs: x, index.
 */
export const indexSelectPrim: Primitive<AxisAttrs> = definePrimitive<AxisAttrs>({
  name: "indexSelect",
  index: 1,
  infer([x, index], { axis }) {
    checkIndex("indexSelect", index);
    checkHasAxis("indexSelect", x.shape, axis);
    return {
      shape: [...x.shape.slice(0, axis), ...index.shape, ...x.shape.slice(axis + 1)],
      dtype: x.dtype,
    };
  },
  lower: (c, inputs, node) => c.op("Gather", inputs, { axis: attr.int(node.attrs.axis) }),
  vjp: (g, { inputs: [x, index], attrs: { axis } }) => [indexAdd(x.shape, axis, index, g), null],
  batch({ attrs: { axis } }, [x, index], batched, size) {
    if (!batched[1]) return indexSelect(x, axis + 1, index);
    const front = (y: Node) => permute(y, outOfAxis(y.shape.length, axis));
    if (!batched[0]) return front(indexSelect(x, axis, index));
    const [, ...own] = x.shape;
    const tables = reshape(
      permute(x, intoAxis(x.shape.length, axis)),
      own.map((d, i) => i === axis ? size * d : d),
    );
    return front(indexSelect(tables, axis, shifted(index, own[axis])));
  },
});

/**
 * Places in tables of `n` rows each, one for each example, as places in one table of all their rows.
 * Numbers out of range stay out of range, so that they are an error and not a row of a neighbour.
 */
function shifted(index: Node, n: number): Node {
  const [size, ...own] = index.shape;
  const number = (value: number): Node => num(value, index);
  const first = mul(
    cast(reshape(iota(size, "int64"), [size, ...own.map(() => 1)]), index.dtype),
    number(n),
  );
  const fromFront = where(lt(index, number(0)), add(index, number(n)), index);
  const inside = logicalAnd(le(number(0), fromFront), lt(fromFront, number(n)));
  return where(inside, add(fromFront, first), number(size * n));
}

/** Static arguments of `indexAdd`. */
export interface IndexAddAttrs extends AxisAttrs {
  /** Shape of the result. */
  readonly shape: Shape;
}

/**
 * The adjoint of `indexSelect`: zeros of the given shape, to which slices of `src` are added at the
 * places that `index` names. Inputs: index, src.
 */
export const indexAddPrim: Primitive<IndexAddAttrs> = definePrimitive<IndexAddAttrs>({
  name: "indexAdd",
  index: 0,
  infer([index, src], { axis, shape }) {
    checkIndex("indexAdd", index);
    checkHasAxis("indexAdd", shape, axis);
    const wanted = [...shape.slice(0, axis), ...index.shape, ...shape.slice(axis + 1)];
    if (!sameShape(src.shape, wanted)) {
      throw new ShapeError(
        `indexAdd: the source is ${showShape(src.shape)}; an index ${showShape(index.shape)} ` +
          `along dimension ${axis} of ${showShape(shape)} wants ${showShape(wanted)}.`,
      );
    }
    checkAddable("indexAdd", { shape, dtype: src.dtype }, src);
    return { shape, dtype: src.dtype };
  },
  lower: (c, [index, src], node) => lowerIndexAdd(c, index, src, node),
  vjp: (g, { inputs: [index], attrs: { axis } }) => [null, indexSelect(g, axis, index)],
  batch({ attrs: { axis, shape } }, xs, batched, size) {
    if (!batched[0]) return indexAdd([size, ...shape], axis + 1, xs[0], xs[1]);
    const [index, src] = batchAll(xs, batched, size);
    const y = indexAdd(
      shape.map((d, i) => i === axis ? size * d : d),
      axis,
      shifted(index, shape[axis]),
      permute(src, intoAxis(src.shape.length, axis)),
    );
    const split = [...shape.slice(0, axis), size, ...shape.slice(axis)];
    return permute(reshape(y, split), outOfAxis(split.length, axis));
  },
  decompose(node) {
    const { axis, shape } = node.attrs;
    const [index, src] = node.inputs;
    if (sizeOf(shape.slice(0, axis)) === 1) return null;
    // Whole rows are added at a time, so the indexed axis has to come first.
    const rank = index.shape.length;
    const front = [axis, ...shape.map((_, i) => i).filter((i) => i !== axis)];
    const places = index.shape.map((_, i) => axis + i);
    const rest = src.shape.map((_, i) => i).filter((i) => i < axis || i >= axis + rank);
    const y = indexAdd(front.map((i) => shape[i]), 0, index, permute(src, [...places, ...rest]));
    return permute(y, inversePerm(front));
  },
});

/** Elements that one ScatterND node may add. */
const CHUNK = 65536;

/**
 * Adds rows of `src` to zeros. ONNX Runtime's CPU kernel for ScatterND splits large work over threads
 * without regard to repeated rows, which then lose additions. The cost model of its thread pool
 * leaves work below 210 000 elements to one thread, so the work is cut into pieces far below that:
 * rows, one piece on top of the other, or columns side by side where the table is large, since each
 * piece copies what it adds to. ScatterElements runs on one thread at any size, but takes 15 to 100
 * times as long.
 */
function lowerIndexAdd(
  c: LowerContext,
  index: string,
  src: string,
  node: Node<IndexAddAttrs>,
): string {
  const { axis, shape } = node.attrs;
  const rows = sizeOf(node.inputs[0].shape), places = shape[axis];
  const width = sizeOf(shape.slice(axis + 1));
  const result = (y: string) => c.op("Reshape", [y, c.ints(shape)], { allowzero: attr.int(1) });
  const zeros = (n: number) => c.op("Expand", [c.scalar(node.dtype, 0), c.ints([places, n])]);
  if (rows === 0 || width === 0) return result(zeros(width));
  const wide = node.inputs[0].dtype === "int64" ? index : c.cast(index, "int64");
  const at = c.op("Reshape", [wide, c.ints([rows, 1])]);
  const updates = c.op("Reshape", [src, c.ints([rows, width])]);
  const add = { reduction: attr.string("add") };
  const split = (x: string, sizes: readonly number[], along: number) =>
    c.ops("Split", [x, c.ints(sizes)], { axis: attr.int(along) }, { outputs: sizes.length });
  if (rows * width <= CHUNK || c.target.scattersSafely) {
    return result(c.op("ScatterND", [zeros(width), at, updates], add));
  }
  const byRows = pieces(rows, Math.max(1, Math.floor(CHUNK / width)));
  if (byRows.length * places <= 32 * rows) {
    const a = split(at, byRows, 0), u = split(updates, byRows, 0);
    return result(
      byRows.reduce((y, _, i) => c.op("ScatterND", [y, a[i], u[i]], add), zeros(width)),
    );
  }
  if (rows <= CHUNK) {
    const byColumns = pieces(width, Math.floor(CHUNK / rows));
    const parts = split(updates, byColumns, 1)
      .map((u, i) => c.op("ScatterND", [zeros(byColumns[i]), at, u], add));
    return result(c.op("Concat", parts, { axis: attr.int(1) }));
  }
  const each = c.op("Expand", [at, c.ints([rows, width])]);
  return result(
    c.op("ScatterElements", [zeros(width), each, updates], { axis: attr.int(0), ...add }),
  );
}

/** `total` in pieces of `size`, the last one smaller. */
function pieces(total: number, size: number): number[] {
  return Array.from(
    { length: Math.ceil(total / size) },
    (_, i) => Math.min(size, total - i * size),
  );
}

function checkHasAxis(op: string, shape: Shape, axis: number): void {
  if (axis >= shape.length) {
    throw new ShapeError(
      `${op}: ${showShape(shape)} has no dimension ${axis}; unsqueeze() a scalar first.`,
    );
  }
}

function checkAddable(op: string, x: { dtype: Node["dtype"]; shape: Shape }, src: Node): void {
  if (x.dtype !== src.dtype) {
    throw new DTypeError(
      `${op}: the tensor is ${x.dtype}, the source ${src.dtype}; convert one with ` +
        `to("${x.dtype}").`,
    );
  }
  if (x.dtype === "bool") {
    throw new DTypeError(`${op}: got bool, wants numbers; convert with to("int64").`);
  }
}

/** Zeros in the type of `like`. */
function zeros(shape: Shape, like: Node): Node {
  return expand(num(0, like), shape);
}

/** What was added up in float32, since ONNX Runtime cannot add to places of float16. */
function half(sum: Node): Node {
  return cast(sum, "float16");
}

/** Element-wise choice along an axis (`torch.gather`). */
export function gather(x: Node, axis: number, index: Node): Node {
  return apply(gatherPrim, [x, index], { axis });
}
/** `x` with `src` added at the places that `index` names along an axis. */
export function scatterAdd(x: Node, axis: number, index: Node, src: Node): Node {
  if (x.dtype === "float16" && src.dtype === "float16") {
    return half(scatterAdd(cast(x, "float32"), axis, index, cast(src, "float32")));
  }
  return apply(scatterAddPrim, [x, index, src], { axis });
}
/** Slices along an axis in the order of `index`, which may have any number of dimensions. */
export function indexSelect(x: Node, axis: number, index: Node): Node {
  return apply(indexSelectPrim, [x, index], { axis });
}
/** Zeros with slices of `src` added where `index` says; the adjoint of `indexSelect`. */
export function indexAdd(shape: Shape, axis: number, index: Node, src: Node): Node {
  if (src.dtype === "float16") return half(indexAdd(shape, axis, index, cast(src, "float32")));
  return apply(indexAddPrim, [index, src], { axis, shape });
}
