/**
 * Looks at the file of a native library before it is loaded.
 *
 * @module
 */

const ELF_MAGIC = 0x464c457f;
const HEADER_BYTES = 4096;
const LOADED_SEGMENT = 1;

/**
 * Whether a file is a library and all there. Linux maps a library that was cut short without a word,
 * and kills the process when it touches what is missing. The other systems check for themselves.
 *
 * @param path of a file that exists
 */
export function isWholeLibrary(path: string): boolean {
  const { size, isFile } = Deno.statSync(path);
  if (!isFile || size === 0) return false;
  if (Deno.build.os !== "linux") return true;
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  const file = Deno.openSync(path);
  let read: number;
  try {
    read = file.readSync(new Uint8Array(header.buffer)) ?? 0;
  } finally {
    file.close();
  }
  if (read < 64 || header.getUint32(0, true) !== ELF_MAGIC) return false;
  const first = Number(header.getBigUint64(32, true));
  const bytes = header.getUint16(54, true), count = header.getUint16(56, true);
  for (let i = 0; i < count; i++) {
    const at = first + i * bytes;
    if (at + bytes > read) return size > read;
    if (header.getUint32(at, true) !== LOADED_SEGMENT) continue;
    const end = header.getBigUint64(at + 8, true) + header.getBigUint64(at + 32, true);
    if (end > size) return false;
  }
  return true;
}
