/**
 * The walked graph as a graph of its own, which holds no data, simplified.
 *
 * @module
 */

import type { DType } from "../runtime/mod.ts";
import type { Body } from "../graph/body.ts";
import { copyBelow } from "../graph/copy.ts";
import { placeholderNode, scalar } from "../graph/leaf.ts";
import { Node, type Target, withInputs } from "../graph/node.ts";
import { runPasses } from "./passes.ts";
import { Rebuilder } from "./rebuild.ts";
import type { Walk } from "./walk.ts";

/** Place of a number: element `slot` of the packed vector of its type. */
export interface NumberPlace {
  /** Element type. */
  readonly dtype: DType;
  /** Position in the vector. */
  readonly slot: number;
}

/** A graph without data. */
export interface Simplified {
  /** The asked values. */
  readonly results: Node[];
  /** Which of the walk's leaves each leaf stands for. */
  readonly leafIndex: ReadonlyMap<Node, number>;
  /** Place of each of the walk's numbers. */
  readonly places: NumberPlace[];
  /** Place of what stands for each number. */
  readonly slots: ReadonlyMap<Node, NumberPlace>;
  /** How many numbers there are of each type. */
  readonly sizes: ReadonlyMap<DType, number>;
}

/** Copies the walked graph with leaves that hold no memory, simplified, and runs the passes on it. */
export function simplify(walk: Walk, outputs: readonly Node[], target: Target): Simplified {
  const rebuilder = new Rebuilder(target);
  const copies: Node[] = [];
  const leafIndex = new Map<Node, number>(), places: NumberPlace[] = [];
  const slots = new Map<Node, NumberPlace>(), sizes = new Map<DType, number>();
  walk.leaves.forEach((leaf, i) => {
    const copy = rebuilder.leaf(placeholderNode(leaf));
    copies[leaf.local] = copy;
    leafIndex.set(copy, i);
  });
  for (const number of walk.scalars) {
    const copy = rebuilder.leaf(
      new Node(scalar, [], { value: NaN }, 0, [], number.dtype, null, false, 0),
    );
    // Numbers of a type that the target lacks are computed in the next narrower one.
    const narrow = number.dtype === "float64" && !target.has("Add", "float64");
    const dtype = narrow ? "float32" : number.dtype;
    const slot = sizes.get(dtype) ?? 0;
    sizes.set(dtype, slot + 1);
    const place = { dtype, slot };
    copies[number.local] = copy;
    slots.set(copy, place);
    places.push(place);
  }
  for (const node of walk.nodes) {
    const inputs = node.inputs.map((x) => copies[x.local]);
    copies[node.local] = rebuilder.make(withInputs(node, inputs));
  }
  const results = outputs.map((n) => copies[n.local]);
  return { results: runPasses(results, rebuilder, target), leafIndex, places, slots, sizes };
}

/** A simplified copy of a body, and the leaves that stand for its parameters. */
export function simplifyBody(body: Body, target: Target): { results: Node[]; stands: Node[] } {
  const rebuilder = new Rebuilder(target);
  const stands = body.params.map((param) => rebuilder.leaf(placeholderNode(param)));
  const copies = new Map<Node, Node>(body.params.map((param, i) => [param, stands[i]]));
  for (const output of body.outputs) {
    copyBelow(
      output,
      copies,
      (node) => rebuilder.make(withInputs(node, node.inputs.map((x) => copies.get(x)!))),
    );
  }
  const results = body.outputs.map((output) => copies.get(output)!);
  return { results: runPasses(results, rebuilder, target), stands };
}
