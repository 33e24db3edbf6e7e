/**
 * Trading time for memory in the backward pass.
 *
 * @module
 */

import { GradientError } from "../graph/errors.ts";
import { isLeafNode } from "../graph/leaf.ts";
import { isGradEnabled, type Node, withGrad } from "../graph/node.ts";
import { showShape } from "../graph/shape.ts";
import { barrier, optimizationBarrier } from "../primitives/barrier.ts";
import { custom } from "../primitives/custom.ts";
import { alias } from "../primitives/movement.ts";
import { type PyTree, treeFlatten, treeUnflatten } from "../pytree/mod.ts";
import { wrap } from "../tensor/core.ts";
import { checkFunction } from "../tensor/describe.ts";
import { holdUpdate } from "../tensor/pending.ts";
import { Tensor } from "../tensor/tensor.ts";
import { GraphCopy, standIn, type Within } from "../graph/copy.ts";
import { FunctionTrace, type Read } from "./function_trace.ts";
import { sweep } from "../primitives/reverse.ts";

type Tree = PyTree<unknown>;

/** What stands for a value with a history: no leaf, so that it may be changed in place. */
function inner(stand: Node): Node {
  const node = alias(stand);
  node.requiresGrad = stand.requiresGrad;
  return node;
}

/** Everything from outside has a stand-in, so that the graph can be copied onto other values. */
class CheckpointTrace extends FunctionTrace {
  protected override standFor(before: Node): Node {
    const stand = standIn(before);
    return before.requiresGrad && !isLeafNode(before) ? inner(stand) : stand;
  }
}

/** The node to wait for: one that has to be computed, where there is one. */
function latest(gs: readonly (Node | null)[]): Node {
  const given = gs.filter((g) => g !== null);
  return given.find((g) => g.inputs.length > 0) ?? given[0];
}

/** Gradients of the recorded outputs with respect to what was read, recomputed from there. */
function backward(
  trace: FunctionTrace,
  outputs: readonly Node[],
  reads: readonly Read[],
  gs: readonly (Node | null)[],
): (Node | null)[] {
  const wanted = outputs.map((_, i) => i).filter((i) => gs[i] !== null);
  const seeds = wanted.map((i) => standIn(gs[i]!));
  const targets = new Set(reads.map(({ stand }) => stand).filter((s) => s.requiresGrad));
  const within: Within = (fn) => {
    const { result, reads } = trace.run(fn);
    return { result, replacements: reads.map(({ before, stand }) => [stand, before]) };
  };
  const { result: { cotangents }, replacements } = within(() =>
    sweep(wanted.map((i) => outputs[i]), seeds, targets)
  );
  const after = latest(gs);
  const copy = new GraphCopy([
    ...replacements,
    ...reads.map(({ before, stand }) => [stand, barrier(before, after)] as const),
    ...seeds.map((seed, k) => [seed, gs[wanted[k]]!] as const),
  ], isGradEnabled() ? within : null);
  const found = reads.filter(({ stand }) => cotangents.has(stand));
  // The call before this one waits for all gradients of this one: otherwise those that are wanted at
  // the end only might be computed there, and keep what they are computed from.
  const grads = optimizationBarrier(found.map(({ stand }) => copy.of(cotangents.get(stand)!)));
  return reads.map((read) => grads[found.indexOf(read)] ?? null);
}

/** A tensor that the function changed in place, and its value inside at the end. */
interface Change {
  readonly tensor: Tensor;
  readonly node: Node;
}

function refuseLeaf({ shape }: Tensor): never {
  throw new GradientError(
    `checkpoint: an argument of shape ${showShape(shape)}, a leaf that requires a gradient, is ` +
      `changed in place, and gradients would not reach it. Change it before the call.`,
  );
}

/** Lets a change in place take effect outside of the function. */
function change(tensor: Tensor, value: Node): void {
  const before = tensor.node, leaf = before.requiresGrad && isLeafNode(before);
  if (value.requiresGrad && !leaf) tensor.setNode(value);
  else {
    withGrad(false, () => {
      if (tensor.place?.lie) tensor.setNode(value);
      else tensor.assign("checkpoint", value);
    });
  }
  holdUpdate(tensor, before, false);
}

/**
 * Makes a function whose intermediate values are not kept for the backward pass but computed again in
 * it: memory for one call at a time instead of all, for at most one more forward pass (Chen et al.,
 * Training Deep Nets with Sublinear Memory Cost, 2016). Results and gradients, of every order, are
 * those of `fn`.
 *
 * Gradients flow to the arguments and to tensors that `fn` reads from its surroundings, such as a
 * module's parameters. Random numbers are the same in both passes. As in `compile()`, `fn` cannot
 * read values; tensors that it makes leave it as its result only, and it must not call `backward()`.
 * What it changes in place, arguments too, changes once.
 *
 * @param fn a function of trees of tensors (other leaves are passed on) that returns such a tree
 * @returns the function, with the same arguments and results
 *
 * @example
 * ```ts
 * import { autograd, checkpoint, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = checkpoint((x) => x.mul(x).add(1));
 * const x = tensor(2, { requiresGrad: true });
 * const [g] = autograd.grad(layer(layer(x)), [x]);
 * assertEquals(g!.item(), 40);
 * ```
 */
export function checkpoint<R, A extends unknown[] = Tensor[]>(
  fn: (...args: A) => R,
): (...args: A) => R {
  checkFunction("checkpoint", fn);
  return (...args) => {
    if (!isGradEnabled()) return fn(...args);
    const { leaves, def } = treeFlatten(args as Tree);
    const given = leaves.map((x): Read | null => {
      if (!(x instanceof Tensor)) return null;
      const before = x.node;
      return { before, stand: standIn(before) };
    });
    const trace = new CheckpointTrace("checkpoint()");
    const { result, reads: closure, written } = trace.run(() => {
      // What has a history outside has one inside: it may be changed in place.
      const inside = leaves.map((x, i) => {
        const read = given[i];
        if (read === null) return x;
        return wrap((x as Tensor).isLeaf ? read.stand : inner(read.stand));
      });
      const before = inside.map((x) => x instanceof Tensor ? x.rawNode : null);
      const output = fn(...treeUnflatten(def, inside) as A);
      const { leaves: outputs, def: outDef } = treeFlatten(output as Tree);
      const nodes = outputs.map((x) => x instanceof Tensor ? x.node : null);
      const changed = inside.flatMap((x, i): Change[] => {
        if (given[i] === null || (x as Tensor).rawNode === before[i]) return [];
        const tensor = leaves[i] as Tensor;
        if (tensor.requiresGrad && tensor.isLeaf) refuseLeaf(tensor);
        return [{ tensor, node: (x as Tensor).rawNode }];
      });
      return { outputs, outDef, nodes, changed };
    });
    const { outputs, outDef, nodes, changed } = result;
    for (const { handle, node } of written) changed.push({ tensor: handle as Tensor, node });
    const reads = [...given.filter((r) => r !== null), ...closure];
    const forward = new GraphCopy(reads.map(({ before, stand }) => [stand, before]), null);
    const own = changed.map((c) => c.node).filter((n) => !isLeafNode(n));
    const recorded = [...new Set([...nodes, ...own])]
      .filter((n): n is Node => n !== null && n.requiresGrad);
    const linked = new Map<Node, Node>();
    if (recorded.length > 0) {
      const values = recorded.map((n) => forward.of(n));
      const results = custom(
        values,
        reads.map(({ before }) => before),
        (gs) => backward(trace, recorded, reads, gs),
      );
      recorded.forEach((n, i) => {
        results[i].keep = n.keep;
        linked.set(n, results[i]);
      });
    }
    // What the function changed in place (running statistics) changes once.
    for (const { tensor, node } of changed) change(tensor, linked.get(node) ?? forward.of(node));
    const results = outputs.map((x, i) => {
      const node = nodes[i];
      return node === null ? x : wrap(linked.get(node) ?? forward.of(node));
    });
    return treeUnflatten(outDef, results) as R;
  };
}
