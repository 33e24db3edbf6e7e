/**
 * Serving calls: functions run, answers are sent.
 *
 * @module
 */

import { isCallData } from "./call_settings.ts";
import { newMessage } from "./contexts.ts";
import { RpcError } from "./errors.ts";
import type { FaultInjector } from "./faults.ts";
import { type Frame, Kind } from "./frame.ts";
import type { Link } from "./links/link.ts";
import { Sharing } from "./links/sharing.ts";
import { decodeMessage, encodeMessage, noteArrival } from "./message.ts";
import type { Peer } from "./peer.ts";
import { toPlain } from "./plain_error.ts";
import type { RemoteFunction } from "./register.ts";
import { lookUp, registeredNames } from "./registry.ts";
import { Running, type Scope, within } from "./scope.ts";

/** What a call within the layer is answered by. */
export type SystemHandler = (from: number, ...args: unknown[]) => unknown;

/** Sends an answer: on the link of the request, where that is known. */
type Post = (peer: Peer, chunks: Uint8Array[], link?: Link) => void;

/** Serves the calls that arrive at a rank. */
export class Service {
  /** What calls within the layer are answered by. */
  readonly system = new Map<string, SystemHandler>();
  /** Calls that were served. */
  served = 0;
  readonly #rank: number;
  readonly #faults: FaultInjector | null;
  readonly #post: Post;
  #early: (() => void)[] | null = [];
  #stopped = false;

  /** The service of a rank, whose answers go out by `post`. */
  constructor(rank: number, faults: FaultInjector | null, post: Post) {
    this.#rank = rank;
    this.#faults = faults;
    this.#post = post;
  }

  /** Sends no more answers. */
  stop(): void {
    this.#stopped = true;
  }

  /** Runs what a frame asks for. */
  serve(peer: Peer, link: Link | undefined, frame: Frame): void {
    const { data, tensors } = decodeMessage(frame, link ?? null);
    if (!isCallData(data)) throw new RpcError("message: a call is not one.");
    const [name, args, kwargs, context, message, left, again] = data, { id, kind } = frame;
    if (again) {
      if (peer.running.has(id)) return;
      const known = peer.answer(id);
      if (known !== undefined) return this.#reply(peer, link, name, known);
    }
    noteArrival(tensors, { context, message, peer: peer.rank });
    const deadline = left > 0 ? performance.now() + left : Infinity;
    const running = new Running(peer.rank, kind !== Kind.call),
      scope: Scope = { context, deadline, running };
    if (kind !== Kind.note) peer.running.set(id, running);
    this.served++;
    const done = (value: unknown, error?: unknown) => {
      if (kind === Kind.note) return;
      peer.running.delete(id);
      if (peer.dead !== null || this.#stopped) return;
      // What is kept, to be sent twice, may not lie in memory that the first arrival gives back.
      const sharing = again || link === undefined ? null : new Sharing(link);
      const chunks = this.#answerTo(peer, sharing, id, name, context, value, error);
      if (again) peer.keepAnswer(id, chunks);
      this.#reply(peer, link, name, chunks);
    };
    const failed = (error: unknown) => done(undefined, error ?? new Error("nothing was thrown"));
    const start = () => {
      let result: unknown;
      try {
        result = within(scope, () => this.#run(peer.rank, kind, name, args, kwargs));
      } catch (error) {
        return failed(error);
      }
      if (isThenable(result)) result.then((value) => done(value), failed);
      else done(result);
    };
    // Others may have met before this rank knows that they have.
    if (this.#early === null || kind !== Kind.call) start();
    else this.#early.push(start);
  }

  /** Serves calls from now on, those first that came before. */
  open(): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const start of early) start();
  }

  #run(
    from: number,
    kind: number,
    name: string,
    args: unknown[],
    kwargs: Record<string, unknown> | null,
  ): unknown {
    const faults = this.#faults?.of(name);
    if (faults !== undefined && this.#faults!.happens(faults.running)) {
      throw new RpcError(`${name}: a fault on purpose.`);
    }
    if (kind !== Kind.call) {
      const handler = this.system.get(name);
      if (handler === undefined) throw new RpcError(`${name}: this rank is not ready for it.`);
      return handler(from, ...args);
    }
    const fn: RemoteFunction | undefined = lookUp(name)?.fn;
    if (fn === undefined) {
      const known = registeredNames();
      throw new RpcError(
        `no function is registered as ${JSON.stringify(name)} on rank ${this.#rank}; there ` +
          (known.length === 0
            ? "is none at all"
            : `are ${known.slice(0, 20).join(", ")}${known.length > 20 ? ", ..." : ""}`) +
          ". All ranks have to run the same program, and to register at its top.",
      );
    }
    return kwargs === null ? fn(...args) : fn(...args, kwargs);
  }

  #answerTo(
    peer: Peer,
    sharing: Sharing | null,
    id: number,
    name: string,
    context: number,
    value: unknown,
    error: unknown,
  ): Uint8Array[] {
    if (error === undefined) {
      try {
        const message = context === 0 ? 0 : newMessage(this.#rank);
        const data = context === 0 ? value : [message, value];
        const belonging = { context, message, peer: peer.rank };
        return encodeMessage(name, Kind.result, id, data, belonging, sharing);
      } catch (thrown) {
        error = thrown;
      }
    }
    return encodeMessage(name, Kind.error, id, toPlain(error), nowhere, null);
  }

  #reply(peer: Peer, link: Link | undefined, name: string, chunks: Uint8Array[]): void {
    const faults = this.#faults?.of(name);
    if (faults !== undefined && this.#faults!.happens(faults.reply)) return;
    if (faults === undefined || faults.delay === 0) this.#post(peer, chunks, link);
    else setTimeout(() => this.#post(peer, chunks, link), faults.delay);
  }
}

const nowhere = { context: 0, message: 0, peer: 0 };

function isThenable(x: unknown): x is Promise<unknown> {
  return typeof x === "object" && x !== null &&
    typeof (x as { then?: unknown }).then === "function";
}
