/**
 * Bodies: graphs inside of a graph, which a loop runs again and again and a choice runs or leaves.
 *
 * A body is closed. What it takes from outside, tensors and numbers alike, is a parameter of it and an
 * operand of the node that it belongs to, so that numbers in a body are data as they are elsewhere.
 *
 * @module
 */

import { buffer, constant, parameterNode, scalar } from "./leaf.ts";
import type { Node } from "./node.ts";

/** What stands for a node of the surroundings in a body. */
export interface BodyRead {
  /** The node outside. */
  readonly before: Node;
  /** The node inside. */
  readonly stand: Node;
}

/**
 * Where a body was recorded. Derivative rules that a user gave are functions which know the tensors of
 * that place; they run there, and what they read is noted.
 */
export interface Surroundings {
  /** Runs a function there. */
  run<T>(fn: () => T): { readonly result: T; readonly reads: readonly BodyRead[] };
  /** Stand-ins of random numbers that runs drew for one of several examples, and those of all. */
  readonly drawnForExamples?: readonly (readonly [Node, Node])[];
}

/** A closed graph. */
export class Body {
  /** Number of the structure: bodies that differ only in their data have one number. */
  readonly id: number;

  /** Use `closeBody`. */
  constructor(
    /** Places of the operands: those that were asked for, then what is read from outside. */
    readonly params: readonly Node[],
    /** The results. */
    readonly outputs: readonly Node[],
    readonly surroundings: Surroundings,
    key: string,
    /** Number of nodes that are computed. */
    readonly size: number,
    /** Whether a run may fail inside, by a number that names no element. */
    readonly mayFail: boolean,
  ) {
    this.id = numberOf(key);
  }

  /** What stands for a body among static arguments. */
  toJSON(): string {
    return `body ${this.id}`;
  }
}

/** A body, and the operands for those of its parameters that are read from outside. */
export interface ClosedBody {
  readonly body: Body;
  /** One for each parameter after those that were asked for. */
  readonly operands: readonly Node[];
}

/** Bodies among the static arguments of a node. */
export function bodiesOf(node: Node): readonly Body[] {
  return (node.attrs as { bodies?: readonly Body[] } | null)?.bodies ?? [];
}

/**
 * Closes the graph between `params` and `outputs`. `outside` says which node of the surroundings stands
 * behind a leaf; others are that node themselves. What was made before a walk number `since` belongs to
 * the surroundings, too: it is computed once, outside.
 */
export function closeBody(
  params: readonly Node[],
  outputs: readonly Node[],
  surroundings: Surroundings,
  outside: ReadonlyMap<Node, Node> = new Map(),
  since = 0,
): ClosedBody {
  // Numbers of nodes go into a map: a leaf may be a node of a graph around that is being walked.
  const numbers = new Map<Node, number>();
  const key: (number | string)[] = [], leaves: Node[] = [], operands: Node[] = [];
  let size = 0, mayFail = false;
  const aval = ({ dtype, shape }: Node) => key.push(dtype, shape.length, ...shape);
  for (const param of params) {
    numbers.set(param, numbers.size);
    aval(param);
  }
  const enter = (node: Node) => {
    if (node.prim === constant) {
      key.push("c", node.attrKey);
      aval(node);
    } else if (
      node.storage !== null || node.prim === buffer || node.prim === scalar ||
      node.made < since || outside.has(node)
    ) {
      key.push("x");
      aval(node);
      leaves.push(node);
      operands.push(outside.get(node) ?? node);
    } else return false;
    numbers.set(node, numbers.size);
    return true;
  };
  const stack: Node[] = [], cursor: number[] = [];
  for (const output of outputs) {
    if (numbers.has(output) || enter(output)) continue;
    stack.push(output);
    cursor.push(0);
    while (stack.length > 0) {
      const top = stack.length - 1, node = stack[top];
      if (cursor[top] < node.inputs.length) {
        const x = node.inputs[cursor[top]++];
        if (numbers.has(x) || enter(x)) continue;
        stack.push(x);
        cursor.push(0);
        continue;
      }
      stack.pop();
      cursor.pop();
      if (numbers.has(node)) continue;
      key.push(node.prim.id, node.attrKey);
      for (const x of node.inputs) key.push(numbers.get(x)!);
      numbers.set(node, numbers.size);
      size++;
      mayFail ||= node.prim.index !== undefined || bodiesOf(node).some((b) => b.mayFail);
    }
  }
  key.push("o", ...outputs.map((x) => numbers.get(x)!));
  const body = new Body(
    [...params, ...leaves],
    outputs,
    surroundings,
    key.join(),
    size,
    mayFail,
  );
  return { body, operands };
}

/** Finds the parameters on which more and more outputs of a body depend, and visits no node twice. */
export class BodyReads {
  /** Parameters found so far. */
  readonly found: Set<Node> = new Set();
  readonly #params: ReadonlySet<Node>;
  readonly #passes: (node: Node) => boolean;
  readonly #seen = new Set<Node>();

  /** Dependencies go through the nodes that `passes` lets through. */
  constructor(params: readonly Node[], passes: (node: Node) => boolean = () => true) {
    this.#params = new Set(params);
    this.#passes = passes;
  }

  /** Adds what some outputs depend on. */
  add(outputs: readonly Node[]): void {
    const stack = [...outputs];
    while (stack.length > 0) {
      const node = stack.pop()!;
      if (this.#seen.has(node) || !this.#passes(node)) continue;
      this.#seen.add(node);
      if (this.#params.has(node)) this.found.add(node);
      else if (node.storage === null) { for (const x of node.inputs) stack.push(x); }
    }
  }
}

/** Those of some parameters that outputs of a body depend on. */
export function readOf(params: readonly Node[], outputs: readonly Node[]): Set<Node> {
  const reads = new BodyReads(params);
  reads.add(outputs);
  return reads.found;
}

/** Fresh parameters like some nodes; derivatives reach those of floating point. */
export function parametersLike(nodes: readonly Pick<Node, "shape" | "dtype">[]): Node[] {
  return nodes.map((node) => parameterNode(node));
}

/** Letters of all keys that are kept; those used longest ago go. */
const KEPT = 1 << 24;

const ids = new Map<string, number>();
let nextId = 0, letters = 0;

/** Number of a structure. One that was forgotten gets a new number, which is as good. */
function numberOf(key: string): number {
  const known = ids.get(key);
  if (known !== undefined) {
    ids.delete(key);
    ids.set(key, known);
    return known;
  }
  ids.set(key, nextId);
  letters += key.length;
  while (letters > KEPT && ids.size > 1) {
    const oldest = ids.keys().next().value!;
    ids.delete(oldest);
    letters -= oldest.length;
  }
  return nextId++;
}
