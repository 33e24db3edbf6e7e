/** Writing grey PNG images, for tests of the reader. @module */

/** Options of {@linkcode encodePng}. */
interface PngOptions {
  /** Filter of every row (8 bits only; default 0). */
  filter?: number;
  /** Colour type in the header (default 0, grey). */
  colour?: number;
}

function chunk(type: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  // The reader does not look at the checksum.
  const out = new Uint8Array(12 + data.length);
  new DataView(out.buffer).setUint32(0, data.length);
  out.set(new TextEncoder().encode(type), 4);
  out.set(data, 8);
  return out;
}

function predictor(filter: number, left: number, up: number, corner: number): number {
  if (filter === 4) {
    const p = left + up - corner;
    const best = Math.min(...[left, up, corner].map((v) => Math.abs(p - v)));
    return [left, up, corner].find((v) => Math.abs(p - v) === best)!;
  }
  return [0, left, up, (left + up) >> 1][filter];
}

/** A grey image with `depth` bits a pixel. */
export async function encodePng(
  width: number,
  height: number,
  depth: number,
  pixels: readonly number[],
  { filter = 0, colour = 0 }: PngOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const rowBytes = Math.ceil(width * depth / 8);
  const raw = new Uint8Array(height * (rowBytes + 1));
  for (let y = 0; y < height; y++) {
    raw[y * (rowBytes + 1)] = filter;
    for (let x = 0; x < width; x++) {
      const at = (dx: number, dy: number) =>
        x - dx < 0 || y - dy < 0 ? 0 : pixels[(y - dy) * width + x - dx];
      const value = at(0, 0) - (filter === 0 ? 0 : predictor(filter, at(1, 0), at(0, 1), at(1, 1)));
      const bit = x * depth;
      raw[y * (rowBytes + 1) + 1 + (bit >> 3)] |= (value & 255) << (8 - depth - (bit & 7));
    }
  }
  const header = new Uint8Array(13), view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([depth, colour, 0, 0, 0], 8);
  const packed = new Uint8Array(
    await new Response(new Blob([raw]).stream().pipeThrough(new CompressionStream("deflate")))
      .arrayBuffer(),
  );
  const parts = [
    Uint8Array.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk("IHDR", header),
    chunk("IDAT", packed),
    chunk("IEND", new Uint8Array(0)),
  ];
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
