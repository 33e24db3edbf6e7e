/**
 * Reading exact numbers of bytes from a connection.
 *
 * @module
 */

/** Where bytes come from. */
export interface Source {
  /** Reads some bytes; null at the end. */
  read(into: Uint8Array): Promise<number | null>;
}

/** A connection that ended where more was to come. */
export class CutOff extends Error {}

const BUFFER = 1 << 16;

/** Reads exact numbers of bytes, small ones through a buffer, large ones into their own memory. */
export class Reader {
  readonly #source: Source;
  #buffer = new Uint8Array(BUFFER);
  #start = 0;
  #end = 0;

  /** A reader of a connection that nobody else reads. */
  constructor(source: Source) {
    this.#source = source;
  }

  /** Bytes that are there already. */
  get buffered(): number {
    return this.#end - this.#start;
  }

  /** Waits for the next bytes. Null where the connection ends before the first of them. */
  async take(n: number): Promise<Uint8Array | null> {
    if (this.buffered < n && !await this.#fill(n)) return null;
    return this.now(n);
  }

  /** Bytes that are there already, up to the next call. */
  now(n: number): Uint8Array {
    this.#start += n;
    return this.#buffer.subarray(this.#start - n, this.#start);
  }

  /** Fills memory with the next bytes. */
  async into(target: Uint8Array): Promise<void> {
    let at = Math.min(target.length, this.buffered);
    target.set(this.#buffer.subarray(this.#start, this.#start + at));
    this.#start += at;
    while (at < target.length) {
      const n = await this.#source.read(target.subarray(at));
      if (n === null) throw new CutOff();
      at += n;
    }
  }

  /** Whether `n` bytes are there now; false at the end of the connection. */
  async #fill(n: number): Promise<boolean> {
    if (this.#start > 0) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    if (n > this.#buffer.length) {
      const larger = new Uint8Array(n);
      larger.set(this.#buffer.subarray(0, this.#end));
      this.#buffer = larger;
    }
    while (this.#end < n) {
      const got = await this.#source.read(this.#buffer.subarray(this.#end));
      if (got === null) {
        if (this.#end === 0) return false;
        throw new CutOff();
      }
      this.#end += got;
    }
    return true;
  }
}
