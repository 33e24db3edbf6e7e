/**
 * Small helpers over Deno's FFI: C strings, pointers, result slots.
 *
 * @module
 */

const encoder = new TextEncoder();

/** A NUL-terminated copy of a text, outside the JavaScript heap so that native code may hold it. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  const bytes = encoder.encode(text);
  const buffer = new Uint8Array(new ArrayBuffer(bytes.length + 1));
  buffer.set(bytes);
  return buffer;
}

/** The text at a C string pointer; `""` for null. */
export function readCString(pointer: Deno.PointerValue): string {
  return pointer === null ? "" : Deno.UnsafePointerView.getCString(pointer);
}

/** The pointer to an address that is kept as a number (exact below 2^53). */
export function pointerTo(address: number | bigint): Deno.PointerValue {
  return Deno.UnsafePointer.create(typeof address === "bigint" ? address : BigInt(address));
}

/** The address of a pointer as a number. */
function addressOf(pointer: Deno.PointerValue): number {
  return pointer === null ? 0 : Number(Deno.UnsafePointer.value(pointer));
}

/** The address of a buffer's memory as a number; the caller keeps the buffer alive. */
export function bufferAddress(buffer: ArrayBufferView): number {
  return addressOf(Deno.UnsafePointer.of(buffer as Uint8Array<ArrayBuffer>));
}

/** Calls a C function that writes a pointer through its last argument, and returns what it wrote. */
export function outPointer(
  call: (out: BigUint64Array<ArrayBuffer>) => void,
): Deno.PointerValue {
  const out = new BigUint64Array(new ArrayBuffer(8));
  call(out);
  return Deno.UnsafePointer.create(out[0]);
}
