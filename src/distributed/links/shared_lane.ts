/**
 * A lane of shared memory beside a Unix socket, for the elements of large tensors. The sender copies them
 * into the lane; the receiver builds its tensors on them there, and says when it has no use for them.
 * What lies in the lane already, since it was sent before or came from the other side, is not copied again.
 *
 * @module
 */

import { RpcError } from "../errors.ts";
import type { SharedPlace } from "../frame.ts";
import type { Memory } from "./link.ts";
import { SharedMemory } from "./shared_memory.ts";
import { Slots } from "./slots.ts";
import { Views } from "./views.ts";

/** Bytes of a segment, unless one tensor takes more. */
const SEGMENT = 64 * 2 ** 20;

/** Most bytes of the segments that one side makes; beyond it elements travel through the socket. */
const MAX_BYTES = 512 * 2 ** 20;

const TOKEN = 16;

/** What is said about segments: its first byte. */
const OFFER = 1, READY = 2, REFUSED = 3, FREE = 4;

/** Bytes that say how many uses of a place have ended. */
const ENTRY = 16;

/** A segment that this side made. */
interface Own {
  readonly memory: SharedMemory;
  readonly slots: Slots;
  ready: boolean;
  /** What came back. */
  readonly views: Views;
}

/** A segment that the other side made. */
interface Other {
  readonly memory: SharedMemory;
  readonly views: Views;
}

/** Where the elements of a memory lie in the lane. */
interface Known {
  readonly place: SharedPlace;
  /** Version of the memory that lies there. */
  readonly version: number;
  /** What keeps the place, where it came from the other side. */
  readonly buffer: ArrayBufferLike | null;
}

/** Tells that a memory is gone. */
const gone = new FinalizationRegistry<() => void>((tell) => tell());

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
  #freed: [segment: number, offset: number, uses: number][] = [];
  readonly #known = new WeakMap<Memory, Known>();
  /** Places that are kept for memories which may be sent again, those sent last at the end. */
  readonly #kept = new Map<WeakRef<Memory>, SharedPlace>();

  /**
   * The place of a memory's elements, which are copied into the lane unless they lie there; null where
   * they have to travel in the frame.
   */
  put(memory: Memory): SharedPlace | null {
    if (this.#closed || this.#refused) return null;
    // An array that somebody has may have been changed unseen.
    const known = memory.handedOut ? undefined : this.#known.get(memory);
    if (known?.version === memory.version && this.hold(known.place)) return known.place;
    const { buffer, byteOffset, byteLength } = memory.host();
    const bytes = new Uint8Array(buffer, byteOffset, byteLength), place = this.#copy(bytes);
    if (place === null) {
      if (!this.#offered) this.#offer(Math.max(SEGMENT, bytes.length));
    } else if (!memory.handedOut) this.#keep(memory, place);
    return place;
  }

  /** One more use of a place; whether it is still there. */
  hold({ segment, offset, returned }: SharedPlace): boolean {
    return returned || this.#own.get(segment)?.slots.share(offset) === true;
  }

  /** Ends one use of a place. */
  release({ segment, offset, returned }: SharedPlace): void {
    if (!returned) this.#own.get(segment)?.slots.give(offset);
  }

  #copy(bytes: Uint8Array): SharedPlace | null {
    for (;;) {
      for (const [segment, { memory, slots, ready }] of this.#own) {
        const offset = ready ? slots.take(bytes.length) : null;
        if (offset === null) continue;
        memory.view(offset, bytes.length).set(bytes);
        return { segment, offset, returned: false };
      }
      const [oldest] = this.#kept.keys();
      if (oldest === undefined) return null;
      this.#giveUp(oldest);
    }
  }

  /** Keeps a place as long as a memory is there, unless others need the room. */
  #keep(memory: Memory, place: SharedPlace): void {
    const reference = new WeakRef(memory);
    this.#known.set(memory, { place, version: memory.version, buffer: null });
    this.hold(place);
    this.#kept.set(reference, place);
    gone.register(memory, () => this.#giveUp(reference));
  }

  #giveUp(reference: WeakRef<Memory>): void {
    const place = this.#kept.get(reference), memory = reference.deref();
    if (place === undefined) return;
    this.#kept.delete(reference);
    if (memory !== undefined) this.#known.delete(memory);
    this.release(place);
  }

  /** Notes that a memory is a place that the other side named. */
  received(memory: Memory, { segment, offset, returned }: SharedPlace): void {
    // Whoever has it builds on the same elements.
    memory.lent = true;
    const place = { segment, offset, returned: !returned }, { buffer } = memory.host();
    this.#known.set(memory, { place, version: memory.version, buffer });
  }

  /** The elements at a place that the other side named. */
  take({ segment, offset, returned }: SharedPlace, byteLength: number): Uint8Array {
    if (returned) return this.#back(segment, offset, byteLength);
    const other = this.#others.get(segment);
    if (other === undefined || offset + byteLength > other.memory.size) {
      throw unknownPlace();
    }
    return other.views.at(offset, byteLength);
  }

  /** The elements at a place in a segment of this side, which the other side has a use of. */
  #back(segment: number, offset: number, byteLength: number): Uint8Array {
    const own = this.#own.get(segment);
    if (own === undefined || !own.slots.share(offset, byteLength)) throw unknownPlace();
    return own.views.at(offset, byteLength);
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
    } else if (kind === FREE && (data.length - 1) % ENTRY === 0) {
      for (let at = 1; at < data.length; at += ENTRY) {
        const own = this.#own.get(view.getUint32(at, true));
        own?.slots.give(view.getFloat64(at + 4, true), view.getUint32(at + 12, true));
      }
    } else throw broken();
  }

  /** Gives everything back, but for what tensors here use. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { views } of [...this.#own.values(), ...this.#others.values()]) views.close();
    this.#own.clear();
    this.#kept.clear();
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
    const slots = new Slots(size);
    const views = new Views(memory, (offset, uses) => slots.give(offset, uses));
    this.#own.set(segment, { memory, slots, ready: false, views });
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
    const views = new Views(memory, (offset, uses) => this.#unused(segment, offset, uses));
    this.#others.set(segment, { memory, views });
    return true;
  }

  #unused(segment: number, offset: number, uses: number): void {
    if (this.#freed.push([segment, offset, uses]) > 1) return;
    // What is collected together is told together.
    queueMicrotask(() => {
      if (this.#closed) return;
      const freed = this.#freed, data = new Uint8Array(1 + ENTRY * freed.length);
      this.#freed = [];
      const view = new DataView(data.buffer);
      data[0] = FREE;
      freed.forEach(([number, place, times], i) => {
        view.setUint32(1 + ENTRY * i, number, true);
        view.setFloat64(5 + ENTRY * i, place, true);
        view.setUint32(13 + ENTRY * i, times, true);
      });
      this.tell(data);
    });
  }
}

function unknownPlace(): RpcError {
  return new RpcError("frame: a tensor lies in no segment that is known here.");
}

function message(kind: number, segment: number): Uint8Array {
  const data = new Uint8Array(5);
  data[0] = kind;
  new DataView(data.buffer).setUint32(1, segment, true);
  return data;
}
