/**
 * The ONNX graph that is being emitted: names, constants, casts.
 *
 * @module
 */

import {
  type Attr,
  attr,
  DEFAULT_OPSETS,
  ELEM_TYPE,
  encodeModel,
  IR_VERSION,
  type NodeDef,
  type TensorDef,
  type ValueInfo,
} from "../onnx/mod.ts";
import { type DType, DTYPES, ORDERING, type ProgramNode, type Target } from "../runtime/mod.ts";
import type { EmitOptions, LowerContext, Result } from "../graph/lower_context.ts";
import type { Body } from "../graph/body.ts";
import type { Aval } from "../graph/node.ts";
import { type Shape, sizeOf } from "../graph/shape.ts";
import { substitute, type Surroundings } from "./substitute.ts";

/** Collects nodes and constants, and writes the model. */
export class Emitter implements LowerContext {
  /** Emitted nodes, in order; those of a graph inside while it is being emitted. */
  #nodes: NodeDef[] = [];
  /** Whether a node of a compiled kernel was emitted. */
  usesOps = false;
  /** Nodes of `Program` and `Loop` so far. */
  readonly programs: ProgramNode[] = [];
  readonly #constants: TensorDef[] = [];
  readonly #known = new Map<string, string>();
  readonly #constantNames = new Set<string>();
  #infos: ValueInfo[] = [];
  /** How the graph that is being emitted emits bodies of its nodes. */
  inliner: ((body: Body, params: readonly string[]) => string[]) | null = null;
  #count = 0;
  #size = 0;

  /** @param target where the graph will run */
  constructor(readonly target: Target) {}

  /** Number of values that nodes compute. */
  get size(): number {
    return this.#size;
  }

  /** A name that is not in use. */
  fresh(prefix: string): string {
    return `${prefix}${this.#count++}`;
  }

  /** Emits a node with one output. */
  op(opType: string, inputs: readonly string[], attributes?: Record<string, Attr>): string {
    const output = this.fresh("v");
    this.#size++;
    this.#nodes.push({ opType, inputs, outputs: [output], attributes });
    return output;
  }

  /** Emits a node with any number of outputs. */
  ops(
    opType: string,
    inputs: readonly string[],
    attributes: Record<string, Attr> | undefined,
    { domain, outputs = 1, name }: EmitOptions,
  ): string[] {
    const names = Array.from({ length: outputs }, () => this.fresh("v"));
    this.#size += outputs;
    if (domain === "torchopt") this.usesOps = true;
    // No two nodes of a model may have one name.
    const own = name === undefined ? undefined : name + names[0];
    this.#nodes.push({ opType, domain, inputs, outputs: names, attributes, name: own });
    return names;
  }

  /** One of two branches, whichever the condition chooses when the graph runs. */
  branch(
    condition: string,
    results: readonly DType[],
    yes: () => readonly string[],
    no: () => readonly string[],
  ): string[] {
    const outputs = results.map((dtype) => ({ dtype }));
    const attributes = {
      then_branch: this.subgraph([], outputs, yes),
      else_branch: this.subgraph([], outputs, no),
    };
    return this.ops("If", [condition], attributes, { outputs: results.length });
  }

  /** A graph for an attribute. */
  subgraph(
    inputs: readonly Aval[],
    outputs: readonly Result[],
    emit: (inputs: readonly string[]) => readonly string[],
  ): Attr {
    const [nodes, infos] = [this.#nodes, this.#infos];
    const own: NodeDef[] = this.#nodes = [], valueInfos: ValueInfo[] = this.#infos = [];
    const params = inputs.map(({ dtype, shape }) => ({ name: this.fresh("p"), dtype, shape }));
    const names = [...emit(params.map(({ name }) => name))];
    // A result is a value of the graph's own, and no two are one.
    const made = new Set(own.flatMap((node) => node.outputs));
    names.forEach((name, i) => {
      if (!made.delete(name)) names[i] = this.op("Identity", [name]);
    });
    [this.#nodes, this.#infos] = [nodes, infos];
    const results = names.map((name, i) => {
      const { dtype, shape } = outputs[i];
      return { name, dtype, shape };
    });
    const known = new Set(names);
    return attr.graph({
      name: this.fresh("graph"),
      nodes: own,
      inputs: params,
      outputs: results,
      valueInfos: valueInfos.filter(({ name }) => !known.has(name)),
    });
  }

  /** Emits what a body computes. */
  inline(body: Body, params: readonly string[]): string[] {
    return this.inliner!(body, params);
  }

  /** Shared constant. */
  constant(dtype: DType, shape: Shape, data: readonly number[]): string {
    const key = `${dtype}[${shape}]${data.map((v) => Object.is(v, -0) ? "-0" : v)}`;
    let name = this.#known.get(key);
    if (name === undefined) {
      name = this.fresh("c");
      this.#known.set(key, name);
      this.#constantNames.add(name);
      this.#constants.push({ name, dtype, dims: shape, raw: bytesOf(dtype, shape, data) });
    }
    return name;
  }

  /** Constant int64 vector. */
  ints(data: readonly number[]): string {
    return this.constant("int64", [data.length], data);
  }

  /** Constant scalar. */
  scalar(dtype: DType, value: number): string {
    return this.constant(dtype, [], [value]);
  }

  /** Conversion of element type. */
  cast(x: string, to: DType): string {
    return this.op("Cast", [x], { to: attr.int(ELEM_TYPE[to]) });
  }

  /** A value of the given shape that is not there before all of `others` are. */
  after(x: string, shape: Shape, others: readonly string[]): string {
    // A reshape costs nothing, but it has to wait for its shape, which the others have part in.
    const order = (op: string, from: readonly string[], attributes: Record<string, Attr>) =>
      this.ops(op, from, attributes, { name: ORDERING })[0];
    // Their part has no elements.
    const none = { start: attr.int(0), end: attr.int(0) };
    const parts = others.map((name) => order("Shape", [name], none));
    const sizes = order("Concat", [this.ints(shape), ...parts], { axis: attr.int(0) });
    return this.op("Reshape", [x, sizes], { allowzero: attr.int(1) });
  }

  /** States the type of a value, where ONNX Runtime cannot infer it. */
  describe(name: string, dtype: DType, shape: Shape): void {
    this.#infos.push({ name, dtype, shape });
  }

  /** Whether a name is a constant of this graph. */
  isConstant(name: string): boolean {
    return this.#constantNames.has(name);
  }

  /** The model's bytes; `rename` maps value names to their final ones. */
  finish(
    inputs: readonly ValueInfo[],
    outputs: readonly ValueInfo[],
    rename: ReadonlyMap<string, string>,
  ): Uint8Array {
    const name = (n: string) => rename.get(n) ?? n;
    const own = this.target.substitutes ? this.#substituted(inputs, outputs, rename) : this.#nodes;
    const nodes = rename.size === 0 ? own : own.map((n) => renamed(n, name));
    return encodeModel({
      irVersion: IR_VERSION,
      opsets: DEFAULT_OPSETS,
      graph: {
        name: "torchopt",
        nodes,
        inputs,
        outputs,
        valueInfos: this.#infos.filter((v) => !rename.has(v.name)),
        initializers: this.#constants,
      },
    });
  }

  /** The nodes without those that the target has no kernel for. */
  #substituted(
    inputs: readonly ValueInfo[],
    outputs: readonly ValueInfo[],
    rename: ReadonlyMap<string, string>,
  ): NodeDef[] {
    const own = new Map([...rename].map(([name, final]) => [final, name]));
    const given = inputs.map(({ name, dtype, shape }) => ({ name, dtype, dims: shape }));
    return substitute(this.#nodes, {
      target: this.target,
      asked: outputs.map(({ name, dtype }) => ({
        name: own.get(name) ?? name,
        dtype: dtype as DType,
      })),
      values: [...given, ...this.#constants] as Surroundings["values"],
      constantOf: (name) => this.#constants.find((c) => c.name === name),
      constant: (dtype, shape, data) => this.constant(dtype, shape, data),
      fresh: (prefix) => this.fresh(prefix),
    });
  }
}

/** A node with other names of values, also where graphs inside of it use them. */
function renamed(node: NodeDef, name: (n: string) => string): NodeDef {
  let { attributes } = node;
  if (attributes !== undefined && Object.values(attributes).some((a) => a.kind === "graph")) {
    attributes = Object.fromEntries(
      Object.entries(attributes).map(([key, a]) => {
        if (a.kind !== "graph") return [key, a];
        return [key, attr.graph({ ...a.value, nodes: a.value.nodes.map((n) => renamed(n, name)) })];
      }),
    );
  }
  return { ...node, inputs: node.inputs.map(name), outputs: node.outputs.map(name), attributes };
}

function bytesOf(dtype: DType, shape: Shape, data: readonly number[]): Uint8Array {
  const n = sizeOf(shape);
  const array = DTYPES[dtype].view(new ArrayBuffer(n * DTYPES[dtype].bytes), 0, n);
  for (let i = 0; i < n; i++) {
    const v = data[i];
    if (array instanceof BigInt64Array) array[i] = BigInt(v);
    else array[i] = v;
  }
  return new Uint8Array(array.buffer);
}
