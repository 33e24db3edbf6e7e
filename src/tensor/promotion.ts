/**
 * Operands: numbers become nodes, and two operands meet in one element type.
 *
 * @module
 */

import { defaultDtype } from "../graph/defaults.ts";
import { ShapeError } from "../graph/errors.ts";
import { numberNode } from "../graph/leaf.ts";
import { isFloat, type Node } from "../graph/node.ts";
import { cast } from "../primitives/elementwise.ts";
import { type DType, DTYPES } from "../runtime/mod.ts";
import type { TensorLike } from "./core.ts";
import { describe } from "./describe.ts";
import { checkRepresentable } from "./integer_range.ts";
import type { Tensor } from "./tensor.ts";

/** The node of a tensor or number; a number takes the element type of its partner. */
export function lift(x: TensorLike, dtype: DType, op = "number"): Node {
  if (typeof x === "number") {
    if (!isFloat(dtype)) checkRepresentable(op, x, dtype);
    return numberNode(x, dtype);
  }
  if (typeof x === "boolean") return numberNode(x ? 1 : 0, dtype);
  checkOperand(x);
  return x.node;
}

/** Throws a TypeError unless x is a tensor, a number or a boolean. */
function checkOperand(x: TensorLike): void {
  if (typeof x === "number" || typeof x === "boolean") return;
  if ((x as Tensor | null | undefined)?.rawNode !== undefined) return;
  const object = typeof x === "object" && x !== null;
  const got = Array.isArray(x) ? "an array" : object ? "an object" : String(x);
  throw new TypeError(
    `An operand is ${got}, wants a tensor or a number; tensor() makes one of an array.`,
  );
}

/** Throws a TypeError that names `op` and the argument unless x is a tensor. */
export function checkTensor(op: string, name: string, x: unknown): asserts x is Tensor {
  if ((x as Tensor | null | undefined)?.rawNode !== undefined) return;
  throw new TypeError(
    `${op}: ${name} is ${describe(x)}, wants a tensor; tensor() makes one of a number or an array.`,
  );
}

/** The same for an argument that may be left out, or null. */
export function checkOptional(op: string, name: string, x: unknown): void {
  if (x !== null && x !== undefined) checkTensor(op, name, x);
}

/** The node of an argument that has to be a tensor. */
export function nodeOf(op: string, name: string, x: Tensor): Node {
  checkTensor(op, name, x);
  return x.node;
}

/** The list itself, if it is an array of tensors; else a TypeError that names `op`. */
export function checkTensors(op: string, list: readonly Tensor[]): readonly Tensor[] {
  if (!Array.isArray(list)) {
    throw new TypeError(`${op}: got ${describe(list)}, wants an array of tensors.`);
  }
  list.forEach((x, i) => checkTensor(op, `tensor ${i}`, x));
  return list;
}

/** Type in which two types meet: the wider; a whole number and floating point give floating point. */
export function promote(a: DType, b: DType): DType {
  return a === b || DTYPES[a].rank >= DTYPES[b].rank ? a : b;
}

/** Both operands in one type. A number never widens a tensor, but a fraction makes it floating. */
export function pair(a: TensorLike, b: TensorLike): [Node, Node] {
  checkOperand(a);
  checkOperand(b);
  if (typeof a === "object" && typeof b === "object") return meet(a.node, b.node);
  if (typeof a === "object") return beside(a.node, b as number | boolean);
  if (typeof b !== "object") return [lift(a, defaultDtype()), lift(b, defaultDtype())];
  const [right, left] = beside(b.node, a);
  return [left, right];
}

/** Both nodes in one type. */
export function meet(a: Node, b: Node): [Node, Node] {
  if (a.dtype === b.dtype) return [a, b];
  const dtype = promote(a.dtype, b.dtype);
  return [cast(a, dtype), cast(b, dtype)];
}

/** A tensor and a number in one type. */
function beside(node: Node, number: number | boolean): [Node, Node] {
  const fraction = typeof number === "number" && !Number.isInteger(number);
  const dtype = isFloat(node.dtype)
    ? node.dtype
    : fraction
    ? defaultDtype()
    : node.dtype === "bool" && typeof number === "number"
    ? "int64"
    : node.dtype;
  return [cast(node, dtype), lift(number, dtype)];
}

/**
 * Both operands in one floating-point type. A number beside whole numbers never is one of their type,
 * which may not hold it, or hold another one for it.
 */
export function floatingPair(a: TensorLike, b: TensorLike): [Node, Node] {
  if (typeof a === "object" && typeof b !== "object") {
    checkOperand(a);
    const node = floating(a);
    return [node, lift(b, node.dtype)];
  }
  if (typeof b === "object" && typeof a !== "object") {
    const [right, left] = floatingPair(b, a);
    return [left, right];
  }
  const [x, y] = pair(a, b);
  return isFloat(x.dtype) ? [x, y] : [cast(x, defaultDtype()), cast(y, defaultDtype())];
}

/** An operand of a function that only floating point has. */
export function floating(x: TensorLike): Node {
  const node = lift(x, defaultDtype());
  return isFloat(node.dtype) ? node : cast(node, defaultDtype());
}

/** Nodes of tensors in their common dtype. */
export function alike(op: string, tensors: readonly Tensor[]): Node[] {
  checkTensors(op, tensors);
  if (tensors.length === 0) {
    throw new ShapeError(`${op}: got no tensors; give at least one.`);
  }
  const dtype = tensors.map((t) => t.dtype).reduce(promote);
  return tensors.map((t) => cast(t.node, dtype));
}
