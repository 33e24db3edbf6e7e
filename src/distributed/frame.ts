/**
 * Frames: what crosses a link. A header of 32 bytes, a table of tensors, plain data, then the elements
 * of each tensor.
 *
 * @module
 */

import { RpcError } from "./errors.ts";
import { MAX_BODY, MAX_ENVELOPE, MAX_RANK, VERSION } from "./limits.ts";

/** What a frame is for. */
export const Kind = {
  /** A call of a registered function. */
  call: 1,
  /** A call within the layer. */
  system: 2,
  /** The result of a call. */
  result: 3,
  /** The error of a call. */
  error: 4,
  /** The caller does not wait any more. */
  cancel: 5,
  /** Nothing will follow: the link closes in order. */
  bye: 6,
  /** A message within the layer that is not answered. */
  note: 7,
  /** What a link says about the memory that both sides see. */
  lane: 8,
} as const;

const LAST_KIND = 8;

/** Bytes of a header. */
export const HEADER = 32;

const MAGIC = 0x54_50_4f_54; // "TOPT", read from the lowest byte

const ENTRY = 8, PLACE = 16, SEQUENCE_AT = 8;

/** Flags of a tensor. */
const NEEDS_GRADIENT = 1, ELSEWHERE = 2, RETURNED = 4;

/** Element types by their number in a frame. */
const TYPES = ["float32", "float64", "float16", "int64", "int32", "uint8", "bool"] as const;

/** Bytes of one element of each. */
const BYTES = [4, 8, 2, 8, 4, 1, 1] as const;

/** Memory that both sides of a link see: a segment by its number, and the place in it. */
export interface SharedPlace {
  /** Number of the segment. */
  readonly segment: number;
  /** Where in it the elements begin. */
  readonly offset: number;
  /** Whether the receiver of the frame made the segment, rather than the sender. */
  readonly returned: boolean;
}

/** A tensor in a frame. */
export interface FrameTensor {
  /** Element type. */
  readonly dtype: typeof TYPES[number];
  /** Sizes of the dimensions. */
  readonly shape: readonly number[];
  /** Whether it requires a gradient. */
  readonly requiresGrad: boolean;
  /** Its elements; empty where they lie in shared memory. */
  readonly bytes: Uint8Array;
  /** Where they lie in shared memory; null where they are in the frame. */
  readonly place: SharedPlace | null;
}

/** A frame, taken apart. */
export interface Frame {
  /** What it is for: a number of {@linkcode Kind}. */
  readonly kind: number;
  /** Number of the call. */
  readonly id: number;
  /** Plain data; empty for undefined. */
  readonly data: Uint8Array;
  /** Tensors. */
  readonly tensors: readonly FrameTensor[];
}

/** Whether a tensor's elements are written into the same buffer as the header. */
const SMALL = 16_384;

/**
 * A frame as buffers to be written one after the other; the first begins with the header. Elements are
 * copied: the tensors may change from now on.
 *
 * @throws {RangeError} where tensors have too many dimensions or elements
 */
export function encodeFrame(op: string, { kind, id, data, tensors }: Frame): Uint8Array[] {
  let tableBytes = 0, body = 0, small = 0;
  for (const { shape, bytes, place } of tensors) {
    if (shape.length > MAX_RANK) {
      throw new RangeError(`${op}: a tensor has ${shape.length} dimensions, at most ${MAX_RANK}.`);
    }
    tableBytes += ENTRY + 4 * shape.length + (place === null ? 0 : PLACE);
    body += bytes.length;
    if (bytes.length <= SMALL) small += bytes.length;
  }
  if (body > MAX_BODY) {
    throw new RangeError(
      `${op}: the tensors take ${body} bytes, at most ${MAX_BODY} may travel in one message.`,
    );
  }
  const start = HEADER + tableBytes;
  const all = body === small && small <= 4 * SMALL;
  const head = new Uint8Array(start + data.length + (all ? small : 0));
  const view = new DataView(head.buffer);
  view.setUint32(0, MAGIC, true);
  head[4] = VERSION;
  head[5] = kind;
  view.setUint16(6, tensors.length, true);
  view.setUint32(12, id, true);
  view.setUint32(16, data.length, true);
  view.setUint32(20, tableBytes, true);
  view.setFloat64(24, body, true);
  let at = HEADER;
  for (const { dtype, shape, requiresGrad, place } of tensors) {
    head[at] = TYPES.indexOf(dtype);
    head[at + 1] = (requiresGrad ? NEEDS_GRADIENT : 0) |
      (place === null ? 0 : place.returned ? ELSEWHERE | RETURNED : ELSEWHERE);
    head[at + 2] = shape.length;
    at += ENTRY;
    for (const n of shape) {
      view.setUint32(at, n, true);
      at += 4;
    }
    if (place === null) continue;
    view.setFloat64(at, place.segment, true);
    view.setFloat64(at + 8, place.offset, true);
    at += PLACE;
  }
  head.set(data, start);
  if (!all) return [head, ...tensors.filter((t) => t.bytes.length > 0).map((t) => t.bytes.slice())];
  at = start + data.length;
  for (const { bytes } of tensors) {
    head.set(bytes, at);
    at += bytes.length;
  }
  return [head];
}

/** Writes the number of a frame on its link. */
export function number(head: Uint8Array, sequence: number): void {
  new DataView(head.buffer, head.byteOffset).setUint32(SEQUENCE_AT, sequence, true);
}

/** A header, taken apart. */
export interface Header {
  /** Number of {@linkcode Kind}. */
  readonly kind: number;
  /** Number of tensors. */
  readonly tensors: number;
  /** Number of the call. */
  readonly id: number;
  /** Bytes of plain data. */
  readonly data: number;
  /** Bytes of the table of tensors. */
  readonly table: number;
  /** Bytes of all elements. */
  readonly body: number;
}

function broken(what: string): never {
  throw new RpcError(`frame: ${what}.`);
}

/**
 * Takes a header apart.
 *
 * @param bytes 32 of them
 * @param sequence the number that the frame must have
 * @throws {RpcError} where it is no header, not the next one, or announces too much
 */
export function decodeHeader(bytes: Uint8Array, sequence: number): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER);
  if (view.getUint32(0, true) !== MAGIC) broken("it does not begin as a frame does");
  if (bytes[4] !== VERSION) broken(`its version is ${bytes[4]}, wants ${VERSION}`);
  const kind = bytes[5];
  if (kind < 1 || kind > LAST_KIND) broken(`there is no kind ${kind}`);
  const got = view.getUint32(SEQUENCE_AT, true);
  if (got !== sequence) broken(`its number is ${got}, wants ${sequence}: one was lost or replayed`);
  const tensors = view.getUint16(6, true), id = view.getUint32(12, true);
  const data = view.getUint32(16, true), table = view.getUint32(20, true);
  const body = view.getFloat64(24, true);
  if (data > MAX_ENVELOPE) broken(`it announces ${data} bytes of data, at most ${MAX_ENVELOPE}`);
  if (table < tensors * ENTRY || table > tensors * (ENTRY + PLACE + 4 * MAX_RANK)) {
    broken("the size of its table does not fit its tensors");
  }
  if (!(Number.isInteger(body) && body >= 0 && body <= MAX_BODY)) {
    broken(`it announces ${body} bytes of tensors, at most ${MAX_BODY}`);
  }
  return { kind, tensors, id, data, table, body };
}

/** A tensor in a table, with the bytes that its elements take. */
export type TableEntry = Omit<FrameTensor, "bytes"> & { readonly byteLength: number };

/**
 * Takes a table of tensors apart.
 *
 * @throws {RpcError} where it does not fit its header
 */
export function decodeTable(bytes: Uint8Array, header: Header): TableEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries: TableEntry[] = [];
  let at = 0, body = 0;
  const need = (n: number) => {
    if (bytes.length - at < n) broken("its table is too short");
  };
  for (let i = 0; i < header.tensors; i++) {
    need(ENTRY);
    const dtype = TYPES[bytes[at]], flags = bytes[at + 1], rank = bytes[at + 2];
    if (dtype === undefined) broken(`there is no element type ${bytes[at]}`);
    if (flags > 7 || (flags & (ELSEWHERE | RETURNED)) === RETURNED) {
      broken(`a tensor has unknown flags ${flags}`);
    }
    if (rank > MAX_RANK) broken(`a tensor has ${rank} dimensions, at most ${MAX_RANK}`);
    const requiresGrad = (flags & NEEDS_GRADIENT) !== 0;
    if (requiresGrad && !dtype.startsWith("float")) broken(`a gradient of ${dtype}`);
    let byteLength: number = BYTES[bytes[at]];
    at += ENTRY;
    const shape: number[] = [], elsewhere = (flags & ELSEWHERE) !== 0;
    need(4 * rank + (elsewhere ? PLACE : 0));
    for (let d = 0; d < rank; d++, at += 4) {
      const n = view.getUint32(at, true);
      shape.push(n);
      byteLength *= n;
    }
    if (byteLength > MAX_BODY) broken("a tensor is larger than a frame may be");
    let place: SharedPlace | null = null;
    if (elsewhere) {
      const segment = view.getFloat64(at, true), offset = view.getFloat64(at + 8, true);
      if (!Number.isSafeInteger(segment) || !Number.isSafeInteger(offset) || offset < 0) {
        broken("a tensor lies in no segment");
      }
      place = { segment, offset, returned: (flags & RETURNED) !== 0 };
      at += PLACE;
    } else body += byteLength;
    entries.push({ dtype, shape, requiresGrad, place, byteLength });
  }
  if (at !== bytes.length) broken("its table is too long");
  if (body !== header.body) broken(`its tensors take ${body} bytes, it announces ${header.body}`);
  return entries;
}

/** A whole frame, from the buffers that {@linkcode encodeFrame} gave. */
export function parseChunks(chunks: readonly Uint8Array[], sequence = 0): Frame {
  const [head, ...rest] = chunks;
  if (head.length < HEADER) broken("it is too short");
  const header = decodeHeader(head, sequence), start = HEADER + header.table;
  if (head.length < start + header.data) broken("it is too short");
  const entries = decodeTable(head.subarray(HEADER, start), header);
  let at = start + header.data, next = 0;
  const tensors = entries.map(({ byteLength, ...others }): FrameTensor => {
    if (others.place !== null) broken("there is no shared memory on this link");
    let bytes: Uint8Array | undefined;
    if (byteLength === 0) bytes = new Uint8Array(0);
    else if (rest.length > 0) bytes = rest[next++];
    else bytes = head.slice(at, at += byteLength);
    if (bytes?.length !== byteLength) broken("a tensor is incomplete");
    return { ...others, bytes };
  });
  return {
    kind: header.kind,
    id: header.id,
    data: head.subarray(start, start + header.data),
    tensors,
  };
}
