/**
 * Emission: the units of a partitioned graph become ONNX nodes, in one segment or in several.
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import { type DType, DTYPES } from "../runtime/mod.ts";
import type { Body } from "../graph/body.ts";
import { buffer, constant, scalar } from "../graph/leaf.ts";
import type { Node, Target } from "../graph/node.ts";
import { NodeTable, numberNodes, order } from "../graph/order.ts";
import { sizeOf } from "../graph/shape.ts";
import { isView } from "../graph/views.ts";
import { type Cutter, segmentSizes } from "./cut.ts";
import { Schedule } from "./donation.ts";
import { doubleBits } from "./double_bits.ts";
import { Emitter } from "./emit.ts";
import { emitNativeLoop } from "./emit_native_loop.ts";
import { nativeLoop } from "./native_loop.ts";
import { loopPrim } from "../primitives/loop.ts";
import { isTested, resultsOf } from "../primitives/loop_parts.ts";
import { isLeaf, type Partition, partition, type Region } from "./partition.ts";
import { assemble, type ProgramCode } from "./program.ts";
import { type Asked, SegmentBuilder } from "./segment.ts";
import { type NumberPlace, simplifyBody } from "./simplify.ts";
import { externals, splitRegions } from "./split_regions.ts";

/** A graph that can be emitted. */
export interface Graph {
  readonly target: Target;
  readonly parts: Partition;
  /** Its nodes, numbered, operands first. */
  readonly nodes: readonly Node[];
  readonly results: readonly Node[];
  /** Members of regions that are read outside of their region. */
  readonly external: NodeTable<true>;
  /** Which of the walk's leaves each leaf stands for. */
  readonly leafIndex: ReadonlyMap<Node, number>;
  /** Place of what stands for a number, and how many there are of each type. */
  readonly slots: ReadonlyMap<Node, NumberPlace>;
  readonly sizes: ReadonlyMap<DType, number>;
}

type Data = Pick<Graph, "leafIndex" | "slots" | "sizes">;

const none: Data = { leafIndex: new Map(), slots: new Map(), sizes: new Map() };

/** The graph below some nodes, partitioned. */
export function graphOf(results: readonly Node[], target: Target, data: Data = none): Graph {
  const nodes = order(results);
  numberNodes(nodes);
  const parts = partition(nodes, results, target.has("torchopt.Program", "float32"));
  let external = externals(parts, nodes, results);
  if (splitRegions(parts, external, segmentSizes.most)) external = externals(parts, nodes, results);
  const { leafIndex, slots, sizes } = data;
  return { target, parts, nodes, results, external, leafIndex, slots, sizes };
}

/** Elements of a tensor that may be copied so that its reader waits for something. */
const SMALL = 4096;

/** What `#waitFor` has to know of an operand. */
type Shaped = Pick<Node, "prim" | "shape">;

/** The emission of one graph. */
export class Emission {
  /** The segments so far. */
  readonly segments: SegmentBuilder[] = [];
  /** Code of each region that was emitted. */
  readonly codes = new Map<Region, ProgramCode>();
  /** A line for each step. */
  readonly summary: string[] = [];
  /** Where the numbers of iterations are that loops find in the run, and their lines of the summary. */
  readonly iterations: { readonly segment: SegmentBuilder; name: string; line: number }[] = [];
  /** Largest work of a single step, in elementary operations. */
  work = 0;
  /** Bytes of all values that are written in a run. */
  bytes = 0;
  readonly #graph: Graph;
  readonly #schedule: Schedule;
  readonly #cutter: Cutter | null;
  readonly #within: Emitter | undefined;
  /** The one that is being emitted. */
  #segment: SegmentBuilder;
  /** Segment of each value that a unit has computed, and its number among those. */
  readonly #homes: NodeTable<{ segment: SegmentBuilder; order: number }>;
  #computed = 0;
  /** Segment of each unit that was emitted, and the name of a result of it. */
  readonly #segmentOf: number[] = [];
  readonly #resultOf: string[] = [];

  /**
   * @param cutter says where segments end; null: it stays one
   * @param within the graph that this one is a part of
   */
  constructor(graph: Graph, schedule: Schedule, cutter: Cutter | null, within?: Emitter) {
    this.#graph = graph;
    this.#schedule = schedule;
    this.#cutter = cutter;
    this.#within = within;
    this.#segment = this.#begin();
    this.#homes = new NodeTable(graph.nodes.length);
  }

  #begin(): SegmentBuilder {
    const emitter = this.#within ?? new Emitter(this.#graph.target);
    const segment = new SegmentBuilder(this.segments.length, emitter);
    this.segments.push(segment);
    return segment;
  }

  /** Emits all units. */
  emit(): void {
    const { units } = this.#graph.parts, { order } = this.#schedule;
    order.forEach((at, i) => {
      const unit = units[at];
      this.#segmentOf[at] = this.#segment.index;
      if ("region" in unit) this.#emitRegion(unit.region, at);
      else this.#emitNode(unit.node, at);
      const cut = this.#cutter?.endsAfter(unit, this.#segment.size) ?? false;
      if (cut && i < order.length - 1) this.#segment = this.#begin();
    });
  }

  /**
   * Where values are that were asked for: each in the segment that computes it, leaves and constants in
   * the last one.
   */
  ask(values: readonly { readonly node: Node; readonly index: number }[]): Asked[] {
    const last = this.#segment;
    const asked = values.map(({ node, index }) => {
      let at = node;
      while (!this.#homes.has(at) && isView(at)) at = at.inputs[0];
      const segment = isLeaf(at) ? last : this.#homes.get(at)?.segment ?? last;
      this.#segment = segment;
      return { segment, node, index, name: this.#name(node) };
    });
    this.#segment = last;
    return asked;
  }

  #emitRegion(region: Region, at: number): void {
    const code = assemble(
      region,
      this.#graph.parts,
      this.#graph.external,
      (n) => this.#graph.slots.get(n)!.slot,
    );
    this.codes.set(region, code);
    const type = region.type;
    const inputs = code.inputs.map((n) =>
      n === null ? this.#numbers(type) : this.#asNumbers(n, type)
    );
    const numbers = { prim: scalar, shape: [this.#graph.sizes.get(type) ?? 0] };
    this.#waitFor(at, code.inputs.map((n) => n ?? numbers), inputs);
    const outputs = this.#segment.emitter.ops(
      type === "float32" ? "ProgramF32" : "ProgramF64",
      inputs,
      {
        code: attr.ints(code.code),
        consts: attr.ints(code.constants.map(doubleBits)),
      },
      { domain: "torchopt", outputs: code.outputs.length },
    );
    this.#segment.emitter.programs.push({ type, code: code.code, constants: code.constants });
    code.outputs.forEach((n, i) => {
      this.#segment.emitter.describe(outputs[i], type, n.shape);
      this.bytes += sizeOf(n.shape) * DTYPES[type].bytes;
      if (n.dtype === "bool") this.#segment.numeric.set(n, outputs[i]);
      else this.#segment.names.set(n, outputs[i]);
      this.#homes.set(n, { segment: this.#segment, order: this.#computed++ });
    });
    this.#resultOf[at] = outputs[0];
    const largest = region.nodes.reduce((most, n) => Math.max(most, sizeOf(n.shape)), 0);
    this.work = Math.max(this.work, largest * 2);
    this.summary.push(
      `Program ${type}: ${region.nodes.length} operations in ${code.steps} steps, ` +
        `${code.inputs.length} inputs, ${code.outputs.length} outputs, up to ${largest} elements`,
    );
  }

  #emitNode(node: Node, at: number): void {
    if (node.prim.name === "project") {
      // It is where the other results are, without a node of its own.
      const home = this.#homes.get(node.inputs[0])!, { names } = home.segment;
      names.set(node, (names.get(node.inputs[0]) as string[])[node.attrs.index]);
      this.#homes.set(node, { segment: home.segment, order: this.#computed++ });
      return;
    }
    const inputs = node.inputs.map((x) => this.#name(x));
    this.#waitFor(at, node.inputs, inputs);
    const line = this.summary.push(
      node.prim.describe?.(node) ?? `${node.prim.name} ${node.dtype} [${node.shape}]`,
    ) - 1;
    const { emitter } = this.#segment, { inliner } = emitter;
    emitter.inliner = (body, params) => this.#inline(body, params);
    const names = this.#nativeLoop(node, line) ?? node.prim.lower(emitter, inputs, node);
    emitter.inliner = inliner;
    if (node.prim === loopPrim && isTested(node.attrs)) {
      const name = resultsOf(names as string[], node.attrs).count!;
      this.iterations.push({ segment: this.#segment, name, line });
    }
    this.#segment.names.set(node, names);
    this.#homes.set(node, { segment: this.#segment, order: this.#computed++ });
    this.#resultOf[at] = Array.isArray(names) ? names[0] : names;
    const values = node.outs ?? [node];
    const out = values.reduce((sum, v) => sum + sizeOf(v.shape), 0);
    this.bytes += values.reduce((sum, v) => sum + sizeOf(v.shape) * DTYPES[v.dtype].bytes, 0);
    const inner = node.prim.program?.kind === "matmul" || node.prim.name.startsWith("conv")
      ? sizeOf(node.inputs[0].shape) / Math.max(1, out) * sizeOf(node.inputs[1].shape)
      : 1;
    this.work = Math.max(this.work, out * Math.max(1, Math.sqrt(Math.max(1, inner))));
  }

  /** Emits what a body of a node computes, at the place where the node's graphs are being made. */
  #inline(body: Body, params: readonly string[]): string[] {
    const { target, nodes } = this.#graph, { results, stands } = simplifyBody(body, target);
    const graph = graphOf(results, target), within = this.#segment.emitter;
    const inner = new Emission(graph, new Schedule(graph.parts, results, []), null, within);
    stands.forEach((stand, i) => inner.#segment.names.set(stand, params[i]));
    inner.emit();
    const names = results.map((result) => inner.#name(result));
    // Numbers that are structure may be nodes of both graphs.
    numberNodes(nodes);
    this.work = Math.max(this.work, inner.work);
    this.bytes += inner.bytes;
    for (const line of inner.summary) this.summary.push(`  ${line}`);
    return names;
  }

  /** A loop as one node of the kernel, where its step is one Program. */
  #nativeLoop(node: Node, line: number): string[] | null {
    const { target, nodes } = this.#graph;
    if (node.prim !== loopPrim || !target.has("torchopt.Loop", "float32")) return null;
    const native = nativeLoop(node, target);
    numberNodes(nodes);
    if (native === null) return null;
    this.work = Math.max(this.work, native.largest * 2);
    this.summary[line] = `${this.summary[line].replace(/ONNX \w+/, "one node")}, ` +
      `Program ${native.type} in ${native.code.steps} steps`;
    return emitNativeLoop(this.#segment.emitter, node, native, {
      value: (x) => this.#name(x),
      numbers: (x) => this.#asNumbers(x, native.type),
    });
  }

  /** Name of a value for an ONNX node, emitting views and casts that it needs. */
  #name(node: Node): string {
    this.#bring(node);
    const { names, numeric, emitter } = this.#segment;
    const known = names.get(node);
    if (known !== undefined) return Array.isArray(known) ? known[0] : known;
    let name: string;
    const number = numeric.get(node);
    if (number !== undefined) name = emitter.cast(number, "bool");
    else if (node.prim === buffer) name = this.#leaf(node);
    else if (node.prim === scalar) name = this.#number(node);
    else if (node.prim === constant) {
      const data = sizeOf(node.shape) === 0 ? [] : [node.attrs.value];
      name = emitter.constant(node.dtype, node.shape, data);
    } else name = this.#view(node);
    names.set(node, name);
    return name;
  }

  /** Name of a view that no unit computes; those below it come first, of which there may be many. */
  #view(node: Node): string {
    const { names, numeric, emitter } = this.#segment, chain: Node[] = [];
    const isKnown = (n: Node) => names.has(n) || numeric.has(n) || this.#homes.has(n);
    let x = node;
    while (x === node || (isView(x) && !isKnown(x))) {
      chain.push(x);
      x = x.inputs[0];
    }
    for (let i = chain.length - 1; i >= 0; i--) {
      const inputs = chain[i].inputs.map((x) => this.#name(x));
      names.set(chain[i], chain[i].prim.lower(emitter, inputs, chain[i]));
    }
    return names.get(node) as string;
  }

  /** Makes a value of an earlier segment known in this one. */
  #bring(node: Node): void {
    if (isLeaf(node)) return;
    const home = this.#homes.get(node), { names, numeric, index } = this.#segment;
    if (home === undefined || home.segment === this.#segment) return;
    if (names.has(node) || numeric.has(node)) return;
    const { segment, order } = home, number = segment.numeric.get(node);
    const name = [number ?? segment.names.get(node)!].flat()[0];
    const dtype = number === undefined ? node.dtype : this.#graph.parts.regionOf.get(node)!.type;
    const value = segment.carry(name, dtype, node.shape, order, index);
    const known = number === undefined ? names : numeric;
    known.set(node, this.#segment.input(dtype, node.shape, { kind: "earlier", value }));
  }

  /** Name of a value as numbers of the given type, for a Program. */
  #asNumbers(node: Node, type: DType): string {
    if (node.dtype === type) return this.#name(node);
    this.#bring(node);
    const numeric = this.#segment.numeric.get(node);
    if (numeric !== undefined && this.#graph.parts.regionOf.get(node)?.type === type) {
      return numeric;
    }
    return this.#segment.emitter.cast(this.#name(node), type);
  }

  #leaf(node: Node): string {
    const index = this.#graph.leafIndex.get(node)!;
    return this.#segment.input(node.dtype, node.shape, { kind: "leaf", index });
  }

  #number(node: Node): string {
    const { dtype, slot } = this.#graph.slots.get(node)!;
    if (!this.#graph.target.offsets) {
      const { emitter } = this.#segment;
      return emitter.op("Gather", [this.#numbers(dtype), emitter.constant("int64", [], [slot])]);
    }
    return this.#segment.input(dtype, [], { kind: "number", dtype, slot });
  }

  #numbers(dtype: DType): string {
    return this.#segment.numbers(dtype, this.#graph.sizes.get(dtype)!);
  }

  /**
   * Lets a unit wait for others: one of its inputs is not there before they are. Without an input
   * that can be passed on for free, the unit does not wait.
   */
  #waitFor(unit: number, operands: readonly Shaped[], inputs: string[]): void {
    const others = this.#schedule.waits(unit, this.#segmentOf);
    if (others.length === 0) return;
    // It would wait by the shapes of others.
    if (!this.#graph.target.has("Shape", "float32")) return this.#schedule.release(unit);
    let best = -1;
    operands.forEach((x, i) => {
      if (x.prim === buffer && sizeOf(x.shape) > SMALL) return;
      if (best < 0 || sizeOf(x.shape) < sizeOf(operands[best].shape)) best = i;
    });
    if (best < 0) this.#schedule.release(unit);
    else {
      const after = others.map((other) => this.#resultOf[other]);
      inputs[best] = this.#segment.emitter.after(inputs[best], operands[best].shape, after);
    }
  }
}
