/**
 * Lowering: a walked graph becomes one ONNX model.
 *
 * rebuild (simplify, share, decompose) → passes (multi-tensor kernels) → partition → emission.
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import { type DType, DTYPES, type ValueSpec } from "../runtime/mod.ts";
import { Emitter } from "./emit.ts";
import type { Body } from "../graph/body.ts";
import { copyBelow } from "../graph/copy.ts";
import { buffer, constant, placeholderNode, scalar } from "../graph/leaf.ts";
import { Node, type Target, withInputs } from "../graph/node.ts";
import { type Donation, Schedule } from "./donation.ts";
import { findReuse, type Reuse } from "./memory_reuse.ts";
import { operandOf, type Partition, partition, type Region, skipViews } from "./partition.ts";
import { runPasses } from "./passes.ts";
import { assemble, type ProgramCode } from "./program.ts";
import { Rebuilder } from "./rebuild.ts";
import { sizeOf } from "../graph/shape.ts";
import { NodeTable, numberNodes, order } from "../graph/order.ts";
import { isView } from "../graph/views.ts";
import type { Walk } from "./walk.ts";

/** Where the data of a graph input comes from. */
export type Source =
  | { readonly kind: "leaf"; readonly index: number }
  | { readonly kind: "numbers"; readonly dtype: DType }
  | { readonly kind: "number"; readonly dtype: DType; readonly slot: number };

/** Place of a number: element `slot` of the packed vector of its type. */
export interface NumberPlace {
  /** Element type. */
  readonly dtype: DType;
  /** Position in the vector. */
  readonly slot: number;
}

/** A graph ready for the runtime. */
export interface Lowered {
  /** Bytes of the model. */
  readonly model: Uint8Array;
  /** Graph inputs. */
  readonly inputs: ValueSpec[];
  /** Where each graph input's data comes from. */
  readonly sources: Source[];
  /** Graph outputs, one for each asked value. */
  readonly outputs: ValueSpec[];
  /** Place of each of the walk's numbers. */
  readonly places: NumberPlace[];
  /** Donations that are safe. */
  readonly donations: Donation[];
  /** Further outputs, each in the memory of one of `outputs`, which is written later. */
  readonly early: readonly { readonly spec: ValueSpec; readonly output: number }[];
  /** Whether the model uses compiled kernels. */
  readonly usesOps: boolean;
  /** Largest work of a single step, in elementary operations. */
  readonly work: number;
  /** Bytes of all values that are written in a run. */
  readonly bytes: number;
  /** A line for each step, for `explain()`. */
  readonly summary: string[];
}

/** Elements of a tensor that may be copied so that its reader waits for something. */
const SMALL = 4096;

/** What `#waitFor` has to know of an operand. */
type Shaped = Pick<Node, "prim" | "shape">;

/** Copies the walked graph with leaves that hold no memory, simplified. */
function rebuild(walk: Walk, outputs: readonly Node[], target: Target) {
  const rebuilder = new Rebuilder(target);
  const copies: Node[] = [];
  const leafIndex = new Map<Node, number>(), places: NumberPlace[] = [];
  const slots = new Map<Node, NumberPlace>(), sizes = new Map<DType, number>();
  walk.leaves.forEach((leaf, i) => {
    const copy = rebuilder.leaf(placeholderNode(leaf));
    copies[leaf.local] = copy;
    leafIndex.set(copy, i);
  });
  for (const number of walk.scalars) {
    const copy = rebuilder.leaf(
      new Node(scalar, [], { value: NaN }, 0, [], number.dtype, null, false, 0),
    );
    const slot = sizes.get(number.dtype) ?? 0;
    sizes.set(number.dtype, slot + 1);
    const place = { dtype: number.dtype, slot };
    copies[number.local] = copy;
    slots.set(copy, place);
    places.push(place);
  }
  for (const node of walk.nodes) {
    const inputs = node.inputs.map((x) => copies[x.local]);
    copies[node.local] = rebuilder.make(withInputs(node, inputs));
  }
  const results = outputs.map((n) => copies[n.local]);
  return { results: runPasses(results, rebuilder, target), leafIndex, places, slots, sizes };
}

/** A simplified copy of a body, and the leaves that stand for its parameters. */
function rebuildBody(body: Body, target: Target) {
  const rebuilder = new Rebuilder(target);
  const stands = body.params.map((param) => rebuilder.leaf(placeholderNode(param)));
  const copies = new Map<Node, Node>(body.params.map((param, i) => [param, stands[i]]));
  for (const output of body.outputs) {
    copyBelow(
      output,
      copies,
      (node) => rebuilder.make(withInputs(node, node.inputs.map((x) => copies.get(x)!))),
    );
  }
  const results = body.outputs.map((output) => copies.get(output)!);
  return { results: runPasses(results, rebuilder, target), stands };
}

/** Lowers a walked graph. */
export function lower(
  walk: Walk,
  outputs: readonly Node[],
  donations: readonly Donation[],
  target: Target,
): Lowered {
  const { results, leafIndex, places, slots, sizes } = rebuild(walk, outputs, target);
  const nodes = order(results);
  numberNodes(nodes);
  const program = target.ops && target.device === "cpu";
  const parts = partition(nodes, results, program);
  const leaves = [...leafIndex.keys()];
  return new Lowering(parts, nodes, results, leaves, leafIndex, slots, sizes, target, donations)
    .run(places);
}

class Lowering {
  #emitter: Emitter;
  /** Name of each value; several for a node with several results. */
  #names = new Map<Node, string | string[]>();
  /** Truth values as numbers, the way Program writes them. */
  #numeric = new Map<Node, string>();
  #inputs: ValueSpec[] = [];
  #sources: Source[] = [];
  /** Types whose packed numbers are an input. */
  #packed = new Set<DType>();
  #codes = new Map<Region, ProgramCode>();
  #schedule: Schedule;
  /** Name of a result of each unit that was emitted. */
  #resultOf: string[] = [];
  #summary: string[] = [];
  #work = 0;
  #bytes = 0;

  constructor(
    private parts: Partition,
    private nodes: readonly Node[],
    private results: readonly Node[],
    private leaves: readonly Node[],
    private leafIndex: ReadonlyMap<Node, number>,
    private slots: ReadonlyMap<Node, NumberPlace>,
    private sizes: ReadonlyMap<DType, number>,
    private target: Target,
    private donations: readonly Donation[],
    emitter: Emitter = new Emitter(target.device, target.ops && target.device === "cpu"),
  ) {
    this.#emitter = emitter;
    const writes = donations.map((d) => ({ leaf: leaves[d.leaf], result: results[d.output] }));
    this.#schedule = new Schedule(parts, results, writes);
  }

  run(places: NumberPlace[]): Lowered {
    const { results } = this;
    const names = this.#emitAll();
    const rename = new Map<string, string>(), graphInputs = new Set<string>();
    for (const { name } of this.#inputs) graphInputs.add(name);
    const final: ValueSpec[] = results.map((node, i) => {
      let name = names[i];
      if (graphInputs.has(name) || this.#emitter.isConstant(name) || rename.has(name)) {
        name = this.#emitter.op("Identity", [rename.has(name) ? name : names[i]]);
      }
      rename.set(name, `out${i}`);
      return { name: `out${i}`, dtype: node.dtype, shape: node.shape };
    });
    const safe = this.#safeDonations();
    const early = this.#reuse(safe).map(({ value: { dtype, shape }, value, output }) => {
      const name = this.#name(value);
      rename.set(name, name);
      return { spec: { name, dtype, shape }, output };
    });
    const every = [...final, ...early.map(({ spec }) => spec)];
    return {
      model: this.#emitter.finish(this.#inputs, every, rename),
      inputs: this.#inputs,
      sources: this.#sources,
      outputs: final,
      places,
      donations: safe,
      early,
      usesOps: this.#emitter.usesOps,
      work: this.#work,
      bytes: this.#bytes,
      summary: this.#summary,
    };
  }

  /** Emits all units; returns the names of the results. */
  #emitAll(): string[] {
    const { parts } = this, external = this.#external();
    for (const at of this.#schedule.order()) {
      const unit = parts.units[at];
      if ("region" in unit) this.#emitRegion(unit.region, external, at);
      else this.#emitNode(unit.node, at);
    }
    return this.results.map((n) => this.#name(n));
  }

  /** Emits what a body of a node computes, at the place where the node's graphs are being made. */
  #inline(body: Body, params: readonly string[]): string[] {
    const { target } = this, { results, stands } = rebuildBody(body, target);
    const nodes = order(results), none = new Map<never, never>();
    numberNodes(nodes);
    const parts = partition(nodes, results, target.ops && target.device === "cpu");
    const inner = new Lowering(
      parts,
      nodes,
      results,
      stands,
      none,
      none,
      none,
      target,
      [],
      this.#emitter,
    );
    stands.forEach((stand, i) => inner.#names.set(stand, params[i]));
    const names = inner.#emitAll();
    // Numbers that are structure may be nodes of both graphs.
    numberNodes(this.nodes);
    this.#work = Math.max(this.#work, inner.#work);
    this.#bytes += inner.#bytes;
    for (const line of inner.#summary) this.#summary.push(`  ${line}`);
    return names;
  }

  /** Members of regions whose value is needed outside of their region. */
  #external(): NodeTable<true> {
    const external = new NodeTable<true>(this.nodes.length);
    for (const n of this.results) external.set(skipViews(this.parts, n), true);
    for (const node of this.nodes) {
      const region = this.parts.regionOf.get(node);
      if (region === undefined && isView(node)) continue;
      for (const x of node.inputs) {
        if (region === undefined) external.set(skipViews(this.parts, x), true);
        else {
          const { root } = operandOf(this.parts, node, x);
          if (this.parts.regionOf.get(root) !== region) external.set(root, true);
        }
      }
    }
    return external;
  }

  #emitRegion(region: Region, external: NodeTable<true>, at: number): void {
    const code = assemble(
      region,
      this.parts,
      external,
      (n) => this.slots.get(n)!.slot,
    );
    this.#codes.set(region, code);
    const type = region.type;
    const inputs = code.inputs.map((n) =>
      n === null ? this.#numbers(type) : this.#asNumbers(n, type)
    );
    const numbers = { prim: scalar, shape: [this.sizes.get(type) ?? 0] };
    this.#waitFor(at, code.inputs.map((n) => n ?? numbers), inputs);
    const outputs = this.#emitter.ops(
      type === "float32" ? "ProgramF32" : "ProgramF64",
      inputs,
      {
        code: attr.ints(code.code),
        consts: attr.ints(code.constants.map(doubleBits)),
      },
      { domain: "torchopt", outputs: code.outputs.length },
    );
    code.outputs.forEach((n, i) => {
      this.#emitter.describe(outputs[i], type, n.shape);
      this.#bytes += sizeOf(n.shape) * DTYPES[type].bytes;
      if (n.dtype === "bool") this.#numeric.set(n, outputs[i]);
      else this.#names.set(n, outputs[i]);
    });
    this.#resultOf[at] = outputs[0];
    const largest = region.nodes.reduce((most, n) => Math.max(most, sizeOf(n.shape)), 0);
    this.#work = Math.max(this.#work, largest * 2);
    this.#summary.push(
      `Program ${type}: ${region.nodes.length} operations in ${code.steps} steps, ` +
        `${code.inputs.length} inputs, ${code.outputs.length} outputs, up to ${largest} elements`,
    );
  }

  #emitNode(node: Node, at: number): void {
    if (node.prim.name === "project") {
      const names = this.#names.get(node.inputs[0]) as string[];
      this.#names.set(node, names[node.attrs.index]);
      return;
    }
    const inputs = node.inputs.map((x) => this.#name(x));
    this.#waitFor(at, node.inputs, inputs);
    const line = this.#summary.push(`${node.prim.name} ${node.dtype} [${node.shape}]`) - 1;
    const { inliner } = this.#emitter;
    this.#emitter.inliner = (body, params) => this.#inline(body, params);
    const names = node.prim.lower(this.#emitter, inputs, node);
    this.#emitter.inliner = inliner;
    if (node.prim.describe !== undefined) this.#summary[line] = node.prim.describe(node);
    this.#names.set(node, names);
    this.#resultOf[at] = Array.isArray(names) ? names[0] : names;
    const values = node.outs ?? [node];
    const out = values.reduce((sum, v) => sum + sizeOf(v.shape), 0);
    this.#bytes += values.reduce((sum, v) => sum + sizeOf(v.shape) * DTYPES[v.dtype].bytes, 0);
    const inner = node.prim.program?.kind === "matmul" || node.prim.name.startsWith("conv")
      ? sizeOf(node.inputs[0].shape) / Math.max(1, out) * sizeOf(node.inputs[1].shape)
      : 1;
    this.#work = Math.max(this.#work, out * Math.max(1, Math.sqrt(Math.max(1, inner))));
  }

  /** Name of a value for an ONNX node, emitting views and casts that it needs. */
  #name(node: Node): string {
    const known = this.#names.get(node);
    if (known !== undefined) return Array.isArray(known) ? known[0] : known;
    let name: string;
    const numeric = this.#numeric.get(node);
    if (numeric !== undefined) name = this.#emitter.cast(numeric, "bool");
    else if (node.prim === buffer) name = this.#leaf(node);
    else if (node.prim === scalar) name = this.#number(node);
    else if (node.prim === constant) {
      const data = sizeOf(node.shape) === 0 ? [] : [node.attrs.value];
      name = this.#emitter.constant(node.dtype, node.shape, data);
    } else name = this.#view(node);
    this.#names.set(node, name);
    return name;
  }

  /** Name of a view that no unit computes; those below it come first, of which there may be many. */
  #view(node: Node): string {
    const chain: Node[] = [];
    let x = node;
    while (x === node || (isView(x) && !this.#names.has(x) && !this.#numeric.has(x))) {
      chain.push(x);
      x = x.inputs[0];
    }
    for (let i = chain.length - 1; i >= 0; i--) {
      const inputs = chain[i].inputs.map((x) => this.#name(x));
      this.#names.set(chain[i], chain[i].prim.lower(this.#emitter, inputs, chain[i]));
    }
    return this.#names.get(node) as string;
  }

  /** Name of a value as numbers of the given type, for a Program. */
  #asNumbers(node: Node, type: DType): string {
    if (node.dtype === type) return this.#name(node);
    const numeric = this.#numeric.get(node);
    if (numeric !== undefined && this.parts.regionOf.get(node)?.type === type) return numeric;
    return this.#emitter.cast(this.#name(node), type);
  }

  #leaf(node: Node): string {
    const index = this.leafIndex.get(node)!;
    const name = `in${index}`;
    this.#inputs.push({ name, dtype: node.dtype, shape: node.shape });
    this.#sources.push({ kind: "leaf", index });
    return name;
  }

  #number(node: Node): string {
    const { dtype, slot } = this.slots.get(node)!;
    const name = `number_${dtype}_${slot}`;
    this.#inputs.push({ name, dtype, shape: [] });
    this.#sources.push({ kind: "number", dtype, slot });
    return name;
  }

  #numbers(dtype: DType): string {
    const name = `numbers_${dtype}`;
    if (!this.#packed.has(dtype)) {
      this.#packed.add(dtype);
      this.#inputs.push({ name, dtype, shape: [this.sizes.get(dtype)!] });
      this.#sources.push({ kind: "numbers", dtype });
    }
    return name;
  }

  /**
   * Lets a unit wait for others: one of its inputs is not there before they are. Without an input
   * that can be passed on for free, the unit does not wait.
   */
  #waitFor(unit: number, operands: readonly Shaped[], inputs: string[]): void {
    const others = [...this.#schedule.waits(unit)];
    if (others.length === 0) return;
    let best = -1;
    operands.forEach((x, i) => {
      if (x.prim === buffer && sizeOf(x.shape) > SMALL) return;
      if (best < 0 || sizeOf(x.shape) < sizeOf(operands[best].shape)) best = i;
    });
    if (best < 0) this.#schedule.release(unit);
    else {
      const after = others.map((other) => this.#resultOf[other]);
      inputs[best] = this.#emitter.after(inputs[best], operands[best].shape, after);
    }
  }

  /** One output at most for the memory of each leaf. */
  #safeDonations(): Donation[] {
    const taken = new Set<number>(), first = new Map<Node, number>();
    this.results.forEach((node, i) => {
      if (!first.has(node)) first.set(node, i);
    });
    return this.donations.filter((d) => {
      if (first.get(this.results[d.output]) !== d.output) return false;
      if (taken.has(d.leaf) || !this.#isSafe(d)) return false;
      taken.add(d.leaf);
      return true;
    });
  }

  /**
   * Whether the output may be written over the leaf's memory: its writer runs after all other
   * readers and itself reads each element before writing it.
   */
  #isSafe({ leaf, output }: Donation): boolean {
    const out = this.results[output];
    const root = this.leaves[leaf];
    if (root.dtype !== out.dtype || sizeOf(root.shape) !== sizeOf(out.shape)) return false;
    const writer = this.#schedule.writer(out);
    if (writer === undefined || !this.#canAlias(writer, root, out)) return false;
    return this.#schedule.isLast(writer, root);
  }

  /** Values that lie in the memory of outputs until those are written. */
  #reuse(donations: readonly Donation[]): Reuse[] {
    return findReuse({
      parts: this.parts,
      schedule: this.#schedule,
      results: this.results,
      donated: new Set(donations.map((d) => d.output)),
      canAlias: (unit, value, result) => this.#canAlias(unit, value, result),
    });
  }

  /** Whether a unit reads each element of `root` before it writes that of `out`. */
  #canAlias(at: number, root: Node, out: Node): boolean {
    const unit = this.parts.units[at];
    return "region" in unit
      ? this.#codes.get(unit.region)!.canAlias(root, out)
      : this.#nodeCanAlias(unit.node, root, out);
  }

  #nodeCanAlias(node: Node, root: Node, out: Node): boolean {
    if (node.prim.program?.kind === "elementwise") {
      return node.inputs.every((x) => x === root || skipViews(this.parts, x) !== root) &&
        sizeOf(root.shape) === sizeOf(node.shape);
    }
    return node.prim.inPlace?.(node, out, root) ?? false;
  }
}

const doubles = new Float64Array(1);
const bits = new BigInt64Array(doubles.buffer);

function doubleBits(value: number): bigint {
  doubles[0] = value;
  return bits[0];
}
