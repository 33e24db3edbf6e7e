/**
 * Moves transpositions behind elementwise operations, to where they cost nothing.
 *
 * A product that `func.vmap` folded over a batch gives its result transposed. What follows, a bias and
 * an activation, say, would read it against its order, which takes longer than the operations do. Where
 * all that comes of them is multiplied (a product reads its operands either way), reduced, or turned
 * back, they are computed in the order in which the product lies in memory.
 *
 * @module
 */

import { apply, type Node, withInputs } from "../graph/node.ts";
import { NodeTable, numberNodes, order } from "../graph/order.ts";
import { sameShape, type Shape, sizeOf } from "../graph/shape.ts";
import { dotPrim, swapLast } from "../primitives/matmul.ts";
import { inversePerm, permute, permutePrim, reshape } from "../primitives/movement.ts";
import type { Pass } from "./rebuild.ts";

/** Elements from which on the order matters. */
const LEAST = 1 << 10;

/** How much smaller than a result an operand has to be for turning it to cost nothing. */
const SMALL = 4;

const permOf = (node: Node): Shape => (node as Node<{ perm: Shape }>).attrs.perm;

/** Whether a node is a transposition against the order of memory: the innermost dimension moves. */
function isTurn(node: Node): boolean {
  if (node.prim !== permutePrim || sizeOf(node.shape) < LEAST) return false;
  const perm = permOf(node);
  return perm[perm.length - 1] !== perm.length - 1;
}

/** Whether a node that is not elementwise takes a turned operand as it lies. */
function takes(user: Node, perm: Shape): boolean {
  if (user.prim === dotPrim) return sameShape(perm, swapLast(perm.length));
  if (user.prim === permutePrim) return sameShape(permOf(user), inversePerm(perm));
  return user.prim.program?.kind === "reduce";
}

/** Sinks the transpositions below `outputs`. */
export const sinkPermutes: Pass = (outputs, rebuilder) => {
  const nodes = order(outputs);
  if (!nodes.some(isTurn)) return [...outputs];
  numberNodes(nodes);
  const turned = turnedNodes(nodes);
  const sinks = sinkingNodes(nodes, turned, outputs);
  if (sinks.size === 0) return [...outputs];
  const copies = new NodeTable<Node>(nodes.length);
  for (const node of nodes) {
    const inputs = node.inputs.map((x) => copies.get(x)!);
    const same = inputs.every((x, i) => x === node.inputs[i]);
    const perm = sinks.has(node) ? turned.get(node)! : null;
    const copy = perm !== null ? sunk(node, inputs, perm) : same ? node : withInputs(node, inputs);
    copies.set(node, copy === node ? node : rebuilder.intern(copy));
  }
  return outputs.map((node) => copies.get(node)!);
};

/** Elementwise nodes that could be computed in another order, and transpositions, each with its order. */
function turnedNodes(nodes: readonly Node[]): NodeTable<Shape> {
  const turned = new NodeTable<Shape>(nodes.length);
  for (const node of nodes) {
    if (isTurn(node)) turned.set(node, permOf(node));
    if (node.prim.program?.kind !== "elementwise" || node.outs !== null) continue;
    const whole = node.inputs.filter((x) => sameShape(x.shape, node.shape));
    const perm = whole.map((x) => turned.get(x)).find((p) => p !== undefined);
    if (perm === undefined) continue;
    const fits = (x: Node) => {
      const own = turned.get(x);
      return own !== undefined && sameShape(x.shape, node.shape)
        ? sameShape(own, perm)
        : SMALL * sizeOf(x.shape) <= sizeOf(node.shape);
    };
    if (node.inputs.every(fits)) turned.set(node, perm);
  }
  return turned;
}

/** Those of them all of whose users take the result as it then lies. */
function sinkingNodes(
  nodes: readonly Node[],
  turned: NodeTable<Shape>,
  outputs: readonly Node[],
): Set<Node> {
  const stays = new NodeTable<true>(nodes.length), sinks = new Set<Node>();
  for (const out of outputs) stays.set(out, true);
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i], own = turned.get(node);
    const elementwise = node.prim.program?.kind === "elementwise";
    if (elementwise && own !== undefined && !stays.has(node)) sinks.add(node);
    for (const x of node.inputs) {
      const perm = turned.get(x);
      if (perm === undefined) continue;
      const taken = elementwise
        ? sinks.has(node) && sameShape(x.shape, node.shape)
        : takes(node, perm);
      if (!taken) stays.set(x, true);
    }
  }
  return sinks;
}

/** `node` of operands in the order before they were turned, and then turned. */
function sunk(node: Node, inputs: readonly Node[], perm: Shape): Node {
  const back = inversePerm(perm), rank = perm.length;
  const before = inputs.map((x) => {
    if (x.shape.length === 0) return x;
    // Turning back what was turned leaves what lies below.
    const ones = new Array<number>(rank - x.shape.length).fill(1);
    return permute(reshape(x, [...ones, ...x.shape]), back);
  });
  return permute(apply(node.prim, before, node.attrs), perm);
}
