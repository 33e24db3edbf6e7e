/**
 * Losses of regression and of yes-no decisions.
 *
 * @module
 */

import type { BinaryCrossEntropyOptions, LossOptions } from "./options.ts";
import { ShapeError } from "../../graph/errors.ts";
import { numberNode } from "../../graph/leaf.ts";
import type { Node } from "../../graph/node.ts";
import { broadcastShapes, normalizeAxis, sameShape, showShape } from "../../graph/shape.ts";
import * as p from "../../primitives/elementwise.ts";
import { custom } from "../../primitives/custom.ts";
import { detach, expand } from "../../primitives/movement.ts";
import { sum } from "../../primitives/reduce.ts";
import { wrap } from "../../tensor/core.ts";
import { checkOptional, checkTensor, floating, meet, pair } from "../../tensor/promotion.ts";
import { clamp } from "../../tensor/formulas/basic.ts";
import { norm } from "../../tensor/formulas/statistics.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { reduceLoss } from "./reduction.ts";
import { checkNames } from "../../tensor/describe.ts";
import { BINARY_CROSS_ENTROPY, LOSS } from "./names.ts";

const { num } = p;

/** Input and target in one dtype. Unequal shapes are refused: broadcasting there is an accident. */
function both(op: string, input: Tensor, target: Tensor): [Node, Node] {
  if (!sameShape(input.shape, target.shape)) {
    throw new ShapeError(
      `${op}: got input ${showShape(input.shape)} and target ${
        showShape(target.shape)
      }; they must ` +
        `be equal (expand() the target if broadcasting is meant).`,
    );
  }
  return pair(input, target);
}

/**
 * Squared differences.
 *
 * @throws {ShapeError} where shapes differ
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(nn.functional.mseLoss(tensor([1, 2]), tensor([1, 4])).item(), 2);
 * ```
 */
export function mseLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkTensor("mseLoss", "the input", input);
  checkTensor("mseLoss", "the target", target);
  checkNames("mseLoss", options, LOSS);
  const [x, y] = both("mseLoss", input, target);
  return reduceLoss("mseLoss", p.square(p.sub(x, y)), options.reduction);
}

/**
 * Magnitudes of differences; derivative 0 where there is none.
 *
 * @throws {ShapeError} where shapes differ
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(nn.functional.l1Loss(tensor([1, 2]), tensor([1, 4])).item(), 1);
 * ```
 */
export function l1Loss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkTensor("l1Loss", "the input", input);
  checkTensor("l1Loss", "the target", target);
  checkNames("l1Loss", options, LOSS);
  const [x, y] = both("l1Loss", input, target);
  return reduceLoss("l1Loss", p.abs(p.sub(x, y)), options.reduction);
}

/**
 * Squared differences (halved, over beta) below `beta` (default 1), magnitudes above.
 *
 * @throws {ShapeError} where shapes differ
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const loss = nn.functional.smoothL1Loss(tensor([0.5, 3]), tensor([0, 0]), { reduction: "none" });
 * assertEquals(loss.toArray(), [0.125, 2.5]);
 * ```
 */
export function smoothL1Loss(
  input: Tensor,
  target: Tensor,
  options: LossOptions & { beta?: number } = {},
): Tensor {
  checkTensor("smoothL1Loss", "the input", input);
  checkTensor("smoothL1Loss", "the target", target);
  checkNames("smoothL1Loss", options, [...LOSS, "beta"]);
  const { beta = 1, reduction } = options;
  if (!(beta >= 0)) throw new RangeError(`smoothL1Loss: beta is a number >= 0, got ${beta}.`);
  if (beta === 0) return l1Loss(input, target, { reduction });
  const [x, y] = both("smoothL1Loss", input, target);
  const d = p.sub(x, y), size = p.abs(d), b = numberNode(beta, d.dtype);
  const small = p.div(p.mul(num(0.5, d), p.square(d)), b);
  const large = p.sub(size, p.mul(num(0.5, d), b));
  return reduceLoss("smoothL1Loss", p.where(p.lt(size, b), small, large), reduction);
}

/**
 * Squared differences (halved) up to `delta` (default 1), `delta` times magnitudes above (P. J.
 * Huber, 1964).
 *
 * @throws {ShapeError} where shapes differ
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const loss = nn.functional.huberLoss(tensor([4]), tensor([0]), { delta: 2 });
 * assertEquals(loss.item(), 6);
 * ```
 */
export function huberLoss(
  input: Tensor,
  target: Tensor,
  options: LossOptions & { delta?: number } = {},
): Tensor {
  checkTensor("huberLoss", "the input", input);
  checkTensor("huberLoss", "the target", target);
  checkNames("huberLoss", options, [...LOSS, "delta"]);
  const { delta = 1, reduction } = options;
  if (!(delta > 0)) throw new RangeError(`huberLoss: delta is a number > 0, got ${delta}.`);
  const [x, y] = both("huberLoss", input, target);
  const d = p.sub(x, y), size = p.abs(d), bound = numberNode(delta, d.dtype);
  const small = p.mul(num(0.5, d), p.square(d));
  const large = p.mul(bound, p.sub(size, p.mul(num(0.5, d), bound)));
  return reduceLoss("huberLoss", p.where(p.le(size, bound), small, large), reduction);
}

function weighted(losses: Node, weight: Tensor | undefined): Node {
  checkOptional("binaryCrossEntropy", "the weight", weight);
  return weight === undefined ? losses : p.mul(losses, p.cast(weight.node, losses.dtype));
}

/**
 * Cross-entropy of probabilities `input` in [0, 1] and `target`. Logarithms are cut off at -100.
 * Where scores are at hand, `binaryCrossEntropyWithLogits` is more accurate.
 *
 * @throws {ShapeError} where shapes differ
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const loss = nn.functional.binaryCrossEntropy(tensor([0.5]), tensor([1]));
 * assertAlmostEquals(loss.item(), Math.LN2, 1e-6);
 * ```
 */
export function binaryCrossEntropy(
  input: Tensor,
  target: Tensor,
  options: BinaryCrossEntropyOptions = {},
): Tensor {
  checkTensor("binaryCrossEntropy", "the input", input);
  checkTensor("binaryCrossEntropy", "the target", target);
  checkNames("binaryCrossEntropy", options, BINARY_CROSS_ENTROPY);
  const [x, t] = both("binaryCrossEntropy", input, target);
  const one = num(1, x);
  const cut = (y: Node) => clamp(y, num(-100, x), null);
  const chances = (x: Node) => ({ yes: cut(p.log(x)), no: cut(p.log1p(p.neg(x))) });
  const { yes, no } = chances(detach(x)), never = p.sub(one, detach(t));
  const value = p.neg(p.add(p.mul(detach(t), yes), p.mul(never, no)));
  // The derivative in one quotient: that of a logarithm at 0 times 0 would be NaN.
  const [losses] = custom([value], [x, t], ([g]) => {
    const spread = clamp(p.mul(p.sub(one, x), x), numberNode(1e-12, x.dtype), null);
    const { yes, no } = chances(x);
    return [p.mul(g!, p.div(p.sub(x, t), spread)), p.mul(g!, p.sub(no, yes))];
  });
  return reduceLoss("binaryCrossEntropy", weighted(losses, options.weight), options.reduction);
}

/**
 * Cross-entropy of the sigmoid of scores `input` and `target`, safe for large scores. `posWeight`
 * multiplies the part of positive targets.
 *
 * @throws {ShapeError} where shapes differ
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const loss = nn.functional.binaryCrossEntropyWithLogits(tensor([1000]), tensor([0]));
 * assertEquals(loss.item(), 1000);
 * ```
 */
export function binaryCrossEntropyWithLogits(
  input: Tensor,
  target: Tensor,
  options: BinaryCrossEntropyOptions & { posWeight?: Tensor } = {},
): Tensor {
  checkTensor("binaryCrossEntropyWithLogits", "the input", input);
  checkTensor("binaryCrossEntropyWithLogits", "the target", target);
  checkNames("binaryCrossEntropyWithLogits", options, [...BINARY_CROSS_ENTROPY, "posWeight"]);
  const op = "binaryCrossEntropyWithLogits";
  const [x, t] = both(op, input, target);
  const zero = num(0, x), never = p.sub(num(1, x), t), negative = p.lt(x, zero);
  // never x + weight log(1 + exp(-x)). Where x is negative, the logarithm is that of exp(x), less x.
  let near = p.softplus(p.where(negative, x, p.neg(x))), yes = t;
  checkOptional(op, "posWeight", options.posWeight);
  if (options.posWeight !== undefined) {
    yes = p.mul(p.cast(options.posWeight.node, x.dtype), t);
    near = p.mul(p.add(never, yes), near);
  }
  const losses = p.add(p.mul(p.where(negative, p.neg(yes), never), x), near);
  return reduceLoss(op, weighted(losses, options.weight), options.reduction);
}

/** Options of `klDiv`. */
export interface KlDivOptions {
  /** What is returned; `"batchmean"` divides the sum by the first dimension (default `"mean"`). */
  reduction?: "mean" | "sum" | "none" | "batchmean";
  /** Whether the target holds logarithms too (default false). */
  logTarget?: boolean;
}

/**
 * Kullback-Leibler divergence of `target` (probabilities) from `input` (logarithms of
 * probabilities).
 *
 * @throws {ShapeError} where shapes differ
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const q = tensor([[0.5, 0.5]]);
 * assertEquals(nn.functional.klDiv(q.log(), q, { reduction: "batchmean" }).item(), 0);
 * ```
 */
export function klDiv(input: Tensor, target: Tensor, options: KlDivOptions = {}): Tensor {
  checkTensor("klDiv", "the input", input);
  checkTensor("klDiv", "the target", target);
  checkNames("klDiv", options, ["reduction", "logTarget"]);
  const { reduction = "mean", logTarget = false } = options;
  const [x, t] = both("klDiv", input, target);
  let losses: Node;
  if (logTarget) losses = p.mul(p.exp(t), p.sub(t, x));
  else {
    const some = p.lt(num(0, t), t), one = num(1, t);
    losses = p.sub(p.mul(t, p.log(p.where(some, t, one))), p.mul(t, x));
  }
  if (reduction !== "batchmean") return reduceLoss("klDiv", losses, reduction);
  return reduceLoss("klDiv", losses, "sum", undefined).div(input.shape[0] ?? 1);
}

/**
 * Cosine of the angle of vectors along `dim` (default 1). Lengths below `eps` (default 1e-8) count
 * as `eps`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const x = tensor([[3, 0]]), y = tensor([[0, 2]]);
 * assertEquals(nn.functional.cosineSimilarity(x, y).toArray(), [0]);
 * ```
 */
export function cosineSimilarity(
  a: Tensor,
  b: Tensor,
  options: { dim?: number; eps?: number } = {},
): Tensor {
  checkTensor("cosineSimilarity", "the first", a);
  checkTensor("cosineSimilarity", "the second", b);
  checkNames("cosineSimilarity", options, ["dim", "eps"]);
  const { dim = 1, eps = 1e-8 } = options;
  const [x, y] = meet(floating(a), b.node);
  const least = numberNode(eps, x.dtype);
  const shape = broadcastShapes("cosineSimilarity", x.shape, y.shape), rank = shape.length;
  const axes = rank === 0 ? [] : [normalizeAxis("cosineSimilarity", dim, rank)];
  if (rank === 0) normalizeAxis("cosineSimilarity", dim, rank);
  const length = (n: Node) => {
    // A vector that is repeated along the dimension is as long as its repetitions.
    const repeated = axes.some((i) => n.shape[n.shape.length - rank + i] !== shape[i]);
    const whole = repeated ? expand(n, shape) : n;
    const own = axes.map((i) => whole.shape.length - rank + i);
    return clamp(norm(whole, 2, own, true), least, null);
  };
  // Each divided by its own length, so that long vectors do not overflow.
  const cosines = p.mul(p.div(x, length(x)), p.div(y, length(y)));
  return wrap(sum(cosines, axes, false));
}

/**
 * Vectors along `dim` (default 1) divided by their p-norm (default 2), or by `eps` (default 1e-12)
 * where that is larger.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const unit = nn.functional.normalize(tensor([[0, 5]]));
 * assertEquals(unit.toArray(), [[0, 1]]);
 * ```
 */
export function normalize(
  x: Tensor,
  options: { p?: number; dim?: number; eps?: number } = {},
): Tensor {
  checkTensor("normalize", "the operand", x);
  checkNames("normalize", options, ["p", "dim", "eps"]);
  const { p: order = 2, dim = 1, eps = 1e-12 } = options;
  return x.div(x.norm(order, dim, { keepdim: true }).clamp(eps));
}
