/**
 * Memory that two processes of one host see. It has no name: the kernel frees it when both are gone,
 * however they end.
 *
 * @module
 */

const SYMBOLS = {
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

type Library = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

let library: Library | null | undefined;

/** The C library; null where it has no such memory, or may not be called. */
function libc(): Library | null {
  if (library !== undefined) return library;
  if (Deno.build.os !== "linux") return library = null;
  try {
    return library = Deno.dlopen("libc.so.6", SYMBOLS).symbols;
  } catch {
    return library = null;
  }
}

const CLOSE_ON_EXEC = 1, READ_WRITE = 2, CLOSE_ON_EXEC_FILE = 0o2000000;
const READ_AND_WRITE = 3, SHARED = 1;
const FAILED = 2n ** 64n - 1n;

const cString = (text: string) => new TextEncoder().encode(`${text}\0`);

/** A piece of memory that is mapped here. */
export class SharedMemory {
  /** Its bytes. */
  readonly size: number;
  /** Number of its file in the process that made it; -1 once it is closed. */
  file: number;
  readonly #start: bigint;
  #mapped = true;

  private constructor(start: bigint, size: number, file: number) {
    this.#start = start;
    this.size = size;
    this.file = file;
  }

  /** New memory; null where there is none. */
  static make(size: number): SharedMemory | null {
    const c = libc();
    if (c === null) return null;
    const file = c.memfd_create(cString("torchopt"), CLOSE_ON_EXEC);
    if (file < 0) return null;
    if (c.ftruncate(file, BigInt(size)) === 0) {
      const found = SharedMemory.#map(c, file, size);
      if (found !== null) return found;
    }
    c.close(file);
    return null;
  }

  /** Memory that another process made; null where it cannot be seen. */
  static of(process: number, file: number, size: number): SharedMemory | null {
    const c = libc();
    if (c === null) return null;
    const path = cString(`/proc/${process}/fd/${file}`);
    const own = c.open(path, READ_WRITE | CLOSE_ON_EXEC_FILE);
    if (own < 0) return null;
    // A shorter file would end the process where it is read.
    let long = false;
    try {
      long = Deno.statSync(`/proc/self/fd/${own}`).size >= size;
    } catch {
      // It cannot be looked at.
    }
    const found = long ? SharedMemory.#map(c, own, size) : null;
    if (found === null) c.close(own);
    else found.closeFile();
    return found;
  }

  static #map(c: Library, file: number, size: number): SharedMemory | null {
    const start = c.mmap(null, BigInt(size), READ_AND_WRITE, SHARED, file, 0n);
    const address = start === null ? FAILED : Deno.UnsafePointer.value(start);
    return BigInt.asUintN(64, address) === FAILED ? null : new SharedMemory(address, size, file);
  }

  /** The bytes at a place. Nobody may use them after {@linkcode SharedMemory.unmap}. */
  view(offset: number, length: number): Uint8Array {
    const pointer = Deno.UnsafePointer.create(this.#start + BigInt(offset))!;
    return new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, length));
  }

  /** Closes the file; the memory stays. */
  closeFile(): void {
    if (this.file >= 0) libc()!.close(this.file);
    this.file = -1;
  }

  /** Gives the memory back. */
  unmap(): void {
    if (!this.#mapped) return;
    this.#mapped = false;
    this.closeFile();
    libc()!.munmap(Deno.UnsafePointer.create(this.#start), BigInt(this.size));
  }
}
