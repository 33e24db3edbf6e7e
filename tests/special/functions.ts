/**
 * The functions of `values.json` as functions of this library. Each takes its arguments as columns
 * (vectors with one element for each point) and gives one element for each point.
 *
 * @module
 */

import { maximum, minimum, nn, stack, type Tensor } from "@torchopt/torchopt";

/** A function of columns. */
export type Columns = (...xs: Tensor[]) => Tensor;

const f = nn.functional;
const none = { reduction: "none" } as const;
/** A function of rows, of whose results the first counts. */
const rows = (fn: (x: Tensor) => Tensor): Columns => (...xs) => {
  const y = fn(stack(xs, 1));
  return y.ndim === 1 ? y : y.narrow(1, 0, 1).squeeze(1);
};
const second = (x: Tensor) => x.narrow(1, 0, 1).squeeze(1).detach().mul(0).add(1).long();

/** All of them, by the names of the table. */
export const functions: Record<string, Columns> = {
  exp: (x) => x.exp(),
  expm1: (x) => x.expm1(),
  exp2: (x) => x.exp2(),
  reciprocal: (x) => x.reciprocal(),
  square: (x) => x.square(),
  "pow 3": (x) => x.pow(3),
  "pow -2": (x) => x.pow(-2),
  sin: (x) => x.sin(),
  cos: (x) => x.cos(),
  tan: (x) => x.tan(),
  atan: (x) => x.atan(),
  sinh: (x) => x.sinh(),
  cosh: (x) => x.cosh(),
  tanh: (x) => x.tanh(),
  asinh: (x) => x.asinh(),
  erf: (x) => x.erf(),
  erfc: (x) => x.erfc(),
  sigmoid: (x) => x.sigmoid(),
  logSigmoid: (x) => x.logSigmoid(),
  softplus: (x) => x.softplus(),
  "softplus beta 2": (x) => x.softplus({ beta: 2 }),
  silu: (x) => x.silu(),
  gelu: (x) => x.gelu(),
  "gelu tanh": (x) => x.gelu({ approximate: "tanh" }),
  mish: (x) => f.mish(x),
  elu: (x) => x.elu(),
  selu: (x) => f.selu(x),
  softsign: (x) => f.softsign(x),
  log: (x) => x.log(),
  log2: (x) => x.log2(),
  log10: (x) => x.log10(),
  sqrt: (x) => x.sqrt(),
  rsqrt: (x) => x.rsqrt(),
  "pow 1.75": (x) => x.pow(1.75),
  "pow -0.5": (x) => x.pow(-0.5),
  log1p: (x) => x.log1p(),
  acosh: (x) => x.acosh(),
  asin: (x) => x.asin(),
  acos: (x) => x.acos(),
  atanh: (x) => x.atanh(),
  erfinv: (x) => x.erfinv(),
  logit: (x) => x.logit(),
  pow: (x, y) => x.pow(y),
  atan2: (y, x) => y.atan2(x),
  div: (x, y) => x.div(y),
  glu: (x, y) => f.glu(stack([x, y], 1)).squeeze(1),
  huberLoss: (x, y) => f.huberLoss(x, y, { ...none, delta: 1.5 }),
  smoothL1Loss: (x, y) => f.smoothL1Loss(x, y, { ...none, beta: 0.5 }),
  binaryCrossEntropy: (x, t) => f.binaryCrossEntropy(x, t, none),
  klDiv: (x, t) => f.klDiv(x, t, none),
  binaryCrossEntropyWithLogits: (x, t) => f.binaryCrossEntropyWithLogits(x, t, none),
  "klDiv log": (x, t) => f.klDiv(x, t, { ...none, logTarget: true }),
  logsumexp: rows((x) => x.logsumexp(1)),
  softmax: rows((x) => x.softmax(1)),
  logSoftmax: rows((x) => x.logSoftmax(1)),
  crossEntropy: rows((x) => f.crossEntropy(x, second(x), none)),
  "crossEntropy smooth": rows((x) =>
    f.crossEntropy(x, second(x), { ...none, labelSmoothing: 0.1 })
  ),
  var: rows((x) => x.var(1)),
  std: rows((x) => x.std(1)),
  layerNorm: rows((x) => f.layerNorm(x, [3])),
  norm: rows((x) => x.norm(2, 1)),
  "norm 1.5": rows((x) => x.norm(1.5, 1)),
  "norm 3": rows((x) => x.norm(3, 1)),
  "norm 0.5": rows((x) => x.norm(0.5, 1)),
  "norm -1": rows((x) => x.norm(-1, 1)),
  normalize: rows((x) => f.normalize(x)),
  rmsNorm: rows((x) => f.rmsNorm(x, [3])),
  abs: (x) => x.abs(),
  relu: (x) => x.relu(),
  leakyRelu: (x) => x.leakyRelu(),
  relu6: (x) => f.relu6(x),
  hardtanh: (x) => f.hardtanh(x),
  ...Object.fromEntries(
    [0, 1, 2, 4, 5, 0.5, 1.5, 2.5, -1].map((k) => [`pow ${k}`, (x: Tensor) => x.pow(k)]),
  ),
  maximum: (x, y) => maximum(x, y),
  minimum: (x, y) => minimum(x, y),
  amax: rows((x) => x.amax(1)),
  amin: rows((x) => x.amin(1)),
  prod: rows((x) => x.prod(1)),
  "norm 1": rows((x) => x.norm(1, 1)),
  "norm 2": rows((x) => x.norm(2, 1)),
  "norm Infinity": rows((x) => x.norm(Infinity, 1)),
  "norm squared": rows((x) => x.norm(2, 1).square()),
  cosineSimilarity: (a, b, c, d) => f.cosineSimilarity(stack([a, b], 1), stack([c, d], 1)),
};
