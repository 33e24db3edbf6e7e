/**
 * What a primitive's `lower` may use to emit ONNX.
 *
 * @module
 */

import type { DType, Target } from "../runtime/mod.ts";
import type { Attr } from "../onnx/mod.ts";
import type { Body } from "./body.ts";
import type { Aval } from "./node.ts";
import type { Shape } from "./shape.ts";

/** Options of one emitted ONNX node. */
export interface EmitOptions {
  /** Operator set; the standard one by default. */
  readonly domain?: string;
  /** Number of outputs (default 1). */
  readonly outputs?: number;
  /** How the name of the node begins (default: it has none). */
  readonly name?: string;
}

/** Type of a result, and its shape where that is known. */
export interface Result {
  readonly dtype: DType;
  readonly shape?: Shape;
}

/** Builder of the ONNX graph that is being emitted. */
export interface LowerContext {
  /** Emits one node and returns the name of its only output. */
  op(type: string, inputs: readonly string[], attributes?: Record<string, Attr>): string;
  /** Emits one node with several outputs. */
  ops(
    type: string,
    inputs: readonly string[],
    attributes: Record<string, Attr> | undefined,
    options: EmitOptions,
  ): string[];
  /**
   * One of two branches, whichever the condition (one bool) chooses when the graph runs. Both give
   * results of the types listed, and may use any value emitted before. On CUDA it costs a copy to the
   * host.
   */
  branch(
    condition: string,
    results: readonly DType[],
    yes: () => readonly string[],
    no: () => readonly string[],
  ): string[];
  /**
   * A graph for an attribute of `If`, `Loop` or `Scan`. `emit` gets the names of its inputs and returns
   * those of its outputs; it may use any value emitted before.
   */
  subgraph(
    inputs: readonly Aval[],
    outputs: readonly Result[],
    emit: (inputs: readonly string[]) => readonly string[],
  ): Attr;
  /** Emits what a body computes, by the passes of all graphs; returns the names of its results. */
  inline(body: Body, params: readonly string[]): string[];
  /** A constant tensor (an initializer; equal constants are shared). */
  constant(dtype: DType, shape: Shape, data: readonly number[]): string;
  /** A constant int64 vector: axes, shapes, indices. */
  ints(data: readonly number[]): string;
  /** A constant scalar of the given type. */
  scalar(dtype: DType, value: number): string;
  /** Casts a value. */
  cast(x: string, to: DType): string;
  /** Where the graph will run. */
  readonly target: Target;
  /** A name that is unused so far, for subgraphs. */
  fresh(prefix: string): string;
}
