/** Cases of `nn_ops.json`, and the operations they are about. */

import { assert } from "@std/assert";
import { autograd, nn, Tensor, tensor } from "@torchopt/torchopt";
import * as torch from "@torchopt/torchopt";
import { readGolden } from "./golden.ts";
import { assertClose } from "./close.ts";

export interface Golden {
  shape: number[];
  dtype: "float64" | "float32" | "int64" | "bool";
  data: (number | string | boolean)[];
}

/** Options of an operation. */
// deno-lint-ignore no-explicit-any
export type Options = Record<string, any>;

export interface Case {
  name: string;
  op: string;
  options: Options;
  inputs: Golden[];
  int_inputs: Record<string, Golden>;
  output: Golden;
  cotangent: Golden | null;
  grads: (Golden | null)[] | null;
  vector: (Golden | null)[] | null;
  hvp: (Golden | null)[] | null;
  running_mean_after?: Golden | null;
  running_var_after?: Golden | null;
}

/** What an operation gets: its tensors, its options in camelCase, its index and mask arguments. */
export type Operation = (
  inputs: Tensor[],
  options: Options,
  ints: Record<string, Tensor>,
) => Tensor;

const F = nn.functional;

/** Reductions take their dimension apart from the other options. */
const reduction = (name: "sum" | "mean" | "prod" | "amax" | "amin" | "var" | "std" | "logsumexp") =>
  (([x]: Tensor[], { dim, ...rest }: Options) => x[name](dim, rest)) as Operation;

const extremum = (name: "max" | "min"): Operation => ([x], { dim, ...rest }) =>
  dim === undefined || dim === null ? x[name]() : x[name](dim, rest).values;

const loss = (
  fn: (x: Tensor, y: Tensor, options: Options) => Tensor,
): Operation =>
([x, y], options) => fn(x, y, options);

/** Operations whose arguments are more than tensors followed by nothing. */
const operations: Record<string, Operation> = {
  pow_scalar: ([x], { exponent }) => x.pow(exponent),
  sum: reduction("sum"),
  mean: reduction("mean"),
  prod: reduction("prod"),
  amax: reduction("amax"),
  amin: reduction("amin"),
  var: reduction("var"),
  std: reduction("std"),
  logsumexp: reduction("logsumexp"),
  norm: ([x], { p, dim, ...rest }) => x.norm(p, dim, rest),
  max: extremum("max"),
  min: extremum("min"),
  softmax: ([x], { dim }) => x.softmax(dim),
  log_softmax: ([x], { dim }) => x.logSoftmax(dim),
  cumsum: ([x], { dim }) => x.cumsum(dim),
  cumprod: ([x], { dim }) => x.cumprod(dim),
  softplus: ([x], options) => x.softplus(options),
  gelu: ([x], options) => x.gelu(options),
  elu: ([x], { alpha }) => x.elu(alpha),
  leaky_relu: ([x], { negativeSlope }) => x.leakyRelu(negativeSlope),
  logsigmoid: ([x]) => x.logSigmoid(),
  flip: ([x], { dims }) => x.flip(dims),
  reshape: ([x], { shape }) => x.reshape(shape),
  transpose: ([x], { dim0, dim1 }) => x.transpose(dim0, dim1),
  permute: ([x], { dims }) => x.permute(dims),
  expand: ([x], { shape }) => x.expand(shape),
  squeeze: ([x], { dim }) => x.squeeze(dim),
  unsqueeze: ([x], { dim }) => x.unsqueeze(dim),
  slice: ([x], { slices }) => x.slice(slices),
  select: ([x], { dim, index }) => x.select(dim, index),
  repeat: ([x], { repeats }) => x.repeat(repeats),
  concat: (inputs, { dim }) => torch.concat(inputs, dim),
  stack: (inputs, { dim }) => torch.stack(inputs, dim),
  pad: ([x], { pad, mode, value }) => x.pad(pad, { mode, value }),
  gather: ([x], { dim }, { index }) => x.gather(dim, index),
  index_select: ([x], { dim }, { index }) => x.indexSelect(dim, index),
  scatter_add: ([x, src], { dim }, { index }) => x.scatterAdd(dim, index, src),
  where: ([a, b], _options, { condition }) => torch.where(condition, a, b),
  masked_fill: ([x], { value }, { mask }) => x.maskedFill(mask, value),
  clamp: ([x], { min, max }) => x.clamp(min, max),
  nan_to_num: ([x], options) => x.nanToNum(options),
  tril: ([x], { diagonal }) => x.tril(diagonal),
  triu: ([x], { diagonal }) => x.triu(diagonal),
  diag: ([x], { diagonal }) => x.diag(diagonal),
  einsum: (inputs, { equation }) => torch.einsum(equation, ...inputs),
  linalg_solve: ([a, b]) => a.solve(b),
  linalg_inv: ([a]) => a.inverse(),
  // A second input is the class weight, which the reference holds constant.
  cross_entropy: ([x, weight], options, { target }) =>
    F.crossEntropy(x, target, { ...options, weight: weight?.detach() }),
  nll_loss: ([x, weight], options, { target }) =>
    F.nllLoss(x, target, { ...options, weight: weight?.detach() }),
  log_softmax_nll_loss: ([x], options, { target }) => F.nllLoss(x.logSoftmax(-1), target, options),
  mse_loss: loss(F.mseLoss),
  l1_loss: loss(F.l1Loss),
  smooth_l1_loss: loss(F.smoothL1Loss),
  huber_loss: loss(F.huberLoss),
  binary_cross_entropy: loss(F.binaryCrossEntropy),
  bce_with_logits: loss(F.binaryCrossEntropyWithLogits),
  kl_div: loss(F.klDiv),
  conv1d: ([x, w, b], options) => F.conv1d(x, w, b, options),
  conv2d: ([x, w, b], options) => F.conv2d(x, w, b, options),
  conv_transpose2d: ([x, w, b], options) => F.convTranspose2d(x, w, b, options),
  max_pool2d: ([x], { kernelSize, ...rest }) => F.maxPool2d(x, kernelSize, rest),
  avg_pool2d: ([x], { kernelSize, ...rest }) => F.avgPool2d(x, kernelSize, rest),
  batch_norm: ([x, weight, bias], { runningMean, runningVar, ...rest }) =>
    F.batchNorm(x, runningMean, runningVar, { ...rest, weight, bias }),
  layer_norm: ([x, weight, bias], { normalizedShape, ...rest }) =>
    F.layerNorm(x, normalizedShape, { ...rest, weight, bias }),
  group_norm: ([x, weight, bias], { numGroups, ...rest }) =>
    F.groupNorm(x, numGroups, { ...rest, weight, bias }),
  embedding: ([weight], _options, { indices }) => F.embedding(indices, weight),
  linear: ([x, w, b]) => F.linear(x, w, b),
  composite: ([x, w1, w2]) => x.matmul(w1).tanh().matmul(w2).logSoftmax(-1),
};

const camelCase = (name: string) => name.replace(/_([a-z])/g, (_, c) => c.toUpperCase());

/** The operation of a name: from the table, else the method of that name on the first tensor. */
export function operation(op: string): Operation {
  if (Object.hasOwn(operations, op)) return operations[op];
  const method = camelCase(op) as "add";
  assert(typeof Tensor.prototype[method] === "function", `unknown operation ${op}`);
  return ([x, ...rest]) => (x[method] as (...args: Tensor[]) => Tensor)(...rest);
}

const number = (v: number | string | boolean) => Number(v);

export function read(t: Golden, requiresGrad = false): Tensor {
  const { shape, dtype } = t;
  return tensor(t.data.map(number), { shape, dtype, requiresGrad });
}

/** Options in camelCase; stored tensors become tensors. */
export function convert(options: Options): Options {
  const entries = Object.entries(options).filter(([k]) => k !== "note");
  return Object.fromEntries(entries.map(([k, v]) => {
    const stored = v !== null && typeof v === "object" && "dtype" in v;
    return [camelCase(k), stored ? read(v) : v];
  }));
}

export function compare(what: string, actual: Tensor | null, expected: Golden, rtol: number): void {
  const size = expected.data.length, atol = 1e-11;
  const got = actual === null ? new Array<number>(size).fill(0) : Array.from(actual.data(), Number);
  if (actual !== null) {
    assert(
      JSON.stringify(actual.shape) === JSON.stringify(expected.shape),
      `${what}: shape [${actual.shape}], expected [${expected.shape}]`,
    );
  }
  assertClose(got, expected.data.map(number), { rtol, atol }, what);
}

/** All cases. */
export const { cases } = readGolden<{ cases: Case[] }>("nn_ops.json");

/** Output, gradients and Hessian-vector products of a case. */
export interface Derived {
  output: Tensor;
  grads: (Tensor | null)[];
  products: (Tensor | null)[];
}

/** The operation with its gradients and Hessian products, null where there are none. */
export function derive(
  c: Case,
  inputs: Tensor[],
  ints: Record<string, Tensor>,
  settings: Options,
): Derived {
  const output = operation(c.op)(inputs, settings, ints);
  if (c.grads === null || c.cotangent === null) return { output, grads: [], products: [] };
  const options = { createGraph: true, allowUnused: true };
  const gradOutputs = [read(c.cotangent)];
  const grads = autograd.grad([output], inputs, { gradOutputs, ...options });
  if (c.hvp === null || c.vector === null) return { output, grads, products: [] };
  const terms = grads.flatMap((g, i) =>
    g === null || c.vector![i] === null ? [] : [g.mul(read(c.vector![i]!)).sum()]
  );
  const total = terms.length === 0 ? null : terms.reduce((a, b) => a.add(b));
  const products = total === null || !total.requiresGrad
    ? inputs.map(() => null)
    : autograd.grad([total], inputs, { allowUnused: true });
  return { output, grads, products };
}
