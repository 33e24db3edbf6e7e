/**
 * Losses of classification into several classes.
 *
 * @module
 */

import type { CrossEntropyOptions, NllLossOptions } from "./options.ts";
import { DTypeError, ShapeError } from "../../graph/errors.ts";
import { constantNode, numberNode } from "../../graph/leaf.ts";
import { isFloat, type Node } from "../../graph/node.ts";
import { sameShape, showShape } from "../../graph/shape.ts";
import * as p from "../../primitives/elementwise.ts";
import { iotaAlong } from "../../primitives/iota.ts";
import { reshape } from "../../primitives/movement.ts";
import { sum } from "../../primitives/reduce.ts";
import { logSoftmax } from "../../primitives/softmax.ts";
import { checkOptional, checkTensor, floating } from "../../tensor/promotion.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { currentTrace } from "../../tensor/trace.ts";
import { checkReduction, reduceLoss } from "./reduction.ts";
import { checkNames } from "../../tensor/describe.ts";
import { CROSS_ENTROPY, NLL_LOSS } from "./names.ts";

const { num } = p;

/** A vector of C as a tensor that broadcasts along the class axis. */
function alongClasses(op: string, weight: Tensor | undefined, x: Node, axis: number): Node | null {
  checkOptional(op, "weight", weight);
  if (weight === undefined) return null;
  const n = x.shape[axis];
  if (!sameShape(weight.shape, [n])) {
    throw new ShapeError(
      `${op}: got class weights ${showShape(weight.shape)}, wants a vector of ${n} classes.`,
    );
  }
  return p.cast(reshape(weight.node, x.shape.map((_, i) => i === axis ? n : 1)), x.dtype);
}

const checked = new WeakMap<object, string>();

/** Checks class numbers that are known already; false where they are not. */
function checkClasses(op: string, target: Node, n: number, ignoreIndex: number): boolean {
  const { storage } = target;
  if (storage === null || !storage.onHost || currentTrace() !== null) return false;
  const stamp = `${storage.version} ${n} ${ignoreIndex}`;
  if (checked.get(storage) === stamp) return true;
  for (const v of storage.host()) {
    const c = Number(v);
    if (c !== ignoreIndex && (c < 0 || c >= n)) {
      throw new RangeError(
        `${op}: got the class number ${c} for ${n} classes; it must be from 0 to ${n - 1}` +
          (ignoreIndex < 0 ? "." : ` or ignoreIndex (${ignoreIndex}).`),
      );
    }
  }
  checked.set(storage, stamp);
  return true;
}

/** Whether class numbers are neither of the `n` classes nor ignored. */
function outOfRange(classes: Node, n: number, ignored: Node): Node {
  const unknown = p.logicalOr(p.lt(classes, num(0, classes)), p.le(num(n, classes), classes));
  return p.logicalAnd(unknown, p.logicalNot(ignored));
}

function checkTarget(op: string, input: Node, target: Node, axis: number): void {
  const wanted = input.shape.filter((_, i) => i !== axis);
  if (!sameShape(target.shape, wanted)) {
    throw new ShapeError(
      `${op}: got input ${showShape(input.shape)} and target ${showShape(target.shape)}, wants ` +
        `class numbers of shape ${showShape(wanted)} (int64)` +
        (op === "crossEntropy" ? " or probabilities of the input's shape." : "."),
    );
  }
}

/** Negative log-likelihood of the classes in `target`, given logarithms of probabilities. */
function likelihood(
  op: string,
  logp: Node,
  target: Node,
  axis: number,
  { weight, ignoreIndex = -100, labelSmoothing = 0, reduction }: CrossEntropyOptions,
): Tensor {
  checkReduction(op, reduction ?? "mean");
  if (target.dtype !== "int64" && target.dtype !== "int32") {
    throw new DTypeError(
      `${op}: the target is ${target.dtype}, wants class numbers in int64 or int32; convert it ` +
        `with to("int64").`,
    );
  }
  checkTarget(op, logp, target, axis);
  const n = logp.shape[axis], zero = num(0, logp), one = num(1, logp);
  const known = checkClasses(op, target, n, ignoreIndex);
  // Class numbers become floating point, so that the comparisons run in the same kernel as the rest.
  const type = logp.dtype === "float16" ? "float32" : logp.dtype;
  const classes = p.cast(target, type);
  const slot = reshape(classes, logp.shape.map((d, i) => i === axis ? 1 : d));
  const ignored = p.eq(classes, numberNode(ignoreIndex, type));
  let hot = p.eq(slot, iotaAlong(n, axis, logp.shape.length, type));
  if (ignoreIndex >= 0 && ignoreIndex < n) {
    // A number that is a class as well would count as that class.
    hot = p.logicalAnd(hot, p.logicalNot(reshape(ignored, slot.shape)));
  }
  const w = alongClasses(op, weight, logp, axis);
  const score = w === null ? logp : p.mul(logp, w);
  let losses = p.neg(sum(p.where(hot, score, zero), [axis], false));
  if (labelSmoothing !== 0) {
    const smooth = p.div(sum(score, [axis], false), num(-n, logp));
    const share = numberNode(labelSmoothing, logp.dtype);
    losses = p.add(
      p.mul(p.sub(one, share), losses),
      p.mul(share, p.where(ignored, zero, smooth)),
    );
  }
  if (!known) {
    // Once they are known it is too late for an error.
    losses = p.where(outOfRange(classes, n, ignored), constantNode(NaN, logp.dtype), losses);
  }
  if (reduction === "sum" || reduction === "none") return reduceLoss(op, losses, reduction);
  const counts = w === null
    ? p.where(ignored, zero, one)
    : sum(p.where(hot, w, zero), [axis], false);
  const count = sum(counts, counts.shape.map((_, i) => i), false);
  return reduceLoss(op, losses, "mean", count);
}

/** The class axis: 1 with a batch, 0 without. */
const classAxis = (x: Node) => x.shape.length === 1 ? 0 : 1;

/**
 * Cross-entropy of the softmax of `input` (unnormalised scores `[N, C]`, `[N, C, ...]` or `[C]`)
 * and `target`: class numbers (int64 or int32, without the class dimension), or probabilities of
 * the input's shape. The mean is weighted with the classes' weights.
 *
 * @throws {RangeError} where a known class number is not from 0 to C - 1. (In a compiled
 *   function, or where the target was not computed yet, such a number gives NaN.)
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const scores = tensor([[2, 0], [0, 0]]);
 * const classes = tensor([0, 1], { dtype: "int64" });
 * assertAlmostEquals(nn.functional.crossEntropy(scores, classes).item(), 0.41, 1e-3);
 * ```
 */
export function crossEntropy(
  input: Tensor,
  target: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  checkTensor("crossEntropy", "the input", input);
  checkTensor("crossEntropy", "the target", target);
  checkNames("crossEntropy", options, CROSS_ENTROPY);
  const x = floating(input), axis = classAxis(x);
  if (x.shape.length === 0) {
    throw new ShapeError("crossEntropy: got a scalar input, wants [N, C] or [C].");
  }
  const { labelSmoothing = 0, weight, reduction } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new RangeError(`crossEntropy: labelSmoothing is from 0 to 1, got ${labelSmoothing}.`);
  }
  const logp = logSoftmax(x, [axis]);
  if (!isFloat(target.dtype)) return likelihood("crossEntropy", logp, target.node, axis, options);
  if (!sameShape(target.shape, x.shape)) {
    throw new ShapeError(
      `crossEntropy: got input ${showShape(x.shape)} and a ${target.dtype} target ` +
        `${showShape(target.shape)}; probabilities have the input's shape, and class numbers are ` +
        `int64: convert them with to("int64").`,
    );
  }
  const n = x.shape[axis];
  let q = p.cast(target.node, x.dtype);
  if (labelSmoothing !== 0) {
    const share = numberNode(labelSmoothing, x.dtype);
    q = p.add(p.mul(p.sub(num(1, x), share), q), p.div(share, num(n, x)));
  }
  const w = alongClasses("crossEntropy", weight, x, axis);
  const losses = p.neg(sum(p.mul(w === null ? logp : p.mul(logp, w), q), [axis], false));
  return reduceLoss("crossEntropy", losses, reduction);
}

/**
 * Negative log-likelihood of the class numbers in `target`, given logarithms of probabilities
 * (`logSoftmax`). Shapes and errors as in `crossEntropy`.
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const logp = tensor([[0.5, 0.5]]).log();
 * const loss = nn.functional.nllLoss(logp, tensor([1], { dtype: "int64" }));
 * assertAlmostEquals(loss.item(), Math.LN2, 1e-6);
 * ```
 */
export function nllLoss(input: Tensor, target: Tensor, options: NllLossOptions = {}): Tensor {
  checkTensor("nllLoss", "the input", input);
  checkTensor("nllLoss", "the target", target);
  checkNames("nllLoss", options, NLL_LOSS);
  const { weight, ignoreIndex, reduction } = options;
  const logp = floating(input);
  return likelihood("nllLoss", logp, target.node, classAxis(logp), {
    weight,
    ignoreIndex,
    reduction,
  });
}
