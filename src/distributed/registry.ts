/**
 * Functions by name: what a call may ask for. Code never travels; every rank runs the same program.
 *
 * @module
 */

import { describe } from "../tensor/describe.ts";
import { RpcError } from "./errors.ts";
import type { RemoteFunction } from "./register.ts";

interface Entry {
  readonly fn: RemoteFunction;
  readonly idempotent: boolean;
}

/** Most characters of a name. */
export const MAX_NAME = 128;

/** What a name is made of. */
export const NAME = /^[\p{L}_$][\p{L}\p{N}_$./:-]*$/u;

const byName = new Map<string, Entry>();
const names = new WeakMap<RemoteFunction, string>();

/** Gives a function a name; an error where another one has it. */
export function add(name: string, fn: RemoteFunction, idempotent: boolean): void {
  const known = byName.get(name);
  if (known !== undefined && known.fn !== fn) {
    throw new RpcError(
      `register: another function is named ${
        JSON.stringify(name)
      } already; give this one another ` +
        `name, as in register("${name}2", fn), and make each function once, outside of loops.`,
    );
  }
  byName.set(name, { fn, idempotent });
  names.set(fn, name);
}

/** Lets a function that wraps a registered one stand for it. */
export function standFor(wrapped: RemoteFunction, name: string): void {
  names.set(wrapped, name);
}

/** The registered name of a function, or a name as it is. */
export function nameOf(op: string, fn: unknown): string {
  if (typeof fn === "string") return fn;
  if (typeof fn !== "function") {
    throw new TypeError(`${op}: the function is ${describe(fn)}, wants a function or its name.`);
  }
  const name = names.get(fn as RemoteFunction);
  if (name !== undefined) return name;
  const own = NAME.test(fn.name) ? fn.name : "name";
  throw new RpcError(
    `${op}: ${
      fn.name === "" ? "an anonymous function" : `function ${fn.name}`
    } is not registered; ` +
      `functions travel by name. Write register(${
        JSON.stringify(own)
      }, fn) on every rank, at the top ` +
      "of the program.",
  );
}

/** The registered function of a name; undefined where there is none. */
export function lookUp(name: string): Entry | undefined {
  return byName.get(name);
}

/** Registered names, sorted. */
export function registeredNames(): string[] {
  return [...byName.keys()].sort();
}
