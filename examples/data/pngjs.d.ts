/** The part of `pngjs` that the examples use; the package has no types. @module */

import type { Buffer } from "node:buffer";

/** An image with four bytes a pixel: red, green, blue and alpha. */
export declare class PNG {
  /** An image to be filled. */
  constructor(size: { width: number; height: number });
  /** Pixels in a row. */
  width: number;
  /** Rows. */
  height: number;
  /** Pixels, row by row. */
  data: Buffer;
  /** Reading and writing at once. */
  static sync: {
    read(bytes: Buffer): PNG & { color: boolean };
    write(image: PNG, options?: { colorType?: number; filterType?: number }): Buffer;
  };
}
