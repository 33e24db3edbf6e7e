/**
 * Nodes without operands: stored tensors, numbers, and the arguments of a trace.
 *
 * @module
 */

import { type DType, onlyHostInUse, type Storage } from "../runtime/mod.ts";
import { knownDevice, noteDevice } from "./device_of.ts";
import { type Attrs, type Aval, definePrimitive, isFloat, isGradEnabled, Node } from "./node.ts";
import type { Shape } from "./shape.ts";

function notLowered(): never {
  throw new Error("internal: a leaf has no lowering of its own");
}

/** A tensor in memory, an argument of a trace, or a place that is filled anew for each run. */
export const buffer = definePrimitive<null>({
  name: "buffer",
  infer: notLowered,
  lower: notLowered,
  vjp: "a stored tensor has no operands",
  batch: "a stored tensor has no operands",
});

/** A number that is data: it may change from run to run without a new graph. */
export const scalar = definePrimitive<{ value: number }>({
  name: "scalar",
  infer: notLowered,
  lower: notLowered,
  vjp: "a number has no operands",
  batch: "a number has no operands",
});

/** A number that is structure (0, 1, -1, 2, 0.5, and those written in derivative rules). */
export const constant = definePrimitive<{ value: number }>({
  name: "constant",
  infer: notLowered,
  lower: notLowered,
  vjp: "a number has no operands",
  batch: "a number has no operands",
});

const noInputs: readonly Node[] = [];

/** Node of a stored tensor. */
export function bufferNode(storage: Storage, shape: Shape): Node {
  const node = new Node(buffer, noInputs, null, 0, shape, storage.dtype, null, false, 0);
  node.storage = storage;
  node.version = storage.version;
  return node;
}

/**
 * Node that stands for a value which the caller provides at each run. It will be on the device of
 * `like`, where that is a node.
 */
export function placeholderNode(aval: Aval, like: Aval = aval): Node {
  const node = new Node(buffer, noInputs, null, 0, aval.shape, aval.dtype, null, false, 0);
  return onDeviceOf(like, node);
}

/** The second node, which will be where the first one is, if that is known. */
function onDeviceOf(like: Aval, node: Node): Node {
  const device = like instanceof Node && !onlyHostInUse() ? knownDevice(like) : undefined;
  if (device !== undefined) noteDevice(node, device);
  return node;
}

const MARK = Object.freeze({ leaf: true }), INNER = Object.freeze({ leaf: false });

/** Whether derivatives end at a node because a user made it, rather than an operation. */
export function isLeafNode({ prim, attrs }: Node): boolean {
  return prim === buffer ? attrs !== INNER : prim.name === "alias" && attrs === MARK;
}

/** Marks an alias as a leaf. */
export function markLeaf(node: Node): void {
  (node as { attrs: Attrs }).attrs = MARK;
}

/** A placeholder for a tensor of the surroundings, which is a leaf where that one is. */
export function standIn(node: Node): Node {
  const { shape, dtype, requiresGrad, box, hooks } = node;
  const stand = new Node<Attrs>(buffer, noInputs, null, 0, shape, dtype, null, requiresGrad, 0);
  if (requiresGrad && !isLeafNode(node)) Object.assign(stand, { attrs: INNER });
  stand.box = box;
  stand.hooks = hooks;
  return onDeviceOf(node, stand);
}

/**
 * A parameter of a body: no leaf, so that it may be changed in place; derivatives reach it. It will be
 * on the device of `like`, where that is a node.
 */
export function parameterNode(aval: Aval, like: Aval = aval): Node {
  const { shape, dtype } = aval;
  const node = placeholderNode({ shape, dtype }, like);
  node.requiresGrad = isGradEnabled() && isFloat(dtype);
  Object.assign(node, { attrs: INNER });
  return node;
}

const noShape: Shape = [];

/** Node of a number that is data. */
export function scalarNode(value: number, dtype: DType): Node {
  return new Node(scalar, noInputs, { value }, 0, noShape, dtype, null, false, 0);
}

// A map does not tell -0 from 0, so that -0 goes by a text.
const constants = new Map<DType, Map<number | "-0", Node>>();
let constantKeys = 0;

/** Node of a number that is structure. */
export function constantNode(value: number, dtype: DType): Node {
  let ofType = constants.get(dtype);
  if (ofType === undefined) constants.set(dtype, ofType = new Map());
  const key = Object.is(value, -0) ? "-0" : value;
  let node = ofType.get(key);
  if (node === undefined) {
    node = new Node(constant, [], { value }, ++constantKeys, noShape, dtype, null, false, 0);
    ofType.set(key, node);
  }
  return node;
}

/** Node of a value without elements. */
export function emptyNode(shape: Shape, dtype: DType): Node {
  return new Node(constant, [], { value: 0 }, 0, shape, dtype, null, false, 0);
}

/** Node of a JavaScript number: the few that simplification can use are structure, the rest data. */
export function numberNode(value: number, dtype: DType): Node {
  if (typeof value !== "number") {
    throw new TypeError(
      `An operand is ${value === null ? "null" : `a ${typeof value}`}, wants a number.`,
    );
  }
  // A bool is a byte of 0 or 1; kernels compare bytes.
  if (dtype === "bool") value = value !== 0 ? 1 : 0;
  if (value === 0 || value === 1 || value === -1 || value === 2 || value === 0.5) {
    return constantNode(value, dtype);
  }
  return scalarNode(value, dtype);
}

/** The value of a structural number (seen through aliases and broadcasting), or null. */
export function constantValue(node: Node): number | null {
  let n = node;
  // A computed node may have no operands any more.
  while (n.storage === null && transparent.has(n.prim.name)) n = n.inputs[0];
  return n.prim === constant ? n.attrs.value : null;
}

const transparent: ReadonlySet<string> = new Set(["expand", "reshape", "alias"]);
