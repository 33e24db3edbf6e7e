/**
 * Walk of the uncomputed graph below some nodes: topological order, leaves, and a structural key.
 * Two graphs with equal keys differ only in their data, so they share a compiled session.
 *
 * @module
 */

import { BackendError, type DType, DTYPES, type Storage } from "../runtime/mod.ts";
import { buffer, constant, scalar } from "../graph/leaf.ts";
import { nextEpoch, type Node } from "../graph/node.ts";
import { sameShape, showShape } from "../graph/shape.ts";

/** Result of a walk. */
export interface Walk {
  /** Nodes to compute, operands first. */
  readonly nodes: Node[];
  /** One node for each distinct input tensor, in order of first use. */
  readonly leaves: Node[];
  /** Numbers that are data, in order of first use. */
  readonly scalars: Node[];
  /** Number of the nodes that any run stores (`Node.keep`). */
  readonly kept: number;
  /** Place of a storage among the leaves, or -1; only until something else walks. */
  leafOf(storage: Storage): number;
  /** The structural key; the next walk writes over it. */
  readonly key: Int32Array;
  /** Hash of the key. */
  readonly hash: number;
}

const dtypeCode = new Map<DType, number>(
  (Object.keys(DTYPES) as DType[]).map((d, i) => [d, i]),
);

let code = new Int32Array(1 << 14);
let used = 0;

function emit(value: number): void {
  if (used === code.length) {
    const bigger = new Int32Array(code.length * 2);
    bigger.set(code);
    code = bigger;
  }
  code[used++] = value;
}

/** A value whose memory was freed, or holds a later value. */
export class LostValue extends BackendError {}

/** Throws a `LostValue` unless the memory that a node stands for still holds its value. */
export function checkFresh(node: Node): void {
  const storage = node.storage!;
  if (storage.freed) {
    throw new LostValue(
      `read: a ${storage.dtype} tensor of shape ${showShape(node.shape)} was freed by dispose(); ` +
        `use the value before disposing it, or leave freeing to the garbage collector.`,
    );
  }
  if (storage.version !== node.version) {
    throw new LostValue(
      `read: a value was built from a ${storage.dtype} tensor of shape ${showShape(node.shape)} ` +
        `which was updated in place twice since (by optimizer steps or compiled functions); the ` +
        `operand is gone. Read the value, or call realize(value), before the second update.`,
    );
  }
}

const stack: Node[] = [];
let cursor = new Int32Array(1024);

const noNodes: ReadonlySet<Node> = new Set();

/** Walks down from `outputs`. The nodes in `inputs` are leaves as well. */
export function walk(outputs: readonly Node[], inputs: ReadonlySet<Node> = noNodes): Walk {
  used = 0;
  stack.length = 0;
  const walker = new Walker(inputs);
  for (const output of outputs) walker.visit(output);
  for (const output of outputs) emit(output.local);
  const key = code.subarray(0, used);
  let hash = 0x811c9dc5;
  for (let i = 0; i < used; i++) hash = Math.imul(hash ^ key[i], 0x01000193);
  const { nodes, leaves, scalars, kept } = walker;
  const leafOf = (storage: Storage) => walker.leafOf(storage);
  return { nodes, leaves, scalars, kept, leafOf, key, hash: hash >>> 0 };
}

/** The walk under way. */
class Walker {
  readonly nodes: Node[] = [];
  readonly leaves: Node[] = [];
  readonly scalars: Node[] = [];
  kept = 0;
  readonly #inputs: ReadonlySet<Node>;
  readonly #epoch = nextEpoch();
  #count = 0;

  constructor(inputs: ReadonlySet<Node>) {
    this.#inputs = inputs;
  }

  /** Place of a storage among the leaves, or -1. */
  leafOf(storage: Storage): number {
    return storage.mark === this.#epoch ? storage.local : -1;
  }

  /** Visits an output and everything below it. */
  visit(output: Node): void {
    this.#enter(output);
    while (stack.length > 0) {
      const top = stack.length - 1;
      const node = stack[top];
      const at = cursor[top];
      if (at < node.inputs.length) {
        cursor[top] = at + 1;
        this.#enter(node.inputs[at]);
        continue;
      }
      stack.pop();
      node.local = this.#count++;
      this.nodes.push(node);
      if (node.keep) this.kept++;
      emit(node.prim.id);
      emit(node.attrKey);
      for (let i = 0; i < node.inputs.length; i++) emit(node.inputs[i].local);
      emit(-300);
    }
  }

  #enter(node: Node): void {
    if (node.mark === this.#epoch) return;
    node.mark = this.#epoch;
    if (
      node.prim === buffer || (node.storage !== null && node.prim !== constant) ||
      this.#inputs.has(node)
    ) {
      this.#leaf(node);
    } else if (node.prim === scalar) {
      node.local = this.#count++;
      emit(-100 - dtypeCode.get(node.dtype)!);
      this.scalars.push(node);
    } else if (node.prim === constant) {
      // Many share it, so that its value, where it has one, may lie on any device.
      node.local = this.#count++;
      emit(-200);
      emit(node.attrKey);
      this.nodes.push(node);
    } else {
      if (stack.length === cursor.length) {
        const bigger = new Int32Array(cursor.length * 2);
        bigger.set(cursor);
        cursor = bigger;
      }
      cursor[stack.length] = 0;
      stack.push(node);
    }
  }

  #leaf(node: Node): void {
    const { storage, shape } = node;
    if (storage !== null) {
      checkFresh(node);
      const known = this.leafOf(storage);
      if (known >= 0 && sameShape(this.leaves[known].shape, shape)) {
        node.local = this.leaves[known].local;
        return;
      }
      storage.mark = this.#epoch;
      storage.local = this.leaves.length;
    } else if (node.prim === buffer && !this.#inputs.has(node)) {
      throw new BackendError(
        "read: this tensor was made inside compile(), checkpoint() or vmap() and has no value " +
          "outside of it; return it from the function instead.",
      );
    }
    emit(-1 - dtypeCode.get(node.dtype)!);
    emit(shape.length);
    for (let i = 0; i < shape.length; i++) emit(shape[i]);
    node.local = this.#count++;
    emit(node.local);
    this.leaves.push(node);
  }
}

/** Whether a value needs one that is lost, so that it cannot be computed any more. */
export function isLost(node: Node): boolean {
  try {
    walk([node]);
    return false;
  } catch (error) {
    if (error instanceof LostValue) return true;
    throw error;
  }
}

/** Whether two keys are equal. */
export function sameKey(a: Int32Array, b: Int32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
