/**
 * The protobuf wire format, as much of it as ONNX models use.
 *
 * @module
 */

import type { Int64 } from "./types.ts";

/** Wire type of integers. */
const VARINT = 0;
/** Wire type of 8-byte values. */
const FIXED64 = 1;
/** Wire type of texts, bytes, messages and packed lists. */
const LENGTH = 2;
/** Wire type of 4-byte values. */
const FIXED32 = 5;

const TWO_32 = 0x1_0000_0000;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Writes protobuf fields into a buffer that grows by doubling.
 *
 * A nested message gets one byte for its length, which is enough for most nodes; only a longer one
 * is moved to make room.
 */
export class Writer {
  #buffer: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #end = 0;

  /** Starts with room for `capacity` bytes. */
  constructor(capacity = 1 << 14) {
    this.#buffer = new Uint8Array(capacity);
    this.#view = new DataView(this.#buffer.buffer);
  }

  /** A copy of what was written. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#buffer.slice(0, this.#end);
  }

  /** Opens a nested message; hand the result to {@linkcode Writer.close}. */
  open(field: number): number {
    this.#tag(field, LENGTH, 1);
    return ++this.#end;
  }

  /** Closes the message that `open` returned `start` for. */
  close(start: number): void {
    const length = this.#end - start;
    if (length < 128) {
      this.#buffer[start - 1] = length;
      return;
    }
    const width = varintWidth(length);
    this.#reserve(width - 1);
    this.#buffer.copyWithin(start + width - 1, start, this.#end);
    this.#end = start - 1;
    this.#varint32(length);
    this.#end += length;
  }

  /** Writes an integer field. */
  int(field: number, value: Int64): void {
    this.#tag(field, VARINT, 10);
    this.#varint64(value);
  }

  /** Writes a float32 field. */
  float(field: number, value: number): void {
    this.#tag(field, FIXED32, 4);
    this.#float(value);
  }

  /** Writes a text field. */
  string(field: number, text: string): void {
    const length = text.length;
    this.#tag(field, LENGTH, 1 + length);
    if (length < 128) {
      const buffer = this.#buffer;
      let at = this.#end;
      buffer[at++] = length;
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code > 127) break;
        buffer[at++] = code;
      }
      if (i === length) {
        this.#end = at;
        return;
      }
    }
    this.#content(encoder.encode(text));
  }

  /** Writes a bytes field. */
  bytes(field: number, bytes: Uint8Array): void {
    this.#tag(field, LENGTH, 0);
    this.#content(bytes);
  }

  /** Writes a packed list of integers; an empty list is left out. */
  ints(field: number, values: readonly Int64[]): void {
    if (values.length === 0) return;
    const start = this.open(field);
    this.#reserve(10 * values.length);
    for (const value of values) this.#varint64(value);
    this.close(start);
  }

  /** Writes a packed list of float32 numbers; an empty list is left out. */
  floats(field: number, values: readonly number[]): void {
    if (values.length === 0) return;
    const start = this.open(field);
    this.#reserve(4 * values.length);
    for (const value of values) this.#float(value);
    this.close(start);
  }

  // The methods below write into space that their caller has reserved, except where they say so:
  // the first model of a process is written before the JIT has warmed up, and calls are what costs.

  /** Reserves room for a tag and `count` more bytes, and writes the tag. */
  #tag(field: number, wireType: number, count: number): void {
    this.#reserve(5 + count);
    if (field < 16) this.#buffer[this.#end++] = field << 3 | wireType;
    else this.#varint32(field << 3 | wireType);
  }

  /** Reserves room for `bytes` and writes them after their length. */
  #content(bytes: Uint8Array): void {
    this.#reserve(5 + bytes.length);
    this.#varint32(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  #float(value: number): void {
    this.#view.setFloat32(this.#end, value, true);
    this.#end += 4;
  }

  /** Unsigned and below 2^32. */
  #varint32(value: number): void {
    const buffer = this.#buffer;
    while (value > 127) {
      buffer[this.#end++] = value & 127 | 128;
      value >>>= 7;
    }
    buffer[this.#end++] = value;
  }

  /** Negative numbers take ten bytes, as two's complement of 64 bits. */
  #varint64(value: Int64): void {
    if (typeof value === "number" && value >= 0 && value < 128 && Number.isInteger(value)) {
      this.#buffer[this.#end++] = value;
      return;
    }
    let low: number;
    let high: number;
    if (typeof value === "bigint") {
      const bits = BigInt.asUintN(64, value);
      low = Number(bits & 0xffffffffn);
      high = Number(bits >> 32n);
    } else {
      if (!Number.isSafeInteger(value)) {
        throw new RangeError(
          `onnx: got ${value} for an integer field, want a safe integer or a bigint`,
        );
      }
      low = value >>> 0;
      high = Math.floor(value / TWO_32) >>> 0;
    }
    const buffer = this.#buffer;
    while (high > 0) {
      buffer[this.#end++] = low & 127 | 128;
      low = (low >>> 7 | high << 25) >>> 0;
      high >>>= 7;
    }
    this.#varint32(low);
  }

  #reserve(count: number): void {
    const wanted = this.#end + count;
    if (wanted <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(wanted, 2 * this.#buffer.length));
    grown.set(this.#buffer.subarray(0, this.#end));
    this.#buffer = grown;
    this.#view = new DataView(grown.buffer);
  }
}

function varintWidth(value: number): number {
  let width = 1;
  while (value > 127) {
    value >>>= 7;
    width++;
  }
  return width;
}

/**
 * Reads protobuf fields: `while (r.next()) switch (r.field) { ... default: r.passOver(); }`.
 *
 * Errors are `RangeError`s that name the byte at which the input ends or stops making sense.
 */
export class Reader {
  /** Number of the field that {@linkcode Reader.next} found. */
  field = 0;
  /** Wire type of that field. */
  wireType = 0;
  #bytes: Uint8Array;
  #view: DataView;
  #at: number;
  #end: number;

  /** Reads `bytes` from `start` up to `end`. */
  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
  }

  /** Moves to the next field; false at the end. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    const tag = this.number();
    this.field = Math.floor(tag / 8);
    this.wireType = tag & 7;
    return true;
  }

  /** An integer: a number where it is safe, else a bigint. */
  int(): Int64 {
    let bits = 0n;
    let low = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte();
      if (shift < 28) low |= (byte & 127) << shift;
      else bits |= BigInt(byte & 127) << BigInt(shift);
      if (byte < 128) {
        if (shift < 28) return low;
        const value = BigInt.asIntN(64, bits | BigInt(low));
        const number = Number(value);
        return Number.isSafeInteger(number) ? number : value;
      }
    }
    throw this.#malformed("an integer of more than ten bytes");
  }

  /** An integer that has to be safe, such as a length or an enumeration. */
  number(): number {
    const value = this.int();
    if (typeof value === "bigint") throw this.#malformed(`integer ${value}, beyond 2^53`);
    return value;
  }

  /** A float32 number. */
  float(): number {
    const at = this.#advance(4);
    return this.#view.getFloat32(at, true);
  }

  /** A text. */
  string(): string {
    return decoder.decode(this.bytes());
  }

  /** A view on the content of a bytes field. */
  bytes(): Uint8Array {
    const length = this.number();
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** A reader on a nested message. */
  message(): Reader {
    const length = this.number();
    const at = this.#advance(length);
    return new Reader(this.#bytes, at, at + length);
  }

  /** Appends integers of a repeated field, packed or not. */
  intsInto(target: Int64[]): void {
    if (this.wireType !== LENGTH) {
      target.push(this.int());
      return;
    }
    const list = this.message();
    while (list.#at < list.#end) target.push(list.int());
  }

  /** Appends float32 numbers of a repeated field, packed or not. */
  floatsInto(target: number[]): void {
    if (this.wireType !== LENGTH) {
      target.push(this.float());
      return;
    }
    const list = this.message();
    while (list.#at < list.#end) target.push(list.float());
  }

  /** Passes over the field. */
  passOver(): void {
    switch (this.wireType) {
      case VARINT:
        this.int();
        break;
      case FIXED64:
        this.#advance(8);
        break;
      case LENGTH:
        this.#advance(this.number());
        break;
      case FIXED32:
        this.#advance(4);
        break;
      default:
        throw this.#malformed(`wire type ${this.wireType} in field ${this.field}`);
    }
  }

  #byte(): number {
    return this.#bytes[this.#advance(1)];
  }

  /** Claims `count` bytes and returns where they start. */
  #advance(count: number): number {
    const at = this.#at;
    if (count < 0 || at + count > this.#end) {
      throw this.#malformed(`${count} bytes asked for, ${this.#end - at} left`);
    }
    this.#at = at + count;
    return at;
  }

  #malformed(what: string): RangeError {
    return new RangeError(
      `onnx: malformed model at byte ${this.#at}: ${what}; is the file complete and an ONNX model?`,
    );
  }
}
