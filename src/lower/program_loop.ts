/**
 * Assembly of one loop over elements: loads, instructions, stores, registers.
 *
 * @module
 */

import { constant, scalar } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import { opcode } from "../graph/program_rule.ts";
import { sizeOf } from "../graph/shape.ts";
import { broadcastView, collapse, isWhole, type OperandOf } from "../graph/views.ts";

/** What the assembler of a loop has to know. */
export interface LoopContext {
  /** Members of the loop, operands first. */
  readonly step: { readonly nodes: Node[]; readonly elements: number };
  /** How a member reads an operand. */
  readonly operandOf: OperandOf;
  /** Whether a value is made in this loop. */
  inStep(node: Node): boolean;
  /** Whether a value has a place in memory. */
  isStored(node: Node): boolean;
  /** That place. */
  bufferOf(node: Node): number;
  /** Index of the packed numbers among the inputs. */
  readonly numbers: number;
  /** Place of a number among them. */
  slotOf(node: Node): number;
  /** Place of a constant among those of the whole program. */
  constantAt(value: number): number;
}

interface Instruction {
  op: number;
  node: Node | null;
  args: number[];
}

/** Virtual values are numbered; registers are given out at the end, and reused. */
export class LoopAssembler {
  #c: LoopContext;
  #values = new Map<Node, number>();
  #loads: { value: number; fields: number[] }[] = [];
  #loadKeys = new Map<string, number>();
  #code: { value: number; op: number; args: number[] }[] = [];
  #count = 0;

  /** Prepares the assembly of one loop. */
  constructor(context: LoopContext) {
    this.#c = context;
  }

  /** The payload of the step. */
  assemble(): number[] {
    const { nodes, elements } = this.#c.step;
    for (const node of nodes) this.#instruction(node);
    const stores = nodes.filter((n) => this.#c.isStored(n))
      .map((n) => ({ buffer: this.#c.bufferOf(n), value: this.#values.get(n)! }));
    const keep = new Set(stores.map((s) => s.value));
    this.#fuse(keep);
    const { register, count } = this.#allocate(keep);
    const out = [elements, count, this.#loads.length];
    for (const l of this.#loads) out.push(l.fields[0], register[l.value], ...l.fields.slice(1));
    out.push(this.#code.length);
    for (const i of this.#code) {
      const [a = 0, b = 0, c = 0] = i.args.map((v) => register[v]);
      out.push(i.op, register[i.value], a, b, c);
    }
    out.push(stores.length);
    for (const s of stores) out.push(s.buffer, register[s.value]);
    return out;
  }

  #instruction(node: Node): void {
    const rule = node.prim.program;
    const operands = node.inputs.map((_, k) => this.#operand(node, k));
    // A view that is written out and a cast of a truth value are copies.
    const op = rule?.kind === "elementwise" ? rule.opcode : opcode.copy;
    const value = this.#count++;
    this.#code.push({ value, op, args: operands });
    this.#values.set(node, value);
  }

  #operand(node: Node, k: number): number {
    const { root, view } = this.#c.operandOf(node, k);
    if (this.#c.inStep(root) && isWhole(collapse(view), root)) return this.#values.get(root)!;
    if (root.prim === constant) {
      const at = this.#c.constantAt(root.attrs.value);
      return this.#load(`c${at}`, [3, at]);
    }
    if (root.prim === scalar) {
      const slot = this.#c.slotOf(root);
      return this.#load(`s${slot}`, [1, this.#c.numbers, slot]);
    }
    const buffer = this.#c.bufferOf(root);
    const walk = collapse(broadcastView(view, node.shape));
    if (isWhole(walk, root) && sizeOf(root.shape) === this.#c.step.elements) {
      return this.#load(`f${buffer}`, [0, buffer]);
    }
    if (walk.strides.every((s) => s === 0)) {
      return this.#load(`s${buffer}:${walk.offset}`, [1, buffer, walk.offset]);
    }
    const fields = [buffer, walk.offset, walk.dims.length, ...walk.dims, ...walk.strides];
    return this.#load(`v${fields}`, [2, ...fields]);
  }

  #load(key: string, fields: number[]): number {
    let value = this.#loadKeys.get(key);
    if (value === undefined) {
      value = this.#count++;
      this.#loadKeys.set(key, value);
      this.#loads.push({ value, fields });
    }
    return value;
  }

  /** Joins a product, or a square, with the sum or difference that alone uses it. */
  #fuse(keep: Set<number>): void {
    const uses = new Map<number, number>();
    for (const i of this.#code) for (const v of i.args) uses.set(v, (uses.get(v) ?? 0) + 1);
    const products = new Map<number, Instruction["args"]>();
    const dead = new Set<number>();
    const single = (v: number) =>
      products.has(v) && uses.get(v) === 1 && !keep.has(v) && !dead.has(v);
    for (const i of this.#code) {
      if (i.op === opcode.mul) products.set(i.value, i.args);
      if (i.op === opcode.square) products.set(i.value, [i.args[0], i.args[0]]);
      if (i.op !== opcode.add && i.op !== opcode.sub) continue;
      const [a, b] = i.args;
      if (single(a)) {
        dead.add(a);
        i.op = i.op === opcode.add ? opcode.fma : opcode.fms;
        i.args = [...products.get(a)!, b];
      } else if (single(b)) {
        dead.add(b);
        i.op = i.op === opcode.add ? opcode.fma : opcode.fnma;
        i.args = [...products.get(b)!, a];
      }
    }
    this.#code = this.#code.filter((i) => !dead.has(i.value));
  }

  /** Registers by last use. Loads hold theirs throughout: a tile may read memory in place. */
  #allocate(keep: Set<number>): { register: number[]; count: number } {
    const last = new Map<number, number>();
    this.#code.forEach((i, at) => i.args.forEach((v) => last.set(v, at)));
    const register = new Array<number>(this.#count).fill(-1);
    const loaded = new Set<number>();
    let count = 0;
    const free: number[] = [];
    for (const l of this.#loads) {
      register[l.value] = count++;
      loaded.add(l.value);
    }
    this.#code.forEach((i, at) => {
      for (const v of new Set(i.args)) {
        if (last.get(v) === at && !keep.has(v) && !loaded.has(v)) free.push(register[v]);
      }
      register[i.value] = free.pop() ?? count++;
      // A value that nothing reads and nothing stores still needs a place for the moment.
      if (!last.has(i.value) && !keep.has(i.value)) free.push(register[i.value]);
    });
    return { register, count };
  }
}
