/**
 * What derivatives and batches of loops and choices do with bodies.
 *
 * @module
 */

import { type Body, type BodyRead, BodyReads, type Surroundings } from "../graph/body.ts";
import { copyBelow } from "../graph/copy.ts";
import { constantNode, parameterNode } from "../graph/leaf.ts";
import { type Aval, isFloat, type Node, withGrad } from "../graph/node.ts";
import { BatchCopy, isBatched } from "./batching.ts";
import { alias, expand } from "./movement.ts";
import { carryingForward, sweep } from "./reverse.ts";

/** Nodes of a body that derivatives reach from some of its parameters. */
function above(body: Body, sources: ReadonlySet<Node>): (node: Node) => boolean {
  const known = new Map<Node, boolean>(body.params.map((x) => [x, sources.has(x)]));
  return (root) =>
    copyBelow(
      root,
      known,
      ({ requiresGrad, inputs }) => requiresGrad && inputs.some((x) => known.get(x)!),
    );
}

/**
 * Carries of a loop through which derivatives flow: those that depend on `sources` (parameters that
 * need a gradient), and on which `sinks` (results that have one) depend.
 */
export function livingCarries(
  body: Body,
  carries: number,
  sources: ReadonlySet<Node>,
  sinks: { readonly carries: readonly boolean[]; readonly others: readonly Node[] },
): boolean[] {
  const params = body.params.slice(0, carries), next = body.outputs.slice(0, carries);
  const moving = new Set(sources);
  for (let size = -1; size !== moving.size;) {
    size = moving.size;
    const depends = above(body, moving);
    next.forEach((x, i) => depends(x) && moving.add(params[i]));
  }
  const reads = new BodyReads(body.params, (node) => node.requiresGrad);
  const wanted = [...sinks.carries], open = next.filter((_, i) => wanted[i]);
  reads.add(sinks.others);
  do {
    reads.add(open.splice(0));
    params.forEach((x, i) => {
      if (wanted[i] || !reads.found.has(x)) return;
      wanted[i] = true;
      open.push(next[i]);
    });
  } while (open.length > 0);
  return params.map((x, i) => isFloat(x.dtype) && moving.has(x) && wanted[i]);
}

/** What a rule that ran among the surroundings of a body gave, and what it read there. */
export interface Derived<T> {
  readonly result: T;
  /** For each leaf that stands for a node of the surroundings, that node. */
  readonly outside: Map<Node, Node>;
}

function derive<T>(surroundings: Surroundings, fn: () => T): Derived<T> {
  const { result, reads } = surroundings.run(fn);
  return { result, outside: outsideOf(reads) };
}

function outsideOf(reads: readonly BodyRead[]): Map<Node, Node> {
  return new Map(reads.map(({ stand, before }) => [stand, before]));
}

/** Cotangents of the parameters in `wanted`, given those of some outputs. */
export function pullbackBody(
  { surroundings }: Body,
  outputs: readonly Node[],
  seeds: readonly Node[],
  wanted: readonly Node[],
): Derived<ReadonlyMap<Node, Node>> {
  const targets = new Set(wanted);
  return derive(surroundings, () => sweep(outputs, seeds, targets, targets).cotangents);
}

/** Directions of some outputs, given those of parameters; null where an output does not depend on them. */
export function pushforwardBody(
  { surroundings }: Body,
  outputs: readonly Node[],
  tangents: ReadonlyMap<Node, Node>,
): Derived<(Node | null)[]> {
  return derive(surroundings, () => {
    const targets = new Set(tangents.keys());
    return outputs.map((output) => {
      if (!output.requiresGrad) return null;
      // The pullback is linear: differentiated, it carries directions forward.
      const { dummy, back } = withGrad(true, () => {
        // Zeros: the rule of a solver looks at its cotangent, to say whether it found its product.
        const dummy = alias(zerosOf(output));
        dummy.requiresGrad = true;
        const pull = () => sweep([output], [dummy], targets, targets).cotangents;
        return { dummy, back: carryingForward(pull) };
      });
      const used = [...tangents].filter(([param]) => back.get(param)?.requiresGrad);
      if (used.length === 0) return null;
      const found = sweep(
        used.map(([param]) => back.get(param)!),
        used.map(([, tangent]) => tangent),
        new Set([dummy]),
        new Set([dummy]),
      );
      return found.cotangents.get(dummy) ?? null;
    });
  });
}

/** A body on batches of some of its parameters. */
export interface Batched {
  /** The parameters: with the batch in front where it was asked for. */
  readonly params: Node[];
  readonly outputs: Node[];
  /** Which outputs differ by example. */
  readonly batched: boolean[];
  readonly outside: Map<Node, Node>;
}

/** Copies a body onto a batch of examples. */
export function batchBody(body: Body, which: readonly boolean[], size: number): Batched {
  const params = body.params.map(({ shape, dtype }, i) =>
    parameterNode({ shape: which[i] ? [size, ...shape] : shape, dtype })
  );
  const copy = batchOnto(body, params, size);
  const outputs = body.outputs.map((x) => copy.of(x));
  const batched = outputs.map((x, i) => isBatched(body.outputs[i], x));
  return { params, outputs, batched, outside: outsideOf(copy.reads) };
}

/** Copies of a body's nodes on operands of the caller's choice, some of them batches. */
export function batchOnto(body: Body, operands: readonly Node[], size: number): BatchCopy {
  return new BatchCopy(size, body.surroundings, body.params.map((x, i) => [x, operands[i]]));
}

/** Zeros of a shape and a type. */
export function zerosOf({ shape, dtype }: Aval): Node {
  return expand(constantNode(0, dtype), shape);
}
