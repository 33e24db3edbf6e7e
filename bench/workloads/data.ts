/**
 * Data of the workloads: closed forms of an index and a stream number, so that every language makes
 * the same bits.
 *
 * @module
 */

/** uint32 hash of index `i` in stream `s`. */
function hash(i: number, s: number): number {
  let x = (i + Math.imul(s, 0x9e3779b9)) | 0;
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  x ^= x >>> 16;
  return x >>> 0;
}

/** Uniform numbers in [0, 1). */
export function uniform(n: number, s: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => (hash(i, s) >>> 8) / 16777216);
}

/** Hashes modulo `m`: labels. */
export function classes(n: number, s: number, m: number): number[] {
  return Array.from({ length: n }, (_, i) => hash(i, s) % m);
}

/** Symmetric uniform numbers of amplitude `a`. */
export function sym(shape: readonly number[], s: number, a: number): Float32Array {
  const n = shape.reduce((x, y) => x * y, 1);
  const out = new Float32Array(n);
  for (let i = 0; i < n; i++) out[i] = (2 * ((hash(i, s) >>> 8) / 16777216) - 1) * a;
  return out;
}

/** Nearly normal numbers: sums of twelve uniform ones. */
export function normal(shape: readonly number[], s: number): Float32Array {
  const n = shape.reduce((x, y) => x * y, 1), u = uniform(12 * n, s);
  const out = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let k = 0; k < 12; k++) sum += u[12 * i + k];
    out[i] = sum - 6;
  }
  return out;
}

/** A named array. */
export interface Array32 {
  /** Sizes. */
  readonly shape: readonly number[];
  /** Elements. */
  readonly data: Float32Array;
}

/** Parameters W1, b1, W2, b2, … of a multi-layer perceptron; W is [out, in]. */
export function mlp(sizes: readonly number[], base: number, gain: number): Array32[] {
  const out: Array32[] = [];
  for (let l = 0; l + 1 < sizes.length; l++) {
    const [i, o] = [sizes[l], sizes[l + 1]];
    out.push(
      { shape: [o, i], data: sym([o, i], base + 2 * l, Math.sqrt(gain / i)) },
      { shape: [o], data: sym([o], base + 2 * l + 1, 0.1) },
    );
  }
  return out;
}

/** Shapes of the 62 tensors of ResNet-18, in torchvision's order. */
export function resnet18(): number[][] {
  const shapes: number[][] = [[64, 3, 7, 7], [64], [64]];
  let from = 64;
  for (const c of [64, 128, 256, 512]) {
    for (let block = 0; block < 2; block++) {
      shapes.push([c, from, 3, 3], [c], [c], [c, c, 3, 3], [c], [c]);
      if (block === 0 && from !== c) shapes.push([c, from, 1, 1], [c], [c]);
      from = c;
    }
  }
  shapes.push([1000, 512], [1000]);
  return shapes;
}
