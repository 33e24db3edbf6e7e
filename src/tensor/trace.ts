/**
 * Tracing: running a function once with stand-ins to record the graph it builds.
 *
 * Tensors that the function reads from its surroundings become inputs; those that it rebinds
 * (parameters, optimizer states) are written back after each run.
 *
 * @module
 */

import type { Node } from "../graph/node.ts";
import { placeholderNode, standIn } from "../graph/leaf.ts";
import type { Base, Place, State } from "./views.ts";
import type { Shape } from "../graph/shape.ts";
import type { GradBox } from "../graph/node.ts";
import { GradientError } from "../graph/errors.ts";

/** What tracing needs to know about a tensor handle. */
export interface Handle {
  /** The node as it is, without telling the trace. */
  rawNode: Node;
  /** Where it lies in what it shares with others. */
  readonly place: Place | null;
  /** Number of the trace that knows this handle. */
  traceId: number;
}

/** A tensor from the surroundings of a traced function. */
export interface Captured {
  /** The handle. */
  readonly handle: Handle;
  /** Its node before the trace. */
  readonly before: Node;
  /** The stand-in during the trace. */
  readonly stand: Node;
  /** Its gradient holder, and what that held before. */
  readonly box: GradBox | null;
  readonly gradBefore: unknown;
}

/** Makes a node with the next random numbers; `lead` sizes in front draw for a batch of examples. */
export type Draw = (lead?: Shape) => Node;

/** A place that is filled with random numbers before each run. */
export interface RandomInput {
  /** The stand-in. */
  readonly stand: Node;
  /** Makes the node with the next numbers. */
  readonly draw: Draw;
  /** The node with those drawn while tracing. */
  readonly first: Node;
}

/** A number that a plain function gives anew before each run. */
export interface LiveNumber {
  /** The stand-in, a float64 without dimensions. */
  readonly stand: Node;
  /** The number; null where the function gives something else now. */
  readonly read: () => number | null;
  /** What it gave while tracing. */
  readonly first: number;
}

/** A JavaScript value that the function read from an object of its surroundings. */
export interface ValueRead {
  readonly holder: object;
  readonly key: string;
  readonly value: unknown;
}

let serial = 0;

/** One recording. */
export class Trace {
  /** Identity, stamped on handles that belong to it. */
  readonly id: number = ++serial;
  /** Tensors from outside, in order of first use. */
  readonly captured: Captured[] = [];
  /** Random inputs, in order of use. */
  readonly random: RandomInput[] = [];
  /** Numbers that plain functions give, in order of use. */
  readonly live: LiveNumber[] = [];
  /** JavaScript values of the surroundings on which the graph depends. */
  readonly values: ValueRead[] = [];
  /** Gradient holders that the function looked into. */
  readonly gradsRead: Set<GradBox> = new Set();
  /** Whether `backward()` may leave gradients with tensors. */
  readonly accumulates: boolean = true;
  /** What messages call it. */
  readonly operation: string;
  /** An argument that the function reads from its surroundings as well, which ended the trace. */
  aliased: Handle | null = null;
  /** Random numbers that an earlier attempt drew, to be used first. */
  drawnBefore: readonly Node[] = [];
  readonly #checks = new Map<object, () => void>();
  readonly #settled = new Map<object, Set<string>>();
  /** What was known of shared values before the function changed them. */
  protected bases: Map<Base, State> = new Map();
  readonly #compute: (node: Node) => void;
  readonly #args: ReadonlySet<Handle>;

  /**
   * `compute` gives a node its value outside of the trace. Tensors in `args` have stand-ins that the
   * surroundings of the function do not know.
   */
  constructor(
    compute: (node: Node) => void,
    operation = "compile()",
    args: ReadonlySet<Handle> = new Set(),
  ) {
    this.#compute = compute;
    this.operation = operation;
    this.#args = args;
  }

  /** The compilation under way: this one, or the one around. */
  get compiling(): Trace | null {
    return this;
  }

  /** The node of a handle, capturing it at first sight. */
  read(handle: Handle): Node {
    if (handle.traceId !== this.id) {
      if (this.#args.has(handle)) {
        this.aliased = handle;
        throw new Error("internal: an argument is read from the surroundings");
      }
      const before = this.outside(handle, () => handle.rawNode);
      if (before.storage === null) this.#compute(before);
      const stand = standIn(before);
      this.captured.push({
        handle,
        before,
        stand,
        box: before.box,
        gradBefore: before.box?.grad ?? null,
      });
      this.stand(handle, stand);
    }
    return handle.rawNode;
  }

  /** A stand-in for the number that `read` gives at each run, `first` at the first. */
  numberLater(first: number, read: () => number | null): Node {
    const stand = placeholderNode({ shape: [], dtype: "float64" });
    this.live.push({ stand, read, first });
    return stand;
  }

  /** Takes note of a value that the function reads or (with `set`) sets itself. */
  noteValue(holder: object, key: string, value: unknown, set: boolean): void {
    let keys = this.#settled.get(holder);
    if (keys === undefined) this.#settled.set(holder, keys = new Set());
    if (keys.has(key)) return;
    keys.add(key);
    // What it sets before it reads is the same in each call.
    if (!set) this.values.push({ holder, key, value });
  }

  /** Calls `check` when the function has returned; once for each `key`, the first one. */
  whenDone(key: object, check: () => void): void {
    if (!this.#checks.has(key)) this.#checks.set(key, check);
  }

  /** Runs the checks of the end. */
  done(): void {
    for (const check of this.#checks.values()) check();
  }

  /** Tells handles that the function made from those of its surroundings. */
  inside(): (handle: Handle) => boolean {
    const outside = new Set(this.captured.map((c) => c.handle));
    return (handle) => handle.traceId === this.id && !outside.has(handle);
  }

  /** Notes that the function is about to change what tensors share. */
  note(base: Base): void {
    if (this.bases.has(base)) return;
    this.bases.set(base, base.state);
    base.traces++;
    base.forget();
  }

  /** What `read` gives of a handle where nothing that happened inside counts. */
  protected outside(handle: Handle, read: () => Node): Node {
    const { place } = handle, known = place === null ? undefined : this.bases.get(place.base);
    if (known === undefined) return read();
    const { base } = place!, { state } = base;
    base.state = known;
    base.traces--;
    try {
      return read();
    } finally {
      base.state = state;
      base.traces++;
    }
  }

  /** Lets a handle from outside stand for a stand-in, before all that happened inside. */
  protected stand(handle: Handle, stand: Node): void {
    handle.rawNode = stand;
    handle.traceId = this.id;
    const { place } = handle;
    if (place !== null) place.seen = this.bases.get(place.base)?.version ?? place.base.version;
  }

  /** Puts back what was known of shared values; handles are to be put back afterwards. */
  protected restoreBases(): void {
    for (const [base, state] of this.bases) {
      base.state = state;
      base.traces--;
    }
    this.bases.clear();
  }

  /** A stand-in for random numbers. */
  drawLater(draw: Draw): Node {
    const first = this.drawnBefore[this.random.length] ?? draw(), stand = placeholderNode(first);
    this.random.push({ stand, draw, first });
    return stand;
  }

  /** Puts all captured handles back as they were. */
  restore(): void {
    this.restoreBases();
    for (const c of this.captured) {
      c.handle.rawNode = c.before;
      if (c.box !== null) c.box.grad = c.gradBefore;
    }
  }
}

let current: Trace | null = null;

/** The recording under way. */
export function currentTrace(): Trace | null {
  return current;
}

/**
 * Tells a compilation under way that its graph depends on a value of an object: another value will
 * trace anew. Returns the value.
 */
export function noteRead<T>(holder: object, key: string, value: T): T {
  current?.compiling?.noteValue(holder, key, value, false);
  return value;
}

/** Tells a compilation under way that the function sets a value of an object itself. */
export function noteWrite(holder: object, key: string): void {
  current?.compiling?.noteValue(holder, key, undefined, true);
}

/** Runs `fn` under a trace (or under none). */
export function withTrace<T>(trace: Trace | null, fn: () => T): T {
  const before = current;
  current = trace;
  try {
    return fn();
  } finally {
    current = before;
  }
}

/** Throws where values cannot be read, since a function is being traced. */
export function forbidInTrace(what: string): void {
  const trace = current;
  if (trace !== null) {
    throw new GradientError(
      `${what} inside ${trace.operation}: values are not known while a function is traced. Return the ` +
        `tensor and read it outside, or use where() instead of a branch on the value.`,
    );
  }
}
