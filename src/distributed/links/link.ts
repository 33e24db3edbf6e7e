/**
 * What carries frames between two ranks.
 *
 * @module
 */

import type { Frame } from "../frame.ts";

/** What a link tells. */
export interface LinkEvents {
  /** A frame arrived. An error that this throws closes the link, with its message as the reason. */
  frame(frame: Frame): void;
  /** The link is closed; nothing follows. */
  closed(reason: string): void;
}

/** Carries frames to one peer, in order. */
export interface Link {
  /** How the peer is reached, for messages. */
  readonly carrier: string;
  /** Bytes that wait to be written. */
  readonly queued: number;
  /** Begins to deliver what arrives. */
  open(events: LinkEvents): void;
  /** Sends a frame: what `encodeFrame` gave. */
  send(chunks: Uint8Array[]): void;
  /** Resolves when little waits to be written, or the link is closed. */
  drained(): Promise<void>;
  /** Resolves when nothing waits to be written, or the link is closed. */
  flushed(): Promise<void>;
  /** Puts elements where the peer sees them, or gives null where they have to travel in the frame. */
  share(bytes: Uint8Array): { segment: number; offset: number } | null;
  /** Closes the link; `closed` is told once. */
  close(reason: string): void;
}

/** Bytes that may wait to be written before senders wait. */
export const MAX_QUEUED = 512 * 2 ** 20;
