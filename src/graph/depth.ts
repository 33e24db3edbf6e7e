/**
 * How far a value is from what is known.
 *
 * @module
 */

import { nextEpoch, type Node } from "./node.ts";

/**
 * Whether more than `limit` nodes one above the other have to be computed for a node. What its depth
 * says may be too much by now, since nodes below were computed after it was built: it is measured anew.
 */
export function isDeep(node: Node, limit: number): boolean {
  if (node.storage !== null || node.depth <= limit) return false;
  const epoch = nextEpoch(), stack = [node], cursor = [0];
  while (stack.length > 0) {
    const top = stack.length - 1, above = stack[top];
    if (cursor[top] < above.inputs.length) {
      const x = above.inputs[cursor[top]++];
      if (x.storage !== null || x.mark === epoch) continue;
      x.mark = epoch;
      stack.push(x);
      cursor.push(0);
      continue;
    }
    let depth = 0;
    for (const x of above.inputs) if (x.storage === null) depth = Math.max(depth, x.depth + 1);
    above.depth = depth;
    stack.pop();
    cursor.pop();
  }
  return node.depth > limit;
}
