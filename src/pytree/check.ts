/**
 * Checks of arguments.
 *
 * @module
 */

import { TreeDef } from "./treedef.ts";
import type { TreeOptions } from "./types.ts";

/** What a value is, in words. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** Throws a TypeError that names `caller` unless `def` is a structure. */
export function checkDef(caller: string, def: unknown): void {
  if (def instanceof TreeDef) return;
  throw new TypeError(`${caller}(): got ${kindOf(def)} as structure, want a TreeDef`);
}

/** Throws a TypeError that names `caller` unless `fn` is a function. */
export function checkFunction(caller: string, fn: unknown): void {
  if (typeof fn === "function") return;
  throw new TypeError(`${caller}(): got ${kindOf(fn)}, want a function`);
}

/** Throws a TypeError that names `caller` unless these are options of trees. */
export function checkOptions(caller: string, options: TreeOptions): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`${caller}(): got ${kindOf(options)} as options, want an object`);
  }
  for (const name in options) {
    if (name === "noneIsLeaf" || name === "isLeaf") continue;
    throw new TypeError(
      `${caller}(): there is no option ${name}; the options are noneIsLeaf, isLeaf`,
    );
  }
  const { isLeaf } = options;
  if (isLeaf !== undefined) checkFunction(`${caller}: isLeaf`, isLeaf);
}
