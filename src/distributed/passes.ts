/**
 * Backwards over ranks. A pass first asks, from the roots down and over all ranks, which messages lead
 * to them; each rank counts, for each message that it received, the places where gradients will come
 * from. Then gradients go back along exactly these messages. Results that nobody used are not waited
 * for. An answer comes after all that the question caused (Dijkstra and Scholten, Termination detection
 * for diffusing computations, 1980), so that the pass is done when the root has its answers.
 *
 * @module
 */

import { isLeafNode } from "../graph/leaf.ts";
import { nextEpoch, type Node, withGrad } from "../graph/node.ts";
import { add } from "../primitives/elementwise.ts";
import { sweep, zerosNode } from "../primitives/reverse.ts";
import { TensorCore, wrap } from "../tensor/core.ts";
import { realize } from "../tensor/realize.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Agent } from "./agent.ts";
import type { CallSettings } from "./call_settings.ts";
import {
  type Context,
  contextOf,
  endContext,
  endContextsOf,
  type LeafGradient,
  newId,
  type Pass,
} from "./contexts.ts";
import { RpcError } from "./errors.ts";

/** The place where a pass begins on the rank that asked for it. */
const ROOT = 0;

const OP = "distributed.autograd";

/** What lies below nodes: messages that were received, and leaves. */
function below(context: Context, from: readonly Node[]): { messages: Set<number>; leaves: Node[] } {
  const epoch = nextEpoch(), stack: Node[] = [], messages = new Set<number>(), leaves: Node[] = [];
  const visit = (node: Node) => {
    if (!node.requiresGrad || node.mark === epoch) return;
    node.mark = epoch;
    stack.push(node);
  };
  for (const node of from) visit(node);
  for (let node; (node = stack.pop()) !== undefined;) {
    const origin = context.origin.get(node);
    if (origin !== undefined) messages.add(origin[0]);
    if (isLeafNode(node)) leaves.push(node);
    for (const x of node.inputs) visit(x);
  }
  return { messages, leaves };
}

/** How a pass is made. */
export interface PassSettings {
  /** Whether its gradients can be differentiated. */
  readonly createGraph: boolean;
  /** Nodes whose gradients are wanted besides those of leaves. */
  readonly inputs: readonly Node[];
  /** Seconds to wait. */
  readonly seconds: number;
}

/** Passes over the ranks of one agent. */
export class Passes {
  readonly #agent: Agent;
  readonly #timeout: number;

  /**
   * Passes of a rank; it takes part in those of others from now on. The end of a context waits so many
   * seconds for the others (0: as long as they are there).
   */
  constructor(agent: Agent, timeout: number) {
    this.#agent = agent;
    this.#timeout = timeout;
    agent.system.set("backward/find", (_, id, pass, message) => {
      const numbers = [id, pass, message] as [number, number, number];
      checkNumbers(numbers);
      return this.#find(...numbers);
    });
    agent.system.set("backward", (_, id, pass, message, createGraph, gradients) => {
      const numbers = [id, pass, message] as [number, number, number];
      checkNumbers(numbers);
      if (!Array.isArray(gradients) || !gradients.every((g) => g instanceof TensorCore)) {
        throw new RpcError(`${OP}: gradients are no tensors.`);
      }
      return this.#arrived(...numbers, createGraph === true, gradients as Tensor[]);
    });
    agent.system.set(
      "backward/forget",
      (_, id, pass) => this.#forget(id as number, pass as number),
    );
    agent.system.set("context/end", (_, id) => this.end(id as number));
    agent.onDeath.push((rank) => endContextsOf(rank));
  }

  /**
   * Carries ones at `roots` back to all leaves, on all ranks, and gives the gradients of this rank.
   */
  async run(
    context: Context,
    roots: readonly Node[],
    seeds: readonly Node[],
    settings: PassSettings,
  ): Promise<Pass["leaves"]> {
    const id = newId(this.#agent.rank),
      pass = context.pass(id),
      { createGraph, seconds } = settings;
    for (const input of settings.inputs) pass.wanted.add(input);
    const { leaves } = pass;
    try {
      await this.#findFrom(context, id, ROOT, roots, { seconds });
      await this.#sweep(context, id, ROOT, roots, seeds, createGraph, { seconds });
      return leaves;
    } catch (error) {
      this.#forget(context.id, id);
      throw error;
    }
  }

  /** Forgets a context here and wherever it is known; waits for that. */
  async end(id: number): Promise<void> {
    const context = endContext(id);
    if (context === undefined) return;
    const others = [...context.known].filter((rank) => rank !== this.#agent.rank);
    const seconds = this.#timeout;
    // A rank that is gone has forgotten it, and one that is busy will.
    await Promise.allSettled(
      others.map((rank) => this.#agent.ask(rank, "context/end", [id], { seconds })),
    );
  }

  #find(id: number, pass: number, message: number): Promise<void> {
    const context = contextOf(OP, id), part = context.sent.get(message);
    if (part === undefined) {
      throw new RpcError(`${OP}: rank ${this.#agent.rank} sent no such message.`);
    }
    return this.#findFrom(context, pass, message, part.nodes, { seconds: 0 });
  }

  async #findFrom(
    context: Context,
    id: number,
    start: number,
    nodes: readonly Node[],
    settings: CallSettings,
  ): Promise<void> {
    const pass = context.pass(id);
    if (pass.found.has(start)) return;
    const { messages } = below(context, nodes);
    pass.found.set(start, messages);
    const news: number[] = [];
    for (const message of messages) {
      const due = pass.due.get(message) ?? 0;
      if (due === 0) news.push(message);
      pass.due.set(message, due + 1);
    }
    await all(news.map((message) => {
      const { peer } = context.received.get(message)!;
      return this.#agent.ask(peer, "backward/find", [context.id, id, message], settings);
    }));
  }

  #arrived(
    id: number,
    pass: number,
    message: number,
    createGraph: boolean,
    gradients: Tensor[],
  ): Promise<void> {
    const context = contextOf(OP, id), part = context.sent.get(message);
    if (part === undefined || !context.passes.has(pass)) {
      throw new RpcError(`${OP}: the pass has ended on rank ${this.#agent.rank}.`);
    }
    if (gradients.length !== part.nodes.length) throw new RpcError(`${OP}: gradients are missing.`);
    const seeds = gradients.map((g) => g.node);
    return this.#sweep(context, pass, message, part.nodes, seeds, createGraph, { seconds: 0 });
  }

  /** Goes back from one place, and on to the ranks from which all else has been gone through. */
  async #sweep(
    context: Context,
    id: number,
    start: number,
    nodes: readonly Node[],
    seeds: readonly Node[],
    createGraph: boolean,
    settings: CallSettings,
  ): Promise<void> {
    const pass = context.pass(id);
    withGrad(createGraph, () => this.#collect(context, pass, nodes, seeds));
    const complete: number[] = [];
    for (const message of pass.found.get(start) ?? []) {
      const due = pass.due.get(message)! - 1;
      pass.due.set(message, due);
      if (due === 0) complete.push(message);
    }
    pass.found.delete(start);
    const sends = complete.map((message) =>
      this.#send(context, pass, id, message, createGraph, settings)
    );
    if (pass.found.size === 0) {
      context.passes.delete(id);
      keep(context, pass);
    }
    await all(sends);
  }

  #collect(context: Context, pass: Pass, nodes: readonly Node[], seeds: readonly Node[]): void {
    const wanted = pass.wanted.size === 0
      ? null
      : new Set([...below(context, nodes).leaves, ...pass.wanted]);
    for (const [node, g] of sweep(nodes, seeds, wanted).cotangents) {
      const origin = context.origin.get(node);
      if (origin !== undefined) {
        const [message, at] = origin, { length } = context.received.get(message)!.nodes;
        let sums = pass.sums.get(message);
        if (sums === undefined) pass.sums.set(message, sums = new Array(length).fill(null));
        const known = sums[at];
        sums[at] = known === null ? g : add(known, g);
      }
      if (pass.wanted.has(node) || origin === undefined && isLeafNode(node)) {
        addTo(pass.leaves, node, g);
      }
    }
  }

  #send(
    context: Context,
    pass: Pass,
    id: number,
    message: number,
    createGraph: boolean,
    settings: CallSettings,
  ): Promise<unknown> {
    const { nodes, peer } = context.received.get(message)!, sums = pass.sums.get(message);
    pass.sums.delete(message);
    const gradients = nodes.map((node, at) => wrap(sums?.[at] ?? zerosNode(node)));
    const args = [context.id, id, message, createGraph, gradients];
    // Gradients that can be differentiated are messages of the context themselves.
    const own = createGraph ? { ...settings, context: context.id } : settings;
    return this.#agent.ask(peer, "backward", args, own);
  }

  /** Forgets a pass that failed, here and wherever it is known. */
  #forget(id: number, pass: number): void {
    let context: Context;
    try {
      context = contextOf(OP, id);
    } catch {
      return;
    }
    if (!context.passes.delete(pass)) return;
    for (const rank of context.known) {
      if (rank !== this.#agent.rank) this.#agent.tell(rank, "backward/forget", [id, pass]);
    }
  }
}

/** Computes a rank's gradients of a pass, and adds them to those of the context. */
function keep(context: Context, pass: Pass): void {
  if (pass.leaves.size === 0) return;
  realize([...pass.leaves.values()].map(({ gradient }) => wrap(gradient)));
  for (const { leaf, gradient } of pass.leaves.values()) {
    if (!isLeafNode(leaf) || context.origin.has(leaf)) continue;
    addTo(context.gradients, leaf, gradient);
  }
}

/** Adds a gradient to that of a leaf. A leaf that was updated meanwhile has several nodes, of one holder. */
function addTo(sums: Map<unknown, LeafGradient>, leaf: Node, g: Node): void {
  const key = leaf.box !== null && isLeafNode(leaf) ? leaf.box : leaf, known = sums.get(key);
  sums.set(key, { leaf, gradient: known === undefined ? g : add(known.gradient, g) });
}

/** Waits for all, also where one fails: nothing goes on behind the back of an error. */
async function all(promises: readonly Promise<unknown>[]): Promise<void> {
  const settled = await Promise.allSettled(promises);
  for (const result of settled) if (result.status === "rejected") throw result.reason;
}

function checkNumbers(numbers: readonly unknown[]): void {
  if (!numbers.every(Number.isSafeInteger)) throw new RpcError(`${OP}: a number is missing.`);
}
