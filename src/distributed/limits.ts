/**
 * Limits of what crosses a link; they are checked before anything is allocated.
 *
 * @module
 */

/** Version of the format of frames and of the handshake. */
export const VERSION = 1;

/** Deepest nesting of plain data. */
export const MAX_DEPTH = 64;

/** Most bytes of plain data in one message. */
export const MAX_ENVELOPE = 1 << 20;

/** Most dimensions of a tensor. */
export const MAX_RANK = 16;

/** Most bytes of the elements of all tensors in one frame. */
export const MAX_BODY = 1 << 30;
