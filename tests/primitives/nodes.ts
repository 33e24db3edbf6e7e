/** Graph nodes in tests, without the Tensor handle: values in, values out, derivatives. */

import { assert } from "@std/assert";
import { type DType, Storage, type TypedArray } from "../../src/runtime/mod.ts";
import { bufferNode } from "../../src/graph/leaf.ts";
import type { Node } from "../../src/graph/node.ts";
import { realizeNodes } from "../../src/run/execute.ts";
import type { Shape } from "../../src/graph/shape.ts";
import { sizeOf } from "../../src/graph/shape.ts";
import { sweep } from "../../src/primitives/reverse.ts";
import { add, mul } from "../../src/primitives/elementwise.ts";
import { sum } from "../../src/primitives/reduce.ts";

function typed(values: ArrayLike<number>, dtype: DType): TypedArray {
  if (dtype === "float64") return Float64Array.from(values);
  if (dtype === "float32") return Float32Array.from(values);
  if (dtype === "int64") return BigInt64Array.from(Array.from(values, BigInt));
  if (dtype === "int32") return Int32Array.from(values);
  return Uint8Array.from(values);
}

/** A node that holds the given numbers. */
export function node(values: ArrayLike<number>, shape: Shape, dtype: DType = "float64"): Node {
  return bufferNode(Storage.from(typed(values, dtype), dtype, "cpu"), shape);
}

/** The numbers of some nodes, computed in one run. */
export function valuesOf(nodes: readonly Node[]): number[][] {
  realizeNodes(nodes);
  return nodes.map((n) => Array.from(n.storage!.host() as Float64Array, Number));
}

/** The numbers of a node. */
export function values(n: Node): number[] {
  return valuesOf([n])[0];
}

/** Smooth test numbers without ties, repeatable. */
export function sample(shape: Shape, seed: number, scale = 1): number[] {
  return Array.from(
    { length: sizeOf(shape) },
    (_, i) => scale * Math.sin(12.9898 * (i + 1) + 78.233 * seed) * (1 + 0.1 * Math.cos(i)),
  );
}

/** Gradients of a scalar node. */
export function gradients(y: Node, xs: readonly Node[]): (Node | undefined)[] {
  const one = node([1], [], y.dtype);
  const { cotangents } = sweep([y], [one], new Set(xs));
  return xs.map((x) => cotangents.get(x));
}

function weighted(outputs: readonly Node[]): Node {
  return outputs.map((o, k) => {
    const w = node(sample(o.shape, 3.7 + k), o.shape, o.dtype);
    return sum(mul(o, w), o.shape.map((_, i) => i), false);
  }).reduce(add);
}

/**
 * Compares first and second derivatives with central differences in float64.
 *
 * @param f a function of nodes
 * @param points shape and numbers of each operand
 */
export function checkDerivatives(
  f: (...xs: Node[]) => Node,
  points: readonly { shape: Shape; values: number[] }[],
): void {
  const first = (xs: Node[]) => weighted([f(...xs)]);
  compare(first, points, 1e-7);
  compare(
    (xs) => {
      const found = gradients(first(xs), xs).filter((g) => g !== undefined && g.requiresGrad);
      return found.length === 0
        ? sum(mul(xs[0], node([0], [])), xs[0].shape.map((_, i) => i), false)
        : weighted(found as Node[]);
    },
    points,
    1e-5,
  );
}

function compare(
  f: (xs: Node[]) => Node,
  points: readonly { shape: Shape; values: number[] }[],
  tolerance: number,
): void {
  const eps = 1e-5;
  const make = () =>
    points.map((p) => {
      const x = node(p.values, p.shape);
      x.requiresGrad = true;
      return x;
    });
  const xs = make();
  const found = gradients(f(xs), xs);
  points.forEach((p, k) => {
    const analytic = found[k] === undefined
      ? new Array(p.values.length).fill(0)
      : values(found[k]!);
    for (let i = 0; i < p.values.length; i++) {
      const kept = p.values[i];
      const at = (x: number) => {
        p.values[i] = x;
        const y = values(f(make()))[0];
        p.values[i] = kept;
        return y;
      };
      const numeric = (at(kept + eps) - at(kept - eps)) / (2 * eps);
      const error = Math.abs(analytic[i] - numeric);
      assert(
        error <= tolerance * (1 + Math.abs(numeric)),
        `operand ${k}, element ${i}: derivative ${analytic[i]}, differences ${numeric}`,
      );
    }
  });
}

/** Operand of `checkDerivatives` with sample numbers. */
export function point(shape: Shape, seed: number): { shape: Shape; values: number[] } {
  return { shape, values: sample(shape, seed) };
}
