/**
 * Every layer: how it is made, shapes of what it is given, and what it gives, written on plain numbers.
 *
 * @module
 */

import { type DType, nn } from "@torchopt/torchopt";
import {
  at,
  convolution,
  each,
  fill,
  indices,
  mean,
  normalize,
  type Plain,
  pooling,
  softmax,
  sum,
  transposedConvolution,
} from "./plain.ts";

/** Parameters and buffers by name. */
export type Named = Readonly<Record<string, Plain>>;

/** One way of making a layer. */
export interface LayerRow {
  readonly layer: keyof typeof nn;
  /** The layer, with parameters of a type. */
  make(options: { dtype: DType }): nn.Module;
  /** Shapes of what it is given. */
  readonly shapes: readonly (readonly number[])[];
  /** What it gives. */
  reference(x: Plain, parts: Named): Plain;
  /** Whether it is tried as in evaluation (default false). */
  readonly eval?: boolean;
  /** Where the input are whole numbers: how many there are. */
  readonly classes?: number;
}

const scalar = [[], [0], [5], [2, 3]];
const images = (
  channels: number,
) => [[2, channels, 5, 4], [0, channels, 5, 4], [1, channels, 4, 6]];

/** Φ(x), by integration of the density (Simpson's rule). */
function normal(x: number): number {
  const n = 4000, h = x / n, density = (t: number) => Math.exp(-t * t / 2) / Math.sqrt(2 * Math.PI);
  let total = density(0) + density(x);
  for (let i = 1; i < n; i++) total += (i % 2 === 0 ? 2 : 4) * density(i * h);
  return 0.5 + total * h / 3;
}

const elementwise = (
  layer: LayerRow["layer"],
  make: () => nn.Module,
  f: (x: number) => number,
): LayerRow => ({ layer, make, shapes: scalar, reference: each(f) });

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

const channelwise = (x: Plain, { weight, bias }: Named): Plain =>
  normalize(
    x,
    ([, c], [, other]) => c === other,
    ([, c]) => weight?.data[c] ?? 1,
    ([, c]) => bias?.data[c] ?? 0,
  );

const running = (x: Plain, { weight, bias, runningMean, runningVar }: Named): Plain =>
  fill(
    x.shape,
    (i) =>
      (at(x, i) - runningMean.data[i[1]]) / Math.sqrt(runningVar.data[i[1]] + 1e-5) *
        weight.data[i[1]] + bias.data[i[1]],
  );

const linear = (x: Plain, { weight, bias }: Named): Plain =>
  fill([...x.shape.slice(0, -1), weight.shape[0]], (i) => {
    const o = i[i.length - 1], row = i.slice(0, -1);
    const products = Array.from(
      { length: weight.shape[1] },
      (_, k) => at(x, [...row, k]) * at(weight, [o, k]),
    );
    return sum(products) + (bias?.data[o] ?? 0);
  });

const embedding = (x: Plain, { weight }: Named): Plain =>
  fill([...x.shape, weight.shape[1]], (i) => at(weight, [at(x, i.slice(0, -1)), i[i.length - 1]]));

const plain1 = { stride: [1], padding: [0], dilation: [1] };
const plain2 = { stride: [1, 1], padding: [0, 0], dilation: [1, 1] };
const maximum = (elements: number[]) => Math.max(...elements.filter((v) => !Number.isNaN(v)));

/** Every layer, in several ways of making it. */
export const layers: readonly LayerRow[] = [
  elementwise("Identity", () => new nn.Identity(), (x) => x),
  elementwise("ReLU", () => new nn.ReLU(), (x) => Math.max(x, 0)),
  elementwise("LeakyReLU", () => new nn.LeakyReLU(), (x) => x > 0 ? x : 0.01 * x),
  elementwise("LeakyReLU", () => new nn.LeakyReLU(0.3), (x) => x > 0 ? x : 0.3 * x),
  elementwise("ELU", () => new nn.ELU(), (x) => x > 0 ? x : Math.expm1(x)),
  elementwise("ELU", () => new nn.ELU(0.7), (x) => x > 0 ? x : 0.7 * Math.expm1(x)),
  elementwise("GELU", () => new nn.GELU(), (x) => x * normal(x)),
  elementwise(
    "GELU",
    () => new nn.GELU("tanh"),
    (x) => x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  ),
  elementwise("SiLU", () => new nn.SiLU(), (x) => x * sigmoid(x)),
  elementwise("Tanh", () => new nn.Tanh(), Math.tanh),
  elementwise("Sigmoid", () => new nn.Sigmoid(), sigmoid),
  elementwise("Softplus", () => new nn.Softplus(), (x) => Math.log1p(Math.exp(x))),
  elementwise(
    "Softplus",
    () => new nn.Softplus(3, 1.5),
    (x) => 3 * x > 1.5 ? x : Math.log1p(Math.exp(3 * x)) / 3,
  ),
  { ...elementwise("Dropout", () => new nn.Dropout(0.9), (x) => x), eval: true },
  elementwise("Dropout", () => new nn.Dropout(0), (x) => x),
  elementwise("Dropout", () => new nn.Dropout(1), () => 0),
  {
    layer: "Softmax",
    make: () => new nn.Softmax(),
    shapes: [[4], [2, 3], [0, 3]],
    reference: (x) => softmax(x, -1, false),
  },
  {
    layer: "Softmax",
    make: () => new nn.Softmax(1),
    shapes: [[2, 3], [2, 3, 2]],
    reference: (x) => softmax(x, 1, false),
  },
  {
    layer: "LogSoftmax",
    make: () => new nn.LogSoftmax(),
    shapes: [[4], [2, 3], [0, 3]],
    reference: (x) => softmax(x, -1, true),
  },
  {
    layer: "LogSoftmax",
    make: () => new nn.LogSoftmax(0),
    shapes: [[4], [2, 3]],
    reference: (x) => softmax(x, 0, true),
  },
  {
    layer: "Flatten",
    make: () => new nn.Flatten(),
    shapes: [[2, 3], [2, 3, 2], [0, 2, 2]],
    reference: ({ shape: [n, ...rest], data }) => ({
      shape: [n, rest.reduce((a, b) => a * b, 1)],
      data,
    }),
  },
  {
    layer: "Flatten",
    make: () => new nn.Flatten(0, 1),
    shapes: [[2, 3, 2]],
    reference: ({ shape: [a, b, ...rest], data }) => ({ shape: [a * b, ...rest], data }),
  },
  {
    layer: "Linear",
    make: (o) => new nn.Linear(3, 2, o),
    shapes: [[3], [4, 3], [0, 3], [2, 2, 3]],
    reference: linear,
  },
  {
    layer: "Linear",
    make: (o) => new nn.Linear(1, 4, { ...o, bias: false }),
    shapes: [[1], [3, 1]],
    reference: linear,
  },
  {
    layer: "Embedding",
    make: (o) => new nn.Embedding(5, 3, o),
    shapes: [[], [4], [2, 3], [0]],
    classes: 5,
    reference: embedding,
  },
  {
    layer: "Conv1d",
    make: (o) => new nn.Conv1d(2, 3, 2, o),
    shapes: [[2, 2, 5], [0, 2, 5]],
    reference: (x, { weight, bias }) => convolution(x, weight, bias, plain1),
  },
  {
    layer: "Conv1d",
    make: (o) =>
      new nn.Conv1d(4, 2, 3, { ...o, stride: 2, padding: 2, dilation: 2, groups: 2, bias: false }),
    shapes: [[1, 4, 6]],
    reference: (x, { weight, bias }) =>
      convolution(x, weight, bias, { stride: [2], padding: [2], dilation: [2] }),
  },
  {
    layer: "Conv2d",
    make: (o) => new nn.Conv2d(1, 2, [3, 2], o),
    shapes: images(1),
    reference: (x, { weight, bias }) => convolution(x, weight, bias, plain2),
  },
  {
    layer: "Conv2d",
    make: (o) => new nn.Conv2d(2, 2, 2, { ...o, stride: [2, 1], padding: [0, 1], groups: 2 }),
    shapes: images(2),
    reference: (x, { weight, bias }) =>
      convolution(x, weight, bias, { ...plain2, stride: [2, 1], padding: [0, 1] }),
  },
  {
    layer: "ConvTranspose2d",
    make: (o) => new nn.ConvTranspose2d(2, 1, [2, 3], o),
    shapes: [[1, 2, 3, 2], [0, 2, 3, 2]],
    reference: (x, { weight, bias }) =>
      transposedConvolution(x, weight, bias, { ...plain2, outputPadding: [0, 0], groups: 1 }),
  },
  {
    layer: "ConvTranspose2d",
    make: (o) =>
      new nn.ConvTranspose2d(2, 4, 3, {
        ...{ ...o, stride: [2, 3], padding: 1, outputPadding: [1, 0], groups: 2, bias: false },
      }),
    shapes: [[1, 2, 2, 3]],
    reference: (x, { weight, bias }) =>
      transposedConvolution(x, weight, bias, {
        ...{ stride: [2, 3], padding: [1, 1], dilation: [1, 1], outputPadding: [1, 0], groups: 2 },
      }),
  },
  {
    layer: "MaxPool2d",
    make: () => new nn.MaxPool2d(2),
    shapes: images(1),
    reference: (x) => pooling(x, [2, 2], { ...plain2, stride: [2, 2] }, maximum),
  },
  {
    layer: "MaxPool2d",
    make: () => new nn.MaxPool2d([3, 2], { stride: [1, 2], padding: [1, 0], dilation: [1, 2] }),
    shapes: images(1),
    reference: (x) =>
      pooling(x, [3, 2], { stride: [1, 2], padding: [1, 0], dilation: [1, 2] }, maximum),
  },
  {
    layer: "AvgPool2d",
    make: () => new nn.AvgPool2d([2, 1]),
    shapes: images(1),
    reference: (x) => pooling(x, [2, 1], { ...plain2, stride: [2, 1] }, mean),
  },
  {
    layer: "AvgPool2d",
    make: () => new nn.AvgPool2d(3, { stride: 2, padding: 1 }),
    shapes: images(1),
    reference: (x) =>
      pooling(
        x,
        [3, 3],
        { ...plain2, stride: [2, 2], padding: [1, 1] },
        (elements) => sum(elements.map((v) => Number.isNaN(v) ? 0 : v)) / 9,
      ),
  },
  {
    layer: "AvgPool2d",
    make: () => new nn.AvgPool2d(3, { stride: 2, padding: 1, countIncludePad: false }),
    shapes: images(1),
    reference: (x) =>
      pooling(
        x,
        [3, 3],
        { ...plain2, stride: [2, 2], padding: [1, 1] },
        (elements) => mean(elements.filter((v) => !Number.isNaN(v))),
      ),
  },
  {
    layer: "BatchNorm1d",
    make: (o) => new nn.BatchNorm1d(2, o),
    shapes: [[4, 2], [3, 2, 2]],
    reference: channelwise,
  },
  {
    layer: "BatchNorm1d",
    make: (o) => new nn.BatchNorm1d(2, o),
    shapes: [[4, 2], [1, 2], [0, 2], [3, 2, 2]],
    reference: running,
    eval: true,
  },
  {
    layer: "BatchNorm1d",
    make: (o) => new nn.BatchNorm1d(3, { ...o, affine: false, trackRunningStats: false }),
    shapes: [[4, 3]],
    reference: channelwise,
    eval: true,
  },
  {
    layer: "BatchNorm2d",
    make: (o) => new nn.BatchNorm2d(2, o),
    shapes: [[2, 2, 2, 3]],
    reference: channelwise,
  },
  {
    layer: "BatchNorm2d",
    make: (o) => new nn.BatchNorm2d(2, o),
    shapes: [[2, 2, 2, 3], [0, 2, 2, 3]],
    reference: running,
    eval: true,
  },
  {
    layer: "LayerNorm",
    make: (o) => new nn.LayerNorm(4, o),
    shapes: [[4], [3, 4], [0, 4]],
    reference: (x, { weight, bias }) => {
      const last = (i: readonly number[]) => i[i.length - 1];
      return normalize(
        x,
        (i, j) => i.slice(0, -1).every((v, d) => v === j[d]),
        (i) => weight.data[last(i)],
        (i) => bias.data[last(i)],
      );
    },
  },
  {
    layer: "LayerNorm",
    make: (o) => new nn.LayerNorm([2, 3], { ...o, affine: false, eps: 0.1 }),
    shapes: [[2, 3], [3, 2, 3]],
    reference: (x) =>
      normalize(
        x,
        (i, j) => i.slice(0, -2).every((v, d) => v === j[d]),
        () => 1,
        () => 0,
        0.1,
      ),
  },
  {
    layer: "RMSNorm",
    make: (o) => new nn.RMSNorm([2, 3], { ...o, eps: 0.1 }),
    shapes: [[2, 3], [3, 2, 3], [0, 2, 3]],
    reference: (x, { weight }) =>
      fill(x.shape, (i) => {
        const [r, c] = i.slice(-2), row = i.slice(0, -2);
        const all = indices([2, 3]).map((j) => at(x, [...row, ...j]) ** 2);
        return at(x, i) / Math.sqrt(mean(all) + 0.1) * at(weight, [r, c]);
      }),
  },
  {
    layer: "GroupNorm",
    make: (o) => new nn.GroupNorm(2, 4, o),
    shapes: [[2, 4], [2, 4, 3], [0, 4, 3], [1, 4, 2, 2]],
    reference: (x, { weight, bias }) =>
      normalize(
        x,
        ([n, c], [m, d]) => n === m && Math.floor(c / 2) === Math.floor(d / 2),
        ([, c]) => weight.data[c],
        ([, c]) => bias.data[c],
      ),
  },
];
