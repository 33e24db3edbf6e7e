/** Grey PNG images, as Omniglot has them. @module */

// @ts-types="./pngjs.d.ts"
import { PNG } from "pngjs";
import { Buffer } from "node:buffer";

/** A grey image. */
export interface GreyImage {
  /** Pixels in a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** Values from 0 (black) to 1 (white), row by row. */
  readonly pixels: Float32Array;
}

/**
 * Reads a grey image.
 *
 * @throws {TypeError} for other files
 */
export function readPng(bytes: Uint8Array): GreyImage {
  let image: ReturnType<typeof PNG.sync.read>;
  try {
    image = PNG.sync.read(Buffer.from(bytes));
  } catch (error) {
    throw new TypeError(`readPng: not a PNG file: ${(error as Error).message}`);
  }
  const { width, height, data, color } = image;
  if (color) throw new TypeError("readPng: wants a grey image, got one with colours");
  // Four bytes a pixel: red, green, blue, alpha.
  return {
    width,
    height,
    pixels: Float32Array.from({ length: width * height }, (_, i) => data[4 * i] / 255),
  };
}

/** Averages over areas: the image in another size. */
export function resize(image: GreyImage, size: number): Float32Array {
  const out = new Float32Array(size * size);
  /** Overlap of the source pixel `i` with the target pixel `k`, in source pixels. */
  const overlap = (i: number, k: number, scale: number) =>
    Math.max(0, Math.min(i + 1, (k + 1) * scale) - Math.max(i, k * scale));
  const sx = image.width / size, sy = image.height / size;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      let sum = 0;
      for (let v = Math.floor(y * sy); v < Math.min(image.height, (y + 1) * sy); v++) {
        for (let u = Math.floor(x * sx); u < Math.min(image.width, (x + 1) * sx); u++) {
          sum += image.pixels[v * image.width + u] * overlap(v, y, sy) * overlap(u, x, sx);
        }
      }
      out[y * size + x] = sum / (sx * sy);
    }
  }
  return out;
}
