/**
 * A link over a socket: Unix on one host, TCP or TLS between hosts.
 *
 * @module
 */

import {
  decodeHeader,
  decodeTable,
  encodeFrame,
  type Frame,
  type FrameTensor,
  HEADER,
  Kind,
  number,
  type SharedPlace,
} from "../frame.ts";
import { type Link, type LinkEvents, MAX_QUEUED, type Memory } from "./link.ts";
import { CutOff, type Reader } from "./reader.ts";
import type { SharedLane } from "./shared_lane.ts";

/** What a socket link needs of a connection. */
export interface Connection {
  /** Reads some bytes; null at the end. */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes some of the bytes; says how many. */
  write(bytes: Uint8Array): Promise<number>;
  /** Closes it both ways. */
  close(): void;
}

/** Small frames up to this size are written together. */
const TOGETHER = 1 << 16;

const empty = new Uint8Array(0);

/** A link over a connection on which the handshake has been. */
export class SocketLink implements Link {
  readonly carrier: string;
  readonly #connection: Connection;
  readonly #reader: Reader;
  readonly #lane: SharedLane | null;
  #events: LinkEvents | null = null;
  #queue: Uint8Array[] = [];
  #queued = 0;
  #writing = false;
  #sent = 0;
  #received = 0;
  #closed = false;
  #waiting: (() => void)[] = [];
  #whenEmpty: (() => void)[] = [];

  /** A link over `connection`, of which `reader` may have read more than the handshake. */
  constructor(
    connection: Connection,
    reader: Reader,
    carrier: string,
    lane: SharedLane | null = null,
  ) {
    this.#connection = connection;
    this.#reader = reader;
    this.carrier = carrier;
    this.#lane = lane;
    if (lane === null) return;
    lane.tell = (data) =>
      this.send(encodeFrame("lane", { kind: Kind.lane, id: 0, data, tensors: [] }));
  }

  get queued(): number {
    return this.#queued;
  }

  open(events: LinkEvents): void {
    this.#events = events;
    this.#receive().catch((error) => {
      this.close(error instanceof CutOff ? "the connection broke within a frame" : reasonOf(error));
    });
  }

  send(chunks: Uint8Array[]): void {
    if (this.#closed) return;
    this.#sent = this.#sent + 1 >>> 0;
    number(chunks[0], this.#sent);
    for (const chunk of chunks) {
      this.#queue.push(chunk);
      this.#queued += chunk.length;
    }
    if (!this.#writing) this.#flush().catch((error) => this.close(reasonOf(error)));
  }

  drained(): Promise<void> {
    if (this.#closed || this.#queued <= MAX_QUEUED) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async flushed(): Promise<void> {
    while (!this.#closed && this.#queued > 0) {
      await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
    }
  }

  share(memory: Memory): SharedPlace | null {
    return this.#lane?.put(memory) ?? null;
  }

  hold(place: SharedPlace): void {
    this.#lane?.hold(place);
  }

  release(place: SharedPlace): void {
    this.#lane?.release(place);
  }

  received(memory: Memory, place: SharedPlace): void {
    this.#lane?.received(memory, place);
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#queued = 0;
    try {
      this.#connection.close();
    } catch {
      // The other side was first.
    }
    this.#lane?.close();
    this.#release(true);
    this.#events?.closed(reason);
  }

  #release(all = false): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
    if (!all) return;
    const empty = this.#whenEmpty;
    this.#whenEmpty = [];
    for (const resolve of empty) resolve();
  }

  async #flush(): Promise<void> {
    this.#writing = true;
    while (this.#queue.length > 0) {
      for (const chunk of together(this.#queue.splice(0))) {
        for (let at = 0; at < chunk.length;) {
          const n = await this.#connection.write(at === 0 ? chunk : chunk.subarray(at));
          at += n;
          this.#queued = Math.max(0, this.#queued - n);
          if (this.#queued <= MAX_QUEUED && this.#waiting.length > 0) this.#release();
        }
        if (this.#closed) return;
      }
    }
    this.#writing = false;
    if (this.#whenEmpty.length > 0) this.#release(true);
  }

  async #receive(): Promise<void> {
    const reader = this.#reader;
    while (!this.#closed) {
      const bytes = reader.buffered >= HEADER ? reader.now(HEADER) : await reader.take(HEADER);
      if (bytes === null) return this.close("the connection ended");
      this.#received = this.#received + 1 >>> 0;
      const header = decodeHeader(bytes, this.#received);
      let data: Uint8Array = empty, tensors: FrameTensor[] = [];
      const n = header.table + header.data;
      if (n > 0) {
        const found = reader.buffered >= n ? reader.now(n) : await reader.take(n);
        if (found === null) throw new CutOff();
        const entries = decodeTable(found.subarray(0, header.table), header);
        data = header.body > 0 ? found.slice(header.table) : found.subarray(header.table);
        tensors = [];
        for (const { byteLength, ...rest } of entries) {
          let bytes: Uint8Array = empty;
          if (rest.place !== null) bytes = this.#shared(rest.place, byteLength);
          else if (byteLength > 0) await reader.into(bytes = new Uint8Array(byteLength));
          tensors.push({ ...rest, bytes });
        }
      }
      if (this.#closed) return;
      if (header.kind === Kind.lane) {
        this.#lane?.heard(data);
        continue;
      }
      const frame: Frame = { kind: header.kind, id: header.id, data, tensors };
      this.#events!.frame(frame);
    }
  }

  #shared(place: SharedPlace, byteLength: number): Uint8Array {
    if (this.#lane === null) throw new Error("frame: there is no shared memory on this link.");
    return this.#lane.take(place, byteLength);
  }
}

/** Small neighbours joined into one buffer. */
function together(chunks: Uint8Array[]): Uint8Array[] {
  if (chunks.length < 2) return chunks;
  const joined: Uint8Array[] = [];
  for (let i = 0; i < chunks.length;) {
    let size = chunks[i].length, end = i + 1;
    while (end < chunks.length && size + chunks[end].length <= TOGETHER) {
      size += chunks[end++].length;
    }
    if (end === i + 1) joined.push(chunks[i]);
    else {
      const whole = new Uint8Array(size);
      for (let at = 0; i < end; i++) {
        whole.set(chunks[i], at);
        at += chunks[i].length;
      }
      joined.push(whole);
    }
    i = end;
  }
  return joined;
}

/** Why a link closes, in words. */
function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe) {
    return "the connection was reset";
  }
  if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) {
    return "the connection was closed";
  }
  return error instanceof Error ? error.message : String(error);
}
