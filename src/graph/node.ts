/**
 * The graph: nodes, primitives and the rule that makes a node.
 *
 * A node is immutable in structure. It gains a storage when its value is computed, and then stands
 * for that value. Derivative rules build more nodes of the same primitives.
 *
 * @module
 */

import { type DType, DTYPES, type Storage, type Target } from "../runtime/mod.ts";
import { internAttrs, type Interned } from "./intern.ts";
import type { LowerContext } from "./lower_context.ts";
import { checkRecording, LEAST } from "./memory.ts";
import type { ProgramRule } from "./program_rule.ts";
import type { Shape } from "./shape.ts";

/** Shape and element type of one value. */
export interface Aval {
  /** Sizes of the dimensions. */
  readonly shape: Shape;
  /** Element type. */
  readonly dtype: DType;
}

export type { Target } from "../runtime/mod.ts";

/** Static arguments of a primitive: part of the structure, so never data. */
// deno-lint-ignore no-explicit-any
export type Attrs = any;

/** What a primitive is: inference, lowering and derivative in one place. */
export interface Primitive<A = Attrs> {
  /** Name, unique in the table. */
  readonly name: string;
  /** Checks the inputs and gives shape and dtype of the result (an array for several results). */
  infer(inputs: readonly Node[], attrs: A): Aval | Aval[];
  /** Emits ONNX nodes; returns the name(s) of the result(s). */
  lower(c: LowerContext, inputs: string[], node: Node<A>): string | string[];
  /**
   * Cotangents of the inputs, given the cotangent of the result (an array where there are several
   * results, with null for those that do not matter). `needs[i]` is false where input `i` needs none.
   * A string instead of a rule states why there is no derivative: the gradient stops there.
   */
  readonly vjp:
    // deno-lint-ignore no-explicit-any
    | ((g: any, node: Node<A>, needs: readonly boolean[]) => (Node | null)[])
    | string;
  /**
   * The same for a whole batch of examples (`func.vmap`). Where `batched[i]`, operand `xs[i]` has one
   * dimension more than that of `node`, in front and of the given size; so has the result (an array
   * where there are several), unless it is the same for all examples. A string instead of a rule
   * states why none is needed.
   */
  readonly batch: BatchRule<A> | string;
  /**
   * Whether the rule reads the value of operand `index`; each where it is not said. A primitive that
   * says it has a rule that does not read the result.
   */
  reads?(node: Node<A>, index: number): boolean;
  /** A cheaper equal node, or the node itself. */
  simplify?(node: Node<A>): Node;
  /**
   * An equal graph of other primitives, for a type or device without a kernel; null where the
   * primitive has a kernel after all.
   */
  decompose?(node: Node<A>, target: Target): Node | null;
  /** The same for a primitive with several results: the graph of result `index`. */
  unpack?(node: Node<A>, index: number, target: Target): Node | null;
  /** A line for `explain()`; else name, type and shape. */
  describe?(node: Node<A>): string;
  /** Whether the kernel may write result `out` over the memory of operand `over`. */
  inPlace?(node: Node<A>, out: Node, over: Node): boolean;
  /** Which operand numbers elements of others: a number out of range makes the run fail. */
  readonly index?: number;
  /** How the Program kernel computes it, where it can. */
  readonly program?: ProgramRule<A>;
  /** Small integer for structural keys; set by `definePrimitive`. */
  readonly id: number;
}

/** How a primitive works on a whole batch of operands. */
export type BatchRule<A = Attrs> = (
  node: Node<A>,
  xs: readonly Node[],
  batched: readonly boolean[],
  size: number,
) => Node | Node[];

let epoch = 0;

/** Nodes until the next look at the memory that is left. */
let unchecked = LEAST;

/** Holder of `.grad`, shared by a tensor handle and its successive leaf nodes. */
export interface GradBox {
  /** The accumulated gradient (a tensor handle), or null. */
  grad: unknown;
  /** Whether an optimizer's step computes the gradient as such, since it was read after a step. */
  kept?: boolean;
  /** The gradient without a value that was read last: the next update in place computes it. */
  handed?: unknown;
  /** `Node.made` of the first leaf that had this holder. */
  made?: number;
  /** Whether recording is switched off for the tensor: `backward()` adds nothing then. */
  frozen?: boolean;
}

let updatedAt = 0;

/** Whether a node is from before the latest update in place. */
export function isBeforeUpdate(node: Node): boolean {
  return node.made < updatedAt;
}

/** Notes that tensors were updated in place. */
export function noteUpdate(): void {
  updatedAt = nextEpoch();
}

let observing = true;

/**
 * Runs `fn`. The nodes that it builds do not keep memory of their operands from being overwritten: the
 * run that overwrites it computes them.
 */
export function unobserved<T>(fn: () => T): T {
  const before = observing;
  observing = false;
  try {
    return fn();
  } finally {
    observing = before;
  }
}

/** Whether nodes that are built now belong to no update in particular (see `unobserved`). */
export function isObserving(): boolean {
  return observing;
}

const KEEP = 1, SPENT = 2, SHARED = 4, COMPUTED = 8;

/** A hook on the complete cotangent of a node. */
export type Hook = (g: Node) => Node | void;

/** The cotangents of the operands, from those of the results. */
export type NodeVjp = (g: (Node | null)[]) => (Node | null)[];

/** What few nodes have. */
class Seldom {
  hooks: Hook[] | null = null;
  customVjp: NodeVjp | null = null;
  shadow: Node | null = null;
}

/** One value (or tuple of values) of the graph. */
export class Node<A = Attrs> {
  /** What computes it. */
  readonly prim: Primitive<A>;
  /** Operands; emptied when the value is known and no derivative can be asked for. */
  inputs: readonly Node[];
  /** Static arguments. */
  readonly attrs: A;
  /** Interned number of the static arguments. */
  readonly attrKey: number;
  /** Sizes of the (first) result. */
  readonly shape: Shape;
  /** Element type of the (first) result. */
  readonly dtype: DType;
  /** Results of a primitive with several; null for the usual single result. */
  readonly outs: readonly Aval[] | null;
  /** Whether a derivative with respect to something reaches this node. */
  requiresGrad: boolean;
  /** Whether `backward()` accumulates into this node's box. */
  box: GradBox | null = null;
  /** Memory of the value, once computed. */
  storage: Storage | null = null;
  /** Version of the storage that this node stands for. */
  version = 0;
  /** Number of uncomputed nodes on the longest path below. */
  depth: number;
  /** Epoch in which the node was made: an operand is never younger than what is made of it. */
  readonly made: number = epoch;
  /** Number of operands that it is of nodes which are not computed yet. */
  uses = 0;
  /** Scratch of graph walks: epoch of the last visit, and the local number it gave. */
  mark = 0;
  /** Scratch of graph walks. */
  local = 0;
  // Training makes a hundred nodes each step, whose size is what they cost: what is seldom there and
  // what is a bit has no field of its own.
  private bits = 0;
  private seldom: Seldom | null = null;

  /** Use `apply`. */
  constructor(
    prim: Primitive<A>,
    inputs: readonly Node[],
    attrs: A,
    attrKey: number,
    shape: Shape,
    dtype: DType,
    outs: readonly Aval[] | null,
    requiresGrad: boolean,
    depth: number,
  ) {
    this.prim = prim;
    this.inputs = inputs;
    this.attrs = attrs;
    this.attrKey = attrKey;
    this.shape = shape;
    this.dtype = dtype;
    this.outs = outs;
    this.requiresGrad = requiresGrad;
    this.depth = depth;
    if (--unchecked === 0) {
      // Also where it throws, there is a next look.
      unchecked = LEAST;
      unchecked = checkRecording();
    }
  }

  /** Hooks that see the complete cotangent of this node. */
  get hooks(): Hook[] | null {
    return this.seldom === null ? null : this.seldom.hooks;
  }

  set hooks(hooks: Hook[] | null) {
    if (hooks !== null || this.seldom !== null) (this.seldom ??= new Seldom()).hooks = hooks;
  }

  /** What differentiation calls instead of the primitive's rule (custom derivatives). */
  get customVjp(): NodeVjp | null {
    return this.seldom === null ? null : this.seldom.customVjp;
  }

  set customVjp(vjp: NodeVjp) {
    (this.seldom ??= new Seldom()).customVjp = vjp;
  }

  /** What stands for it in the history of values that need nothing but that (see `record.ts`). */
  get shadow(): Node | null {
    return this.seldom === null ? null : this.seldom.shadow;
  }

  set shadow(node: Node) {
    (this.seldom ??= new Seldom()).shadow = node;
  }

  /**
   * Whether any run that passes through this node stores its value: the result of an in-place update
   * or of an optimizer, from which the next iteration will start.
   */
  get keep(): boolean {
    return (this.bits & KEEP) !== 0;
  }

  set keep(on: boolean) {
    this.bits = on ? this.bits | KEEP : this.bits & ~KEEP;
  }

  /** Whether `backward()` used up the graph below this root. */
  get spent(): boolean {
    return (this.bits & SPENT) !== 0;
  }

  set spent(on: boolean) {
    this.bits = on ? this.bits | SPENT : this.bits & ~SPENT;
  }

  /** Whether other nodes need the value (see `unobserved`); then its memory is not overwritten. */
  get shared(): boolean {
    return (this.bits & SHARED) !== 0;
  }

  set shared(on: boolean) {
    this.bits = on ? this.bits | SHARED : this.bits & ~SHARED;
  }

  /** Whether a run has computed it on the way to others, without storing the value. */
  get computed(): boolean {
    return (this.bits & COMPUTED) !== 0;
  }

  set computed(on: boolean) {
    this.bits = on ? this.bits | COMPUTED : this.bits & ~COMPUTED;
  }
}

let nextPrimitiveId = 1;

/** Each tensor leads to its primitive, and what copies it property by property to this. */
const uncloneable = {
  get uncloneable(): never {
    throw new TypeError(
      "structuredClone: a tensor cannot be cloned or posted to a worker, since it stands for a graph " +
        "and for memory of its own thread. Send x.data(), x.shape and x.dtype of it, and make one of " +
        "them there: tensor(data, { shape, dtype }).",
    );
  },
};

/** Completes a primitive with its number. */
export function definePrimitive<A>(p: Omit<Primitive<A>, "id">): Primitive<A> {
  const first = { uncloneable };
  return { ...first, ...p, id: nextPrimitiveId++ };
}

let gradEnabled = true;

/** Whether new nodes record derivatives. */
export function isGradEnabled(): boolean {
  return gradEnabled;
}

/** Runs `fn` with recording switched on or off, and restores it. */
export function withGrad<T>(on: boolean, fn: () => T): T {
  const before = gradEnabled;
  gradEnabled = on;
  try {
    return fn();
  } finally {
    gradEnabled = before;
  }
}

const noInputs: readonly Node[] = [];

/** Whether a name is that of an element type. */
export function isDType(name: string): name is DType {
  return Object.hasOwn(DTYPES, name);
}

/** Whether values of this element type can have derivatives. */
export function isFloat(dtype: DType): boolean {
  // As DTYPES says; this is asked several times for each node.
  return dtype === "float32" || dtype === "float64" || dtype === "float16";
}

/** Makes a node: infers, checks, and notes whether derivatives reach it. */
export function apply<A>(prim: Primitive<A>, inputs: readonly Node[], attrs: A): Node<A> {
  const attrKey = attrs === null || attrs === undefined ? 0 : internAttrs(attrs);
  return applyInterned(prim, inputs, attrs, attrKey);
}

/** The same with static arguments that were numbered before. */
export function applyShared<A>(
  prim: Primitive<A>,
  inputs: readonly Node[],
  { attrs, key }: Interned<A>,
): Node<A> {
  return applyInterned(prim, inputs, attrs, key);
}

function applyInterned<A>(
  prim: Primitive<A>,
  inputs: readonly Node[],
  attrs: A,
  attrKey: number,
): Node<A> {
  const aval = prim.infer(inputs, attrs);
  let requiresGrad = false, depth = 0;
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i];
    const { storage } = x;
    x.uses++;
    if (x.requiresGrad) requiresGrad = true;
    if (storage === null) {
      if (x.depth >= depth) depth = x.depth + 1;
      if (observing) x.shared = true;
    } else if (observing && !storage.shared) {
      x.shared = true;
      storage.shared = true;
    }
  }
  const outs = Array.isArray(aval) ? aval : null;
  const first = outs === null ? aval as Aval : outs[0];
  if (requiresGrad) {
    requiresGrad = gradEnabled && typeof prim.vjp !== "string" &&
      (outs === null ? isFloat(first.dtype) : outs.some((o) => isFloat(o.dtype)));
  }
  return new Node(
    prim,
    inputs.length === 0 ? noInputs : inputs,
    attrs,
    attrKey,
    first.shape,
    first.dtype,
    outs,
    requiresGrad,
    depth,
  );
}

/** A copy of a node on other operands of the same shapes, outside of differentiation. */
export function withInputs(node: Node, inputs: readonly Node[]): Node {
  const { prim, attrs, attrKey, shape, dtype, outs } = node;
  return new Node(prim, inputs, attrs, attrKey, shape, dtype, outs, false, 0);
}

/** A fresh number for `Node.mark`. Walks must not nest. */
export function nextEpoch(): number {
  return ++epoch;
}
