/**
 * Writes a `ModelProto`. Field numbers are those of `onnx.proto`.
 *
 * @module
 */

import {
  type Attr,
  ELEM_TYPE,
  type GraphDef,
  type ModelDef,
  type NodeDef,
  type TensorDef,
  type ValueInfo,
} from "./types.ts";
import { Writer } from "./wire.ts";

/** `AttributeProto.AttributeType`, by our kinds. */
export const ATTR_TYPE = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
} as const satisfies Record<Attr["kind"], number>;

/**
 * Serialises a model.
 *
 * @param model the model; names are not checked here, ONNX Runtime does that when it loads the model
 * @returns the bytes of a `ModelProto`
 * @throws {RangeError} where an integer is neither a safe integer nor a bigint
 */
export function encodeModel(model: ModelDef): Uint8Array<ArrayBuffer> {
  let constants = 0;
  for (const tensor of model.graph.initializers ?? []) constants += tensor.raw.length + 64;
  const w = new Writer(1024 + 96 * model.graph.nodes.length + constants);
  w.int(1, model.irVersion);
  w.string(2, model.producer ?? "torchopt");
  writeGraph(w, 7, model.graph);
  for (const { domain, version } of model.opsets) {
    const opset = w.open(8);
    w.string(1, domain);
    w.int(2, version);
    w.close(opset);
  }
  return w.finish();
}

function writeGraph(w: Writer, field: number, graph: GraphDef): void {
  const start = w.open(field);
  for (const node of graph.nodes) writeNode(w, node);
  w.string(2, graph.name);
  for (const tensor of graph.initializers ?? []) writeTensor(w, 5, tensor);
  for (const value of graph.inputs) writeValue(w, 11, value);
  for (const value of graph.outputs) writeValue(w, 12, value);
  for (const value of graph.valueInfos ?? []) writeValue(w, 13, value);
  w.close(start);
}

function writeNode(w: Writer, node: NodeDef): void {
  const start = w.open(1);
  for (const name of node.inputs) w.string(1, name);
  for (const name of node.outputs) w.string(2, name);
  if (node.name) w.string(3, node.name);
  w.string(4, node.opType);
  const attributes = node.attributes;
  if (attributes) { for (const name in attributes) writeAttribute(w, name, attributes[name]); }
  if (node.domain) w.string(7, node.domain);
  w.close(start);
}

function writeAttribute(w: Writer, name: string, a: Attr): void {
  const start = w.open(5);
  w.string(1, name);
  switch (a.kind) {
    case "float":
      w.float(2, a.value);
      break;
    case "int":
      w.int(3, a.value);
      break;
    case "string":
      w.string(4, a.value);
      break;
    case "tensor":
      writeTensor(w, 5, a.value);
      break;
    case "graph":
      writeGraph(w, 6, a.value);
      break;
    case "floats":
      w.floats(7, a.value);
      break;
    case "ints":
      w.ints(8, a.value);
      break;
    case "strings":
      for (const text of a.value) w.string(9, text);
      break;
  }
  w.int(20, ATTR_TYPE[a.kind]);
  w.close(start);
}

function writeTensor(w: Writer, field: number, tensor: TensorDef): void {
  const start = w.open(field);
  w.ints(1, tensor.dims);
  w.int(2, ELEM_TYPE[tensor.dtype]);
  if (tensor.name) w.string(8, tensor.name);
  w.bytes(9, tensor.raw);
  w.close(start);
}

function writeValue(w: Writer, field: number, value: ValueInfo): void {
  const start = w.open(field);
  w.string(1, value.name);
  const type = w.open(2);
  const tensorType = w.open(1);
  w.int(1, ELEM_TYPE[value.dtype]);
  if (value.shape) {
    const shape = w.open(2);
    for (const extent of value.shape) {
      const dim = w.open(1);
      if (typeof extent === "number") w.int(1, extent);
      else w.string(2, extent);
      w.close(dim);
    }
    w.close(shape);
  }
  w.close(tensorType);
  w.close(type);
  w.close(start);
}
