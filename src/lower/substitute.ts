/**
 * ONNX nodes that a device has no kernel for, as equal nodes that it has one for. Devices with few
 * kernels ask for it (`Target.substitutes`).
 *
 * @module
 */

import { type Attr, attr, ELEM_TYPE, type NodeDef, type TensorDef } from "../onnx/mod.ts";
import type { Shape } from "../graph/shape.ts";
import { BackendError, type DType, HOST, type Target } from "../runtime/mod.ts";

/** What the nodes are part of. */
export interface Surroundings {
  readonly target: Target;
  /** Element types and shapes of inputs and constants. */
  readonly values: readonly {
    readonly name: string;
    readonly dtype: DType;
    readonly dims: Shape;
  }[];
  /** Values that are asked for. */
  readonly asked: readonly { readonly name: string; readonly dtype: DType }[];
  /** The constant of a name. */
  constantOf(name: string): TensorDef | undefined;
  /** Name of a constant. */
  constant(dtype: DType, shape: readonly number[], data: readonly number[]): string;
  /** A name that is not in use. */
  fresh(prefix: string): string;
}

/** A node whose outputs are not named yet. */
interface Final {
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly attributes?: NodeDef["attributes"];
}

/** A node with the element type of its data. */
interface Typed extends NodeDef {
  readonly dtype: DType;
}

/** What rules build with. */
interface Builder extends Pick<Surroundings, "target" | "constantOf" | "constant"> {
  op(opType: string, inputs: readonly string[], attributes?: NodeDef["attributes"]): string;
  number(value: number): string;
}

/** The last of the nodes that stand for one; null where there are none. */
type Rule = (c: Builder, node: Typed) => Final | null;

const final = (
  opType: string,
  inputs: readonly string[],
  attributes?: NodeDef["attributes"],
): Final => ({ opType, inputs, attributes });

const TRUTH: ReadonlySet<string> = new Set(
  "Equal Less LessOrEqual Greater GreaterOrEqual And Or Xor Not IsNaN IsInf".split(" "),
);

/** Operands that are data, where that is not the first alone. */
const DATA: Readonly<Record<string, (count: number) => number[]>> = {
  Where: () => [1, 2],
  Pad: () => [0, 2],
  ScatterElements: () => [0, 2],
  ScatterND: () => [0, 2],
  ...Object.fromEntries(
    "Concat Add Sub Mul Div Pow Min Max Mod Equal Less LessOrEqual Greater GreaterOrEqual And Or Xor"
      .split(" ").map((op) => [op, (n: number) => Array.from({ length: n }, (_, i) => i)]),
  ),
};

/** Operators that only move elements, whatever their type. */
const MOVES: ReadonlySet<string> = new Set(
  ("Concat Expand Flatten Gather GatherElements GatherND Identity Pad Reshape ScatterElements " +
    "ScatterND Slice Split Squeeze Tile Transpose Unsqueeze Where").split(" "),
);

/** Types that hold the values of another, the best first: of all operators, or of moves alone. */
const CARRIERS: Readonly<Partial<Record<DType, { moves: DType[]; all: DType[] }>>> = {
  bool: { moves: ["int32", "float32"], all: [] },
  uint8: { moves: ["int32", "float32"], all: [] },
  // Devices that substitute hold whole numbers of 32 bits, whatever they are called.
  int64: { moves: ["int32"], all: ["int32"] },
};

const RULES: Readonly<Record<string, Rule>> = {
  IsNaN: (c, { inputs: [x] }) => final("Not", [c.op("Equal", [x, x])]),
  Or(c, { inputs: [a, b] }) {
    return final("Not", [c.op("And", [c.op("Not", [a]), c.op("Not", [b])])]);
  },
  Xor(c, { inputs }) {
    const [a, b] = inputs.map((x) => c.op("Cast", [x], to("int32")));
    return final("Not", [c.op("Equal", [a, b])]);
  },
  Equal(c, { inputs, dtype }) {
    if (dtype !== "bool") return null;
    return final("Equal", inputs.map((x) => c.op("Cast", [x], to("int32"))));
  },
  Identity(c, { inputs: [x], dtype }) {
    return dtype === "bool" ? final("Not", [c.op("Not", [x])]) : null;
  },
  // The size of what is neither above nor below 0 is 0, or NaN.
  Sign(c, { inputs: [x] }) {
    const zero = c.number(0), above = c.op("Less", [zero, x]);
    const rest = c.op("Where", [above, c.number(1), c.op("Abs", [x])]);
    return final("Where", [c.op("Less", [x, zero]), c.number(-1), rest]);
  },
  Relu: (c, { inputs: [x] }) => final("Where", [c.op("Less", [x, c.number(0)]), c.number(0), x]),
  Neg: (c, { inputs: [x], dtype }) => whole(dtype) ? final("Sub", [c.number(0), x]) : null,
  Abs(c, { inputs: [x], dtype }) {
    return whole(dtype) ? final("Max", [x, c.op("Sub", [c.number(0), x])]) : null;
  },
  // Halves go to the even neighbour, whose half is whole. What is whole stays: -0 and infinities, too.
  Round(c, { inputs: [x], dtype }) {
    if (whole(dtype)) return null;
    const half = c.number(0.5), low = c.op("Floor", [x]), high = c.op("Add", [low, c.number(1)]);
    const halved = c.op("Mul", [low, half]), rest = c.op("Sub", [x, low]);
    const even = c.op("Equal", [c.op("Floor", [halved]), halved]);
    const down = c.op("Not", [
      c.op("And", [
        c.op("Not", [c.op("Less", [rest, half])]),
        c.op("Not", [c.op("And", [even, c.op("Equal", [rest, half])])]),
      ]),
    ]);
    const near = c.op("Where", [down, low, high]);
    // Of a number between -1 and 0 the sign stays.
    const signed = c.op("Where", [
      c.op("And", [c.op("Less", [x, c.number(0)]), c.op("Equal", [near, c.number(0)])]),
      c.op("Mul", [near, c.number(-1)]),
      near,
    ]);
    return final("Where", [c.op("Equal", [low, x]), x, signed]);
  },
  Slice: (c, node) => whole(node.dtype) ? gathers(c, node) : null,
  // Halves of 16 bits are numbers of float32.
  GatherElements(c, { inputs: [x, at], dtype, attributes }) {
    if (dtype !== "int32") return null;
    const unit = c.number(65536), high = c.op("Div", [x, unit]);
    const low = c.op("Sub", [x, c.op("Mul", [high, unit])]);
    const [h, l] = [high, low].map((part) => {
      const carried = c.op("Cast", [part], to("float32"));
      return c.op("Cast", [c.op("GatherElements", [carried, at], attributes)], to("int32"));
    });
    return final("Add", [c.op("Mul", [h, unit]), l]);
  },
};

/** Rows of whole numbers along each axis in turn, as a constant list of places. */
function gathers(c: Builder, { inputs, dtype }: Typed): Final | null {
  const lists = inputs.slice(1).map((name) => intsOf(c.constantOf(name)));
  const [starts, ends, axes, steps] = lists;
  if (dtype !== "int32" || !starts || !ends || !axes || !steps || axes.length === 0) return null;
  let x = inputs[0];
  for (let i = 0; i < axes.length; i++) {
    const places: number[] = [];
    // An end below all numbers says "past the start".
    const end = Math.max(ends[i], -1);
    for (let at = starts[i]; steps[i] > 0 ? at < end : at > end; at += steps[i]) places.push(at);
    const list = c.constant("int64", [places.length], places), along = { axis: attr.int(axes[i]) };
    if (i === axes.length - 1) return final("Gather", [x, list], along);
    x = c.op("Gather", [x, list], along);
  }
  return null;
}

function intsOf(tensor: TensorDef | undefined): number[] | null {
  if (tensor === undefined || tensor.dtype !== "int64") return null;
  const { raw } = tensor, view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  return Array.from(
    { length: raw.byteLength / 8 },
    (_, i) => Number(view.getBigInt64(8 * i, true)),
  );
}

const to = (dtype: DType): Record<string, Attr> => ({ to: attr.int(ELEM_TYPE[dtype]) });

function whole(dtype: DType): boolean {
  return dtype === "int32" || dtype === "int64" || dtype === "uint8";
}

/** Type of each output; null where it is not known. */
function resultTypes(node: NodeDef, dtype: DType | undefined): (DType | undefined)[] {
  const { opType, attributes } = node;
  if (TRUTH.has(opType)) return ["bool"];
  if (opType === "Cast") {
    const elem = Number(attributes!.to.value);
    return [Object.entries(ELEM_TYPE).find(([, code]) => code === elem)?.[0] as DType];
  }
  if (opType === "ArgMax" || opType === "ArgMin" || opType === "Shape") return ["int64"];
  if (opType === "TopK" || opType === "MaxPool") return [dtype, "int64"];
  if (opType === "If" || opType === "Loop" || opType === "Scan") return [];
  return node.outputs.map(() => dtype);
}

function dataOf({ opType, inputs }: NodeDef): number[] {
  return (DATA[opType]?.(inputs.length) ?? [0]).filter((i) => inputs[i]);
}

/**
 * Nodes that compute the same, without those that the target has no kernel for.
 *
 * Where it has no float64, numbers of this type are computed in float32: coefficients of an update and
 * what else is made of numbers, constants and counts alone. Tensors of float64 stay an error.
 *
 * @throws {BackendError} where there are no such nodes, with the operators and types that are missing
 */
export function substitute(nodes: readonly NodeDef[], around: Surroundings): NodeDef[] {
  const pass = new Substitution(around);
  for (const node of nodes) pass.add(node);
  return pass.finish();
}

class Substitution {
  readonly #around: Surroundings;
  readonly #types = new Map<string, DType>();
  /** Values of a single element that come from numbers, constants and counts. */
  readonly #numbers = new Set<string>();
  readonly #done: NodeDef[] = [];
  readonly #missing = new Set<string>();
  readonly #wide: boolean;

  constructor(around: Surroundings) {
    this.#around = around;
    this.#wide = around.target.has("Add", "float64");
    for (const { name, dtype, dims } of around.values) {
      this.#types.set(name, dtype);
      if (dims.length === 0 && dtype !== "float32") this.#numbers.add(name);
    }
  }

  finish(): NodeDef[] {
    for (const { name, dtype } of this.#around.asked) {
      if (dtype === "float64" && this.#types.get(name) !== dtype) {
        this.#missing.add("results of float64");
      }
    }
    if (this.#missing.size === 0) return this.#done;
    const { kind } = this.#around.target;
    throw new BackendError(
      `Device "${kind}" has no kernel for ${
        [...this.#missing].sort().join(", ")
      }, and nothing moves ` +
        `to the host by itself: compute this part there, with to("${HOST}") before it and ` +
        `to("${kind}") after it.`,
    );
  }

  add(given: NodeDef): void {
    const { target } = this.#around;
    const node = this.#wide ? given : this.#narrowed(given);
    const dtype = this.#types.get(node.inputs[dataOf(node)[0]]);
    if (dtype !== undefined && node.domain === undefined && !target.has(node.opType, dtype)) {
      const last = this.#stand({ ...node, dtype });
      if (last !== null) return this.add({ ...last, outputs: node.outputs });
      this.#missing.add(`${node.opType} of ${dtype}`);
    }
    this.#done.push(node);
    resultTypes(node, dtype).forEach((type, i) => {
      if (type !== undefined) this.#types.set(node.outputs[i], type);
    });
    if (!MOVES.has(node.opType) && node.inputs.every((x) => this.#numbers.has(x))) {
      for (const output of node.outputs) this.#numbers.add(output);
    }
  }

  /** A node on numbers of float64 as one of float32. */
  #narrowed(node: NodeDef): NodeDef {
    const { opType, inputs, outputs } = node;
    if (opType === "Cast" && resultTypes(node, undefined)[0] === "float64") {
      if (!this.#numbers.has(inputs[0])) this.#missing.add("Cast to float64");
      return { ...node, outputs, attributes: to("float32") };
    }
    return {
      ...node,
      inputs: inputs.map((x) => this.#types.get(x) === "float64" ? this.#narrow(x) : x),
    };
  }

  /** A constant of float64 as one of float32; another value as it is. */
  #narrow(name: string): string {
    const tensor = this.#around.constantOf(name);
    if (tensor === undefined) return name;
    const { raw, dims } = tensor, view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    const data = Array.from({ length: raw.byteLength / 8 }, (_, i) => view.getFloat64(8 * i, true));
    for (const value of data) {
      const near = Math.fround(value);
      if ((near === 0) !== (value === 0) || (Number.isFinite(value) && !Number.isFinite(near))) {
        this.#missing.add(`${value} of float64`);
      }
    }
    const narrow = this.#constant("float32", dims, data);
    if (dims.length === 0) this.#numbers.add(narrow);
    return narrow;
  }

  #constant(dtype: DType, dims: Shape, data: readonly number[]): string {
    const name = this.#around.constant(dtype, dims, data);
    this.#types.set(name, dtype);
    return name;
  }

  /** What stands for a node; null where nothing does. */
  #stand(node: Typed): Final | null {
    const { target } = this.#around;
    const builder: Builder = {
      target,
      constantOf: (name) => this.#around.constantOf(name),
      constant: (dtype, dims, data) => this.#constant(dtype, dims, data),
      number: (value) => this.#constant(node.dtype, [], [value]),
      op: (opType, inputs, attributes) => {
        const name = this.#around.fresh("v");
        this.add({ opType, inputs, outputs: [name], attributes });
        return name;
      },
    };
    return RULES[node.opType]?.(builder, node) ?? carried(builder, node);
  }
}

/** A node as one of another type, to which its data are converted, and the results back. */
function carried(c: Builder, node: Typed): Final | null {
  const { opType, dtype, outputs, attributes } = node, carriers = CARRIERS[dtype];
  if (carriers === undefined || outputs.length > 1) return null;
  const type = (MOVES.has(opType) ? carriers.moves : carriers.all)
    .find((type) => c.target.has(opType, type) || RULES[opType] !== undefined);
  if (type === undefined || !c.target.has("Cast", dtype)) return null;
  const data = dataOf(node);
  const inputs = node.inputs.map((x, i) => data.includes(i) ? c.op("Cast", [x], to(type)) : x);
  if (TRUTH.has(opType)) return final(opType, inputs, attributes);
  const [result] = resultTypes(node, type);
  if (result !== type) return final(opType, inputs, attributes);
  return final("Cast", [c.op(opType, inputs, attributes)], to(dtype));
}
