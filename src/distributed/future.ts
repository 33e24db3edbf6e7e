/**
 * Futures: promises of calls that can be given up.
 *
 * @module
 */

import type { Canceller } from "./call_settings.ts";

/** A promise that tells whether it is settled. */
export class PendingFuture<T> extends Promise<T> {
  #done = false;
  #canceller: Canceller | null = null;

  /** Promises made of it are plain ones. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /** A future for a promise; the canceller gives up what it stands for. */
  static of<T>(promise: Promise<T>, canceller: Canceller): PendingFuture<T> {
    const future = new PendingFuture<T>((resolve, reject) => {
      promise.then((value) => {
        future.#done = true;
        resolve(value);
      }, (error) => {
        future.#done = true;
        reject(error);
      });
    });
    future.#canceller = canceller;
    return future;
  }

  /** Whether the result, or an error, is there. */
  get done(): boolean {
    return this.#done;
  }

  /** Waits no longer. */
  cancel(reason: Error = new DOMException("The call was cancelled.", "AbortError")): void {
    this.#canceller?.cancel(reason);
  }
}
