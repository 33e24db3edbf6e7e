/**
 * Segments of a lowered graph: each is one ONNX model, and they run one after another. A value that a
 * later segment reads is an output of the one that computes it and an input of the one that reads it.
 *
 * @module
 */

import { type DType, DTYPES, type ValueSpec } from "../runtime/mod.ts";
import type { Node } from "../graph/node.ts";
import { type Shape, sizeOf } from "../graph/shape.ts";
import { ArenaPlan } from "./arena.ts";
import type { Emitter } from "./emit.ts";

/** Where the data of an input of a segment comes from. */
export type Source =
  /** A tensor that the graph reads. */
  | { readonly kind: "leaf"; readonly index: number }
  /** The packed numbers of a type. */
  | { readonly kind: "numbers"; readonly dtype: DType }
  /** One of them. */
  | { readonly kind: "number"; readonly dtype: DType; readonly slot: number }
  | Target;

/** Where an output of a segment goes, and later segments find it. */
export type Target =
  /** Memory between the segments. */
  | { readonly kind: "carried"; readonly offset: number }
  /** A value that was asked for. */
  | { readonly kind: "result"; readonly index: number };

/** One ONNX model. */
export interface Segment {
  /** Bytes of the model. Equal segments have equal bytes. */
  readonly model: Uint8Array;
  /** Inputs of the model. */
  readonly inputs: readonly ValueSpec[];
  /** Where the data of each input comes from. */
  readonly sources: readonly Source[];
  /** Outputs of the model. */
  readonly outputs: readonly ValueSpec[];
  /** Where each output goes. */
  readonly targets: readonly Target[];
}

/** A value of a segment that later ones read. */
export interface Carried {
  readonly dtype: DType;
  readonly shape: Shape;
  /** Name in the segment that computes it. */
  readonly name: string;
  /** When it is computed, among the values of its segment. */
  readonly order: number;
  /** The last segment that reads it. */
  last: number;
}

/** A value that was asked for. */
export interface Asked {
  /** Where it is. */
  readonly segment: SegmentBuilder;
  readonly node: Pick<Node, "dtype" | "shape">;
  readonly name: string;
  /** Position among the asked values, or that of the one in whose memory it lies. */
  readonly index: number;
}

type Wanted = Exclude<Source, Target> | { readonly kind: "earlier"; readonly value: Carried };

/** A segment while its graph is being emitted. */
export class SegmentBuilder {
  /** The graph. */
  readonly emitter: Emitter;
  /** Name of each value that is known here; several for a node with several results. */
  readonly names = new Map<Node, string | string[]>();
  /** Truth values as numbers, the way Program writes them. */
  readonly numeric = new Map<Node, string>();
  /** Position among the segments. */
  readonly index: number;
  readonly #carried = new Map<string, Carried>();
  readonly #inputs: ValueSpec[] = [];
  readonly #inputNames = new Set<string>();
  readonly #wanted: Wanted[] = [];

  constructor(index: number, emitter: Emitter) {
    this.index = index;
    this.emitter = emitter;
  }

  /** Number of values: inputs and what is computed. */
  get size(): number {
    return this.#inputs.length + this.emitter.size;
  }

  /** Name of a new input. It says nothing of the whole graph, so that segments can be equal. */
  input(dtype: DType, shape: Shape, from: Wanted): string {
    return this.#input(`in${this.#inputs.length}`, dtype, shape, from);
  }

  /** Name of all `count` numbers of a type. */
  numbers(dtype: DType, count: number): string {
    const name = `numbers_${dtype}`;
    if (this.#inputNames.has(name)) return name;
    return this.#input(name, dtype, [count], { kind: "numbers", dtype });
  }

  #input(name: string, dtype: DType, shape: Shape, from: Wanted): string {
    this.#inputs.push({ name, dtype, shape });
    this.#inputNames.add(name);
    this.#wanted.push(from);
    return name;
  }

  /** A value of this segment, for the segment `reader`. */
  carry(name: string, dtype: DType, shape: Shape, order: number, reader: number): Carried {
    let value = this.#carried.get(name);
    if (value === undefined) {
      const own = this.#isGiven(name) ? this.emitter.op("Identity", [name]) : name;
      this.#carried.set(name, value = { dtype, shape, name: own, order, last: reader });
    }
    value.last = Math.max(value.last, reader);
    return value;
  }

  /** Values that later segments read, in the order in which they are computed. */
  carried(): Carried[] {
    return [...this.#carried.values()].sort((a, b) => a.order - b.order);
  }

  /** Ends the segment. `homes` tells where carried values lie, and learns which of them are asked for. */
  finish(asked: readonly Asked[], homes: Map<Carried, Target>): Segment {
    const rename = new Map<string, string>(), results = new Map<string, Target>();
    const outputs: ValueSpec[] = [], targets: Target[] = [];
    const give = (name: string, dtype: DType, shape: Shape, target: Target) => {
      const final = `out${outputs.length}`;
      rename.set(name, final);
      outputs.push({ name: final, dtype, shape });
      targets.push(target);
    };
    for (const { index, node, name } of asked) {
      const own = this.#isGiven(name) || rename.has(name)
        ? this.emitter.op("Identity", [name])
        : name;
      const target: Target = { kind: "result", index };
      give(own, node.dtype, node.shape, target);
      results.set(own, target);
    }
    for (const value of this.carried()) {
      const result = results.get(value.name);
      if (result !== undefined) homes.set(value, result);
      else give(value.name, value.dtype, value.shape, homes.get(value)!);
    }
    return {
      model: this.emitter.finish(this.#inputs, outputs, rename),
      inputs: this.#inputs,
      sources: this.#wanted.map((w) => w.kind === "earlier" ? homes.get(w.value)! : w),
      outputs,
      targets,
    };
  }

  /** Whether a name is no node's output. */
  #isGiven(name: string): boolean {
    return this.#inputNames.has(name) || this.emitter.isConstant(name);
  }
}

/** Bytes; kernels read whole vectors. */
const ALIGNMENT = 64;

/** Places the values between segments in one block of memory. */
export function placeCarried(
  segments: readonly SegmentBuilder[],
): { homes: Map<Carried, Target>; bytes: number } {
  const arena = new ArenaPlan(1), values: Carried[] = [];
  for (const segment of segments) {
    for (const value of segment.carried()) {
      const bytes = sizeOf(value.shape) * DTYPES[value.dtype].bytes;
      arena.add(Math.max(1, Math.ceil(bytes / ALIGNMENT)), segment.index, value.last);
      values.push(value);
    }
  }
  const offsets = arena.offsets().map((at) => at * ALIGNMENT);
  const homes = new Map<Carried, Target>();
  values.forEach((value, i) => homes.set(value, { kind: "carried", offset: offsets[i] }));
  return { homes, bytes: offsets[values.length] };
}

/** The segments, of which those of equal models have one model. */
export function shareModels(segments: readonly Segment[]): Segment[] {
  if (segments.length === 1) return [...segments];
  const known = new Map<string, Uint8Array[]>();
  return segments.map((segment) => {
    const { model } = segment, key = `${model.length} ${hashOf(model)}`;
    const found = known.get(key)?.find((other) => other.every((byte, i) => byte === model[i]));
    if (found !== undefined) return { ...segment, model: found };
    known.set(key, [...known.get(key) ?? [], model]);
    return segment;
  });
}

function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}
