/**
 * Faults of the distributed layer, each with a type of its own.
 *
 * @module
 */

/**
 * A call that was not answered within its time. The other side lives and may still run it: it was
 * told to stop, by the signal of {@linkcode currentCall}.
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new distributed.RpcTimeoutError(1, "train", 2);
 * assertEquals([error.rank, error.functionName], [1, "train"]);
 * ```
 */
export class RpcTimeoutError extends Error {
  /** The class name, as it appears in stack traces. */
  override readonly name = "RpcTimeoutError";
  /** Rank that did not answer. */
  readonly rank: number;
  /** What was called there. */
  readonly functionName: string;

  /** An error for a rank, what was called there, and the limit in seconds. */
  constructor(rank: number, functionName: string, seconds: number) {
    super(
      `rank ${rank}, ${functionName}: no answer within ${seconds} s; the call may have run. Give a longer ` +
        "timeout (in seconds; 0 for none) where the work takes longer.",
    );
    this.rank = rank;
    this.functionName = functionName;
  }
}

/**
 * A rank that is gone: its process ended, or it stopped answering. Calls that waited for it may have
 * run there.
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new distributed.WorkerDiedError(3, "the link broke").rank, 3);
 * ```
 */
export class WorkerDiedError extends Error {
  /** The class name, as it appears in stack traces. */
  override readonly name = "WorkerDiedError";
  /** Rank that is gone. */
  readonly rank: number;
  /** How that was noticed. */
  readonly reason: string;

  /** An error for a rank, with the way in which its end was noticed. */
  constructor(rank: number, reason: string) {
    super(`rank ${rank} is gone: ${reason}. Calls that waited for it may have run.`);
    this.rank = rank;
    this.reason = reason;
  }
}

/** What was thrown on another rank. */
export interface Thrown {
  /** Its class name. */
  readonly name: string;
  /** Its message. */
  readonly message: string;
  /** Its stack there. */
  readonly stack?: string;
  /** The error of a further rank that caused it. */
  readonly cause?: unknown;
}

/**
 * An error that was thrown by a function on another rank. Its `cause` is the error of a further rank,
 * where that caused it.
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new distributed.RemoteError(2, "train", { name: "TypeError", message: "no batch" });
 * assertEquals(error.message, "rank 2, train: TypeError: no batch");
 * ```
 */
export class RemoteError extends Error {
  /** The class name, as it appears in stack traces. */
  override readonly name = "RemoteError";
  /** Rank that threw. */
  readonly rank: number;
  /** What was called there. */
  readonly functionName: string;
  /** Class name of what was thrown. */
  readonly remoteName: string;
  /** Message of what was thrown. */
  readonly remoteMessage: string;
  /** Stack there. */
  readonly remoteStack: string;

  /** An error for a rank, what was called there, and what that threw. */
  constructor(rank: number, functionName: string, thrown: Thrown) {
    const { name = "Error", message = "", stack = "", cause } = thrown ?? {};
    // The error of a further rank says itself what it is.
    const text = cause === undefined ? `${name}: ${message}` : message;
    super(`rank ${rank}, ${functionName}: ${text}`, cause === undefined ? undefined : { cause });
    this.rank = rank;
    this.functionName = functionName;
    this.remoteName = name;
    this.remoteMessage = message;
    this.remoteStack = stack;
  }
}

/**
 * What hinders the layer itself: it was not initialised or is shut down, ranks did not come, a peer
 * was refused, a link broke its rules.
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => distributed.barrier(), distributed.RpcError, "not initialised");
 * ```
 */
export class RpcError extends Error {
  /** The class name, as it appears in stack traces. */
  override readonly name = "RpcError";
}
