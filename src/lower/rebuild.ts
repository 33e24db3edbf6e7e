/**
 * Rebuilding a graph with simpler nodes: algebra, constant folding, sharing of equal nodes,
 * decomposition of primitives that the target has no kernel for. What nothing uses disappears.
 *
 * @module
 */

import { constant, constantNode, constantValue, emptyNode } from "../graph/leaf.ts";
import { type Node, type Target, withInputs } from "../graph/node.ts";
import { isSmallProduct, touchesNothing } from "./partition.ts";
import { opcode } from "../graph/program_rule.ts";
import { broadcastShapes, sameShape, type Shape, sizeOf } from "../graph/shape.ts";

const folds: Record<number, (a: number, b: number) => number> = {
  [opcode.add]: (a, b) => a + b,
  [opcode.sub]: (a, b) => a - b,
  [opcode.mul]: (a, b) => a * b,
  [opcode.div]: (a, b) => a / b,
  [opcode.neg]: (a) => -a,
  [opcode.square]: (a) => a * a,
  [opcode.sqrt]: (a) => Math.sqrt(a),
  [opcode.reciprocal]: (a) => 1 / a,
};

function isElementwise(node: Node): boolean {
  return node.prim.program?.kind === "elementwise";
}

/** Rewrites the graph below `outputs`; returns the new outputs. */
export type Pass = (outputs: readonly Node[], rebuilder: Rebuilder, target: Target) => Node[];

/** Simplified copy of a graph; nodes of the original are not changed. */
export class Rebuilder {
  #interned = new Map<string, Node>();
  #ids = new Map<Node, number>();
  /** What raw nodes became: a decomposition uses its parts more than once. */
  #simplest = new Map<Node, Node>();
  #target: Target;

  /** Rebuilds for `target`. */
  constructor(target: Target) {
    this.#target = target;
  }

  /** Declares a node that stands for itself (an input of the graph). */
  leaf(node: Node): Node {
    this.#ids.set(node, this.#ids.size);
    return node;
  }

  /** The simplest known equal of `node`, whose operands may be raw. */
  intern(node: Node): Node {
    const stack = [node];
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      const waiting = this.#known(top) ? [] : top.inputs.filter((x) => !this.#known(x));
      if (waiting.length > 0) {
        for (const x of waiting) stack.push(x);
        continue;
      }
      stack.pop();
      if (this.#known(top)) continue;
      const inputs = top.inputs.map((x) => this.#known(x)!);
      const same = inputs.every((x, i) => x === top.inputs[i]);
      this.#simplest.set(top, this.make(same ? top : withInputs(top, inputs)));
    }
    return this.#known(node)!;
  }

  /** What a node was interned as. */
  #known(node: Node): Node | undefined {
    return this.#ids.has(node) ? node : this.#simplest.get(node);
  }

  /** Like `intern`, for a node whose operands are interned. */
  make(node: Node): Node {
    const key = this.#key(node);
    const known = this.#interned.get(key);
    if (known !== undefined) return known;
    const simpler = this.#simplify(node);
    if (simpler !== node) {
      const result = this.intern(simpler);
      this.#interned.set(key, result);
      return result;
    }
    this.#ids.set(node, this.#ids.size);
    this.#interned.set(key, node);
    return node;
  }

  #key(node: Node): string {
    let key = `${node.prim.id}:${node.attrKey}`;
    // Numbers that are structure are equal by value and type, wherever they were made.
    if (node.prim === constant) {
      return `c${node.dtype}[${node.shape}]:${
        Object.is(node.attrs.value, -0) ? "-0" : node.attrs.value
      }`;
    }
    for (const x of node.inputs) key += `,${this.#ids.get(x)}`;
    return key;
  }

  #simplify(node: Node): Node {
    // Not every kernel of ONNX Runtime stands a value without elements, and none is needed for one.
    if (node.outs === null && node.prim !== constant && sizeOf(node.shape) === 0) {
      return emptyNode(node.shape, node.dtype);
    }
    if (isElementwise(node)) {
      const folded = fold(node);
      if (folded !== null) return folded;
      const bare = stripExpands(node);
      if (bare !== node) return bare;
    }
    const simpler = node.prim.simplify?.(node) ?? node;
    if (simpler !== node) return simpler;
    const tuple = node.inputs[0];
    if (node.prim.name === "project" && tuple.prim.unpack !== undefined) {
      return tuple.prim.unpack(tuple, node.attrs.index, this.#target) ?? node;
    }
    if (node.prim.decompose !== undefined && !this.#inProgram(node)) {
      return node.prim.decompose(node, this.#target) ?? node;
    }
    return node;
  }

  /** Whether Program will compute the node, so that it needs no decomposition. */
  #inProgram(node: Node): boolean {
    return this.#target.has("torchopt.Program", "float32") && node.prim.program !== undefined &&
      !touchesNothing(node) && (node.prim.program.kind !== "matmul" || isSmallProduct(node)) &&
      node.inputs.every((x) => x.dtype === "float32" || x.dtype === "float64");
  }
}

/** The number that an operation on numbers gives. */
function fold(node: Node): Node | null {
  const rule = node.prim.program;
  if (rule?.kind !== "elementwise" || node.shape.length > 0 || !(rule.opcode in folds)) return null;
  if (node.dtype !== "float32" && node.dtype !== "float64") return null;
  const values = node.inputs.map((x) => x.prim === constant ? constantValue(x)! : NaN);
  if (values.some(Number.isNaN)) return null;
  const value = folds[rule.opcode](values[0], values[1]);
  return constantNode(node.dtype === "float32" ? Math.fround(value) : value, node.dtype);
}

/** Elementwise operations broadcast by themselves: operands need no explicit repetition. */
function stripExpands(node: Node): Node {
  if (!node.inputs.some((x) => x.prim.name === "expand")) return node;
  const inputs = [...node.inputs];
  for (let i = 0; i < inputs.length; i++) {
    if (inputs[i].prim.name !== "expand") continue;
    const kept = inputs[i];
    inputs[i] = kept.inputs[0];
    if (!sameShape(broadcastAll(inputs.map((x) => x.shape)), node.shape)) inputs[i] = kept;
  }
  return inputs.every((x, i) => x === node.inputs[i]) ? node : withInputs(node, inputs);
}

function broadcastAll(shapes: readonly Shape[]): Shape {
  return shapes.reduce((a, b) => broadcastShapes("internal", a, b));
}
