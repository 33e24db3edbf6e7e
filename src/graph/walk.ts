/**
 * Walk of the uncomputed graph below some nodes: topological order, leaves, and a structural key.
 * Two graphs with equal keys differ only in their data, so they share a compiled session.
 *
 * @module
 */

import { BackendError, type DType, DTYPES, type Storage } from "../runtime/mod.ts";
import { buffer, constant, scalar } from "./leaf.ts";
import { nextEpoch, type Node } from "./node.ts";
import { showShape } from "./shape.ts";

/** Result of a walk. */
export interface Walk {
  /** Nodes to compute, operands first. */
  readonly nodes: Node[];
  /** One node for each distinct input tensor, in order of first use. */
  readonly leaves: Node[];
  /** Numbers that are data, in order of first use. */
  readonly scalars: Node[];
  /** The structural key. */
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

/** Throws unless the memory that a node stands for still holds its value. */
export function checkFresh(node: Node): void {
  const storage = node.storage!;
  if (storage.freed) {
    throw new BackendError(
      `read: a ${storage.dtype} tensor of shape ${showShape(node.shape)} was freed by dispose(); ` +
        `use the value before disposing it, or leave freeing to the garbage collector.`,
    );
  }
  if (storage.version !== node.version) {
    throw new BackendError(
      `read: a value was built from a ${storage.dtype} tensor of shape ${showShape(node.shape)} ` +
        `before that tensor was updated in place (by an optimizer step or a compiled function), and ` +
        `is read after it; its operand is gone. Read it, or call realize(value), before the update.`,
    );
  }
}

const stack: Node[] = [];
let cursor = new Int32Array(1024);

/** Walks down from `outputs`. Where `isInput` is given, those nodes are leaves as well. */
export function walk(outputs: readonly Node[], inputs?: ReadonlySet<Node>): Walk {
  const epoch = nextEpoch();
  const nodes: Node[] = [], leaves: Node[] = [], scalars: Node[] = [];
  const places = new Map<Storage, number>();
  let count = 0;
  used = 0;
  stack.length = 0;

  const leaf = (node: Node) => {
    if (node.storage !== null) {
      const known = places.get(node.storage);
      if (known !== undefined && code[known + 1] === node.shape.length && sameDims(known, node)) {
        node.local = code[known + 2 + node.shape.length];
        checkFresh(node);
        return;
      }
      checkFresh(node);
      places.set(node.storage, used);
    } else if (node.prim === buffer && !inputs?.has(node)) {
      throw new BackendError(
        "read: this tensor was made inside compile(), checkpoint() or vmap() and has no value " +
          "outside of it; return it from the function instead.",
      );
    }
    emit(-1 - dtypeCode.get(node.dtype)!);
    emit(node.shape.length);
    for (const d of node.shape) emit(d);
    node.local = count++;
    emit(node.local);
    leaves.push(node);
  };

  const enter = (node: Node) => {
    if (node.mark === epoch) return;
    node.mark = epoch;
    if (node.storage !== null || node.prim === buffer || inputs?.has(node)) {
      leaf(node);
    } else if (node.prim === scalar) {
      node.local = count++;
      emit(-100 - dtypeCode.get(node.dtype)!);
      scalars.push(node);
    } else if (node.prim === constant) {
      node.local = count++;
      emit(-200);
      emit(node.attrKey);
      nodes.push(node);
    } else {
      if (stack.length === cursor.length) {
        const bigger = new Int32Array(cursor.length * 2);
        bigger.set(cursor);
        cursor = bigger;
      }
      cursor[stack.length] = 0;
      stack.push(node);
    }
  };

  for (const output of outputs) {
    enter(output);
    while (stack.length > 0) {
      const top = stack.length - 1;
      const node = stack[top];
      const at = cursor[top];
      if (at < node.inputs.length) {
        cursor[top] = at + 1;
        enter(node.inputs[at]);
        continue;
      }
      stack.pop();
      node.local = count++;
      nodes.push(node);
      emit(node.prim.id);
      emit(node.attrKey);
      for (let i = 0; i < node.inputs.length; i++) emit(node.inputs[i].local);
      emit(-300);
    }
  }
  for (const output of outputs) emit(output.local);

  const key = code.slice(0, used);
  let hash = 0x811c9dc5;
  for (let i = 0; i < used; i++) hash = Math.imul(hash ^ key[i], 0x01000193);
  return { nodes, leaves, scalars, key, hash: hash >>> 0 };
}

function sameDims(at: number, node: Node): boolean {
  for (let i = 0; i < node.shape.length; i++) if (code[at + 2 + i] !== node.shape[i]) return false;
  return true;
}

/** Whether two keys are equal. */
export function sameKey(a: Int32Array, b: Int32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
