/**
 * What belongs to the code that runs now: the call that it serves, its deadline, its context.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";

/** A call that is being served. */
export class Running {
  /** Rank that called. */
  readonly caller: number;
  /** Whether the layer itself called. */
  readonly system: boolean;
  #controller: AbortController | null = null;
  #reason: Error | null = null;

  /** A call by `caller`. */
  constructor(caller: number, system: boolean) {
    this.caller = caller;
    this.system = system;
  }

  /** Aborted when the caller does not wait any more. Made when it is asked for. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#reason !== null) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Tells the function that nobody waits for it. */
  abort(reason: Error): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}

/** What belongs to code, over its awaits. */
export interface Scope {
  /** Number of the autograd context; 0 for none. */
  readonly context: number;
  /** When callers stop waiting, in milliseconds of `performance.now()`. */
  readonly deadline: number;
  /** The call that is served; null outside of one. */
  readonly running: Running | null;
}

const storage = new AsyncLocalStorage<Scope>();

const OUTSIDE: Scope = { context: 0, deadline: Infinity, running: null };

/** The scope of the code that runs. */
export function currentScope(): Scope {
  return storage.getStore() ?? OUTSIDE;
}

/** Runs a function, and what it awaits, in a scope. */
export function within<T>(scope: Scope, fn: () => T): T {
  return storage.run(scope, fn);
}
