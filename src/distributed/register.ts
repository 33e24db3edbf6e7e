/**
 * Functions that other ranks may call.
 *
 * @module
 */

import { checkNames, describe } from "../tensor/describe.ts";
import { add, MAX_NAME, NAME } from "./registry.ts";

/** A function that other ranks may call. */
// deno-lint-ignore no-explicit-any
export type RemoteFunction = (...args: any[]) => unknown;

/** Options of {@linkcode register}. */
export interface RegisterOptions {
  /**
   * Whether the function may run twice for one call (default false). Such a call is repeated where no
   * answer comes.
   */
  readonly idempotent?: boolean;
}

/**
 * Lets other ranks call a function by a name. Every rank has to register the same names, which it does
 * where all run the same program.
 *
 * @param name letters, digits, and `_ $ . / : -` after the first letter; at most 128
 * @param fn the function; it gets tensors and plain data, and returns such, or a promise of it
 * @param options `idempotent`
 * @returns the function
 * @throws {TypeError} where the name cannot be one, or the function is none
 * @throws {RpcError} where another function has the name
 *
 * @example
 * ```ts
 * import { distributed, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const square = distributed.register("square", (x: Tensor) => x.square());
 * assertEquals(square(tensor(3)).item(), 9);
 * ```
 */
export function register<F extends RemoteFunction>(
  name: string,
  fn: F,
  options: RegisterOptions = {},
): F {
  if (typeof name !== "string" || name.length > MAX_NAME || !NAME.test(name)) {
    const got = typeof name === "string" && name.length > MAX_NAME
      ? `a text of ${name.length} characters`
      : describe(name);
    throw new TypeError(
      `register: the name is ${got}, wants letters, digits and _ $ . / : - after the first letter, ` +
        `at most ${MAX_NAME}.`,
    );
  }
  if (typeof fn !== "function") {
    throw new TypeError(`register: the second argument is ${describe(fn)}, wants a function.`);
  }
  checkNames("register", options, ["idempotent"]);
  add(name, fn, options.idempotent ?? false);
  return fn;
}
