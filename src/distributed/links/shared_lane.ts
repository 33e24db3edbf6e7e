/**
 * A lane of shared memory beside a Unix socket, for the elements of large tensors.
 *
 * @module
 */

/** Memory that both sides of a link see. */
export interface SharedLane {
  /** Copies elements into the lane; null where they are too small for it or it is full. */
  put(bytes: Uint8Array): { segment: number; offset: number } | null;
  /** The elements at a place that the peer named. */
  take(place: { segment: number; offset: number }, byteLength: number): Uint8Array;
  /** Gives everything back. */
  close(): void;
}
