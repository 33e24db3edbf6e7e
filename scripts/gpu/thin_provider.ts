/**
 * ONNX Runtime's CUDA provider with the machine code of one kind of GPU.
 *
 * @module
 */

const SECTION = ".nv_fatbin";
const CONTAINER = 0xba55ed50;
/** Bytes of the file's own header fields: where sections are described, and how. */
const SECTIONS_AT = 0x28, ENTRY_SIZE = 0x3a, ENTRIES = 0x3c, NAMES = 0x3e;

/** Where a section lies in an ELF file of 64 bits. */
function section(view: DataView, wanted: string): { from: number; to: number } {
  const at = Number(view.getBigUint64(SECTIONS_AT, true));
  const size = view.getUint16(ENTRY_SIZE, true), count = view.getUint16(ENTRIES, true);
  const header = (i: number) => at + i * size;
  const place = (i: number) => Number(view.getBigUint64(header(i) + 24, true));
  const names = place(view.getUint16(NAMES, true));
  for (let i = 0; i < count; i++) {
    let name = "";
    for (let p = names + view.getUint32(header(i), true); view.getUint8(p) !== 0; p++) {
      name += String.fromCharCode(view.getUint8(p));
    }
    if (name !== wanted) continue;
    const from = place(i);
    return { from, to: from + Number(view.getBigUint64(header(i) + 32, true)) };
  }
  throw new Error(`the provider has no section ${wanted}`);
}

/**
 * Overwrites machine code with zeros, in place, so that the file compresses well: all but that for `sm`
 * in containers that also serve `beside`. Files that serve new GPUs alone hold kernels of attention and
 * mixtures of experts, which this library does not use.
 *
 * @returns bytes of code that are left
 */
export function thin(file: Uint8Array<ArrayBuffer>, sm: number, beside: number): number {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const { from, to } = section(view, SECTION);
  let kept = 0;
  for (let at = from; at < to;) {
    if (view.getUint32(at, true) !== CONTAINER) {
      at += 8;
      continue;
    }
    const begin = at + view.getUint16(at + 6, true);
    const end = begin + Number(view.getBigUint64(at + 8, true));
    const entries: { code: number; size: number; arch: number }[] = [];
    for (let p = begin; p < end;) {
      const header = view.getUint32(p + 4, true), size = Number(view.getBigUint64(p + 8, true));
      entries.push({ code: p + header, size, arch: view.getUint32(p + 28, true) });
      p += header + size;
    }
    const serves = entries.some(({ arch }) => arch === beside);
    for (const { code, size, arch } of entries) {
      if (serves && arch === sm) kept += size;
      else file.fill(0, code, code + size);
    }
    at = (end + 7) & ~7;
  }
  if (kept === 0) throw new Error(`the provider holds no machine code for sm_${sm}`);
  return kept;
}
