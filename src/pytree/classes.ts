/**
 * The classes that are registered.
 *
 * @module
 */

import type { NodeHandler } from "./registry.ts";

/** A class with its handler. */
export interface RegisteredClass {
  readonly name: string;
  readonly handler: NodeHandler<unknown>;
}

/** Registered classes by their prototype. */
export const classes = new Map<object, RegisteredClass>();

/** The registered class with this prototype. */
export function classOf(prototype: object): RegisteredClass | undefined {
  return classes.get(prototype);
}
