/**
 * What carries frames between two ranks.
 *
 * @module
 */

import type { Frame, SharedPlace } from "../frame.ts";

/** What a link tells. */
export interface LinkEvents {
  /** A frame arrived. An error that this throws closes the link, with its message as the reason. */
  frame(frame: Frame): void;
  /** The link is closed; nothing follows. */
  closed(reason: string): void;
}

/** The memory of a tensor, as far as a link needs it: a `Storage`, without all that it is made of. */
export interface Memory {
  /** Number of times it was overwritten. */
  readonly version: number;
  /** Whether somebody has its elements as an array. */
  readonly handedOut: boolean;
  /** Whether it must not be written over. */
  lent: boolean;
  /** The elements. */
  host(): ArrayBufferView<ArrayBufferLike>;
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
  /**
   * Puts the elements of a memory where the peer sees them, unless they are there already; null where
   * they have to travel in the frame.
   */
  share(memory: Memory): SharedPlace | null;
  /** One more use of a place. */
  hold(place: SharedPlace): void;
  /** The end of one. */
  release(place: SharedPlace): void;
  /** Notes that a memory is a place that arrived in a frame. */
  received(memory: Memory, place: SharedPlace): void;
  /** Closes the link; `closed` is told once. */
  close(reason: string): void;
}

/** Bytes that may wait to be written before senders wait. */
export const MAX_QUEUED = 512 * 2 ** 20;
