/**
 * Names that a picture shows: of parameters, meta-parameters and states.
 *
 * @module
 */

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
