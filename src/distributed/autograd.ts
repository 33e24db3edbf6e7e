/**
 * Gradients through calls: what a function on another rank computed is differentiated there.
 *
 * Within a context, each call remembers which tensors went where. A backward pass goes back along
 * these calls and leaves each leaf's gradient on its own rank.
 *
 * @module
 */

import { DTypeError, GradientError } from "../graph/errors.ts";
import { constantNode, isLeafNode } from "../graph/leaf.ts";
import { isFloat, type Node, withGrad } from "../graph/node.ts";
import { showShape } from "../graph/shape.ts";
import { expand } from "../primitives/movement.ts";
import { wrap } from "../tensor/core.ts";
import { checkNames, describe } from "../tensor/describe.ts";
import { checkTensor } from "../tensor/promotion.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Context, contextOf, joinContext, type LeafGradient, newId } from "./contexts.ts";
import { RpcError } from "./errors.ts";
import { currentScope, within } from "./scope.ts";
import { currentSession, secondsOf } from "./session.ts";

/** Options of {@linkcode backward}. */
export interface DistBackwardOptions {
  /** Keep the graph for another pass (default: the value of `createGraph`). */
  readonly retainGraph?: boolean;
  /** Record the gradients on all ranks, so that they can be differentiated (default false). */
  readonly createGraph?: boolean;
  /** Accumulate into the `grad` of these tensors only (default: of every leaf on this rank). */
  readonly inputs?: Tensor | readonly Tensor[] | null;
  /** Seconds to wait (default: that of `initRpc`; 0 for no limit). */
  readonly timeout?: number;
}

/** Options of {@linkcode grad}. */
export interface DistGradOptions {
  /** Accepted for familiarity: `grad` never uses graphs up. */
  readonly retainGraph?: boolean;
  /** Record the gradients on all ranks, so that they can be differentiated (default false). */
  readonly createGraph?: boolean;
  /** Whether an input that the outputs do not depend on gives null instead of an error. */
  readonly allowUnused?: boolean;
  /** Seconds to wait (default: that of `initRpc`; 0 for no limit). */
  readonly timeout?: number;
}

/**
 * Whether distributed autograd is there: always.
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(distributed.autograd.isAvailable(), true);
 * ```
 */
export function isAvailable(): boolean {
  return true;
}

/**
 * Runs a function in a new context: its calls to other ranks, and theirs, are recorded for backward
 * passes. When the function is done, also by an error, all ranks forget the context; that is waited for.
 *
 * @param fn gets the number of the context
 * @returns what the function returns
 * @throws {RpcError} within another context, or where the layer is not initialised
 *
 * @example
 * ```ts
 * import { distributed, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * await distributed.initRpc();
 * const cube = distributed.register("cube", (x: Tensor) => x.pow(3));
 * const x = tensor(2, { requiresGrad: true });
 * const slope = await distributed.autograd.context(async (contextId) => {
 *   const args = [x], partitioner = 0;
 *   const [y] = await distributed.remoteSyncCall<Tensor[]>(cube, { args, partitioner });
 *   await distributed.autograd.backward(contextId, y);
 *   return distributed.autograd.getGradients(contextId).get(x)!.item();
 * });
 * assertEquals(slope, 12);
 * await distributed.shutdown();
 * ```
 */
export async function context<T>(fn: (contextId: number) => T | Promise<T>): Promise<T> {
  const op = "context";
  if (typeof fn !== "function") {
    throw new TypeError(`${op}: the argument is ${describe(fn)}, wants a function.`);
  }
  const { agent, passes } = currentSession(op), scope = currentScope();
  if (scope.context !== 0) {
    throw new RpcError(
      `${op}: this is within context ${scope.context} already; use that one, or leave it first.`,
    );
  }
  const id = newId(agent.rank);
  joinContext(id);
  try {
    return await within({ ...scope, context: id }, () => fn(id));
  } finally {
    await passes.end(id);
  }
}

/** Gradients by tensor: any handle on a leaf finds that leaf's gradient. */
class GradientMap extends Map<Tensor, Tensor> {
  readonly #byLeaf = new Map<unknown, Tensor>();

  constructor(gradients: Iterable<LeafGradient>) {
    super();
    for (const { leaf, gradient } of gradients) {
      const g = wrap(gradient);
      this.#byLeaf.set(leaf.box ?? leaf, g);
      super.set(wrap(leaf), g);
    }
  }

  override get(x: Tensor): Tensor | undefined {
    const { rawNode } = x;
    return this.#byLeaf.get(rawNode.box ?? rawNode);
  }

  override has(x: Tensor): boolean {
    return this.get(x) !== undefined;
  }
}

function checkId(op: string, contextId: unknown): asserts contextId is number {
  if (typeof contextId === "number") return;
  throw new TypeError(
    `${op}: the context is ${describe(contextId)}, wants the number that context() gives.`,
  );
}

/**
 * The gradients that backward passes left on this rank: of its leaves, whichever rank began the pass.
 *
 * @param contextId number of the context
 * @returns gradients by tensor
 * @throws {RpcError} where there is no such context on this rank
 *
 * @example
 * ```ts
 * import { distributed, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * await distributed.initRpc();
 * await distributed.autograd.context(async (contextId) => {
 *   const a = tensor([1, 2], { requiresGrad: true }), b = tensor([3, 4], { requiresGrad: true });
 *   await distributed.autograd.backward(contextId, [a.mul(b).sum()]);
 *   const gradients = distributed.autograd.getGradients(contextId);
 *   assertEquals([gradients.size, gradients.get(a)!.toArray()], [2, [3, 4]]);
 *   assertEquals(a.grad!.toArray(), [3, 4]);
 * });
 * await distributed.shutdown();
 * ```
 */
export function getGradients(contextId: number): Map<Tensor, Tensor> {
  checkId("getGradients", contextId);
  return new GradientMap(contextOf("getGradients", contextId).gradients.values());
}

function listOf(op: string, name: string, x: unknown): readonly Tensor[] {
  const list = Array.isArray(x) ? x : [x];
  list.forEach((y, i) => checkTensor(op, Array.isArray(x) ? `${name}[${i}]` : name, y));
  return list;
}

/** Ones for the roots of a pass. */
function seedsOf(op: string, context: Context, roots: readonly Tensor[]): Node[] {
  if (roots.length === 0) throw new RangeError(`${op}: there are no tensors, wants at least one.`);
  return roots.map((root) => {
    const { node } = root;
    if (!isFloat(node.dtype)) {
      throw new DTypeError(`${op}: a root is ${node.dtype}; only floating point has gradients.`);
    }
    if (!node.requiresGrad) {
      throw new GradientError(
        `${op}: a root (shape ${
          showShape(node.shape)
        }) does not depend on any tensor that requires a ` +
          "gradient. Calls record only within context().",
      );
    }
    if (root.size !== 1) {
      throw new GradientError(
        `${op}: a root has shape ${
          showShape(node.shape)
        }, wants one element; reduce it (sum(), mean()).`,
      );
    }
    if (isLeafNode(node) && !context.origin.has(node)) {
      throw new GradientError(`${op}: a root is a leaf; there is nothing to go back through.`);
    }
    if (node.spent) {
      throw new GradientError(
        `${op}: this graph was already used by a backward() call. Pass retainGraph: true to the first ` +
          "call to use it again.",
      );
    }
    return expand(constantNode(1, node.dtype), node.shape);
  });
}

/**
 * Goes back from `tensors` over all ranks that took part in them. Each leaf's gradient is added to those
 * of the context on the leaf's rank (see {@linkcode getGradients}), and on this rank to the leaf's `grad`
 * as well.
 *
 * @param contextId number of the context
 * @param tensors one root or several, of one element each
 * @param options `retainGraph`, `createGraph`, `inputs`, `timeout`
 * @throws {RpcError} where there is no such context
 * @throws {GradientError} where a root does not depend on a tensor that requires a gradient, has more than
 * one element, or is a leaf
 * @throws {RemoteError} where a rank fails; gradients of the pass are incomplete then
 *
 * @example
 * ```ts
 * import { distributed, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * await distributed.initRpc();
 * const x = tensor(3, { requiresGrad: true });
 * await distributed.autograd.context(async (contextId) => {
 *   await distributed.autograd.backward(contextId, x.square());
 * });
 * assertEquals(x.grad!.item(), 6);
 * await distributed.shutdown();
 * ```
 */
export async function backward(
  contextId: number,
  tensors: Tensor | readonly Tensor[],
  options: DistBackwardOptions = {},
): Promise<void> {
  const op = "distributed.autograd.backward";
  checkId(op, contextId);
  checkNames(op, options, ["retainGraph", "createGraph", "inputs", "timeout"]);
  const roots = listOf(op, "tensors", tensors), { createGraph = false } = options;
  const inputs = options.inputs === undefined || options.inputs === null
    ? null
    : listOf(op, "inputs", options.inputs);
  if (inputs?.length === 0) throw new RangeError(`${op}: inputs cannot be empty; leave it out.`);
  checkInputs(op, inputs ?? []);
  const own = contextOf(op, contextId), { passes, timeout } = currentSession(op);
  const seeds = seedsOf(op, own, roots), nodes = roots.map((x) => x.node);
  const seconds = secondsOf(op, "timeout", options.timeout, timeout);
  const chosen = inputs?.map((x) => x.node) ?? [];
  const found = await passes.run(own, nodes, seeds, {
    createGraph,
    seconds,
    inputs: chosen.filter((node) => !isLeafNode(node)),
  });
  if (!(options.retainGraph ?? createGraph)) { for (const node of nodes) node.spent = true; }
  const keys = inputs === null ? null : new Set(chosen.map((node) => node.box ?? node));
  for (const { leaf, gradient } of found.values()) {
    if (keys !== null && !keys.has(leaf.box ?? leaf) || leaf.box?.frozen) continue;
    const x = wrap(leaf), { grad: old } = x, g = wrap(gradient);
    x.grad = old === null ? g : withGrad(createGraph, () => old.add(g));
  }
}

function checkInputs(op: string, inputs: readonly Tensor[]): void {
  inputs.forEach((x, i) => {
    if (x.requiresGrad) return;
    throw new GradientError(
      `${op}: input ${i} (shape ${showShape(x.shape)}) does not require a gradient; call ` +
        "requiresGrad_() on it before the computation.",
    );
  });
}

/**
 * Gradients of the sum of `outputs` with respect to `inputs` on this rank, over all ranks that took part.
 * Nothing is accumulated in `grad`; the context gets the gradients of leaves as in
 * {@linkcode backward}.
 *
 * @param contextId number of the context
 * @param outputs one tensor or several, of one element each
 * @param inputs tensors of this rank that the outputs depend on, leaves or not
 * @param options `retainGraph`, `createGraph`, `allowUnused`, `timeout`
 * @returns one gradient for each input; null for an unused one
 * @throws {GradientError} an input that the outputs do not depend on, without `allowUnused`
 *
 * @example
 * ```ts
 * import { distributed, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * await distributed.initRpc();
 * const sine = distributed.register("sine", (x: Tensor) => x.sin());
 * const x = tensor(0, { requiresGrad: true });
 * await distributed.autograd.context(async (contextId) => {
 *   const [y] = await distributed.remoteSyncCall<Tensor[]>(sine, { args: [x], partitioner: 0 });
 *   const [g] = await distributed.autograd.grad(contextId, y, x);
 *   assertEquals([g!.item(), x.grad], [1, null]);
 * });
 * await distributed.shutdown();
 * ```
 */
export async function grad(
  contextId: number,
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: DistGradOptions = {},
): Promise<(Tensor | null)[]> {
  const op = "distributed.autograd.grad";
  checkId(op, contextId);
  checkNames(op, options, ["retainGraph", "createGraph", "allowUnused", "timeout"]);
  const roots = listOf(op, "outputs", outputs), ins = listOf(op, "inputs", inputs);
  const { createGraph = false, allowUnused = false } = options;
  if (ins.length === 0) throw new RangeError(`${op}: inputs cannot be empty.`);
  checkInputs(op, ins);
  const own = contextOf(op, contextId), { passes, timeout } = currentSession(op);
  const seeds = seedsOf(op, own, roots), nodes = ins.map((x) => x.node);
  const found = await passes.run(own, roots.map((x) => x.node), seeds, {
    createGraph,
    seconds: secondsOf(op, "timeout", options.timeout, timeout),
    inputs: nodes.filter((node) => !isLeafNode(node) || own.origin.has(node)),
  });
  return nodes.map((node, i) => {
    const known = found.get(node.box !== null && isLeafNode(node) ? node.box : node);
    if (known !== undefined) return wrap(known.gradient);
    if (allowUnused) return null;
    throw new GradientError(
      `${op}: the outputs do not depend on input ${i} (shape ${showShape(node.shape)}). Pass ` +
        "allowUnused: true to get null for it.",
    );
  });
}

/**
 * What this rank knows of a context, to look at.
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * await distributed.initRpc();
 * await distributed.autograd.context((contextId) => {
 *   const known = new distributed.autograd.DistAutogradContext(contextId);
 *   assertEquals([known.knownRanks, known.sent], [[], 0]);
 * });
 * await distributed.shutdown();
 * ```
 */
export class DistAutogradContext {
  /** Number of the context, the same on all ranks. */
  readonly id: number;

  /**
   * A look at a context.
   *
   * @throws {RpcError} where there is no such context on this rank
   */
  constructor(contextId: number) {
    checkId("DistAutogradContext", contextId);
    contextOf("DistAutogradContext", contextId);
    this.id = contextId;
  }

  /** Ranks that this one exchanged messages with in the context, in order. */
  get knownRanks(): number[] {
    return [...contextOf("DistAutogradContext", this.id).known].sort((a, b) => a - b);
  }

  /** Number of messages with tensors that require gradients that were sent. */
  get sent(): number {
    return contextOf("DistAutogradContext", this.id).sent.size;
  }

  /** Number of such messages that were received. */
  get received(): number {
    return contextOf("DistAutogradContext", this.id).received.size;
  }

  /** Number of backward passes under way. */
  get passes(): number {
    return contextOf("DistAutogradContext", this.id).passes.size;
  }
}
