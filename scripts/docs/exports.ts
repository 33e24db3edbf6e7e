/**
 * What leads to a value of the package.
 *
 * @module
 */

import * as torchopt from "../../mod.ts";

/** Whether a path such as `nn.Linear` leads to something. */
export function isExported(path: string): boolean {
  let value: unknown = torchopt;
  for (const key of path.split(".")) {
    if (value === null || value === undefined || !(key in Object(value))) return false;
    // An accessor of a prototype is there, and cannot be read without an object.
    if (path.includes(".prototype.") && path.endsWith(`.${key}`)) return true;
    value = (value as Record<string, unknown>)[key];
  }
  return true;
}

/** Names of the main module. */
export const exportedNames: readonly string[] = Object.keys(torchopt);
