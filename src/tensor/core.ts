/**
 * The tensor handle without its operations.
 *
 * @module
 */

import { type Device, type DType, HOST, Storage, type TypedArray } from "../runtime/mod.ts";
import { DTypeError, GradientError, ShapeError } from "../graph/errors.ts";
import { bufferNode, constant, isLeafNode } from "../graph/leaf.ts";
import { isGradEnabled, Node } from "../graph/node.ts";
import { isDeep } from "../graph/depth.ts";
import { recordOf } from "../graph/record.ts";
import { realizeNodes } from "../run/execute.ts";
import { type Shape, showShape } from "../graph/shape.ts";
import { alias } from "../primitives/movement.ts";
import { cast } from "../primitives/elementwise.ts";
import { isLate, noteHanded, noteLate, remember } from "./late.ts";
import { leafLike } from "./leaf.ts";
import { switchRecording } from "./recording.ts";
import { byPlace } from "./moving.ts";
import { follow, type Lie, type Windows } from "./lie.ts";
import { holdCopy } from "./pending.ts";
import type { Tensor } from "./tensor.ts";
import { checkKind } from "./stores.ts";
import { currentTrace } from "./trace.ts";
import { adopt, Base, catchUp, changed, Place, write } from "./views.ts";
import { describe } from "./describe.ts";
import { deviceOf } from "../graph/device_of.ts";

export { newArray } from "../runtime/mod.ts";

/** Numbers nested in arrays, as `toArray()` gives them. */
export type NestedArray = number | boolean | NestedArray[];

/** Wherever a tensor is wanted, a number serves as well. */
export type TensorLike = Tensor | number | boolean;

/** Hook on a gradient: returns a replacement, or nothing. */
export type GradientHook = (grad: Tensor) => Tensor | void;

/** How long a chain of unread operations may grow before it is computed. */
const MAX_DEPTH = 400;

let construct: (node: Node) => Tensor;

/** Tells the core how to make the full tensor class. */
export function setConstructor(fn: (node: Node) => Tensor): void {
  construct = fn;
}

/** A new handle on a node. */
export function wrap(node: Node): Tensor {
  return construct(node);
}

/** Values of a tensor before the present one that any run stores. */
const KEPT = 4;

const outlived = new WeakMap<object, Node[]>();

/** Notes a value that a tensor had; older ones are no longer worth memory of their own. */
function outlive(tensor: object, before: Node): void {
  const nodes = outlived.get(tensor) ?? [];
  if (nodes.length === 0) outlived.set(tensor, nodes);
  else if (nodes[0].storage !== null) nodes.length = 0;
  if (nodes.push(before) > KEPT) nodes.shift()!.keep = false;
}

/** Whether a node waits for so many others that a handle on it is computed at once. */
function isOverdue(node: Node): boolean {
  return node.depth > MAX_DEPTH && !node.requiresGrad && currentTrace() === null &&
    isDeep(node, MAX_DEPTH);
}

/**
 * New handles on values that were made together. Where they are computed at once, it is in one run,
 * which computes `others` as well if it can.
 */
export function wrapAll(nodes: readonly Node[], others: readonly Node[]): Tensor[] {
  const overdue = nodes.filter(isOverdue);
  if (overdue.length > 0) {
    try {
      realizeNodes([...overdue, ...others]);
    } catch {
      realizeNodes(overdue);
    }
  }
  return nodes.map(wrap);
}

/**
 * A handle on a value. The value is computed when it is read; until then the handle stands for a
 * graph. In-place methods make the handle stand for another value.
 *
 * Neither this class nor those below it have private methods: each class that has some brands every
 * tensor, which takes as long as all the rest of making one.
 *
 * @example
 * ```ts
 * import { Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const x = tensor([1, 2]);
 * assert(x instanceof Tensor && x.ndim === 1);
 * x.dispose(); // gives the memory back at once; the garbage collector does so otherwise
 * ```
 */
export abstract class TensorCore {
  /** @ignore The node, from before what was written to others that share its place. */
  held: Node;
  /** @ignore Where the tensor lies in what it shares with others; null where it does not. */
  place: Place | null = null;
  /** @ignore The trace that knows this handle. */
  traceId: number;

  /** @ignore Tensors are made by `tensor()`, `zeros()` and so on. */
  constructor(node: Node) {
    if (!(node instanceof Node)) {
      throw new TypeError("Tensor: tensors are made by functions such as tensor() and zeros().");
    }
    this.held = unshared(node);
    const trace = currentTrace();
    this.traceId = trace === null ? 0 : trace.id;
    if (trace === null && node.storage === null) remember(this, node);
    // An unread chain that keeps growing would hold every iteration of its loop.
    if (isOverdue(node)) realizeNodes([node]);
  }

  /** @ignore The node, as it is. */
  get rawNode(): Node {
    const { place } = this;
    if (place !== null && place.seen !== place.base.version && mayCatchUp(this, place)) {
      catchUp(this, place);
    }
    return this.held;
  }

  /** @ignore Replaces the node; others that share its place do not take part. */
  set rawNode(node: Node) {
    this.held = node;
    const { place } = this;
    if (place !== null) place.seen = place.base.version;
  }

  /** @ignore The node that this handle stands for; a trace takes note. */
  get node(): Node {
    const trace = currentTrace();
    if (trace !== null) return trace.read(this);
    const { rawNode } = this;
    if (isLate(rawNode)) noteLate(rawNode);
    return rawNode;
  }

  /**
   * @ignore Makes the handle stand for another value, and those that share its place with it. `op` is
   * the method that is called; without it, the value is one that a view like this can have.
   */
  setNode(node: Node, op: string | null = null): void {
    this.node;
    node = unshared(node);
    if (this.place === null) this.held = node;
    else write(op, this, this.place, node);
  }

  /** @ignore Makes the handle stand for the same value with another history. */
  adopt(node: Node): void {
    this.node;
    this.held = unshared(node);
    if (this.place !== null) adopt(this.place, this.held);
  }

  /**
   * @ignore A view of this tensor: a handle on `node`, which is made from `x`, the node of this one, by
   * primitives that only move elements, or by `windows`.
   */
  viewed(x: Node, node: Node, windows?: Windows): Tensor {
    return viewAt(this, byPlace(node), follow(placeOf(this).lie, x, node, windows));
  }

  /** Sizes of the dimensions, outermost first; `[]` for a scalar. */
  get shape(): readonly number[] {
    return this.held.shape;
  }

  /** Element type. */
  get dtype(): DType {
    return this.held.dtype;
  }

  /** Where the value lives, or will live once it is computed. */
  get device(): Device {
    return deviceOf(this.rawNode);
  }

  /** Number of dimensions. */
  get ndim(): number {
    return this.held.shape.length;
  }

  /** Number of elements. */
  get size(): number {
    let n = 1;
    for (const d of this.held.shape) n *= d;
    return n;
  }

  /**
   * Whether operations on this tensor are recorded for differentiation. Setting it switches recording
   * on or off, as `requiresGrad_()` does: leaves only can be switched off.
   */
  get requiresGrad(): boolean {
    return this.rawNode.requiresGrad;
  }

  /** @ignore Documentation shows a getter only where its setter is hidden. */
  set requiresGrad(flag: boolean) {
    switchRecording("requiresGrad", this, flag);
  }

  /** Whether this tensor was made by the user (not by a recorded operation). */
  get isLeaf(): boolean {
    const node = this.rawNode;
    return !node.requiresGrad || isLeafNode(node);
  }

  /**
   * The accumulated gradient that `backward()` left, or null. It can be set, to null or to a tensor of
   * the same shape.
   */
  get grad(): Tensor | null {
    const { box } = this.node;
    if (box === null) return null;
    const grad = box.grad as Tensor | null, trace = currentTrace();
    if (trace !== null) trace.gradsRead.add(box);
    else if (grad !== null) noteHanded(box, grad);
    return grad;
  }

  /** @ignore Documentation shows a getter only where its setter is hidden. */
  set grad(value: Tensor | null) {
    if (value !== null && !(value instanceof TensorCore)) {
      throw new TypeError(
        `grad: got ${describe(value)}, wants a tensor of the same shape or null.`,
      );
    }
    if (value !== null && !sameDims(value.shape, this.shape)) {
      throw new ShapeError(
        `grad: a tensor of shape ${showShape(this.shape)} cannot hold a gradient of shape ` +
          `${showShape(value.shape)}; they must be equal.`,
      );
    }
    if (value !== null && value.dtype !== this.dtype) {
      throw new DTypeError(
        `grad: a tensor of ${this.dtype} cannot hold a gradient of ${value.dtype}; convert it, as in ` +
          `x.grad = g.to("${this.dtype}").`,
      );
    }
    const node = this.node;
    if (node.box === null) recordOf(node).box = node.box = { grad: null };
    node.box.grad = value;
  }

  // -------------------------------------------------------------- rebinding

  /** @ignore Replaces the value in place, keeping shape, dtype and (for leaves) the gradient. */
  assign(op: string, value: Node): this {
    const node = this.node;
    if (!sameDims(value.shape, node.shape)) {
      throw new ShapeError(
        `${op}: the result has shape ${showShape(value.shape)}, but an in-place update keeps ` +
          `the tensor's shape ${showShape(node.shape)}; use the method without "_".`,
      );
    }
    if (value.dtype !== node.dtype) {
      checkKind(op, value.dtype, node.dtype);
      value = cast(value, node.dtype);
    }
    if (node.requiresGrad && isLeafNode(node)) {
      if (isGradEnabled()) {
        throw new GradientError(
          `${op}: a leaf tensor that requires a gradient cannot be changed in place while ` +
            `operations are recorded; wrap the update in noGrad(() => ...).`,
        );
      }
      this.setNode(leafLike(node, value), op);
    } else if (node.box !== null && !node.requiresGrad && !value.requiresGrad) {
      // A gradient that is there stays, as that of a frozen parameter.
      this.setNode(leafLike(node, value), op);
    } else {
      // Without recording only the value changes: the history stays. Views see to that themselves.
      const edit = node.requiresGrad && !isGradEnabled() && !this.place?.lie;
      this.setNode(edit ? changed(op, node, value, true) : value, op);
    }
    if (currentTrace() !== null) return this;
    // Whatever run comes by stores the new value.
    const { rawNode } = this.written;
    if (rawNode.storage === null) rawNode.keep = true;
    if (node.keep && node.storage === null) outlive(this, node);
    if (this.place !== null && this.place.lie !== null) holdCopy(this.place.base);
    return this;
  }

  /**
   * @ignore What has the value that was written last: this tensor; for a view what it is a view of,
   * where that is known, since the view is read from there.
   */
  get written(): { readonly rawNode: Node } {
    const { place } = this;
    return place !== null && place.lie !== null && place.base.whole !== null ? place.base : this;
  }

  /**
   * Frees the memory now, rather than when the tensor is collected. Reading it, or anything built
   * from it that was not computed yet, is an error afterwards.
   */
  dispose(): void {
    this.rawNode.storage?.dispose();
  }

  /** Frees the memory at the end of a `using` scope. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Whether what was written last concerns a handle: not what a trace wrote that has not read it. */
function mayCatchUp({ traceId }: TensorCore, { base }: Place): boolean {
  return base.traces === 0 || traceId === currentTrace()?.id;
}

/** Where a tensor lies, once there is a view of it. */
export function placeOf(x: TensorCore): Place {
  return x.place ??= new Place(new Base(x.shape), null);
}

/** A view of a tensor. */
export function viewAt(x: TensorCore, node: Node, lie: Lie | null): Tensor {
  const view = construct(node);
  view.place = new Place(placeOf(x).base, lie);
  return view;
}

/** The node itself; for that of a number, which many graphs share, one that can have memory. */
function unshared(node: Node): Node {
  return node.prim === constant ? alias(node) : node;
}

function sameDims(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

/** A tensor over given memory. */
export function fromTyped(
  data: TypedArray,
  shape: Shape,
  dtype: DType,
  device: Device = HOST,
): Tensor {
  return construct(bufferNode(Storage.from(data, dtype, device), shape));
}
