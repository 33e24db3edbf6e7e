/**
 * The handwritten digits that the examples learn from.
 *
 * @module
 */

/** Images as rows of 64 pixels from 0 to 1, and their labels. */
export interface Digits {
  /** Pixels, row by row. */
  readonly images: Float32Array[];
  /** Labels from 0 to 9. */
  readonly labels: number[];
}

/** Reads `digits.csv`, beside this file: 64 pixels from 0 to 16 and a label in each line. */
export async function loadDigits(): Promise<Digits> {
  const text = await Deno.readTextFile(new URL("./digits.csv", import.meta.url));
  const images: Float32Array[] = [], labels: number[] = [];
  for (const line of text.split("\n")) {
    const fields = line.split(",").map(Number);
    if (fields.length < 65 || fields.some(Number.isNaN)) continue; // header, end of file
    images.push(Float32Array.from(fields.slice(0, 64), (p) => p / 16));
    labels.push(fields[64]);
  }
  return { images, labels };
}
