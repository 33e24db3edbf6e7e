/**
 * Requests of this rank to others: what waits for an answer, until when, and what is asked for again.
 *
 * @module
 */

import { Alarm } from "./alarm.ts";
import type { CallSettings } from "./call_settings.ts";
import { newMessage } from "./contexts.ts";
import { RpcError, RpcTimeoutError } from "./errors.ts";
import type { FaultInjector } from "./faults.ts";
import { type Frame, Kind } from "./frame.ts";
import type { Link } from "./links/link.ts";
import { Sharing } from "./links/sharing.ts";
import { decodeMessage, encodeMessage, noteArrival } from "./message.ts";
import type { Peer, Pending } from "./peer.ts";
import { fromPlain, isPlainError } from "./plain_error.ts";
import { currentScope } from "./scope.ts";

/** How many times the first pause the pause before a request is sent again becomes. */
const LONGEST_PAUSE = 8;

const nowhere = { context: 0, message: 0, peer: 0 };

/** The requests of one rank. */
export class Requests {
  /** Requests that were made. */
  made = 0;
  readonly #rank: number;
  readonly #peers: readonly Peer[];
  readonly #faults: FaultInjector | null;
  readonly #firstPause: number;
  readonly #post: (peer: Peer, chunks: Uint8Array[]) => void;
  readonly #alarm = new Alarm((now) => this.#late(now));
  #whenIdle: (() => void)[] = [];

  /**
   * No requests yet. One that may come twice is sent again after `pause` milliseconds without an answer,
   * then after longer and longer ones.
   */
  constructor(
    rank: number,
    peers: readonly Peer[],
    faults: FaultInjector | null,
    pause: number,
    post: (peer: Peer, chunks: Uint8Array[]) => void,
  ) {
    this.#rank = rank;
    this.#peers = peers;
    this.#faults = faults;
    this.#firstPause = pause;
    this.#post = post;
  }

  /** Asks a rank that is there; resolves with its answer. It may be asked `again`. */
  make(
    peer: Peer,
    kind: number,
    name: string,
    args: readonly unknown[],
    kwargs: Readonly<Record<string, unknown>> | null,
    settings: CallSettings,
    again: boolean,
  ): Promise<unknown> {
    const { seconds, signal, canceller } = settings, { rank } = peer;
    if (signal?.aborted) return Promise.reject(signal.reason);
    // Work of the layer within a pass belongs to no context by itself.
    const scope = currentScope(), now = performance.now();
    const context = kind === Kind.call ? scope.context : settings.context ?? 0;
    const own = seconds > 0 ? now + seconds * 1000 : Infinity;
    const deadline = Math.min(own, scope.deadline), left = deadline - now;
    if (left <= 0) return Promise.reject(new RpcTimeoutError(rank, name, 0));
    const message = context === 0 ? 0 : newMessage(this.#rank);
    const id = peer.lastId = peer.lastId % 0xffff_fffe + 1;
    const named = kwargs !== null && Object.keys(kwargs).length > 0 ? kwargs : null;
    const data = [name, args, named, context, message, left === Infinity ? 0 : left, again];
    const belonging = { context, message, peer: rank };
    const link = peer.links[0], sharing = link === undefined ? null : new Sharing(link);
    let chunks: Uint8Array[];
    try {
      chunks = encodeMessage(name, kind, id, data, belonging, sharing);
    } catch (error) {
      return Promise.reject(error);
    }
    this.made++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    // An arrival ends a use of what it brings, and there may be several.
    if (again) sharing?.hold();
    const pending: Pending = {
      name,
      system: kind !== Kind.call,
      deadline,
      seconds: left / 1000,
      context,
      again: again ? { chunks: chunks.map((chunk) => chunk.slice()), sharing } : null,
      nextTry: again ? now + this.#firstPause : Infinity,
      pause: this.#firstPause,
      resolve,
      reject,
    };
    peer.pending.set(id, pending);
    this.#alarm.at(Math.min(deadline, pending.nextTry));
    this.#send(peer, name, chunks);
    canceller?.add((reason) => this.#giveUp(peer, id, reason));
    if (signal === undefined) return promise;
    const stop = () => this.#giveUp(peer, id, signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    return promise.finally(() => signal.removeEventListener("abort", stop));
  }

  #send(peer: Peer, name: string, chunks: Uint8Array[]): void {
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
    this.#settled(peer, id, pending);
    if (peer.dead === null) {
      this.#post(peer, encodeMessage("cancel", Kind.cancel, id, undefined, nowhere, null));
    }
    pending.reject(error);
  }

  #settled(peer: Peer, id: number, pending: Pending): void {
    peer.pending.delete(id);
    pending.again?.sharing?.release();
    this.#checkIdle();
  }

  /** Fails all that waits for a rank. */
  fail(peer: Peer, error: Error): void {
    for (const pending of peer.takePending()) pending.reject(error);
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#whenIdle.length === 0 || !this.#isIdle()) return;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #isIdle(): boolean {
    return this.#peers.every(({ pending }) => pending.size === 0);
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
      const peer = this.#peers.find((p) => p.pending.size > 0)!;
      const [{ name }] = peer.pending.values();
      throw new RpcTimeoutError(peer.rank, name, Number(seconds.toFixed(3)));
    }
  }

  /** Gives up what is late, and asks again for what may be; when to look again. */
  #late(now: number): number {
    let next = Infinity;
    for (const peer of this.#peers) {
      for (const [id, pending] of peer.pending) {
        const { name, deadline, seconds, again } = pending;
        if (deadline <= now + 0.5) {
          this.#giveUp(peer, id, new RpcTimeoutError(peer.rank, name, Number(seconds.toFixed(3))));
          continue;
        }
        if (pending.nextTry <= now && again !== null) {
          pending.pause = Math.min(2 * pending.pause, LONGEST_PAUSE * this.#firstPause);
          pending.nextTry = now + pending.pause;
          again.sharing?.hold();
          this.#send(peer, name, again.chunks.map((chunk) => chunk.slice()));
        }
        next = Math.min(next, deadline, pending.nextTry);
      }
    }
    return next;
  }

  /** Settles what an answer is for. */
  answered(peer: Peer, link: Link | undefined, frame: Frame): void {
    const pending = peer.pending.get(frame.id);
    // Late: nobody waits for it any more.
    if (pending === undefined) return;
    const { data, tensors } = decodeMessage(frame, link ?? null);
    if (frame.kind === Kind.error) {
      if (!isPlainError(data)) throw new RpcError("message: an error is not one.");
      this.#settled(peer, frame.id, pending);
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
    this.#settled(peer, frame.id, pending);
    pending.resolve(value);
  }

  /** Looks for nothing that is late any more. */
  stop(): void {
    this.#alarm.off();
  }
}
