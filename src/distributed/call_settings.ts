/**
 * How calls are made, and what their messages say.
 *
 * @module
 */

/** How a call is made. */
export interface CallSettings {
  /** Seconds to wait; 0 for no limit. */
  readonly seconds: number;
  /** Stops waiting when it is aborted. */
  readonly signal?: AbortSignal;
  /** Stops waiting when it is told to. */
  readonly canceller?: Canceller;
  /** Autograd context of a call within the layer. */
  readonly context?: number;
}

/** Gives up calls: an AbortController costs as much as a small call. */
export class Canceller {
  #stops: ((reason: Error) => void)[] = [];

  /** Adds a call. */
  add(stop: (reason: Error) => void): void {
    this.#stops.push(stop);
  }

  /** Gives up all of them. */
  cancel(reason: Error): void {
    for (const stop of this.#stops.splice(0)) stop(reason);
  }
}

/** `[name, args, kwargs, context, message, milliseconds left, may come again]`. */
type CallData = [
  string,
  unknown[],
  Record<string, unknown> | null,
  number,
  number,
  number,
  boolean,
];

/** Whether data that arrived are those of a call. */
export function isCallData(data: unknown): data is CallData {
  if (!Array.isArray(data) || data.length !== 7) return false;
  const [name, args, kwargs, context, message, left, again] = data;
  return typeof name === "string" && Array.isArray(args) &&
    (kwargs === null || typeof kwargs === "object" && !Array.isArray(kwargs)) &&
    Number.isSafeInteger(context) && Number.isSafeInteger(message) && typeof left === "number" &&
    typeof again === "boolean";
}
