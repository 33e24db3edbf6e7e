/**
 * The agent of a rank: calls to other ranks, calls by them, and who is gone.
 *
 * @module
 */

import { Alarm } from "./alarm.ts";
import type { CallSettings } from "./call_settings.ts";
import { newMessage } from "./contexts.ts";
import { RpcError, RpcTimeoutError, WorkerDiedError } from "./errors.ts";
import type { FaultInjector } from "./faults.ts";
import { type Frame, Kind, parseChunks } from "./frame.ts";
import type { Link } from "./links/link.ts";
import { MAX_QUEUED } from "./links/link.ts";
import { decodeMessage, encodeMessage, noteArrival } from "./message.ts";
import { Peer, type Pending } from "./peer.ts";
import { fromPlain, isPlainError } from "./plain_error.ts";
import { lookUp } from "./registry.ts";
import { currentScope } from "./scope.ts";
import { Service, type SystemHandler } from "./service.ts";

/** Makes links to other ranks. */
export interface Connector {
  /** A link to a rank, and the start of its process. */
  connect(rank: number): Promise<{ link: Link; incarnation: string }>;
}

/** How many times the first pause the pause before a request is sent again becomes. */
const LONGEST_PAUSE = 8;

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
  /** Calls that were made. */
  made = 0;
  /** Connections that were refused. */
  refused = 0;
  readonly #connector: Connector | null;
  readonly #faults: FaultInjector | null;
  #closed: Error | null = null;
  readonly #whenIdle: (() => void)[] = [];
  readonly #alarm = new Alarm((now) => this.#late(now));
  readonly #firstPause: number;
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
    this.#firstPause = faults?.pause ?? pause;
    this.#connector = connector;
    this.#faults = faults;
    this.peers = Array.from({ length: size }, (_, r) => new Peer(r));
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
    const again = lookUp(name)?.idempotent ?? false;
    return this.#request(rank, Kind.call, name, args, kwargs, settings, again);
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
    return this.#request(rank, Kind.system, name, args, null, settings, true);
  }

  /** Tells a rank something; there is no answer. */
  tell(rank: number, name: string, args: readonly unknown[]): void {
    const peer = this.peers[rank];
    if (peer.dead !== null || this.#closed !== null) return;
    const data = [name, args, null, 0, 0, 0, false];
    const belonging = { context: 0, message: 0, peer: rank };
    this.#post(peer, encodeMessage(name, Kind.note, 0, data, belonging, null));
  }

  #request(
    rank: number,
    kind: number,
    name: string,
    args: readonly unknown[],
    kwargs: Readonly<Record<string, unknown>> | null,
    settings: CallSettings,
    again: boolean,
  ): Promise<unknown> {
    const peer = this.peers[rank], { seconds, signal, canceller } = settings;
    const gone = this.#closed ?? peer.dead;
    if (gone !== null) return Promise.reject(gone);
    if (signal?.aborted) return Promise.reject(signal.reason);
    // Work of the layer within a pass belongs to no context by itself.
    const scope = currentScope(), now = performance.now();
    const context = kind === Kind.call ? scope.context : settings.context ?? 0;
    const own = seconds > 0 ? now + seconds * 1000 : Infinity;
    const deadline = Math.min(own, scope.deadline), left = deadline - now;
    if (left <= 0) {
      return Promise.reject(new RpcTimeoutError(rank, name, 0));
    }
    const message = context === 0 ? 0 : newMessage(this.rank);
    const id = peer.lastId = peer.lastId % 0xffff_fffe + 1;
    const named = kwargs !== null && Object.keys(kwargs).length > 0 ? kwargs : null;
    const data = [name, args, named, context, message, left === Infinity ? 0 : left, again];
    const belonging = { context, message, peer: rank };
    // What is sent twice may not lie in memory that the first arrival gives back.
    const link = again ? null : peer.links[0] ?? null;
    let chunks: Uint8Array[];
    try {
      chunks = encodeMessage(name, kind, id, data, belonging, link);
    } catch (error) {
      return Promise.reject(error);
    }
    this.made++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const pending: Pending = {
      name,
      system: kind !== Kind.call,
      deadline,
      seconds: left / 1000,
      context,
      again: again ? chunks.map((chunk) => chunk.slice()) : null,
      nextTry: again ? now + this.#firstPause : Infinity,
      pause: this.#firstPause,
      resolve,
      reject,
    };
    peer.pending.set(id, pending);
    this.#alarm.at(Math.min(deadline, pending.nextTry));
    this.#postRequest(peer, name, chunks);
    canceller?.add((reason) => this.#giveUp(peer, id, reason));
    if (signal === undefined) return promise;
    const stop = () => this.#giveUp(peer, id, signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    return promise.finally(() => signal.removeEventListener("abort", stop));
  }

  #postRequest(peer: Peer, name: string, chunks: Uint8Array[]): void {
    const faults = this.#faults?.of(name);
    if (faults === undefined) return this.#post(peer, chunks);
    if (this.#faults!.happens(faults.request)) return;
    if (faults.delay === 0) this.#post(peer, chunks);
    else setTimeout(() => this.#post(peer, chunks), faults.delay);
  }

  /** Stops waiting for a call, and tells the other side. */
  #giveUp(peer: Peer, id: number, error: Error): void {
    const pending = peer.pending.get(id);
    if (pending === undefined) return;
    this.#settled(peer, id);
    if (peer.dead === null) {
      this.#post(peer, encodeMessage("cancel", Kind.cancel, id, undefined, nowhere, null));
    }
    pending.reject(error);
  }

  #settled(peer: Peer, id: number): void {
    peer.pending.delete(id);
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#whenIdle.length === 0 || !this.#isIdle()) return;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #isIdle(): boolean {
    return this.peers.every(({ pending }) => pending.size === 0);
  }

  /** Resolves when no call waits for an answer; rejects after so many seconds (0: never). */
  async idle(seconds: number): Promise<void> {
    const limit = seconds > 0 ? performance.now() + seconds * 1000 : Infinity;
    while (!this.#isIdle()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#whenIdle.push(resolve);
      const timer = seconds > 0 ? setTimeout(resolve, limit - performance.now()) : undefined;
      await promise;
      clearTimeout(timer);
      if (this.#isIdle() || performance.now() < limit) continue;
      const peer = this.peers.find((p) => p.pending.size > 0)!;
      const [{ name: functionName }] = peer.pending.values();
      throw new RpcTimeoutError(peer.rank, functionName, Number(seconds.toFixed(3)));
    }
  }

  /** Gives up what is late, and asks again for what may be; when to look again. */
  #late(now: number): number {
    let next = Infinity;
    for (const peer of this.peers) {
      for (const [id, pending] of peer.pending) {
        if (pending.deadline <= now + 0.5) {
          const { name: functionName, seconds } = pending;
          this.#giveUp(
            peer,
            id,
            new RpcTimeoutError(peer.rank, functionName, Number(seconds.toFixed(3))),
          );
          continue;
        }
        if (pending.nextTry <= now && pending.again !== null) {
          pending.pause = Math.min(2 * pending.pause, LONGEST_PAUSE * this.#firstPause);
          pending.nextTry = now + pending.pause;
          this.#postRequest(peer, pending.name, pending.again.map((chunk) => chunk.slice()));
        }
        next = Math.min(next, pending.deadline, pending.nextTry);
      }
    }
    return next;
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
    for (const pending of peer.takePending()) pending.reject(error);
    this.#checkIdle();
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
    this.#alarm.off();
    for (const peer of this.peers) {
      for (const pending of peer.takePending()) pending.reject(error);
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
    else if (kind === Kind.result || kind === Kind.error) this.#answered(peer, link, frame);
    else this.#service.serve(peer, link, frame);
  }

  #answered(peer: Peer, link: Link | undefined, frame: Frame): void {
    const pending = peer.pending.get(frame.id);
    // Late: nobody waits for it any more.
    if (pending === undefined) return;
    const { data, tensors } = decodeMessage(frame, link ?? null);
    if (frame.kind === Kind.error) {
      if (!isPlainError(data)) throw new RpcError("message: an error is not one.");
      this.#settled(peer, frame.id);
      return pending.reject(fromPlain(peer.rank, pending.name, data));
    }
    let value = data;
    if (pending.context !== 0) {
      if (!Array.isArray(data) || !Number.isSafeInteger(data[0])) {
        throw new RpcError("message: a result is not one.");
      }
      const [message, result] = data as [number, unknown];
      noteArrival(tensors, { context: pending.context, message, peer: peer.rank });
      value = result;
    }
    this.#settled(peer, frame.id);
    pending.resolve(value);
  }
}

const nowhere = { context: 0, message: 0, peer: 0 };
