/**
 * Lowering: a walked graph becomes one ONNX model, or several that run one after another.
 *
 * simplify, share, decompose → passes (multi-tensor kernels) → partition → emission, cut into segments
 * where the graph is large.
 *
 * @module
 */

import type { ProgramNode, ValueSpec } from "../runtime/mod.ts";
import { constant } from "../graph/leaf.ts";
import type { Node, Target } from "../graph/node.ts";
import { sizeOf } from "../graph/shape.ts";
import { Cutter, segmentSizes } from "./cut.ts";
import { type Donation, Schedule } from "./donation.ts";
import { Emission, type Graph, graphOf } from "./emission.ts";
import { findReuse } from "./memory_reuse.ts";
import { type Region, skipViews } from "./partition.ts";
import type { ProgramCode } from "./program.ts";
import { placeCarried, type Segment, shareModels } from "./segment.ts";
import { type NumberPlace, simplify } from "./simplify.ts";
import type { Walk } from "./walk.ts";

/** A graph ready for the runtime. */
export interface Lowered {
  /** The models, in the order in which they run; one, unless the graph is large. */
  readonly segments: Segment[];
  /** Bytes of the values between them. */
  readonly carriedBytes: number;
  /** Number of graph inputs: tensors, numbers and vectors of numbers. */
  readonly inputs: number;
  /** Type and shape of each asked value. */
  readonly outputs: Pick<ValueSpec, "dtype" | "shape">[];
  /** Place of each of the walk's numbers. */
  readonly places: NumberPlace[];
  /** Donations that are safe. */
  readonly donations: Donation[];
  /** Outputs in whose memory another value lies before they are written. */
  readonly early: readonly { readonly output: number }[];
  /**
   * Lines of the summary of loops whose number of iterations the run finds. These numbers, of int64, are
   * results after the outputs.
   */
  readonly iterations: readonly number[];
  /** Whether the models use compiled kernels. */
  readonly usesOps: boolean;
  /** The nodes of `Program` and `Loop`. */
  readonly programs: readonly ProgramNode[];
  /** Largest work of a single step, in elementary operations. */
  readonly work: number;
  /** Bytes of all values that are written in a run. */
  readonly bytes: number;
  /** A line for each step, for `explain()`. */
  readonly summary: string[];
}

/** Lowers a walked graph. It may be lowered again, for another target: the walk's numbers stay. */
export function lower(
  walk: Walk,
  outputs: readonly Node[],
  donations: readonly Donation[],
  target: Target,
): Lowered {
  // Nodes of constants belong to many graphs, and lowering numbers those that it makes.
  const shared = walk.nodes.filter(({ prim }) => prim === constant);
  const numbers = shared.map(({ local }) => local);
  try {
    return lowerOnce(walk, outputs, donations, target);
  } finally {
    shared.forEach((node, i) => node.local = numbers[i]);
  }
}

function lowerOnce(
  walk: Walk,
  outputs: readonly Node[],
  donations: readonly Donation[],
  target: Target,
): Lowered {
  const { results, places, ...data } = simplify(walk, outputs, target);
  const graph = graphOf(results, target, data);
  const leaves = [...data.leafIndex.keys()];
  const writes = donations.map((d) => ({ leaf: leaves[d.leaf], result: results[d.output] }));
  const emitted = (cutter: Cutter | null) => {
    const schedule = new Schedule(graph.parts, results, writes);
    const emission = new Emission(graph, schedule, cutter);
    emission.emit();
    return { schedule, emission };
  };
  // What goes from one segment to another lies in one block of memory.
  const whole = target.offsets ? segmentSizes.whole : Infinity;
  let { schedule, emission } = emitted(graph.parts.units.length > whole ? new Cutter() : null);
  // An operation may be many nodes.
  const [first] = emission.segments;
  if (emission.segments.length === 1 && first.size > whole) {
    ({ schedule, emission } = emitted(new Cutter()));
  }
  const inPlace = new InPlace(graph, schedule, emission.codes);
  const safe = inPlace.safe(donations, leaves);
  const early = inPlace.early(safe), { segments, bytes } = finish(emission, results, early);
  return {
    segments,
    carriedBytes: bytes,
    inputs: countInputs(segments),
    outputs: results.map(({ dtype, shape }) => ({ dtype, shape })),
    places,
    donations: safe,
    early: early.map(({ index }) => ({ output: index })),
    iterations: emission.iterations.map(({ line }) => line),
    usesOps: emission.segments.some(({ emitter }) => emitter.usesOps),
    programs: emission.segments.flatMap(({ emitter }) => emitter.programs),
    work: emission.work,
    bytes: emission.bytes,
    summary: emission.summary,
  };
}

/** Ends all segments. `early` are further values, which lie in the memory of results. */
function finish(
  emission: Emission,
  results: readonly Node[],
  early: readonly { readonly node: Node; readonly index: number }[],
): { segments: Segment[]; bytes: number } {
  const asked = emission.ask(results.map((node, index) => ({ node, index })));
  asked.push(...emission.ask(early));
  emission.iterations.forEach(({ segment, name }, i) => {
    const index = results.length + i;
    asked.push({ segment, node: { dtype: "int64", shape: [] }, name, index });
  });
  const { homes, bytes } = placeCarried(emission.segments);
  const given = emission.segments.map((): typeof asked => []);
  for (const value of asked) given[value.segment.index].push(value);
  const segments = emission.segments.map((s) => s.finish(given[s.index], homes));
  // What only hands on what is known already leaves nothing to run.
  return { segments: shareModels(segments.filter((s) => s.outputs.length > 0)), bytes };
}

function countInputs(segments: readonly Segment[]): number {
  const read = new Set<string>();
  for (const { sources } of segments) {
    for (const s of sources) {
      if (s.kind !== "carried" && s.kind !== "result") read.add(Object.values(s).join());
    }
  }
  return read.size;
}

/** What is written over something else. */
class InPlace {
  constructor(
    private graph: Graph,
    private schedule: Schedule,
    private codes: ReadonlyMap<Region, ProgramCode>,
  ) {}

  /** Donations that are safe: one output at most for the memory of each leaf. */
  safe(donations: readonly Donation[], leaves: readonly Node[]): Donation[] {
    const { results } = this.graph, taken = new Set<number>(), first = new Map<Node, number>();
    results.forEach((node, i) => {
      if (!first.has(node)) first.set(node, i);
    });
    return donations.filter((d) => {
      const result = results[d.output];
      if (first.get(result) !== d.output || taken.has(d.leaf)) return false;
      if (!this.#isSafe(leaves[d.leaf], result)) return false;
      taken.add(d.leaf);
      return true;
    });
  }

  /** Values that lie in the memory of results until those are written, and indices of the results. */
  early(donations: readonly Donation[]): { node: Node; index: number }[] {
    return findReuse({
      parts: this.graph.parts,
      schedule: this.schedule,
      results: this.graph.results,
      donated: new Set(donations.map((d) => d.output)),
      canAlias: (unit, value, result) => this.#canAlias(unit, value, result),
    }).map(({ value, output }) => ({ node: value, index: output }));
  }

  /**
   * Whether the output may be written over the leaf's memory: its writer runs after all other
   * readers and itself reads each element before writing it.
   */
  #isSafe(root: Node, out: Node): boolean {
    if (root.dtype !== out.dtype || sizeOf(root.shape) !== sizeOf(out.shape)) return false;
    const writer = this.schedule.writer(out);
    if (writer === undefined || !this.#canAlias(writer, root, out)) return false;
    return this.schedule.isLast(writer, root);
  }

  /** Whether a unit reads each element of `root` before it writes that of `out`. */
  #canAlias(at: number, root: Node, out: Node): boolean {
    const unit = this.graph.parts.units[at];
    return "region" in unit
      ? this.codes.get(unit.region)!.canAlias(root, out)
      : this.#nodeCanAlias(unit.node, root, out);
  }

  #nodeCanAlias(node: Node, root: Node, out: Node): boolean {
    if (node.prim.program?.kind === "elementwise") {
      return node.inputs.every((x) => x === root || skipViews(this.graph.parts, x) !== root) &&
        sizeOf(root.shape) === sizeOf(node.shape);
    }
    return node.prim.inPlace?.(node, out, root) ?? false;
  }
}
