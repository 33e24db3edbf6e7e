/** Grey PNG files for tests. @module */

// @ts-types="../../../examples/data/pngjs.d.ts"
import { PNG } from "pngjs";

/** A grey image with 8 bits a pixel, of numbers from 0 to 1; `filter` is the one of each row. */
export function greyPng(
  width: number,
  height: number,
  pixels: readonly number[],
  filter = 4,
): Uint8Array {
  const image = new PNG({ width, height });
  pixels.forEach((v, i) => image.data.fill(Math.round(255 * v), 4 * i, 4 * i + 3));
  pixels.forEach((_, i) => image.data[4 * i + 3] = 255);
  return PNG.sync.write(image, { colorType: 0, filterType: filter });
}
