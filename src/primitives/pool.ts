/**
 * Pooling over windows: maximum with its places, and average.
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import { DTypeError, ShapeError } from "../graph/errors.ts";
import { apply, type Aval, definePrimitive, type Node, type Primitive } from "../graph/node.ts";
import { type Shape, showShape, sizeOf } from "../graph/shape.ts";
import { constantNode } from "../graph/leaf.ts";
import { add, div, mul, num, sub } from "./elementwise.ts";
import { scatterAdd } from "./index.ts";
import { iota } from "./iota.ts";
import { expand, narrow, pad, reshape, slice } from "./movement.ts";
import { sum } from "./reduce.ts";
import { project } from "./tuple.ts";
import { maxPlaces } from "./windows.ts";

/** Windows of a pooling; one number for each spatial dimension. */
export interface PoolAttrs {
  /** Size of the window. */
  readonly kernel: Shape;
  /** Step of the window. */
  readonly strides: Shape;
  /** Elements added before each dimension. */
  readonly low: Shape;
  /** Elements added after each dimension. */
  readonly high: Shape;
  /** Distance of the window's elements. */
  readonly dilations: Shape;
}

/** Static arguments of `maxPool`. */
export interface MaxPoolAttrs extends PoolAttrs {
  /** Number of equal parts of the samples; places count within one. */
  readonly examples: number;
}

/** Shape of a pooled [N, C, ...sizes]. Throws a ShapeError that names `op`. */
function poolShape(op: string, x: Shape, attrs: PoolAttrs): number[] {
  const { kernel, strides, low, high, dilations } = attrs;
  if (x.length !== kernel.length + 2) {
    throw new ShapeError(
      `${op}: got ${showShape(x)}, wants [N, C${", size".repeat(kernel.length)}]; ` +
        `unsqueeze(0) adds a missing batch dimension.`,
    );
  }
  const out = kernel.map((k, i) => {
    const reach = (k - 1) * dilations[i] + 1, room = x[i + 2] + low[i] + high[i];
    // A window that sees padding only would have no maximum and no count.
    if (2 * Math.max(low[i], high[i]) > reach) {
      throw new ShapeError(
        `${op}: in spatial dimension ${i} the padding ${low[i]} + ${
          high[i]
        } is more than half of ` +
          `the window, which spans ${reach}; pad() the input with the value you want instead.`,
      );
    }
    if (k < 1 || reach > room) {
      throw new ShapeError(
        `${op}: got ${showShape(x)}: in spatial dimension ${i} the window spans ${reach} ` +
          `element(s) and the padded input has ${room}; use a smaller window.`,
      );
    }
    return Math.floor((room - reach) / strides[i]) + 1;
  });
  return [x[0], x[1], ...out];
}

/** Refuses windows of maxPool whose elements all lie in the padding, as dilated ones may. */
function checkSeen(x: Shape, out: Shape, { kernel, strides, low, dilations }: PoolAttrs): void {
  kernel.forEach((k, i) => {
    if (dilations[i] === 1) return;
    for (let window = 0; window < out[i + 2]; window++) {
      let at = window * strides[i] - low[i], seen = false;
      for (let tap = 0; tap < k; tap++, at += dilations[i]) seen ||= at >= 0 && at < x[i + 2];
      if (seen) continue;
      throw new ShapeError(
        `maxPool: got ${showShape(x)}: in spatial dimension ${i} window ${window} meets padding ` +
          `only, with dilation ${dilations[i]} and padding ${low[i]}; use less of one of them.`,
      );
    }
  });
}

/**
 * Largest element of each window and its place in the flattened example (int64); the first of equals,
 * or the first NaN. Padding never wins. Input: x [N, C, ...]. Results: values, places.
 */
export const maxPoolPrim: Primitive<MaxPoolAttrs> = definePrimitive<MaxPoolAttrs>({
  name: "maxPool",
  infer([x], attrs): Aval[] {
    if (x.dtype !== "float32" && x.dtype !== "float64") {
      throw new DTypeError(`maxPool: got ${x.dtype}, wants float32 or float64; convert it first.`);
    }
    const shape = poolShape("maxPool", x.shape, attrs);
    checkSeen(x.shape, shape, attrs);
    return [{ shape, dtype: x.dtype }, { shape, dtype: "int64" }];
  },
  lower(c, [x], { dtype, attrs }) {
    const pooled = (of: string) =>
      c.ops("MaxPool", [of], {
        kernel_shape: attr.ints(attrs.kernel),
        strides: attr.ints(attrs.strides),
        pads: attr.ints([...attrs.low, ...attrs.high]),
        dilations: attr.ints(attrs.dilations),
      }, { outputs: 2 });
    const [values, places] = pooled(x);
    // ONNX Runtime's kernel passes over NaN; here a window's first NaN is its maximum.
    const [marks, markPlaces] = pooled(c.cast(c.op("IsNaN", [x]), "float32"));
    const any = c.cast(marks, "bool");
    return [
      c.op("Where", [any, c.scalar(dtype, NaN), values]),
      c.op("Where", [any, markPlaces, places]),
    ];
  },
  vjp(g: readonly (Node | null)[], node) {
    const [x] = node.inputs;
    if (g[0] === null) return [null];
    const { examples } = node.attrs;
    const flat = (v: Node) => reshape(v, [examples, sizeOf(v.shape) / examples]);
    const zeros = expand(num(0, x), [examples, sizeOf(x.shape) / examples]);
    return [reshape(scatterAdd(zeros, 1, flat(project(node, 1)), flat(g[0])), x.shape)];
  },
  batch(node, [x], _batched, size) {
    const [n, ...rest] = node.inputs[0].shape, out = [size, ...node.shape];
    const examples = size * node.attrs.examples;
    const [values, places] = maxPool(reshape(x, [size * n, ...rest]), node.attrs, examples);
    return [reshape(values, out), reshape(places, out)];
  },
  unpack(node, index, target) {
    const { kernel, strides, low, dilations, examples } = node.attrs;
    const [x] = node.inputs, out = node.shape.slice(2);
    if (target.has("torchopt.MaxPlaces", x.dtype) && sizeOf(node.shape) > 0) {
      return maxPlaces(
        x,
        { sizes: x.shape, kernel, out, strides, low, dilations, examples },
        index,
      );
    }
    if (examples === 1) return null;
    // MaxPool counts in all of x.
    const result = maxPool(x, node.attrs)[index];
    if (index === 0) return result;
    const before = mul(
      iota(examples, "int64"),
      constantNode(sizeOf(x.shape) / examples, "int64"),
    );
    const own = reshape(result, [examples, sizeOf(node.shape) / examples]);
    return reshape(sub(own, reshape(before, [examples, 1])), node.shape);
  },
});

/**
 * Largest element of each window, and its place in the flattened example: the samples are split into
 * `examples` equal parts.
 */
export function maxPool(x: Node, attrs: PoolAttrs, examples = 1): [Node, Node] {
  const { kernel, strides, low, high, dilations } = attrs;
  const both = apply(maxPoolPrim, [x], { kernel, strides, low, high, dilations, examples });
  return [project(both, 0), project(both, 1)];
}

/** Window size up to which a chain of additions serves. */
const LONG = 8;

/** Every `step`th element of an axis from `start` on. */
function every(x: Node, axis: number, start: number, count: number, step: number): Node {
  return slice(x, {
    starts: x.shape.map((_, i) => i === axis ? start : 0),
    sizes: x.shape.map((d, i) => i === axis ? count : d),
    steps: x.shape.map((_, i) => i === axis ? step : 1),
  });
}

const gcd = (a: number, b: number): number => b === 0 ? a : gcd(b, a % b);

/** Sums of windows of `size` elements along an axis. */
function windowSums(x: Node, axis: number, size: number, step: number): Node {
  const count = Math.floor((x.shape[axis] - size) / step) + 1;
  if (size <= LONG) {
    return Array.from({ length: size }, (_, k) => every(x, axis, k, count, step)).reduce(add);
  }
  // Blocks that windows begin and end with are a dimension of their own.
  const block = gcd(size, step);
  if (block > 1) {
    const blocks = Math.floor(((count - 1) * step + size) / block);
    const used = narrow(x, axis, 0, blocks * block);
    const shape = [...x.shape.slice(0, axis), blocks, block, ...x.shape.slice(axis + 1)];
    const sums = sum(reshape(used, shape), [axis + 1], false);
    return block === size ? sums : windowSums(sums, axis, size / block, step / block);
  }
  // Windows of twice the size are two of them: few additions, and few roundings.
  let power = x, total: Node | null = null, covered = 0;
  for (let width = 1; width <= size; width *= 2) {
    if (size & width) {
      const part = every(power, axis, covered, count, step);
      total = total === null ? part : add(total, part);
      covered += width;
    }
    const n = power.shape[axis] - width;
    if (2 * width <= size) power = add(narrow(power, axis, 0, n), narrow(power, axis, width, n));
  }
  return total!;
}

/**
 * Average of each window. Padding counts as zeros where `countIncludePad` is true, and is left out of
 * sum and count otherwise. Made of other primitives: a window's sum is taken one axis after another.
 */
export function avgPool(
  x: Node,
  attrs: Omit<PoolAttrs, "dilations">,
  countIncludePad: boolean,
): Node {
  const { kernel, strides, low, high } = attrs;
  poolShape("avgPool", x.shape, { ...attrs, dilations: kernel.map(() => 1) });
  const padded = pad(x, [0, 0, ...low], [0, 0, ...high]);
  const totals = kernel.reduce((y, k, i) => windowSums(y, i + 2, k, strides[i]), padded);
  if (countIncludePad || [...low, ...high].every((n) => n === 0)) {
    return mul(totals, num(1 / sizeOf(kernel), x));
  }
  return kernel.reduce((y, k, i) => {
    const ones = pad(expand(num(1, x), [x.shape[i + 2]]), [low[i]], [high[i]]);
    const counts = windowSums(ones, 0, k, strides[i]);
    return div(y, reshape(counts, [counts.shape[0], ...kernel.slice(i + 1).map(() => 1)]));
  }, totals);
}
