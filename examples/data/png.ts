/** Reading grey PNG images (ISO/IEC 15948), as Omniglot has them. @module */

/** A grey image. */
export interface GreyImage {
  /** Pixels in a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** Values from 0 (black) to 1 (white), row by row. */
  readonly pixels: Float32Array;
}

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];

async function inflate(parts: BlobPart[]): Promise<Uint8Array> {
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** What the predictor of filter type 4 chooses among left, above and upper left. */
function paeth(a: number, b: number, c: number): number {
  const p = a + b - c, pa = Math.abs(p - a), pb = Math.abs(p - b), pc = Math.abs(p - c);
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

/** Undoes the filter of each row. */
function unfilter(data: Uint8Array, rowBytes: number, height: number): Uint8Array {
  const out = new Uint8Array(rowBytes * height);
  for (let y = 0; y < height; y++) {
    const type = data[y * (rowBytes + 1)];
    for (let i = 0; i < rowBytes; i++) {
      const at = y * rowBytes + i;
      const left = i > 0 ? out[at - 1] : 0, up = y > 0 ? out[at - rowBytes] : 0;
      const corner = i > 0 && y > 0 ? out[at - rowBytes - 1] : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][type];
      if (guess === undefined) throw new TypeError(`readPng: unknown filter ${type}`);
      out[at] = data[y * (rowBytes + 1) + 1 + i] + guess;
    }
  }
  return out;
}

/**
 * Reads a grey image of 1, 2, 4 or 8 bits a pixel without interlacing.
 *
 * @throws {TypeError} for other files
 */
export async function readPng(bytes: Uint8Array<ArrayBuffer>): Promise<GreyImage> {
  if (SIGNATURE.some((b, i) => bytes[i] !== b)) throw new TypeError("readPng: not a PNG file");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let width = 0, height = 0, depth = 0;
  for (let at = 8; at + 8 <= bytes.length;) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (type === "IHDR") {
      [width, height, depth] = [view.getUint32(at + 8), view.getUint32(at + 12), bytes[at + 16]];
      const [colour, , , interlaced] = bytes.subarray(at + 17, at + 21);
      if (colour !== 0 || interlaced !== 0 || depth > 8) {
        throw new TypeError(
          `readPng: wants a grey image of at most 8 bits without interlacing, got colour type ` +
            `${colour}, ${depth} bits, interlacing ${interlaced}`,
        );
      }
    } else if (type === "IDAT") parts.push(bytes.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  const rowBytes = Math.ceil(width * depth / 8);
  const data = unfilter(await inflate(parts), rowBytes, height);
  const pixels = new Float32Array(width * height), top = 2 ** depth - 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      const byte = data[y * rowBytes + (bit >> 3)];
      pixels[y * width + x] = ((byte >> (8 - depth - (bit & 7))) & top) / top;
    }
  }
  return { width, height, pixels };
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
