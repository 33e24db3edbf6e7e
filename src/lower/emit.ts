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
import { type DType, DTYPES } from "../runtime/mod.ts";
import type { EmitOptions, LowerContext } from "../graph/lower_context.ts";
import { type Shape, sizeOf } from "../graph/shape.ts";

/** Collects nodes and constants, and writes the model. */
export class Emitter implements LowerContext {
  /** Emitted nodes, in order; those of a branch while it is being emitted. */
  #nodes: NodeDef[] = [];
  /** Whether a node of a compiled kernel was emitted. */
  usesOps = false;
  readonly #constants: TensorDef[] = [];
  readonly #known = new Map<string, string>();
  readonly #constantNames = new Set<string>();
  readonly #infos: ValueInfo[] = [];
  #count = 0;

  /** Emits for one kind of device. */
  constructor(readonly device: "cpu" | "cuda") {}

  /** A name that is not in use. */
  fresh(prefix: string): string {
    return `${prefix}${this.#count++}`;
  }

  /** Emits a node with one output. */
  op(opType: string, inputs: readonly string[], attributes?: Record<string, Attr>): string {
    const output = this.fresh("v");
    this.#nodes.push({ opType, inputs, outputs: [output], attributes });
    return output;
  }

  /** Emits a node with any number of outputs. */
  ops(
    opType: string,
    inputs: readonly string[],
    attributes: Record<string, Attr> | undefined,
    { domain, outputs = 1 }: EmitOptions,
  ): string[] {
    const names = Array.from({ length: outputs }, () => this.fresh("v"));
    if (domain === "torchopt") this.usesOps = true;
    this.#nodes.push({ opType, domain, inputs, outputs: names, attributes });
    return names;
  }

  /** One of two branches, whichever the condition chooses when the graph runs. */
  branch(
    condition: string,
    results: readonly DType[],
    yes: () => readonly string[],
    no: () => readonly string[],
  ): string[] {
    const names = results.map(() => this.fresh("v"));
    const attributes = {
      then_branch: this.#branch(results, yes),
      else_branch: this.#branch(results, no),
    };
    this.#nodes.push({ opType: "If", inputs: [condition], outputs: names, attributes });
    return names;
  }

  #branch(results: readonly DType[], emit: () => readonly string[]): Attr {
    const outer = this.#nodes;
    this.#nodes = [];
    const names = emit();
    const outputs = names.map((name, i) => ({ name, dtype: results[i] }));
    const graph = { name: this.fresh("branch"), nodes: this.#nodes, inputs: [], outputs };
    this.#nodes = outer;
    return attr.graph(graph);
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
    const parts = [this.ints(shape), ...others.map((name) => this.op("Shape", [name]))];
    const sizes = this.op("Concat", parts, { axis: attr.int(0) });
    const own = this.op("Slice", [sizes, this.ints([0]), this.ints([shape.length])]);
    return this.op("Reshape", [x, own], { allowzero: attr.int(1) });
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
    const nodes = rename.size === 0 ? this.#nodes : this.#nodes.map((n) => renamed(n, name));
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
}

/** A node with other names of values, also where its branches use them. */
function renamed(node: NodeDef, name: (n: string) => string): NodeDef {
  const attributes = node.opType !== "If" ? node.attributes : Object.fromEntries(
    Object.entries(node.attributes ?? {}).map(([key, a]) => {
      if (a.kind !== "graph") return [key, a];
      return [key, attr.graph({ ...a.value, nodes: a.value.nodes.map((n) => renamed(n, name)) })];
    }),
  );
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
