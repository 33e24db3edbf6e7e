/** Small models for the tests of the runtime. */

import {
  DEFAULT_OPSETS,
  encodeModel,
  IR_VERSION,
  type NodeDef,
  type OpsetId,
} from "../../src/onnx/mod.ts";
import { type Session, type SessionSpec, Storage, type ValueSpec } from "../../src/runtime/mod.ts";

/** A graph of nodes over fixed shapes. */
export interface Graph {
  readonly inputs: readonly ValueSpec[];
  readonly outputs: readonly ValueSpec[];
  readonly nodes: readonly NodeDef[];
}

/** The standard operator set alone, so that the models load without the compiled ops. */
const OPSETS: OpsetId[] = DEFAULT_OPSETS.filter(({ domain }) => domain === "");

/** What a session over `graph` is made from; one thread on the CPU by default. */
export function spec(graph: Graph, options: Partial<SessionSpec> = {}): SessionSpec {
  const model = encodeModel({
    irVersion: IR_VERSION,
    opsets: OPSETS,
    graph: { name: "test", ...graph },
  });
  const { inputs, outputs } = graph;
  return { model, inputs, outputs, device: "cpu", threads: 1, useOps: false, ...options };
}

/** A float32 value of the given shape. */
export function float32(name: string, ...shape: number[]): ValueSpec {
  return { name, dtype: "float32", shape };
}

/** `z = op(x, y)` over float32 tensors of one shape. */
export function binary(op: string, ...shape: number[]): Graph {
  return {
    inputs: [float32("x", ...shape), float32("y", ...shape)],
    outputs: [float32("z", ...shape)],
    nodes: [{ opType: op, inputs: ["x", "y"], outputs: ["z"] }],
  };
}

/** `y` = `x` through `count` nodes `op`, over float32 tensors of one shape. */
export function chain(op: string, count: number, ...shape: number[]): Graph {
  const name = (i: number) => i === 0 ? "x" : i === count ? "y" : `t${i}`;
  return {
    inputs: [float32("x", ...shape)],
    outputs: [float32("y", ...shape)],
    nodes: Array.from({ length: count }, (_, i) => ({
      opType: op,
      inputs: [name(i)],
      outputs: [name(i + 1)],
    })),
  };
}

/** Binds storages to the slots of a session, inputs first. */
export function bind(session: Session, ...storages: Storage[]): void {
  storages.forEach((storage, i) => session.bind(i, storage));
}

/** A float32 storage with these elements. */
export function floats(...elements: number[]): Storage {
  return Storage.from(new Float32Array(elements), "float32");
}
