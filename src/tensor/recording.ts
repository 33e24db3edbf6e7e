/**
 * Whether operations on a tensor are recorded.
 *
 * @module
 */

import { GradientError } from "../graph/errors.ts";
import { isLeafNode } from "../graph/leaf.ts";
import { isFloat, type Node } from "../graph/node.ts";
import { checkBoolean } from "./describe.ts";
import { leafOf } from "./leaf.ts";

/** What is switched: a tensor, whose class is above this file. */
interface Recorded {
  readonly node: Node;
  adopt(node: Node): void;
}

/** Switches recording for a tensor on or off; `op` is what the user wrote. */
export function switchRecording(op: string, tensor: Recorded, flag: unknown): void {
  checkBoolean(op, flag);
  const { node } = tensor;
  if (flag && !isFloat(node.dtype)) {
    throw new GradientError(
      `${op}: got ${node.dtype}; only floating-point tensors have gradients. Convert it first, as ` +
        `in x.to("float32").`,
    );
  }
  if (node.requiresGrad === flag) {
    if (flag && node.box === null && isLeafNode(node)) node.box = { grad: null };
    return;
  }
  if (!flag && !isLeafNode(node)) {
    throw new GradientError(
      `${op}: a tensor with a history cannot be switched off; use detach().`,
    );
  }
  const box = node.box ?? (flag ? { grad: null } : null);
  if (box !== null) box.frozen = !flag;
  tensor.adopt(leafOf(node, box, flag, node.hooks));
}
