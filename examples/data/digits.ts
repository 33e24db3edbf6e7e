/**
 * The handwritten digits that the examples learn from.
 *
 * @module
 */

import { type Tensor, tensor } from "@torchopt/torchopt";

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

/** Some of the digits as tensors. */
export interface Examples {
  /** Pixels [n, 64]. */
  readonly x: Tensor;
  /** Labels [n], int64. */
  readonly y: Tensor;
}

/** The digits of some rows, with their labels or others. */
export function examples(
  digits: Digits,
  rows: readonly number[],
  labels: readonly number[] = digits.labels,
): Examples {
  const x = new Float32Array(rows.length * 64);
  rows.forEach((row, i) => x.set(digits.images[row], i * 64));
  return {
    x: tensor(x, { shape: [rows.length, 64] }),
    y: tensor(rows.map((row) => labels[row]), { dtype: "int64" }),
  };
}
