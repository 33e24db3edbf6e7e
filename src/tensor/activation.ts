/**
 * Activation functions on nodes.
 *
 * @module
 */

import { numberNode } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import * as p from "../primitives/elementwise.ts";

const { num } = p;

/** Which formula `gelu` uses. */
export type GeluApproximation = "none" | "tanh";

/** log(1 + exp(beta x)) / beta, and x itself where beta x is above the threshold. */
export function softplus(x: Node, beta: number, threshold: number): Node {
  const scale = numberNode(beta, x.dtype);
  const scaled = beta === 1 ? x : p.mul(x, scale);
  const smooth = beta === 1 ? p.softplus(scaled) : p.div(p.softplus(scaled), scale);
  return p.where(p.lt(numberNode(threshold, x.dtype), scaled), x, smooth);
}

/**
 * x Φ(x) with the distribution function of the normal law (D. Hendrycks, K. Gimpel, "Gaussian error
 * linear units", 2016), or its approximation by tanh.
 */
export function gelu(x: Node, approximate: GeluApproximation): Node {
  if (approximate !== "none" && approximate !== "tanh") {
    throw new TypeError(`gelu: got approximate "${approximate}", wants "none" or "tanh".`);
  }
  const half = p.mul(num(0.5, x), x);
  if (approximate === "none") {
    return p.mul(half, p.add(num(1, x), p.erf(p.mul(x, num(Math.SQRT1_2, x)))));
  }
  const cube = p.mul(p.square(x), x);
  const inner = p.mul(
    num(Math.sqrt(2 / Math.PI), x),
    p.add(x, p.mul(num(0.044715, x), cube)),
  );
  return p.mul(half, p.add(num(1, x), p.tanh(inner)));
}

/** x sigmoid(x) */
export function silu(x: Node): Node {
  return p.mul(x, p.sigmoid(x));
}

/** x above 0, alpha (exp(x) - 1) below; the derivative at 0 is that of the lower branch. */
export function elu(x: Node, alpha: number): Node {
  const positive = p.lt(num(0, x), x);
  // The lower branch never sees large x, where it would overflow.
  const lower = p.expm1(p.where(positive, num(0, x), x));
  return p.where(positive, x, alpha === 1 ? lower : p.mul(numberNode(alpha, x.dtype), lower));
}

/** x above 0, slope x below; the derivative at 0 is the slope. */
export function leakyRelu(x: Node, slope: Node): Node {
  return p.where(p.lt(num(0, x), x), x, p.mul(slope, x));
}

/** log(sigmoid(x)) */
export function logSigmoid(x: Node): Node {
  return p.neg(p.softplus(p.neg(x)));
}
