/**
 * Records of distributed autograd: which tensors went where, within which context.
 *
 * @module
 */

import type { GradBox, Node } from "../graph/node.ts";
import { RpcError } from "./errors.ts";

/** Tensors of one message that require gradients. */
export interface Part {
  /** Their nodes at this end. */
  readonly nodes: readonly Node[];
  /** Rank at the other end. */
  readonly peer: number;
}

/** One pass backwards on one rank. */
export interface Pass {
  /** For each place to begin at (a message that was sent, or the root), messages that it leads to. */
  readonly found: Map<number, ReadonlySet<number>>;
  /** For each message that was received, beginnings that lead to it and have not been gone through. */
  readonly due: Map<number, number>;
  /** Sums of what arrived at the tensors of a message. */
  readonly sums: Map<number, (Node | null)[]>;
  /** Gradients of this rank's leaves, of this pass alone. */
  readonly leaves: Map<GradBox | Node, LeafGradient>;
  /** Nodes of this rank whose gradients are wanted, too. */
  readonly wanted: Set<Node>;
}

/** Gradient of a leaf. */
export interface LeafGradient {
  /** The leaf. */
  readonly leaf: Node;
  /** Its gradient. */
  readonly gradient: Node;
}

/** What one rank knows of a context. */
export class Context {
  /** Number, the same on all ranks. */
  readonly id: number;
  /** Messages that were sent, by number. */
  readonly sent = new Map<number, Part>();
  /** Messages that were received. */
  readonly received = new Map<number, Part>();
  /** For each tensor that arrived, its message and its place there. */
  readonly origin = new Map<Node, readonly [message: number, at: number]>();
  /** Ranks that this one exchanged messages with. */
  readonly known = new Set<number>();
  /** Sums of gradients over all passes. */
  readonly gradients = new Map<GradBox | Node, LeafGradient>();
  /** Passes under way. */
  readonly passes = new Map<number, Pass>();

  /** A context without records. */
  constructor(id: number) {
    this.id = id;
  }

  /** The pass of a number, which begins where it is new. */
  pass(id: number): Pass {
    let pass = this.passes.get(id);
    if (pass === undefined) {
      pass = {
        found: new Map(),
        due: new Map(),
        sums: new Map(),
        leaves: new Map(),
        wanted: new Set(),
      };
      this.passes.set(id, pass);
    }
    return pass;
  }
}

const contexts = new Map<number, Context>();

/** Contexts that ended a short time ago: what is late must not bring them back. */
const ended = new Set<number>();
const MAX_ENDED = 4096;

/** Numbers of one rank's contexts and messages. */
const STRIDE = 2 ** 36;

let made = 0, messages = 0;

/** A new number that no other rank gives, for a context or a pass. */
export function newId(rank: number): number {
  return rank * STRIDE + ++made;
}

/** A new number for a message. */
export function newMessage(rank: number): number {
  return rank * STRIDE + ++messages;
}

/** The rank that gave a number. */
function rankOf(id: number): number {
  return Math.floor(id / STRIDE);
}

/** Number of contexts that this rank knows of. */
export function countContexts(): number {
  return contexts.size;
}

/** The context of a number. */
export function contextOf(op: string, id: number): Context {
  const found = contexts.get(id);
  if (found !== undefined) return found;
  throw new RpcError(
    `${op}: there is no context ${id} on this rank; a context lives until the function given to ` +
      "distributed.autograd.context() is done.",
  );
}

/** The same, which begins where it is new; null where it has ended. */
export function joinContext(id: number): Context | null {
  let found = contexts.get(id);
  if (found === undefined) {
    if (ended.has(id)) return null;
    contexts.set(id, found = new Context(id));
  }
  return found;
}

/** Forgets a context; gives it back where it was known. */
export function endContext(id: number): Context | undefined {
  const found = contexts.get(id);
  contexts.delete(id);
  ended.add(id);
  if (ended.size > MAX_ENDED) { for (const first of ended) return (ended.delete(first), found); }
  return found;
}

/** Forgets the contexts that a rank began: nobody else will end them. */
export function endContextsOf(rank: number): void {
  for (const id of [...contexts.keys()]) if (rankOf(id) === rank) endContext(id);
}

/** Forgets all. */
export function endAllContexts(): void {
  contexts.clear();
  ended.clear();
}

/** Notes tensors that are sent: nodes of those that require gradients. */
export function noteSent(id: number, message: number, nodes: readonly Node[], peer: number): void {
  const context = joinContext(id);
  if (context === null) return;
  context.known.add(peer);
  if (nodes.length > 0) context.sent.set(message, { nodes, peer });
}

/** Notes tensors that arrived: nodes of those that require gradients. */
export function noteReceived(
  id: number,
  message: number,
  nodes: readonly Node[],
  peer: number,
): void {
  const context = joinContext(id);
  if (context === null) return;
  context.known.add(peer);
  if (nodes.length === 0) return;
  context.received.set(message, { nodes, peer });
  nodes.forEach((node, at) => context.origin.set(node, [message, at]));
}
