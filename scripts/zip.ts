/**
 * Reads files of ZIP archives, such as Python's wheels.
 *
 * @module
 */

const END = 0x06054b50, ENTRY = 0x02014b50, LOCAL = 0x04034b50;
const END_BYTES = 22, ENTRY_BYTES = 46, LOCAL_BYTES = 30, MAX_COMMENT = 0xffff;
const STORED = 0, DEFLATED = 8;

/** A file in an archive. */
export interface ZipEntry {
  /** Its path there. */
  readonly name: string;
  /** Its bytes. */
  readonly size: number;
  readonly at: number;
  readonly packed: number;
  readonly method: number;
}

function readAt(file: Deno.FsFile, at: number, bytes: number): DataView<ArrayBuffer> {
  const buffer = new Uint8Array(bytes);
  file.seekSync(at, Deno.SeekMode.Start);
  for (let got = 0; got < bytes;) {
    const more = file.readSync(buffer.subarray(got));
    if (more === null) throw new Error("the archive is cut short");
    got += more;
  }
  return new DataView(buffer.buffer);
}

/**
 * The files of an archive.
 *
 * @throws {Error} where the file is no archive, or a larger one than 4 GB
 */
export function zipEntries(path: string): ZipEntry[] {
  using file = Deno.openSync(path);
  const { size } = file.statSync(), tail = Math.min(size, END_BYTES + MAX_COMMENT);
  const view = readAt(file, size - tail, tail);
  let end = tail - END_BYTES;
  while (end >= 0 && view.getUint32(end, true) !== END) end--;
  if (end < 0) throw new Error(`${path} is no ZIP archive, or cut short`);
  const count = view.getUint16(end + 10, true), bytes = view.getUint32(end + 12, true);
  const from = view.getUint32(end + 16, true);
  if (from === 0xffffffff) throw new Error(`${path} is larger than a ZIP archive of 4 GB`);
  const list = readAt(file, from, bytes), entries: ZipEntry[] = [];
  for (let i = 0, at = 0; i < count; i++) {
    if (list.getUint32(at, true) !== ENTRY) throw new Error(`${path} has a broken list of files`);
    const nameBytes = list.getUint16(at + 28, true);
    const name = new Uint8Array(list.buffer, at + ENTRY_BYTES, nameBytes);
    entries.push({
      name: new TextDecoder().decode(name),
      size: list.getUint32(at + 24, true),
      at: list.getUint32(at + 42, true),
      packed: list.getUint32(at + 20, true),
      method: list.getUint16(at + 10, true),
    });
    at += ENTRY_BYTES + nameBytes + list.getUint16(at + 30, true) + list.getUint16(at + 32, true);
  }
  return entries;
}

/**
 * Writes a file of an archive to a path.
 *
 * @throws {Error} where it is packed in a way that is not understood
 */
export async function unzip(path: string, entry: ZipEntry, target: string): Promise<void> {
  const file = Deno.openSync(path), header = readAt(file, entry.at, LOCAL_BYTES);
  if (header.getUint32(0, true) !== LOCAL) throw new Error(`${path}: ${entry.name} is broken`);
  const skipped = header.getUint16(26, true) + header.getUint16(28, true);
  file.seekSync(entry.at + LOCAL_BYTES + skipped, Deno.SeekMode.Start);
  const { method, packed } = entry;
  if (method !== STORED && method !== DEFLATED) {
    throw new Error(`${path}: ${entry.name} is packed by method ${method}`);
  }
  let left = packed;
  const own = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      controller.enqueue(chunk.subarray(0, left));
      left -= Math.min(left, chunk.length);
      if (left === 0) controller.terminate();
    },
  });
  const raw = file.readable.pipeThrough(own);
  const bytes = method === STORED ? raw : raw.pipeThrough(new DecompressionStream("deflate-raw"));
  await bytes.pipeTo((await Deno.create(target)).writable);
  if (Deno.statSync(target).size !== entry.size) throw new Error(`${entry.name} is incomplete`);
}
