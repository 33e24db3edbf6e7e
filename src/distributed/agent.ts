/**
 * The agent of a rank: calls to other ranks, calls by them, and who is gone.
 *
 * @module
 */

import type { CallSettings } from "./call_settings.ts";
import { RpcError, WorkerDiedError } from "./errors.ts";
import type { FaultInjector } from "./faults.ts";
import { type Frame, Kind, parseChunks } from "./frame.ts";
import type { Link } from "./links/link.ts";
import { MAX_QUEUED } from "./links/link.ts";
import { encodeMessage } from "./message.ts";
import { Peer } from "./peer.ts";
import { lookUp } from "./registry.ts";
import { Requests } from "./requests.ts";
import { Service, type SystemHandler } from "./service.ts";

/** Makes links to other ranks. */
export interface Connector {
  /** A link to a rank, and the start of its process. */
  connect(rank: number): Promise<{ link: Link; incarnation: string }>;
}

const abandoned = new RpcError("The caller does not wait for this call any more.");

/** One rank's part in the world. */
export class Agent {
  /** Number of this rank. */
  readonly rank: number;
  /** Number of ranks. */
  readonly size: number;
  /** All ranks, this one too. */
  readonly peers: readonly Peer[];
  /** Told of each rank that is gone. */
  readonly onDeath: ((rank: number, error: Error) => void)[] = [];
  /** Connections that were refused. */
  refused = 0;
  readonly #connector: Connector | null;
  #closed: Error | null = null;
  readonly #requests: Requests;
  readonly #service: Service;

  /**
   * An agent without links. A request that may come twice is sent again after `pause` milliseconds without
   * an answer, then after longer and longer ones.
   */
  constructor(
    rank: number,
    size: number,
    connector: Connector | null,
    faults: FaultInjector | null = null,
    pause = 1000,
  ) {
    this.rank = rank;
    this.size = size;
    this.#connector = connector;
    this.peers = Array.from({ length: size }, (_, r) => new Peer(r));
    this.#requests = new Requests(
      rank,
      this.peers,
      faults,
      faults?.pause ?? pause,
      (peer, chunks) => this.#post(peer, chunks),
    );
    this.#service = new Service(
      rank,
      faults,
      (peer, chunks, link) => this.#post(peer, chunks, link),
    );
  }

  /** What calls within the layer are answered by. */
  get system(): Map<string, SystemHandler> {
    return this.#service.system;
  }

  /** Calls that were made. */
  get made(): number {
    return this.#requests.made;
  }

  /** Calls that were served. */
  get served(): number {
    return this.#service.served;
  }

  /** Serves calls from now on, those first that came before. */
  open(): void {
    this.#service.open();
  }

  /** Calls of registered functions that wait for answers. */
  get pending(): number {
    let n = 0;
    for (const peer of this.peers) for (const { system } of peer.pending.values()) if (!system) n++;
    return n;
  }

  /** Whether ranks wait here for others to come: at a barrier, say, or to leave. */
  get isMeeting(): boolean {
    for (const peer of this.peers) {
      for (const { system } of peer.running.values()) if (system) return true;
    }
    return false;
  }

  /** Calls of registered functions that are being served. */
  get running(): number {
    let n = 0;
    for (const peer of this.peers) for (const { system } of peer.running.values()) if (!system) n++;
    return n;
  }

  /** Calls a registered function of a rank. */
  call(
    rank: number,
    name: string,
    args: readonly unknown[],
    kwargs: Readonly<Record<string, unknown>>,
    settings: CallSettings,
  ): Promise<unknown> {
    const gone = this.#gone(rank), again = lookUp(name)?.idempotent ?? false;
    if (gone !== null) return Promise.reject(gone);
    return this.#requests.make(this.peers[rank], Kind.call, name, args, kwargs, settings, again);
  }

  /**
   * Calls a function of the layer on a rank. The request is repeated until it is answered; the other
   * side runs it once.
   */
  ask(
    rank: number,
    name: string,
    args: readonly unknown[],
    settings: CallSettings,
  ): Promise<unknown> {
    const gone = this.#gone(rank);
    if (gone !== null) return Promise.reject(gone);
    return this.#requests.make(this.peers[rank], Kind.system, name, args, null, settings, true);
  }

  /** Tells a rank something; there is no answer. */
  tell(rank: number, name: string, args: readonly unknown[]): void {
    if (this.#gone(rank) !== null) return;
    const peer = this.peers[rank], data = [name, args, null, 0, 0, 0, false];
    const belonging = { context: 0, message: 0, peer: rank };
    this.#post(peer, encodeMessage(name, Kind.note, 0, data, belonging, null));
  }

  /** Why a rank cannot be called; null where it can. */
  #gone(rank: number): Error | null {
    return this.#closed ?? this.peers[rank].dead;
  }

  /** Resolves when no call waits for an answer; rejects after so many seconds (0: never). */
  idle(seconds: number): Promise<void> {
    return this.#requests.idle(seconds);
  }

  /** Begins to use a link to a rank. */
  attach(rank: number, link: Link, incarnation: string): void {
    const peer = this.peers[rank];
    peer.links.push(link);
    peer.incarnation = incarnation;
    link.open({
      frame: (frame) => this.#arrived(peer, link, frame),
      closed: (reason) => this.#linkClosed(peer, link, reason),
    });
    if (peer.links[0] === link) this.#flush(peer);
  }

  #flush(peer: Peer): void {
    const waiting = peer.waiting;
    peer.waiting = [];
    for (const chunks of waiting) peer.links[0].send(chunks);
  }

  #post(peer: Peer, chunks: Uint8Array[], link: Link | undefined = peer.links[0]): void {
    if (this.#closed !== null) return;
    if (peer.rank === this.rank) return this.#loop(peer, chunks);
    if (link !== undefined) return link.send(chunks);
    peer.waiting.push(chunks);
    peer.opening ??= this.#open(peer);
  }

  async #open(peer: Peer): Promise<void> {
    try {
      const { link, incarnation } = await this.#connector!.connect(peer.rank);
      if (this.#closed !== null || peer.dead !== null) {
        return link.close("it is not needed any more");
      }
      this.attach(peer.rank, link, incarnation);
    } catch (error) {
      this.died(peer.rank, `it cannot be reached: ${(error as Error).message}`);
    } finally {
      peer.opening = null;
    }
  }

  /** Waits while too much is to be written to a rank; null where it is not. */
  drained(rank: number): Promise<void> | null {
    const link = this.peers[rank].links[0];
    return link !== undefined && link.queued > MAX_QUEUED ? link.drained() : null;
  }

  #linkClosed(peer: Peer, link: Link, reason: string): void {
    const at = peer.links.indexOf(link);
    if (at >= 0) peer.links.splice(at, 1);
    if (this.#closed !== null) return;
    if (!peer.left) this.died(peer.rank, reason);
    else if (peer.links.length === 0) this.died(peer.rank, "it has shut down");
  }

  /** Notes that a rank is gone, and settles all that waits for it. */
  died(rank: number, reason: string): void {
    const peer = this.peers[rank];
    if (peer.dead !== null || rank === this.rank || this.#closed !== null) return;
    const error = peer.dead = new WorkerDiedError(rank, reason);
    peer.waiting = [];
    this.#requests.fail(peer, error);
    for (const running of peer.running.values()) running.abort(error);
    for (const link of [...peer.links]) link.close(reason);
    for (const told of this.onDeath) told(rank, error);
  }

  /** Says good-bye on all links. */
  sayBye(): void {
    for (const peer of this.peers) {
      for (const link of peer.links) {
        link.send(encodeMessage("bye", Kind.bye, 0, undefined, nowhere, null));
      }
    }
  }

  /** Closes all links; what waits fails with `error`. */
  close(error: Error): void {
    if (this.#closed !== null) return;
    this.#closed = error;
    this.#service.stop();
    this.#requests.stop();
    for (const peer of this.peers) {
      this.#requests.fail(peer, error);
      for (const running of peer.running.values()) running.abort(error);
      for (const link of [...peer.links]) link.close("this rank has shut down");
    }
  }

  /** A message of this rank to itself: what is sent is copied, as for all others. */
  #loop(peer: Peer, chunks: Uint8Array[]): void {
    queueMicrotask(() => {
      if (this.#closed !== null) return;
      this.#arrived(peer, undefined, parseChunks(chunks));
    });
  }

  #arrived(peer: Peer, link: Link | undefined, frame: Frame): void {
    const { kind, id } = frame;
    if (kind === Kind.bye) peer.left = true;
    else if (kind === Kind.cancel) peer.running.get(id)?.abort(abandoned);
    else if (kind === Kind.result || kind === Kind.error) {
      this.#requests.answered(peer, link, frame);
    } else this.#service.serve(peer, link, frame);
  }
}

const nowhere = { context: 0, message: 0, peer: 0 };
