/**
 * Values in words, and checks of objects of options, for messages.
 *
 * @module
 */

import { Node } from "../graph/node.ts";
import { showShape } from "../graph/shape.ts";

/** A value in words, for messages. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  // The class of tensors is above this file.
  const { rawNode } = value as { rawNode?: unknown };
  if (rawNode instanceof Node) return `a tensor of shape ${showShape(rawNode.shape)}`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (typeof value !== "object") return String(value);
  if (isModule(value)) return `the module ${value.constructor.name}`;
  const keys = Object.keys(value);
  return keys.length === 0 ? "an empty object" : `an object with ${keys.slice(0, 8).join(", ")}`;
}

/** Whether a value lists parameters, as modules do; their class is above this file. */
function isModule(value: object): boolean {
  return typeof (value as { namedParameters?: unknown }).namedParameters === "function";
}

/**
 * What an iterable of parameters holds. A TypeError names `op` and `wants` for all else, for a tensor,
 * and for a module, which may be an iterable of modules.
 */
export function parameterList(op: string, params: unknown, wants: string): unknown[] {
  const known = typeof params === "object" && params !== null;
  const module = known && isModule(params);
  if (known && !module && Symbol.iterator in params) return [...params as Iterable<unknown>];
  const way = module ? "pass its parameters()" : "put a single tensor into an array";
  throw new TypeError(`${op}: params is ${describe(params)}, wants ${wants}; ${way}.`);
}

/** Throws a TypeError that names `op` unless options are an object. */
export function checkObject(op: string, options: unknown): void {
  if (typeof options === "object" && options !== null && !Array.isArray(options)) return;
  throw new TypeError(
    `${op}: the options are ${describe(options)}, wants an object of options by name.`,
  );
}

/**
 * Throws unless options are an object with no other names than these: `adam(0.1)` and
 * `{ weight_decay: 0.1 }` would else train with the defaults, since Deno does not check types when it
 * runs a program.
 */
export function checkNames(op: string, options: object, names: readonly string[]): void {
  checkObject(op, options);
  for (const name in options) {
    if (names.includes(name) || (options as Record<string, unknown>)[name] === undefined) continue;
    throw new TypeError(
      `${op}: there is no option ${name}; the options are ${names.join(", ")}.`,
    );
  }
}

/** Functions that return before they are done, by the tag that JavaScript gives them. */
const UNFINISHED: ReadonlyMap<unknown, string> = new Map([
  ["AsyncFunction", "an async function"],
  ["GeneratorFunction", "a generator"],
  ["AsyncGeneratorFunction", "an async generator"],
]);

/**
 * Throws a TypeError that names `op` unless a value is a function that is done when it returns: what
 * an async one does after its first `await` would be neither recorded nor switched.
 */
export function checkFunction(op: string, value: unknown, name = "the argument"): void {
  if (typeof value !== "function") {
    throw new TypeError(`${op}: ${name} is ${describe(value)}, wants a function.`);
  }
  const tag = (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
  if (tag === undefined || !UNFINISHED.has(tag)) return;
  throw new TypeError(
    `${op}: ${name} is ${
      UNFINISHED.get(tag)
    }, wants a function that is done when it returns; await ` +
      `outside of it, as in \`await y.dataAsync()\` on its result.`,
  );
}

/** Throws a TypeError that names `op` unless a value is a number. */
export function checkNumber(op: string, name: string, value: unknown): asserts value is number {
  if (typeof value === "number") return;
  throw new TypeError(`${op}: ${name} is ${describe(value)}, wants a number.`);
}

/** Throws a TypeError that names `op` unless a value is true or false. */
export function checkBoolean(op: string, value: unknown): asserts value is boolean {
  if (typeof value === "boolean") return;
  throw new TypeError(`${op}: got ${describe(value)}, wants true or false.`);
}

/** Throws a TypeError that names `op` unless a value is an array. */
export function checkArray(
  op: string,
  name: string,
  value: unknown,
  wants = "an array of numbers",
): asserts value is readonly unknown[] {
  if (Array.isArray(value)) return;
  throw new TypeError(`${op}: ${name} is ${describe(value)}, wants ${wants}.`);
}
