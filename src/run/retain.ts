/**
 * Which values a run stores besides those that are asked for. A loop that makes its parameters anew
 * (`w = w.sub(g.mul(lr))`) and reads only the loss would compute all steps so far at each iteration:
 * what was computed before on the way to something else, and is needed again, shows such a loop. From
 * then on its runs store what others that wait are made from, as far as they pass it.
 *
 * @module
 */

import type { Node } from "../graph/node.ts";
import { isView } from "../graph/views.ts";
import type { Walk } from "../lower/walk.ts";

/** Most values that one run stores unasked: the first ones, from which the others can be had. */
const MOST = 256;

/** Notes that nodes were computed on the way to others; whether one of them was before. */
export function noteComputed(nodes: readonly Node[]): boolean {
  let again = false;
  for (const node of nodes) {
    if (node.inputs.length === 0) continue;
    if (node.computed) again = true;
    else node.computed = true;
  }
  return again;
}

/** Nodes of a walk, in its order, that others outside of it are made from and are not known yet. */
export function neededElsewhere({ nodes, leaves, scalars }: Walk): Node[] {
  const inside = new Int32Array(nodes.length + leaves.length + scalars.length);
  for (const { inputs } of nodes) for (const x of inputs) inside[x.local]++;
  const wanted = new Uint8Array(inside.length), found: Node[] = [];
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i], { inputs, local } = node;
    if (inputs.length === 0 || wanted[local] === 0 && node.uses <= inside[local]) continue;
    // A view is had from what it shows, results of a tuple one by one.
    if (node.outs !== null || isView(node)) { for (const x of inputs) wanted[x.local] = 1; }
    else found.push(node);
  }
  return found.reverse().slice(0, MOST);
}
