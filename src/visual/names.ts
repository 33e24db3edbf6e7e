/**
 * Names that a picture shows: of parameters, meta-parameters and states.
 *
 * @module
 */

import type { Node } from "../graph/node.ts";
import { TensorCore } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What `extractStateDict` keeps for pictures: tensors of one moment by their names. */
export interface VisualContents {
  /** Tensors by name, or null where none were kept. */
  readonly visualContents: Readonly<Record<string, Tensor>> | ReadonlyMap<string, Tensor> | null;
}

/** Something with parameters: a module. */
export interface HasParameters {
  /** The parameters with their names. */
  namedParameters(): Iterable<[string, Tensor]>;
}

/**
 * Tensors by name: an object or map of tensors (which may be nested; names are joined with dots), a
 * module, pairs such as `module.namedParameters()`, a state from `extractStateDict` with visual
 * contents, or a list of those. A tensor in a list is named by its place.
 */
export type NamedTensors =
  | Tensor
  | HasParameters
  | VisualContents
  | ReadonlyMap<string, NamedTensors>
  | Iterable<readonly [string, Tensor]>
  | readonly NamedTensors[]
  | { readonly [name: string]: NamedTensors };

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
