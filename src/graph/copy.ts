/**
 * Copying a piece of graph onto other operands.
 *
 * @module
 */

import { placeholderNode } from "./leaf.ts";
import { type Aval, isGradEnabled, Node } from "./node.ts";

/** A stand-in for a node of which only the value matters. */
export function standIn(node: Aval & Pick<Node, "requiresGrad">): Node {
  const stand = placeholderNode(node);
  stand.requiresGrad = node.requiresGrad;
  return stand;
}

/** Where the originals live: runs functions there, and tells what to replace afterwards. */
export type Within = <T>(fn: () => T) => { result: T; replacements: (readonly [Node, Node])[] };

/** Fills `copies` for a node and everything uncomputed below it, operands first; gives its copy. */
export function copyBelow<T>(root: Node, copies: Map<Node, T>, copy: (node: Node) => T): T {
  const stack = [root];
  while (stack.length > 0) {
    const node = stack[stack.length - 1];
    if (copies.has(node)) {
      stack.pop();
      continue;
    }
    const waiting = node.storage !== null ? [] : node.inputs.filter((x) => !copies.has(x));
    if (waiting.length > 0) {
      for (const x of waiting) stack.push(x);
      continue;
    }
    stack.pop();
    copies.set(node, copy(node));
  }
  return copies.get(root)!;
}

/** Copies graphs, with some nodes replaced by others. What does not depend on those is shared. */
export class GraphCopy {
  readonly #copies: Map<Node, Node>;
  readonly #within: Within | null;

  /**
   * @param replacements pairs of a node and what takes its place
   * @param within given where copies can be differentiated as their originals can; null elsewhere
   */
  constructor(replacements: Iterable<readonly [Node, Node]>, within: Within | null) {
    this.#copies = new Map(replacements);
    this.#within = within;
  }

  /** The copy of a node and of everything below. */
  of(root: Node): Node {
    return copyBelow(root, this.#copies, (node) => this.#copy(node));
  }

  #copy(node: Node): Node {
    if (node.storage !== null || node.inputs.length === 0) return node;
    const inputs = node.inputs.map((x) => this.#copies.get(x)!);
    if (inputs.every((x, i) => x === node.inputs[i])) return node;
    const { prim, attrs, attrKey, shape, dtype, outs } = node;
    let depth = 0;
    for (const x of inputs) x.uses++;
    for (const x of inputs) if (x.storage === null) depth = Math.max(depth, x.depth + 1);
    const within = this.#within, rule = node.customVjp;
    const requiresGrad = within !== null && node.requiresGrad;
    const copy = new Node(prim, inputs, attrs, attrKey, shape, dtype, outs, requiresGrad, depth);
    if (rule !== null && within !== null) {
      // The rule knows the original graph only: apply it there, and copy what it gives.
      copy.customVjp = (gs) => {
        const stands = gs.map((g) => g === null ? null : standIn(g));
        const { result, replacements } = within(() => rule(stands));
        const seeds = gs.flatMap((g, i) => g === null ? [] : [[stands[i]!, g] as const]);
        const inner = new GraphCopy(
          [...this.#copies, ...replacements, ...seeds],
          isGradEnabled() ? within : null,
        );
        return result.map((part) => part ? inner.of(part) : null);
      };
    }
    return copy;
  }
}
