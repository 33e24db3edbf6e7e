/**
 * What a library of Linux needs, from the file itself.
 *
 * @module
 */

const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const LOAD = 1, DYNAMIC = 2;
const TAG_NEEDED = 1, TAG_STRINGS = 5, TAG_STRINGS_SIZE = 10;

/**
 * Names of the libraries that a library is linked to, in its order; null where the file is no library
 * for a 64-bit Linux, or cannot be read. Only a few kilobytes of it are read.
 */
export function neededLibraries(path: string): string[] | null {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return null;
  }
  try {
    const { size } = file.statSync();
    return needed((at, bytes) => {
      if (at + bytes > size) throw new RangeError("the file is cut short");
      const buffer = new Uint8Array(bytes);
      file.seekSync(at, Deno.SeekMode.Start);
      for (let got = 0; got < bytes;) {
        const more = file.readSync(buffer.subarray(got));
        if (more === null) throw new RangeError("the file has become shorter");
        got += more;
      }
      return new DataView(buffer.buffer);
    });
  } catch (error) {
    // Numbers in the file that point out of it.
    if (error instanceof RangeError) return null;
    throw error;
  } finally {
    file.close();
  }
}

function needed(read: (at: number, bytes: number) => DataView): string[] | null {
  const header = read(0, HEADER_BYTES);
  const isElf = header.getUint32(0) === 0x7f454c46 && header.getUint16(4) === 0x0201;
  if (!isElf) return null;
  const word = (view: DataView, at: number) => Number(view.getBigUint64(at, true));
  const count = header.getUint16(56, true);
  const programs = read(word(header, 32), count * PROGRAM_HEADER_BYTES);
  const loads: { from: number; at: number; size: number }[] = [];
  let dynamic: DataView | null = null;
  for (let i = 0; i < count; i++) {
    const h = i * PROGRAM_HEADER_BYTES, type = programs.getUint32(h, true);
    const at = word(programs, h + 8), size = word(programs, h + 32);
    if (type === LOAD) loads.push({ from: word(programs, h + 16), at, size });
    if (type === DYNAMIC) dynamic = read(at, size);
  }
  if (dynamic === null) return [];
  const names: number[] = [];
  let strings = 0, size = 0;
  for (let i = 0; i + 16 <= dynamic.byteLength; i += 16) {
    const tag = word(dynamic, i), value = word(dynamic, i + 8);
    if (tag === TAG_NEEDED) names.push(value);
    else if (tag === TAG_STRINGS) strings = value;
    else if (tag === TAG_STRINGS_SIZE) size = value;
  }
  const place = loads.find(({ from, size }) => strings >= from && strings < from + size);
  if (place === undefined) return null;
  const text = read(place.at + strings - place.from, size);
  const bytes = new Uint8Array(text.buffer);
  return names.map((at) => new TextDecoder().decode(bytes.subarray(at, bytes.indexOf(0, at))));
}
