/**
 * What a picture of a gradient graph shows: boxes, arrows and frames.
 *
 * @module
 */

import { isView } from "../graph/views.ts";
import type { Node } from "../graph/node.ts";
import { recordOf } from "../graph/record.ts";
import { isLeafNode } from "../graph/leaf.ts";
import type { Stage } from "./stages.ts";

/** Kinds of boxes; each has a colour of its own. */
export type BoxKind = "operation" | "named" | "saved" | "output" | "base";

/** A node of the picture. */
export interface Box {
  /** Identifier in the DOT text. */
  readonly id: string;
  /** What it stands for. */
  readonly kind: BoxKind;
  /** Lines of text. */
  readonly lines: readonly string[];
  /** Step whose frame it stands in; 0 for none. */
  readonly step: number;
}

/** An arrow of the picture. */
export interface Arrow {
  /** Where it starts. */
  readonly from: string;
  /** Where it ends. */
  readonly to: string;
  /** Whether it leads from a tensor to a view of it. */
  readonly view: boolean;
}

/** A picture before it is written down. */
export interface Scene {
  /** Boxes, operands first. */
  readonly boxes: readonly Box[];
  /** Arrows without repetitions. */
  readonly arrows: readonly Arrow[];
}

/** What to show. */
export interface SceneOptions {
  readonly showAttrs: boolean;
  readonly showSaved: boolean;
  readonly maxAttrChars: number;
  readonly fuseSteps: boolean;
}

/** Nodes below `roots` that gradients pass through and `seen` does not hold yet, operands first. */
function below(roots: Iterable<Node>, seen: Set<Node>): Node[] {
  const order: Node[] = [], stack: { node: Node; next: number }[] = [];
  for (const given of roots) {
    const root = recordOf(given);
    if (!root.requiresGrad || seen.has(root)) continue;
    seen.add(root);
    stack.push({ node: root, next: 0 });
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (top.next === top.node.inputs.length) {
        order.push(top.node);
        stack.pop();
        continue;
      }
      const x = recordOf(top.node.inputs[top.next++]);
      if (!x.requiresGrad || seen.has(x)) continue;
      seen.add(x);
      stack.push({ node: x, next: 0 });
    }
  }
  return order;
}

const shapeText = (node: Node) => `(${node.shape.join(", ")})`;

function attrLines(node: Node, limit: number): string[] {
  const shorten = (text: string) => text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
  return Object.entries((node.attrs ?? {}) as Record<string, unknown>)
    .filter(([, value]) => typeof value !== "function")
    .map(([key, value]) => `${key}: ${shorten(JSON.stringify(value) ?? String(value))}`);
}

/** Lays out the graph below `outputs`; `stages` are the named moments in order. */
export function scene(
  outputs: readonly Node[],
  stages: readonly Stage[],
  options: SceneOptions,
): Scene {
  const names = new Map<Node, string>(
    stages.flatMap((stage) => [...stage].map(([node, name]) => [recordOf(node), name] as const)),
  );
  const reached = new Set(below(outputs, new Set()));
  const steps = new Map<Node, number>();
  const seen = new Set<Node>(), order: Node[] = [];
  stages.forEach((stage, step) => {
    for (const node of below([...stage.keys()].map(recordOf).filter((n) => reached.has(n)), seen)) {
      steps.set(node, step);
      order.push(node);
    }
  });
  for (const node of below(outputs, seen)) order.push(node);

  const boxes: Box[] = [], arrows = new Map<string, Arrow>(), ids = new Map<Node, string>();
  const connect = (from: string, to: string, view = false) => {
    if (from !== to) arrows.set(`${from} ${to}`, { from, to, view });
  };
  const add = (kind: BoxKind, lines: string[], step: number): string => {
    const id = `n${boxes.length}`;
    boxes.push({ id, kind, lines, step });
    return id;
  };
  const fused = new Map<number, string>();
  const fusedBox = (step: number) => {
    if (!fused.has(step)) fused.set(step, add("operation", [`step ${step}`], 0));
    return fused.get(step)!;
  };

  for (const node of order) {
    const step = steps.get(node) ?? 0, name = names.get(node), leaf = isLeafNode(node);
    const inStep = options.fuseSteps && step > 0 && !leaf;
    let id: string;
    if (name !== undefined || leaf) {
      id = add("named", [...(name ? [name] : []), shapeText(node)], leaf || inStep ? 0 : step);
      // The step leads to the state that it makes.
      if (inStep) connect(fusedBox(step), id);
    } else if (inStep) id = fusedBox(step);
    else {
      const attrs = options.showAttrs ? attrLines(node, options.maxAttrChars) : [];
      id = add("operation", [node.prim.name, ...attrs], step);
    }
    ids.set(node, id);
    const target = inStep ? fusedBox(step) : id;
    node.inputs.map(recordOf).forEach((x, i) => {
      const from = ids.get(x);
      if (from !== undefined) connect(from, target);
      else if (options.showSaved && x.shape.length > 0 && (node.prim.reads?.(node, i) ?? true)) {
        const saved = ids.get(x) ??
          add("saved", [isLeafNode(x) ? "data" : x.prim.name, shapeText(x)], inStep ? 0 : step);
        ids.set(x, saved);
        connect(saved, target);
      }
    });
  }
  for (const output of outputs) {
    const below = ids.get(recordOf(output));
    const id = add("output", [...(below ? [] : ["(no gradient)"]), shapeText(output)], 0);
    if (below !== undefined) connect(below, id);
    if (isView(output) && output.inputs.length > 0) {
      connect(add("base", [shapeText(output.inputs[0])], 0), id, true);
    }
  }
  return { boxes, arrows: [...arrows.values()] };
}
