/**
 * Activation functions on nodes.
 *
 * @module
 */

import { numberNode } from "../../graph/leaf.ts";
import type { Node } from "../../graph/node.ts";
import * as p from "../../primitives/elementwise.ts";
import { clamp } from "./basic.ts";

const { num } = p;

/** Which formula `gelu` uses. */
export type GeluApproximation = "none" | "tanh";

/** Where the derivative of the approximation of `gelu` is 0 in float64. */
const FLAT = 25;

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
  if (approximate === "none") return p.mul(x, p.normalCdf(x));
  // (1 + tanh(y)) / 2 is sigmoid(2 y), which keeps its digits where it is near 0. Its slope is 0 in
  // every type where y stops, whose cube would overflow.
  const z = clamp(x, num(-FLAT, x), num(FLAT, x)), factor = 2 * Math.sqrt(2 / Math.PI);
  const cubic = p.mul(num(factor * 0.044715, x), p.square(z));
  const twice = p.mul(z, p.add(num(factor, x), cubic));
  return p.mul(x, p.sigmoid(twice));
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
