/**
 * Reads a `ModelProto`. Fields that {@linkcode ModelDef} does not have are passed over.
 *
 * @module
 */

import { ATTR_TYPE } from "./encode.ts";
import {
  type Attr,
  attr,
  ELEM_TYPE,
  type ElemType,
  type GraphDef,
  type Int64,
  type ModelDef,
  type NodeDef,
  type OpsetId,
  type TensorDef,
  type ValueInfo,
} from "./types.ts";
import { Reader } from "./wire.ts";

const ELEM_NAME = new Map<number, ElemType>(
  Object.entries(ELEM_TYPE).map(([name, code]) => [code, name as ElemType]),
);
const ATTR_KIND = new Map<number, Attr["kind"]>(
  Object.entries(ATTR_TYPE).map(([name, code]) => [code, name as Attr["kind"]]),
);

/**
 * Reads a model.
 *
 * Tensor data are views on `bytes`, not copies.
 *
 * @param bytes a serialised `ModelProto`
 * @returns the model
 * @throws {RangeError} where the bytes end early or are no protobuf
 * @throws {TypeError} where the model uses an element type, attribute kind or tensor storage that
 *   {@linkcode ModelDef} cannot hold
 */
export function decodeModel(bytes: Uint8Array): ModelDef {
  const r = new Reader(bytes);
  let irVersion = 0;
  let producer: string | undefined;
  const opsets: OpsetId[] = [];
  let graph: GraphDef | undefined;
  while (r.next()) {
    switch (r.field) {
      case 1:
        irVersion = r.number();
        break;
      case 2:
        producer = r.string();
        break;
      case 7:
        graph = readGraph(r.message());
        break;
      case 8:
        opsets.push(readOpset(r.message()));
        break;
      default:
        r.passOver();
    }
  }
  if (!graph) throw new RangeError("onnx: the model has no graph; is this an ONNX model?");
  return { irVersion, opsets, graph, ...(producer === undefined ? {} : { producer }) };
}

function readOpset(r: Reader): OpsetId {
  let domain = "";
  let version = 0;
  while (r.next()) {
    if (r.field === 1) domain = r.string();
    else if (r.field === 2) version = r.number();
    else r.passOver();
  }
  return { domain, version };
}

function readGraph(r: Reader): GraphDef {
  let name = "";
  const nodes: NodeDef[] = [];
  const initializers: TensorDef[] = [];
  const inputs: ValueInfo[] = [];
  const outputs: ValueInfo[] = [];
  const valueInfos: ValueInfo[] = [];
  while (r.next()) {
    switch (r.field) {
      case 1:
        nodes.push(readNode(r.message()));
        break;
      case 2:
        name = r.string();
        break;
      case 5:
        initializers.push(readTensor(r.message()));
        break;
      case 11:
        inputs.push(readValue(r.message()));
        break;
      case 12:
        outputs.push(readValue(r.message()));
        break;
      case 13:
        valueInfos.push(readValue(r.message()));
        break;
      default:
        r.passOver();
    }
  }
  return { name, nodes, inputs, outputs, valueInfos, initializers };
}

function readNode(r: Reader): NodeDef {
  let name = "";
  let opType = "";
  let domain = "";
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: Record<string, Attr> = {};
  while (r.next()) {
    switch (r.field) {
      case 1:
        inputs.push(r.string());
        break;
      case 2:
        outputs.push(r.string());
        break;
      case 3:
        name = r.string();
        break;
      case 4:
        opType = r.string();
        break;
      case 5: {
        const [key, value] = readAttribute(r.message());
        attributes[key] = value;
        break;
      }
      case 7:
        domain = r.string();
        break;
      default:
        r.passOver();
    }
  }
  return { name, opType, domain, inputs, outputs, attributes };
}

function readAttribute(r: Reader): [name: string, value: Attr] {
  let name = "";
  let type = 0;
  let number = 0;
  let integer: Int64 = 0;
  let text = "";
  let tensor: TensorDef | undefined;
  let graph: GraphDef | undefined;
  const floats: number[] = [];
  const ints: Int64[] = [];
  const strings: string[] = [];
  while (r.next()) {
    switch (r.field) {
      case 1:
        name = r.string();
        break;
      case 2:
        number = r.float();
        break;
      case 3:
        integer = r.int();
        break;
      case 4:
        text = r.string();
        break;
      case 5:
        tensor = readTensor(r.message());
        break;
      case 6:
        graph = readGraph(r.message());
        break;
      case 7:
        r.floatsInto(floats);
        break;
      case 8:
        r.intsInto(ints);
        break;
      case 9:
        strings.push(r.string());
        break;
      case 20:
        type = r.number();
        break;
      default:
        r.passOver();
    }
  }
  switch (ATTR_KIND.get(type)) {
    case "float":
      return [name, attr.float(number)];
    case "int":
      return [name, attr.int(integer)];
    case "string":
      return [name, attr.string(text)];
    case "floats":
      return [name, attr.floats(floats)];
    case "ints":
      return [name, attr.ints(ints)];
    case "strings":
      return [name, attr.strings(strings)];
    case "tensor":
      if (tensor) return [name, attr.tensor(tensor)];
      break;
    case "graph":
      if (graph) return [name, attr.graph(graph)];
      break;
  }
  throw new TypeError(
    `onnx: attribute '${name}' has type ${type}, want one of ${
      [...ATTR_KIND].map(([code, kind]) => `${code} (${kind})`).join(", ")
    } with its value`,
  );
}

function readTensor(r: Reader): TensorDef {
  let name = "";
  let type = 0;
  let raw: Uint8Array | undefined;
  let typedField = false;
  const dims: Int64[] = [];
  while (r.next()) {
    switch (r.field) {
      case 1:
        r.intsInto(dims);
        break;
      case 2:
        type = r.number();
        break;
      case 8:
        name = r.string();
        break;
      case 9:
        raw = r.bytes();
        break;
      case 4: // float_data
      case 5: // int32_data
      case 6: // string_data
      case 7: // int64_data
      case 10: // double_data
      case 11: // uint64_data
      case 13: // external_data
        typedField = true;
        r.passOver();
        break;
      default:
        r.passOver();
    }
  }
  if (!raw && typedField) {
    throw new TypeError(
      `onnx: tensor '${name}' keeps its elements in a typed field or another file, ` +
        `want them in raw_data`,
    );
  }
  return {
    name,
    dtype: elemType(type, `tensor '${name}'`),
    dims: dims.map(Number),
    raw: raw ?? new Uint8Array(0),
  };
}

function readValue(r: Reader): ValueInfo {
  let name = "";
  let type: Omit<ValueInfo, "name"> | undefined;
  while (r.next()) {
    if (r.field === 1) name = r.string();
    else if (r.field === 2) type = readType(r.message(), name);
    else r.passOver();
  }
  if (!type) throw new TypeError(`onnx: value '${name}' has no type, want a tensor type`);
  return { name, ...type };
}

function readType(r: Reader, name: string): Omit<ValueInfo, "name"> {
  let type = 0;
  let shape: (number | string)[] | undefined;
  while (r.next()) {
    if (r.field !== 1) {
      r.passOver();
      continue;
    }
    const tensor = r.message();
    while (tensor.next()) {
      if (tensor.field === 1) type = tensor.number();
      else if (tensor.field === 2) shape = readShape(tensor.message());
      else tensor.passOver();
    }
  }
  const dtype = elemType(type, `value '${name}'`);
  return shape ? { dtype, shape } : { dtype };
}

function readShape(r: Reader): (number | string)[] {
  const shape: (number | string)[] = [];
  while (r.next()) {
    if (r.field !== 1) {
      r.passOver();
      continue;
    }
    const dim = r.message();
    let extent: number | string = "";
    while (dim.next()) {
      if (dim.field === 1) extent = dim.number();
      else if (dim.field === 2) extent = dim.string();
      else dim.passOver();
    }
    shape.push(extent);
  }
  return shape;
}

function elemType(code: number, what: string): ElemType {
  const name = ELEM_NAME.get(code);
  if (name) return name;
  throw new TypeError(
    `onnx: ${what} has element type ${code}, want one of ${
      [...ELEM_NAME].map(([known, label]) => `${known} (${label})`).join(", ")
    }`,
  );
}
