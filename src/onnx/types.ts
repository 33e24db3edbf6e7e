/**
 * The part of the ONNX model format that lowering emits, as plain TypeScript objects.
 *
 * @module
 */

/** IR version of every emitted model. Version 10 is the one that came with {@linkcode ONNX_OPSET}. */
export const IR_VERSION = 10;

/** Version of the standard operator set that every emitted model asks for. */
export const ONNX_OPSET = 21;

/** Version of the operator set `torchopt`, the kernels of `ops/`. */
export const TORCHOPT_OPSET = 1;

/** Version of the operator set `com.microsoft`, ONNX Runtime's own kernels. */
export const MICROSOFT_OPSET = 1;

/** An operator set a model asks for; the empty domain is standard ONNX. */
export interface OpsetId {
  /** Domain; `""` is standard ONNX. */
  readonly domain: string;
  /** Version of the set in that domain. */
  readonly version: number;
}

/** The operator sets every emitted model asks for. */
export const DEFAULT_OPSETS: readonly OpsetId[] = [
  { domain: "", version: ONNX_OPSET },
  { domain: "torchopt", version: TORCHOPT_OPSET },
  { domain: "com.microsoft", version: MICROSOFT_OPSET },
];

/** ONNX's numbers for element types (`TensorProto.DataType`), keyed by our dtype names. */
export const ELEM_TYPE = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const;

/** Name of an element type. */
export type ElemType = keyof typeof ELEM_TYPE;

/** A 64-bit integer: a number where it is safe, else a bigint. */
export type Int64 = number | bigint;

/** A constant tensor. */
export interface TensorDef {
  /** Name by which nodes refer to an initializer; may be empty inside an attribute. */
  readonly name: string;
  /** Element type. */
  readonly dtype: ElemType;
  /** Extents; `[]` is a scalar. */
  readonly dims: readonly number[];
  /** Elements in row-major order, little-endian. */
  readonly raw: Uint8Array;
}

/** A named, typed graph value. */
export interface ValueInfo {
  /** Name of the value. */
  readonly name: string;
  /** Element type. */
  readonly dtype: ElemType;
  /** Extents; a string names a free dimension. Left out: the rank is unknown. */
  readonly shape?: readonly (number | string)[];
}

/** A node attribute; build it with {@linkcode attr}. */
export type Attr =
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "int"; readonly value: Int64 }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "tensor"; readonly value: TensorDef }
  | { readonly kind: "graph"; readonly value: GraphDef }
  | { readonly kind: "floats"; readonly value: readonly number[] }
  | { readonly kind: "ints"; readonly value: readonly Int64[] }
  | { readonly kind: "strings"; readonly value: readonly string[] };

/** One operator call. */
export interface NodeDef {
  /** Name for messages and profiles. */
  readonly name?: string;
  /** Operator, for example `"Add"`. */
  readonly opType: string;
  /** Operator set; left out or `""` is standard ONNX. */
  readonly domain?: string;
  /** Names of the inputs; `""` leaves an optional input out. */
  readonly inputs: readonly string[];
  /** Names of the outputs; `""` leaves an optional output out. */
  readonly outputs: readonly string[];
  /** Attributes by name. */
  readonly attributes?: Readonly<Record<string, Attr>>;
}

/** A graph: nodes in topological order. */
export interface GraphDef {
  /** Name of the graph. */
  readonly name: string;
  /** Nodes, every value defined before it is used. */
  readonly nodes: readonly NodeDef[];
  /** Graph inputs. */
  readonly inputs: readonly ValueInfo[];
  /** Graph outputs. */
  readonly outputs: readonly ValueInfo[];
  /** Types of intermediate values; optional in ONNX. */
  readonly valueInfos?: readonly ValueInfo[];
  /** Constants. */
  readonly initializers?: readonly TensorDef[];
}

/** A whole model. */
export interface ModelDef {
  /** IR version; see {@linkcode IR_VERSION}. */
  readonly irVersion: number;
  /** Operator sets; see {@linkcode DEFAULT_OPSETS}. */
  readonly opsets: readonly OpsetId[];
  /** The graph. */
  readonly graph: GraphDef;
  /** Name of the program that wrote the model. */
  readonly producer?: string;
}

/** Constructors of {@linkcode Attr}, one for each kind. */
export const attr = {
  /** A float32 number. */
  float: (value: number): Attr => ({ kind: "float", value }),
  /** A 64-bit integer. */
  int: (value: Int64): Attr => ({ kind: "int", value }),
  /** A text. */
  string: (value: string): Attr => ({ kind: "string", value }),
  /** A constant tensor. */
  tensor: (value: TensorDef): Attr => ({ kind: "tensor", value }),
  /** A subgraph, as in `If`, `Loop` and `Scan`. */
  graph: (value: GraphDef): Attr => ({ kind: "graph", value }),
  /** A list of float32 numbers. */
  floats: (value: readonly number[]): Attr => ({ kind: "floats", value }),
  /** A list of 64-bit integers. */
  ints: (value: readonly Int64[]): Attr => ({ kind: "ints", value }),
  /** A list of texts. */
  strings: (value: readonly string[]): Attr => ({ kind: "strings", value }),
} as const;
