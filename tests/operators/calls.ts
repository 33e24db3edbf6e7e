/** How calls of PyTorch's operators are written here. */

import {
  arange,
  cat,
  type DType,
  eye,
  linspace,
  logspace,
  nn,
  stack,
  Tensor,
  tensor,
  where,
} from "@torchopt/torchopt";

/** An argument as the samples have it: their types are those of the call. */
// deno-lint-ignore no-explicit-any
export type Value = any;

/** Arguments in order, options by name. */
export type Call = (args: Value[], options: Record<string, Value>) => Tensor | Tensor[];

/** Thrown where an operator has something that this library has no counterpart of. */
export class NoCounterpart extends Error {}

function without(missing: boolean, what: string): void {
  if (missing) throw new NoCounterpart(what);
}

/** A dimension or several; an empty list means all in PyTorch, and none here. */
function dims(value: Value): Value {
  without(Array.isArray(value) && value.length === 0, "an empty list of dimensions");
  return value;
}

/** A tensor, or a number as one. */
const lifted = (x: Value): Tensor => x instanceof Tensor ? x : tensor(x);
const number = (x: Value): number => x instanceof Tensor ? x.item() : x;

/** A method of two operands. */
const binary = (name: keyof Tensor): Call => ([x, y], { alpha }) =>
  (lifted(x)[name] as Value).call(x, y, ...(alpha === undefined ? [] : [{ alpha }]));
/** A method without arguments. */
const unary = (name: keyof Tensor): Call => ([x]) => x[name]();
/** A reduction over dimensions. */
const reduction = (name: keyof Tensor): Call => ([x, dim, keepdim], o) => {
  const y = o.dtype === undefined ? x : x.to(o.dtype);
  return y[name](dims(dim ?? o.dim), { keepdim: keepdim ?? o.keepdim ?? false });
};
/** Variance and deviation, whose second argument may say whether they are unbiased. */
const spread = (name: "var" | "std"): Call => ([x, first], o) => {
  const unbiased = typeof first === "boolean" ? first : o.unbiased;
  const correction = unbiased === undefined ? o.correction ?? 1 : unbiased ? 1 : 0;
  const dim = typeof first === "boolean" ? o.dim : first ?? o.dim;
  return x[name](dims(dim), { correction, keepdim: o.keepdim ?? false });
};
/** An extremum: of two tensors, of all elements, or along a dimension. */
const extremum = (name: "max" | "min" | "median"): Call => ([x, second, keepdim], o) => {
  if (second instanceof Tensor) return x[`${name}imum`](second);
  const dim = second ?? o.dim;
  if (dim === undefined) return x[name]();
  const { values, indices } = x[name](dim, { keepdim: keepdim ?? o.keepdim ?? false });
  return [values, indices];
};
const place = (name: "argmax" | "argmin"): Call => ([x, dim], o) =>
  x[name](dim ?? o.dim, { keepdim: o.keepdim ?? false });
const dtype = (o: Record<string, Value>): { dtype?: DType } =>
  o.dtype === undefined ? {} : { dtype: o.dtype };

const pooling = (name: "maxPool1d" | "avgPool1d"): Call => ([x, size], o) => {
  without(o.ceil_mode || o.return_indices, "ceil_mode, return_indices");
  without(name === "avgPool1d" && !x.dtype.startsWith("float"), "averages in whole numbers");
  const { kernel_size = size, stride, padding, dilation, count_include_pad } = o;
  const more = name === "maxPool1d" ? { dilation } : { countIncludePad: count_include_pad };
  return nn.functional[name](x, kernel_size, { stride, padding, ...more } as Value);
};

/** Calls by the operator's name. */
export const calls: Record<string, Call> = {
  add: binary("add"),
  sub: binary("sub"),
  mul: binary("mul"),
  fmod: binary("fmod"),
  remainder: binary("remainder"),
  pow: binary("pow"),
  maximum: binary("maximum"),
  minimum: binary("minimum"),
  eq: binary("eq"),
  ne: binary("ne"),
  lt: binary("lt"),
  le: binary("le"),
  gt: binary("gt"),
  ge: binary("ge"),
  logical_and: binary("logicalAnd"),
  logical_or: binary("logicalOr"),
  logical_xor: binary("logicalXor"),
  dot: binary("dot"),
  mv: binary("mv"),
  mm: binary("mm"),
  bmm: binary("bmm"),
  matmul: binary("matmul"),
  outer: binary("outer"),
  div: ([x, y], { rounding_mode }) => x.div(y, { roundingMode: rounding_mode }),
  logical_not: unary("logicalNot"),
  neg: unary("neg"),
  abs: unary("abs"),
  sign: unary("sign"),
  square: unary("square"),
  floor: unary("floor"),
  ceil: unary("ceil"),
  trunc: unary("trunc"),
  trace: unary("trace"),
  nonzero: ([x], { as_tuple }) => {
    without(as_tuple, "as_tuple");
    return x.nonzero();
  },
  round: ([x], { decimals }) => {
    without(decimals !== undefined && decimals !== 0, "decimals");
    return x.round();
  },
  lerp: ([x, end, weight]) => x.lerp(end, weight),
  addcmul: ([x, a, b], { value }) => x.addcmul(a, b, { value }),
  addcdiv: ([x, a, b], { value }) => x.addcdiv(a, b, { value }),
  clamp: ([x, min, max], o) => x.clamp(min ?? o.min, max ?? o.max),
  nan_to_num: ([x], o) => x.nanToNum({ nan: o.nan, posinf: o.posinf, neginf: o.neginf }),
  isclose: ([x, y], { rtol, atol, equal_nan }) => x.isClose(y, { rtol, atol, equalNan: equal_nan }),
  where: ([x, condition, y]) => where(condition, x, y),
  masked_fill: ([x, mask, value]) => x.maskedFill(mask, value),
  masked_select: ([x, mask]) => x.maskedSelect(mask),
  argmax: place("argmax"),
  argmin: place("argmin"),
  amax: reduction("amax"),
  amin: reduction("amin"),
  sum: reduction("sum"),
  mean: reduction("mean"),
  prod: reduction("prod"),
  all: reduction("all"),
  any: reduction("any"),
  logsumexp: reduction("logsumexp"),
  max: extremum("max"),
  min: extremum("min"),
  median: extremum("median"),
  var: spread("var"),
  std: spread("std"),
  count_nonzero: ([x, dim], o) => x.countNonzero(dims(dim ?? o.dim)),
  norm: ([x, order, dim, keepdim], o) => {
    const p = order ?? o.p ?? 2;
    without(p === "nuc", "nuclear norms");
    return x.norm(p, dims(dim ?? o.dim), { keepdim: keepdim ?? o.keepdim ?? false });
  },
  softmax: ([x, dim], o) => (o.dtype === undefined ? x : x.to(o.dtype)).softmax(dim),
  cumsum: ([x, dim], o) => x.cumsum(dim ?? o.dim),
  cumprod: ([x, dim], o) => x.cumprod(dim ?? o.dim),
  sort: ([x, dim, down], o) => {
    const options = { descending: down ?? o.descending ?? false };
    const { values, indices } = x.sort(dim ?? o.dim ?? -1, options);
    // Without stable, PyTorch's places of equals may be any.
    return o.stable ? [values, indices] : [values];
  },
  argsort: ([x, dim, down], o) => {
    without(!o.stable, "orders that are not stable");
    return x.argsort(dim ?? o.dim ?? -1, { descending: down ?? o.descending ?? false });
  },
  topk: ([x, k, dim, largest]) => [x.topk(k, { dim: dim ?? -1, largest: largest ?? true }).values],
  gather: ([x, dim, index]) => x.gather(dim, index),
  scatter: ([x, dim, index, src], o) => {
    without(o.reduce !== undefined, "reduce");
    return x.scatter(dim, index, src ?? o.value);
  },
  scatter_add: ([x, dim, index, src]) => x.scatterAdd(dim, index, src),
  index_add: ([x, dim, index, src], { alpha = 1 }) => {
    without(alpha !== 1, "alpha");
    return x.indexAdd(dim, index, src);
  },
  index_select: ([x, dim, index]) => x.indexSelect(dim, index),
  take: ([x, index]) => x.take(index),
  take_along_dim: ([x, index, dim]) => x.takeAlongDim(index, dim),
  cat: ([xs, dim], o) => cat(xs, dim ?? o.dim ?? 0),
  stack: ([xs, dim], o) => stack(xs, dim ?? o.dim ?? 0),
  diag: ([x, offset]) => x.diag(offset),
  tril: ([x, offset]) => x.tril(offset),
  triu: ([x, offset]) => x.triu(offset),
  diagonal: ([x, offset, a, b], o) =>
    x.diagonal(offset ?? o.offset ?? 0, a ?? o.dim1 ?? 0, b ?? o.dim2 ?? 1),
  roll: ([x, shifts, dim], o) => x.roll(shifts ?? o.shifts, dim ?? o.dims),
  flip: ([x, dim], o) => x.flip(dim ?? o.dims),
  repeat: ([x, times]) => x.repeat(times),
  tile: ([x, times]) => x.tile(times),
  repeat_interleave: ([x, times], o) => {
    const repeats = times ?? o.repeats;
    without(typeof repeats !== "number", "a number of repeats for each element");
    return x.repeatInterleave(repeats, o.dim);
  },
  narrow: ([x, dim, start, length]) => {
    without(start instanceof Tensor, "a tensor as start");
    return x.narrow(dim, start, length);
  },
  arange: ([first, ...more], o) => {
    without(typeof first === "boolean", "booleans as bounds");
    const numbers = o.end === undefined ? [first, ...more] : [first, o.end];
    return (arange as Value)(...numbers, dtype(o));
  },
  linspace: ([start, end, steps], o) => linspace(number(start), number(end), steps, dtype(o)),
  logspace: ([start, end, steps, base], o) =>
    logspace(number(start), number(end), steps, { base: base ?? 10, ...dtype(o) }),
  eye: ([n, m], o) => eye(n, { m, ...dtype(o) }),
  "nn.functional.max_pool1d": pooling("maxPool1d"),
  "nn.functional.avg_pool1d": pooling("avgPool1d"),
};
