/**
 * Errors as plain data, and back.
 *
 * @module
 */

import { RemoteError, RpcTimeoutError, WorkerDiedError } from "./errors.ts";

/** What travels of an error. */
export interface PlainError {
  /** Class name. */
  name: string;
  /** Message. */
  message: string;
  /** Stack. */
  stack: string;
  /** Rank and function of an error of this layer. */
  rank?: number;
  /** See {@linkcode RemoteError.functionName}. */
  functionName?: string;
  /** See {@linkcode RemoteError.remoteName}. */
  remoteName?: string;
  /** Reason of a death. */
  reason?: string;
  /** The error that caused it. */
  cause?: PlainError;
}

const MAX_TEXT = 16_384, MAX_HOPS = 16;

const cut = (text: unknown): string => {
  const whole = String(text);
  return whole.length <= MAX_TEXT ? whole : `${whole.slice(0, MAX_TEXT)} ... (cut)`;
};

/** An error as plain data. */
export function toPlain(error: unknown, hops = MAX_HOPS): PlainError {
  if (!(error instanceof Error)) return { name: "Error", message: cut(error), stack: "" };
  const plain: PlainError = {
    name: cut(error.name),
    message: cut(error.message),
    stack: cut(error.stack ?? ""),
  };
  if (error instanceof RemoteError) {
    plain.rank = error.rank;
    plain.functionName = error.functionName;
    plain.remoteName = error.remoteName;
    plain.stack = error.remoteStack;
    plain.message = error.remoteMessage;
  } else if (error instanceof WorkerDiedError) {
    plain.rank = error.rank;
    plain.reason = cut(error.reason);
  } else if (error instanceof RpcTimeoutError) {
    plain.rank = error.rank;
    plain.functionName = error.functionName;
  }
  if (error.cause !== undefined && hops > 0) plain.cause = toPlain(error.cause, hops - 1);
  return plain;
}

/** Whether an error says itself which rank it is about. */
function isOfLayer(error: unknown): error is RemoteError | WorkerDiedError | RpcTimeoutError {
  return error instanceof RemoteError || error instanceof WorkerDiedError ||
    error instanceof RpcTimeoutError;
}

/** The error that plain data describe, as it was thrown there. */
function revive(plain: PlainError): Error {
  const cause = plain.cause === undefined ? undefined : revive(plain.cause);
  if (plain.name === "RemoteError" && typeof plain.rank === "number") {
    const { message, stack } = plain, name = String(plain.remoteName);
    return new RemoteError(plain.rank, String(plain.functionName), { name, message, stack, cause });
  }
  if (plain.name === "WorkerDiedError" && typeof plain.rank === "number") {
    return new WorkerDiedError(plain.rank, String(plain.reason));
  }
  const error = new Error(plain.message, cause === undefined ? undefined : { cause });
  error.name = plain.name;
  error.stack = plain.stack;
  return error;
}

/** The error of a call to `rank`, whose answer was an error. */
export function fromPlain(rank: number, functionName: string, plain: PlainError): RemoteError {
  const thrown = revive(plain);
  // An error of a further rank is the cause of this one; others are this one.
  const cause = isOfLayer(thrown) ? thrown : thrown.cause;
  const { name, stack } = plain;
  return new RemoteError(rank, functionName, { name, message: thrown.message, stack, cause });
}

/** Whether data that arrived describe an error. */
export function isPlainError(x: unknown, hops = MAX_HOPS): x is PlainError {
  if (typeof x !== "object" || x === null) return false;
  const { name, message, stack, cause } = x as Record<string, unknown>;
  return typeof name === "string" && typeof message === "string" && typeof stack === "string" &&
    (cause === undefined || cause === null || hops > 0 && isPlainError(cause, hops - 1));
}
