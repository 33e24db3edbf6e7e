/**
 * Entering the world and leaving it.
 *
 * @module
 */

import { checkNames } from "../tensor/describe.ts";
import { countContexts } from "./contexts.ts";
import { begin, currentAgent, end, INIT_OPTIONS, secondsOf } from "./session.ts";
import type { WorkerNameFormat } from "./world.ts";

/** Files for TLS. */
export interface TlsFiles {
  /** Certificate, as PEM. */
  readonly cert: string;
  /** Its private key, as PEM. */
  readonly key: string;
  /** Certificates of those who sign certificates of other ranks, as PEM. */
  readonly ca?: string;
}

/** Options of {@linkcode initRpc}. */
export interface InitOptions {
  /** Number of this process (default: by the engine that started it). */
  readonly rank?: number;
  /** Number of processes (default: by the engine). */
  readonly worldSize?: number;
  /** Number of this process on its host (default: by the engine). */
  readonly localRank?: number;
  /** Number of processes on this host (default: by the engine). */
  readonly localWorldSize?: number;
  /** Names processes (default: `worker0` and so on). */
  readonly workerNameFormat?: WorkerNameFormat;
  /** Where ranks meet: `unix:/folder` or `tcp:host:port` (default: by the engine). */
  readonly rendezvous?: string;
  /** Name of the job, the same on all ranks (default: by the engine). */
  readonly job?: string;
  /** Secret of the job (default: the contents of the file that `TORCHOPT_SECRET_FILE` names). */
  readonly secret?: string | Uint8Array;
  /** Encrypts TCP; the texts are PEM. */
  readonly tls?: TlsFiles;
  /** Seconds within which all ranks have to come (default 60). */
  readonly startTimeout?: number;
  /** Seconds that calls wait by default (default 60; 0 for no limit). */
  readonly timeout?: number;
  /**
   * Seconds between signs of life (default 1, and more where more than ten ranks of one host share each
   * core; 0 for none): a rank that misses three is gone.
   */
  readonly heartbeat?: number;
}

/**
 * Enters the world: waits until all ranks have come. From then on they can call each other's
 * registered functions.
 *
 * @param options where an engine started the processes, none are needed
 * @throws {RpcError} where ranks do not come within `startTimeout`, belong to another job, or do not know
 * its secret; where the session is there already
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * await distributed.initRpc(); // a world of one, without an engine
 * const double = distributed.register("double", (x: number) => 2 * x);
 * assertEquals(await distributed.remoteSyncCall(double, { args: [4], partitioner: 0 }), [8]);
 * await distributed.shutdown();
 * ```
 */
export async function initRpc(options: InitOptions = {}): Promise<void> {
  checkNames("initRpc", options, INIT_OPTIONS);
  await begin(options);
}

/** Options of {@linkcode shutdown}. */
export interface ShutdownOptions {
  /** Seconds to wait for the other ranks (default 0: as long as they live). */
  readonly timeout?: number;
}

/**
 * Leaves the world: waits for the answers to this rank's calls, then until all other ranks want to
 * leave as well (their calls are served until then), and closes all links. Does nothing where it was
 * called before, or there is nothing to leave.
 *
 * @param options `timeout`
 * @throws {WorkerDiedError} where a rank went without leaving
 * @throws {RpcTimeoutError} where ranks did not leave within the time; the links are closed all the same
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * await distributed.initRpc();
 * await distributed.shutdown();
 * await distributed.shutdown();
 * assertEquals(distributed.isInitialized(), false);
 * ```
 */
export async function shutdown(options: ShutdownOptions = {}): Promise<void> {
  checkNames("shutdown", options, ["timeout"]);
  await end(secondsOf("shutdown", "timeout", options.timeout, 0));
}

/** What is under way and held on this rank. */
export interface DistributedStats {
  /** Calls that wait for answers. */
  readonly pending: number;
  /** Calls that are being served. */
  readonly running: number;
  /** Calls that were made since the start. */
  readonly made: number;
  /** Calls that were served since the start. */
  readonly served: number;
  /** Links to other ranks. */
  readonly links: number;
  /** Connections that were refused since the start: of strangers, or of ranks that count as gone. */
  readonly refused: number;
  /** Bytes that wait to be written. */
  readonly queuedBytes: number;
  /** Autograd contexts that this rank takes part in. */
  readonly contexts: number;
}

/**
 * What is under way and held on this rank: all zeros when nothing is left.
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const { pending, contexts } = distributed.stats();
 * assertEquals([pending, contexts], [0, 0]);
 * ```
 */
export function stats(): DistributedStats {
  const agent = currentAgent(), links = agent?.peers.flatMap((peer) => peer.links) ?? [];
  const { pending = 0, running = 0, made = 0, served = 0, refused = 0 } = agent ?? {};
  const queuedBytes = links.reduce((n, link) => n + link.queued, 0);
  return {
    pending,
    running,
    made,
    served,
    links: links.length,
    refused,
    queuedBytes,
    contexts: countContexts(),
  };
}

/**
 * Whether this process is in a world: between `initRpc` and the end of `shutdown`.
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(distributed.isInitialized(), false);
 * ```
 */
export function isInitialized(): boolean {
  return currentAgent() !== null;
}
