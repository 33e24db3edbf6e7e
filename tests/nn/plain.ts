/**
 * Arrays of plain numbers, and layers written on them as loops over indices: what layers are held to.
 *
 * @module
 */

/** Numbers in row-major order. */
export interface Plain {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** The index of an element by its place. */
function indexOf(shape: readonly number[], place: number): number[] {
  const index = new Array<number>(shape.length);
  for (let d = shape.length - 1; d >= 0; d--) {
    index[d] = place % shape[d];
    place = (place - index[d]) / shape[d];
  }
  return index;
}

/** An array whose elements are a function of their index. */
export function fill(shape: readonly number[], f: (index: number[]) => number): Plain {
  return { shape, data: Array.from({ length: sizeOf(shape) }, (_, i) => f(indexOf(shape, i))) };
}

/** All indices of a shape. */
export const indices = (shape: readonly number[]): number[][] =>
  Array.from({ length: sizeOf(shape) }, (_, i) => indexOf(shape, i));

/** An element; `outside` where there is none. */
export function at(x: Plain, index: readonly number[], outside = 0): number {
  let place = 0;
  for (const [d, n] of x.shape.entries()) {
    if (index[d] < 0 || index[d] >= n) return outside;
    place = place * n + index[d];
  }
  return x.data[place];
}

export const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
export const mean = (numbers: readonly number[]): number => sum(numbers) / numbers.length;

/** Mean of squared distances from the mean. */
export function variance(numbers: readonly number[]): number {
  const m = mean(numbers);
  return mean(numbers.map((x) => (x - m) ** 2));
}

/** The same function of each element. */
export const each = (f: (x: number) => number) => (x: Plain): Plain => ({
  shape: x.shape,
  data: x.data.map(f),
});

/** Normalises each element among those that `fellows` names by their indices. */
export function normalize(
  x: Plain,
  fellows: (index: readonly number[], other: readonly number[]) => boolean,
  factor: (index: readonly number[]) => number,
  summand: (index: readonly number[]) => number,
  eps = 1e-5,
): Plain {
  const all = indices(x.shape);
  return fill(x.shape, (i) => {
    const group = all.filter((j) => fellows(i, j)).map((j) => at(x, j));
    const scaled = (at(x, i) - mean(group)) / Math.sqrt(variance(group) + eps);
    return scaled * factor(i) + summand(i);
  });
}

/** Windows of a convolution or pooling; one number for each spatial dimension. */
export interface Window {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
}

const outputSizes = (x: Plain, kernel: readonly number[], w: Window): number[] =>
  kernel.map((k, d) =>
    Math.floor(
      (x.shape[d + 2] + 2 * w.padding[d] - w.dilation[d] * (k - 1) - 1) / w.stride[d] + 1,
    )
  );

/** A convolution of `[N, C, ...]` with `[O, C / groups, ...]`. */
export function convolution(x: Plain, weight: Plain, bias: Plain | undefined, w: Window): Plain {
  const [outputs, channels, ...kernel] = weight.shape, groups = x.shape[1] / channels;
  return fill([x.shape[0], outputs, ...outputSizes(x, kernel, w)], ([n, o, ...place]) => {
    const first = Math.floor(o / (outputs / groups)) * channels;
    return (bias?.data[o] ?? 0) + sum(
      indices([channels, ...kernel]).map(([c, ...k]) => {
        const from = place.map((p, d) => p * w.stride[d] - w.padding[d] + k[d] * w.dilation[d]);
        return at(x, [n, first + c, ...from]) * at(weight, [o, c, ...k]);
      }),
    );
  });
}

/** A transposed convolution of `[N, C, ...]` with `[C, O / groups, ...]`. */
export function transposedConvolution(
  x: Plain,
  weight: Plain,
  bias: Plain | undefined,
  w: Window & { readonly outputPadding: readonly number[]; readonly groups: number },
): Plain {
  const [channels, each, ...kernel] = weight.shape, inputs = channels / w.groups;
  const sizes = kernel.map((k, d) =>
    (x.shape[d + 2] - 1) * w.stride[d] - 2 * w.padding[d] + w.dilation[d] * (k - 1) +
    w.outputPadding[d] + 1
  );
  return fill([x.shape[0], each * w.groups, ...sizes], ([n, o, ...place]) => {
    const group = Math.floor(o / each);
    return (bias?.data[o] ?? 0) + sum(
      indices([inputs, ...kernel]).map(([c, ...k]) => {
        const from = place.map((p, d) => (p + w.padding[d] - k[d] * w.dilation[d]) / w.stride[d]);
        if (!from.every(Number.isInteger)) return 0;
        const channel = group * inputs + c;
        return at(x, [n, channel, ...from]) * at(weight, [channel, o % each, ...k]);
      }),
    );
  });
}

/** Pooling of `[N, C, ...]`; `reduce` gets the elements of a window, NaN for those outside. */
export function pooling(
  x: Plain,
  kernel: readonly number[],
  w: Window,
  reduce: (elements: number[]) => number,
): Plain {
  const [n, c] = x.shape;
  return fill([n, c, ...outputSizes(x, kernel, w)], ([n, c, ...place]) =>
    reduce(
      indices(kernel).map((k) =>
        at(x, [
          n,
          c,
          ...place.map((p, d) => p * w.stride[d] - w.padding[d] + k[d] * w.dilation[d]),
        ], NaN)
      ),
    ));
}

/** Softmax along a dimension, or its logarithm. */
export function softmax(x: Plain, dim: number, log: boolean): Plain {
  const axis = dim < 0 ? dim + x.shape.length : dim;
  return fill(x.shape, (i) => {
    const row = Array.from({ length: x.shape[axis] }, (_, k) => at(x, i.with(axis, k)));
    const total = sum(row.map(Math.exp));
    return log ? at(x, i) - Math.log(total) : Math.exp(at(x, i)) / total;
  });
}
