/**
 * A link over a MessagePort, between Workers of one process.
 *
 * @module
 */

import { HEADER, number, parseChunks } from "../frame.ts";
import type { Link, LinkEvents } from "./link.ts";

/** Elements from this size on are given away instead of copied once more. */
const TRANSFER = 16_384;

/** A link over a port that connects two ranks of one process. */
export class PortLink implements Link {
  readonly carrier = "a port";
  readonly queued = 0;
  readonly #port: MessagePort;
  #events: LinkEvents | null = null;
  #sent = 0;
  #received = 0;
  #closed = false;

  /** A link over a port that nobody else uses. */
  constructor(port: MessagePort) {
    this.#port = port;
  }

  open(events: LinkEvents): void {
    this.#events = events;
    this.#port.onmessage = ({ data }) => {
      if (this.#closed) return;
      try {
        this.#receive(data);
      } catch (error) {
        this.close(error instanceof Error ? error.message : String(error));
      }
    };
    this.#port.onmessageerror = () => this.close("a message could not be read");
    this.#port.start();
  }

  send(chunks: Uint8Array[]): void {
    if (this.#closed) return;
    this.#sent = this.#sent + 1 >>> 0;
    number(chunks[0], this.#sent);
    if (chunks.length === 1) this.#port.postMessage(chunks[0]);
    else {
      const given = chunks.slice(1).filter((chunk) => chunk.length >= TRANSFER);
      this.#port.postMessage(chunks, given.map((chunk) => chunk.buffer as ArrayBuffer));
    }
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }

  flushed(): Promise<void> {
    return Promise.resolve();
  }

  share(): null {
    return null;
  }

  hold(): void {}

  release(): void {}

  received(): void {}

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#port.onmessage = null;
    this.#port.onmessageerror = null;
    try {
      this.#port.postMessage(null);
    } catch {
      // The other side may be gone.
    }
    this.#port.close();
    this.#events?.closed(reason);
  }

  #receive(message: unknown): void {
    if (message === null) return this.close("the other side closed the port");
    const chunks = Array.isArray(message) ? message : [message];
    if (!chunks.every((chunk) => chunk instanceof Uint8Array) || chunks[0].length < HEADER) {
      throw new Error("frame: it is too short.");
    }
    this.#received = this.#received + 1 >>> 0;
    this.#events!.frame(parseChunks(chunks, this.#received));
  }
}
