/**
 * States of transformations that users write: pure functions, whose result is the next state.
 *
 * An update in place writes that result into the state that was given, so that the caller may hold on
 * to either. A state has its tensors, and their memory, to itself: parameters and gradients, which may
 * be part of it in a pure function, change under it otherwise.
 *
 * @module
 */

import { nextEpoch, type Node, withGrad } from "../graph/node.ts";
import { realizeNodes } from "../run/execute.ts";
import { sameShape } from "../graph/shape.ts";
import { alias } from "../primitives/movement.ts";
import { formatPath, type PyTree, treeLeaves, treeMap } from "../pytree/mod.ts";
import { classOf } from "../pytree/classes.ts";
import { TensorCore, wrap } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { currentTrace } from "../tensor/trace.ts";
import { describe } from "./options.ts";
import { assign, onCommit } from "./transaction.ts";

type Container = unknown[] | Record<string, unknown> | Map<unknown, unknown>;
type Path = readonly unknown[];

/** States that were made inside of `compile()`, with the number of the trace. */
const bornIn = new WeakMap<object, number>();

const withNulls = { noneIsLeaf: true };

function tensorsOf(trees: readonly unknown[]): Tensor[] {
  return treeLeaves<unknown>(trees as PyTree<unknown>).filter((x): x is Tensor =>
    x instanceof TensorCore
  );
}

/** Nodes that are the state's own: made since the beginning of a call, and not taken otherwise. */
class Ownership {
  readonly #since = nextEpoch();
  readonly #taken = new Set<Node>();

  /** The values of these tensors belong to others. */
  exclude(tensors: readonly Tensor[]): void {
    for (const { node } of tensors) this.#taken.add(node);
  }

  /** The node, or a copy that has memory of its own. */
  own(node: Node): Node {
    const foreign = node.made < this.#since || this.#taken.has(node);
    this.#taken.add(node);
    return foreign ? alias(node) : node;
  }
}

/** Notes where a state was made. */
export function noteBirth(state: unknown): void {
  const trace = currentTrace()?.compiling ?? null;
  if (trace !== null && typeof state === "object" && state !== null) bornIn.set(state, trace.id);
}

/** The state that `init` makes, with containers and tensors that nothing else holds. */
export function ownedInit<S>(init: (params: unknown) => S, params: unknown): S {
  const ownership = new Ownership();
  ownership.exclude(tensorsOf([params]));
  const state = copied(init(params), ownership);
  if (currentTrace() === null) {
    // Memory from the start, so that the first step is the same graph as all others.
    realizeNodes(tensorsOf([state]).map((tensor) => tensor.node));
  }
  return state;
}

/** A copy of a tree, with tensors of its own. */
function copied<S>(tree: S, ownership: Ownership): S {
  const copy = (leaf: unknown) =>
    leaf instanceof TensorCore ? wrap(ownership.own(leaf.node)) : leaf;
  return treeMap(withNulls, copy, tree as PyTree<unknown>) as S;
}

/** Runs an update that is written as a pure function. */
export function ownedUpdate<U, S>(
  run: () => [U, S],
  inputs: readonly unknown[],
  state: S,
  inplace: boolean,
): [U, S] {
  const outside = tensorsOf(inputs), ownership = new Ownership();
  const before = snapshot(state);
  const result = inplace ? withGrad(false, run) : run();
  if (!Array.isArray(result) || result.length !== 2) {
    throw new TypeError(
      `update: the function of a transformation returned ${describe(result)}, wants ` +
        `[updates, state].`,
    );
  }
  const [updates, next] = result;
  ownership.exclude([...outside, ...tensorsOf([updates])]);
  if (inplace) {
    ownership.exclude(before.tensors);
    return [updates, withGrad(false, () => new StateWriter(before, ownership).root(state, next))];
  }
  const fresh = copied(next, ownership);
  for (const [container, entries] of before.containers) fill(container, entries);
  // The next step starts from it: a run that passes by stores it.
  for (const { node } of tensorsOf([fresh])) if (node.storage === null) node.keep = true;
  return [updates, fresh];
}

/** Writes the next state into one that was given; returns what holds it. */
export function writeState<S>(state: S, next: S): S {
  return new StateWriter(snapshot(state), null).root(state, next);
}

/** What containers held before an update, and the tensors of the state. */
interface Snapshot {
  readonly containers: Map<Container, Container>;
  readonly tensors: Tensor[];
}

function snapshot(state: unknown): Snapshot {
  const containers = new Map<Container, Container>();
  const visit = (value: unknown) => {
    if (kindOf(value) === null || containers.has(value as Container)) return;
    containers.set(value as Container, shallow(value));
    for (const [, child] of entriesOf(value as Container)) visit(child);
  };
  visit(state);
  return { containers, tensors: tensorsOf([state]) };
}

/** Merges the state that an update returned into the one that it was given. */
class StateWriter {
  readonly #before: Snapshot;
  readonly #ownership: Ownership | null;
  /** Whether containers may not change: a compiled function does not run their code again. */
  #fixed = false;

  constructor(before: Snapshot, ownership: Ownership | null) {
    this.#before = before;
    this.#ownership = ownership;
  }

  root<S>(state: S, next: S): S {
    const trace = currentTrace()?.compiling ?? null;
    const born = typeof state === "object" && state !== null ? bornIn.get(state) : undefined;
    this.#fixed = trace !== null && born !== trace.id;
    const result = this.#merged(state, next, []);
    if (!Object.is(result, state)) this.#changes([], state, next);
    return result as S;
  }

  /** What stands in the next state at the place of `old`: `old` itself wherever it can hold it. */
  #merged(old: unknown, next: unknown, path: Path): unknown {
    if (next instanceof TensorCore) {
      if (!(old instanceof TensorCore) || !alike(old, next)) return this.#copied(next);
      const { node } = next;
      if (node !== old.node) assign(old as Tensor, this.#own(node));
      return old;
    }
    const kind = kindOf(next);
    if (kind === null) return this.#mergedClass(old, next, path);
    const prior = this.#before.containers.get(old as Container);
    if (kind !== kindOf(old) || prior === undefined) {
      return old === next ? old : this.#copied(next);
    }
    const held = new Map(entriesOf(prior));
    const entries = entriesOf(next as Container).map(([key, value]) => {
      const merged = this.#merged(held.get(key), value, [...path, key]);
      if (!Object.is(merged, held.get(key))) this.#changes([...path, key], held.get(key), value);
      return [key, merged] as [unknown, unknown];
    });
    for (const [key, value] of held) {
      if (!has(next as Container, key)) this.#changes([...path, key], value, undefined);
    }
    const result = containerOf(kind, entries);
    if (!sameContent(old as Container, result)) {
      if (Object.isFrozen(old)) return result;
      onCommit(() => fill(old as Container, result));
    }
    return old;
  }

  /** The same for a node of a registered class, and for leaves that are no tensors. */
  #mergedClass(old: unknown, next: unknown, path: Path): unknown {
    const cls = typeof next === "object" && next !== null
      ? classOf(Object.getPrototypeOf(next))
      : undefined;
    if (cls === undefined) return next;
    const { children, aux } = cls.handler.flatten(next);
    const same = typeof old === "object" && old !== null &&
      classOf(Object.getPrototypeOf(old)) === cls;
    const held = same ? cls.handler.flatten(old).children : [];
    const merged = children.map((child, i) => this.#merged(held[i], child, [...path, i]));
    if (same && merged.length === held.length && merged.every((x, i) => Object.is(x, held[i]))) {
      return old;
    }
    return cls.handler.unflatten(merged, aux);
  }

  #own(node: Node): Node {
    return this.#ownership === null ? node : this.#ownership.own(node);
  }

  #copied(next: unknown): unknown {
    return this.#ownership === null ? next : copied(next, this.#ownership);
  }

  /** Throws where a part of the state is replaced that has to stay what it is. */
  #changes(path: Path, old: unknown, next: unknown): void {
    if (!this.#fixed) return;
    throw new TypeError(
      `update: inside compile() the state changes at ${formatPath(path)} from ${show(old)} to ` +
        `${
          show(next)
        }, which later calls would not do, since they do not run its code. Keep what ` +
        `changes in tensors of one shape and dtype, such as tensor(0, { dtype: "int64" }) for a ` +
        `count; or make the state inside of the compiled function.`,
    );
  }
}

function show(value: unknown): string {
  if (!(value instanceof TensorCore)) return describe(value);
  return `${describe(value)} (${value.dtype})`;
}

function alike(a: TensorCore, b: TensorCore): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}

// ------------------------------------------------------------------ containers

type Kind = "array" | "object" | "map";

function kindOf(value: unknown): Kind | null {
  if (typeof value !== "object" || value === null) return null;
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Array.prototype) return "array";
  if (prototype === Map.prototype) return "map";
  return prototype === Object.prototype || prototype === null ? "object" : null;
}

function entriesOf(container: Container): [unknown, unknown][] {
  return container instanceof Map || Array.isArray(container)
    ? [...container.entries()]
    : Object.entries(container);
}

function has(container: Container, key: unknown): boolean {
  return container instanceof Map ? container.has(key) : Object.hasOwn(container, key as string);
}

function containerOf(kind: Kind, entries: [unknown, unknown][]): Container {
  if (kind === "map") return new Map(entries);
  if (kind === "array") return entries.map(([, value]) => value);
  return Object.fromEntries(entries as [string, unknown][]);
}

function shallow(container: unknown): Container {
  return containerOf(kindOf(container)!, entriesOf(container as Container));
}

function sameContent(a: Container, b: Container): boolean {
  const x = entriesOf(a), y = entriesOf(b);
  return x.length === y.length &&
    x.every(([key, value], i) => Object.is(key, y[i][0]) && Object.is(value, y[i][1]));
}

/** Gives a container the content of another of its kind. */
function fill(target: Container, content: Container): void {
  if (sameContent(target, content)) return;
  if (Array.isArray(target)) {
    target.length = 0;
    for (const value of content as unknown[]) target.push(value);
  } else if (target instanceof Map) {
    target.clear();
    for (const [key, value] of content as Map<unknown, unknown>) target.set(key, value);
  } else {
    for (const key of Object.keys(target)) delete target[key];
    Object.assign(target, content);
  }
}
