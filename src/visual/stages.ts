/**
 * The moments that a picture shows, with the names of their tensors.
 *
 * @module
 */

import type { Node } from "../graph/node.ts";
import { TensorCore } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { HasParameters, NamedTensors } from "./names.ts";

/** Names of one moment, in order. */
export type Stage = ReadonlyMap<Node, string>;

function hasParameters(value: object): value is HasParameters {
  return typeof (value as Partial<HasParameters>).namedParameters === "function";
}

/** Whether a value is a name with a tensor. */
function isPair(value: unknown): value is [string, Tensor] {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === "string" &&
    value[1] instanceof TensorCore;
}

function collect(value: unknown, prefix: string, into: Map<Node, string>): void {
  if (value === null || value === undefined) return;
  if (value instanceof TensorCore) {
    into.set((value as Tensor).node, prefix);
    return;
  }
  if (typeof value !== "object") {
    throw new TypeError(
      `makeDot: params holds ${typeof value} "${value}" at "${prefix}", wants tensors by name, ` +
        `modules, states with visual contents, or lists of those.`,
    );
  }
  const at = (name: string | number) => prefix === "" ? String(name) : `${prefix}.${name}`;
  if ("visualContents" in value) return collect(value.visualContents, prefix, into);
  if (isPair(value)) return collect(value[1], at(value[0]), into);
  if (Array.isArray(value)) {
    // A place in a list names a tensor, but not what has names itself.
    value.forEach((x, i) => collect(x, x instanceof TensorCore ? at(i) : prefix, into));
    return;
  }
  const entries: Iterable<[string, unknown]> = value instanceof Map
    ? value.entries()
    : hasParameters(value)
    ? value.namedParameters()
    : Object.entries(value);
  for (const [name, x] of entries) collect(x, at(name), into);
}

/** The moments that `params` names: one for each entry of a list, otherwise a single one. */
export function stagesOf(params: NamedTensors | null | undefined): Stage[] {
  if (params === undefined || params === null) return [];
  // Maps and some modules have iterators, and names of their own.
  const many = typeof params === "object" && Symbol.iterator in params &&
    !(params instanceof Map) && !hasParameters(params);
  const list: unknown[] = many ? [...params as Iterable<unknown>] : [params];
  const stages = list.some(isPair) ? [list] : list;
  return stages.map((entry) => {
    const stage = new Map<Node, string>();
    collect(entry, "", stage);
    return stage;
  });
}
