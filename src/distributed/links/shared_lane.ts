/**
 * A lane of shared memory beside a Unix socket, for the elements of large tensors. The sender copies them
 * into the lane; the receiver builds its tensors on them there, and says when it has no use for them.
 *
 * @module
 */

import { RpcError } from "../errors.ts";
import type { SharedPlace } from "../frame.ts";
import { SharedMemory } from "./shared_memory.ts";
import { Slots } from "./slots.ts";

/** Bytes of a segment, unless one tensor takes more. */
const SEGMENT = 64 * 2 ** 20;

/** Most bytes of the segments that one side makes; beyond it elements travel through the socket. */
const MAX_BYTES = 512 * 2 ** 20;

const TOKEN = 16;

/** What is said about segments: its first byte. */
const OFFER = 1, READY = 2, REFUSED = 3, FREE = 4;

/** A segment that this side made. */
interface Own {
  readonly memory: SharedMemory;
  readonly slots: Slots;
  ready: boolean;
}

/** A segment that the other side made. */
interface Other {
  readonly memory: SharedMemory;
  /** Places that tensors here use. */
  used: number;
}

/** Tells when nothing uses the elements at a place any more. */
const unused = new FinalizationRegistry<() => void>((tell) => tell());

/** Both directions of a lane. */
export class SharedLane {
  /** Sends what is said about segments. */
  tell: (data: Uint8Array) => void = () => {};
  readonly #own = new Map<number, Own>();
  readonly #others = new Map<number, Other>();
  #made = 0;
  #bytes = 0;
  #offered = false;
  #refused = false;
  #closed = false;
  #freed: [segment: number, offset: number][] = [];

  /** Copies elements into the lane; null where they have to travel in the frame. */
  put(bytes: Uint8Array): SharedPlace | null {
    if (this.#closed || this.#refused) return null;
    for (const [segment, { memory, slots, ready }] of this.#own) {
      const offset = ready ? slots.take(bytes.length) : null;
      if (offset === null) continue;
      memory.view(offset, bytes.length).set(bytes);
      return { segment, offset };
    }
    if (!this.#offered) this.#offer(Math.max(SEGMENT, bytes.length));
    return null;
  }

  /** The elements at a place that the other side named. */
  take({ segment, offset }: SharedPlace, byteLength: number): Uint8Array {
    const other = this.#others.get(segment);
    if (other === undefined || offset + byteLength > other.memory.size) {
      throw new RpcError("frame: a tensor lies in no segment that is known here.");
    }
    const bytes = other.memory.view(offset, byteLength);
    other.used++;
    unused.register(bytes.buffer, () => this.#unused(segment, other, offset));
    return bytes;
  }

  /** Hears what the other side says about segments. */
  heard(data: Uint8Array): void {
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    const broken = () => new RpcError("frame: it says nothing about segments.");
    if (data.length < 5) throw broken();
    const kind = data[0], segment = view.getUint32(1, true);
    if (kind === OFFER && data.length === 21 + TOKEN) {
      const pid = view.getUint32(5, true), file = view.getUint32(9, true);
      const ready = this.#see(segment, pid, file, view.getFloat64(13, true), data.subarray(21));
      this.tell(message(ready ? READY : REFUSED, segment));
    } else if (kind === READY || kind === REFUSED) {
      const own = this.#own.get(segment);
      if (own === undefined || own.ready) throw broken();
      this.#offered = false;
      own.memory.closeFile();
      own.ready = kind === READY;
      if (own.ready) return;
      this.#refused = true;
      this.#own.delete(segment);
      own.memory.unmap();
    } else if (kind === FREE && (data.length - 1) % 12 === 0) {
      for (let at = 1; at < data.length; at += 12) {
        this.#own.get(view.getUint32(at, true))?.slots.give(view.getFloat64(at + 4, true));
      }
    } else throw broken();
  }

  /** Gives everything back, but for what tensors here use. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { memory } of this.#own.values()) memory.unmap();
    for (const { memory, used } of this.#others.values()) if (used === 0) memory.unmap();
    this.#own.clear();
  }

  #offer(size: number): void {
    if (this.#bytes + size > MAX_BYTES) return;
    const memory = SharedMemory.make(size);
    if (memory === null) {
      this.#refused = true;
      return;
    }
    const segment = ++this.#made, token = crypto.getRandomValues(new Uint8Array(TOKEN));
    memory.view(0, TOKEN).set(token);
    this.#own.set(segment, { memory, slots: new Slots(size), ready: false });
    this.#bytes += size;
    this.#offered = true;
    const data = new Uint8Array(21 + TOKEN), view = new DataView(data.buffer);
    data[0] = OFFER;
    view.setUint32(1, segment, true);
    view.setUint32(5, Deno.pid, true);
    view.setUint32(9, memory.file, true);
    view.setFloat64(13, size, true);
    data.set(token, 21);
    this.tell(data);
  }

  /** Whether a segment of the other side can be seen: it begins with the token. */
  #see(segment: number, pid: number, file: number, size: number, token: Uint8Array): boolean {
    if (!(Number.isSafeInteger(size) && size >= TOKEN && size <= 2 ** 31)) return false;
    if (this.#others.has(segment)) return false;
    const memory = SharedMemory.of(pid, file, size);
    if (memory === null) return false;
    const found = memory.view(0, TOKEN);
    if (!token.every((byte, i) => found[i] === byte)) {
      memory.unmap();
      return false;
    }
    this.#others.set(segment, { memory, used: 0 });
    return true;
  }

  #unused(segment: number, other: Other, offset: number): void {
    other.used--;
    if (this.#closed) {
      if (other.used === 0) other.memory.unmap();
      return;
    }
    if (this.#freed.push([segment, offset]) > 1) return;
    // What is collected together is told together.
    queueMicrotask(() => {
      if (this.#closed) return;
      const freed = this.#freed, data = new Uint8Array(1 + 12 * freed.length);
      this.#freed = [];
      const view = new DataView(data.buffer);
      data[0] = FREE;
      freed.forEach(([number, place], i) => {
        view.setUint32(1 + 12 * i, number, true);
        view.setFloat64(5 + 12 * i, place, true);
      });
      this.tell(data);
    });
  }
}

function message(kind: number, segment: number): Uint8Array {
  const data = new Uint8Array(5);
  data[0] = kind;
  new DataView(data.buffer).setUint32(1, segment, true);
  return data;
}
