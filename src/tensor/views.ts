/**
 * Views write through: tensors that PyTorch would keep in one memory see each other's changes in
 * place.
 *
 * Tensors hold values, not memory, and a view is a graph of its own. What a tensor and its views
 * share is a note of what was written since they were made. Whoever is read or written next takes
 * over what it has missed. The note holds none of them and, before the first change in place, no
 * value, so that a view keeps nothing alive.
 *
 * @module
 */

import { GradientError } from "../graph/errors.ts";
import { constantNode, isLeafNode } from "../graph/leaf.ts";
import { isGradEnabled, type Node, unobserved, withGrad } from "../graph/node.ts";
import type { Shape } from "../graph/shape.ts";

import { custom } from "../primitives/custom.ts";
import { detach, expand } from "../primitives/movement.ts";
import { where } from "./formulas/basic.ts";
import { leafLike } from "./leaf.ts";
import { type Lie, origin, read, write as writeAt } from "./lie.ts";
import { currentTrace } from "./trace.ts";

/** A change of a part, where the whole is not known: what was written, and where. */
interface Piece {
  readonly version: number;
  /** The value, in the shape of the whole. */
  readonly value: Node;
  /** Where it counts. */
  readonly mask: Node;
  /** Whether the history of what is changed stays as it is. */
  readonly edit: boolean;
}

/** Pieces beyond this number become one. */
const PIECES = 16;

/** What is known of a shared value at one time. */
export interface State {
  readonly version: number;
  readonly whole: Node | null;
  readonly pieces: readonly Piece[];
}

/** What was written to a tensor and its views. */
export class Base {
  readonly #shape: Shape;
  /** Number of changes. */
  version = 0;
  /** Number of traces under way that have changes of their own. */
  traces = 0;
  /** The value after the latest change, where it is known. */
  whole: Node | null = null;
  #pieces: readonly Piece[] = [];

  /** `shape` is that of the tensor which the views were taken from. */
  constructor(shape: Shape) {
    this.#shape = shape;
  }

  /** @ignore The value that has to be computed before memory that it needs is overwritten. */
  get rawNode(): Node {
    return this.whole ?? this.#pieces.at(-1)!.value;
  }

  /** What is known now. */
  get state(): State {
    return { version: this.version, whole: this.whole, pieces: this.#pieces };
  }

  /** Goes back to what was known then. */
  set state({ version, whole, pieces }: State) {
    this.version = version;
    this.whole = whole;
    this.#pieces = pieces;
  }

  /** Forgets values that nothing may use inside of a trace, where stand-ins take their places. */
  forget(): void {
    this.whole = null;
    this.#pieces = [];
  }

  /** The whole has a new value. */
  become(whole: Node): void {
    this.version++;
    this.whole = whole;
    this.#pieces = [];
  }

  /** A part has a new value; returns the whole before, where it is known. */
  change(op: string | null, lie: Lie, before: Node, value: Node): Node | null {
    const root = this.whole ??
      (this.#pieces.length === 0 ? origin(lie, before, this.#shape) : null);
    const edit = !isGradEnabled() || lie.detached;
    // Of many changes that nothing reads, no run has to store each.
    if (this.whole?.storage === null) this.whole.keep = false;
    const build = () => {
      const part = edit ? detach(value) : value;
      if (root === null) this.#add(op, lie, part, edit);
      else {
        this.become(withGrad(!edit, () => changed(op, root, writeAt(op, lie, root, part), edit)));
      }
    };
    // Where all of it has a new value, the next change forgets this one: an update that writes over
    // the memory of the value makes such a change.
    if (lie.plain) unobserved(build);
    else build();
    return root;
  }

  #add(op: string | null, lie: Lie, value: Node, edit: boolean): void {
    const last = this.#pieces.at(-1);
    const join = last !== undefined && last.edit === edit && this.#pieces.length >= PIECES;
    const blank = (number: number, dtype: Node["dtype"]) =>
      expand(constantNode(number, dtype), this.#shape);
    const ones = expand(constantNode(1, "bool"), value.shape);
    const piece = withGrad(!edit, () => ({
      value: writeAt(op, lie, join ? last.value : blank(0, value.dtype), value),
      mask: writeAt(op, lie, join ? last.mask : blank(0, "bool"), ones),
    }));
    // Those that have seen the former piece already take it once more, with the same values.
    this.#pieces = [
      ...join ? this.#pieces.slice(0, -1) : this.#pieces,
      { ...piece, edit, version: ++this.version },
    ];
  }

  /** The present value of what lies there and had a value at an earlier version. */
  current(lie: Lie | null, before: Node, version: number): Node {
    if (this.whole !== null) return inherit(before, read(lie, this.whole));
    let node = before;
    for (const piece of this.#pieces) {
      if (piece.version <= version) continue;
      const merged = where(read(lie, piece.mask), read(lie, piece.value), node);
      node = piece.edit ? changed(null, node, merged, true) : merged;
    }
    if (lie === null) {
      node = inherit(before, node);
      this.whole = node;
      this.#pieces = [];
    }
    return node;
  }
}

/** Where a tensor lies in what it shares. */
export class Place {
  /** What is shared. */
  readonly base: Base;
  /** The way from the whole; null for the whole itself. */
  readonly lie: Lie | null;
  /** The version that the tensor knows. */
  seen: number;

  /** The tensor knows the present version. */
  constructor(base: Base, lie: Lie | null) {
    this.base = base;
    this.lie = lie;
    this.seen = base.version;
  }
}

/** A value in place of another one, in the same tensor: an edit leaves the history as it is. */
export function changed(op: string | null, before: Node, value: Node, edit: boolean): Node {
  if (!before.requiresGrad) return frozen(before, edit ? detach(value) : value);
  if (isLeafNode(before)) {
    if (edit) return leafLike(before, value);
    throw new GradientError(
      `${
        op ?? "update"
      }: a view of a leaf tensor that requires a gradient cannot be changed in place while ` +
        `operations are recorded; wrap the update in noGrad(() => ...).`,
    );
  }
  if (!edit) return value;
  return withGrad(true, () => custom([detach(value)], [before], (g) => g)[0]);
}

/** A gradient that is there stays with a value that requires none any more. */
function frozen(before: Node, value: Node): Node {
  return before.box === null || value.requiresGrad || value.box !== null
    ? value
    : leafLike(before, value);
}

/** What a tensor is for differentiation stays when others change its value. */
function inherit(before: Node, node: Node): Node {
  if (!before.requiresGrad) return frozen(before, node);
  if (isLeafNode(before)) {
    return isLeafNode(node) && node.requiresGrad ? node : leafLike(before, node);
  }
  if (node.requiresGrad && before.box !== null) node.box ??= before.box;
  return node;
}

/** A tensor, as far as others that share its place are concerned. */
export interface Sharer {
  /** What it stood for when it was last read or written. */
  held: Node;
}

/** Takes over what was written to others since. */
export function catchUp(sharer: Sharer, place: Place): void {
  const { base, lie, seen } = place;
  sharer.held = withGrad(true, () => base.current(lie, sharer.held, seen));
  place.seen = base.version;
}

/** Lets a tensor that stands for its present node take over `value`, and others with it. */
export function write(op: string | null, sharer: Sharer, place: Place, value: Node): void {
  const { base, lie } = place, before = sharer.held;
  currentTrace()?.note(base);
  if (lie === null) {
    base.become(value);
    sharer.held = value;
    place.seen = base.version;
    return;
  }
  const root = base.change(op, lie, before, value);
  // Where the whole is known, the view is read from there, unless it has a history of its own.
  const own = lie.detached || (value.requiresGrad && isLeafNode(value));
  if (root !== null && !own) return;
  sharer.held = own ? value : changed(op, before, value, !isGradEnabled());
  place.seen = base.version;
}

/** The same value of a tensor has another node. */
export function adopt({ base, lie }: Place, node: Node): void {
  if (lie !== null || base.whole === null) return;
  currentTrace()?.note(base);
  base.whole = node;
}

/** A tensor that may share its place. */
export interface Placed {
  /** Where it lies. */
  readonly place: Place | null;
}

/** What those of some tensors that are no views share. */
export function wholesOf(handles: readonly Placed[]): Set<Base> {
  const wholes = new Set<Base>();
  for (const { place } of handles) if (place !== null && place.lie === null) wholes.add(place.base);
  return wholes;
}

/** Whether a tensor is a view of one of those. */
export function follows({ place }: Placed, wholes: ReadonlySet<Base>): boolean {
  return place !== null && place.lie !== null && wholes.has(place.base);
}

/** Whether two tensors may see each other's changes. */
export function isShared(a: Placed, b: Placed): boolean {
  return a !== b && a.place !== null && b.place !== null && a.place.base === b.place.base;
}
