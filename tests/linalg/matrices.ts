/** Matrices of known kinds for tests of dense linear algebra, repeatable. */

import { type Tensor, tensor } from "@torchopt/torchopt";

/** A matrix as plain numbers, row by row. */
export interface Plain {
  readonly m: number;
  readonly n: number;
  readonly data: Float64Array;
}

/** Numbers between -1 and 1 that repeat for a seed. */
function drawing(seed: number): () => number {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** Random entries between -1 and 1. */
export function random(m: number, n: number, seed: number): Plain {
  const draw = drawing(seed);
  return { m, n, data: Float64Array.from({ length: m * n }, draw) };
}

/** A x for a reflection of all rows (or columns) along a random direction. */
function reflect({ m, n, data }: Plain, rows: boolean, seed: number): void {
  const size = rows ? m : n, other = rows ? n : m;
  const v = random(size, 1, seed).data;
  const square = v.reduce((sum, x) => sum + x * x, 0);
  const at = (i: number, j: number) => rows ? i * n + j : j * n + i;
  for (let j = 0; j < other; j++) {
    let sum = 0;
    for (let i = 0; i < size; i++) sum += v[i] * data[at(i, j)];
    for (let i = 0; i < size; i++) data[at(i, j)] -= 2 * v[i] * sum / square;
  }
}

/** A matrix with the given singular values, between random orthogonal ones. */
export function withSingularValues(values: readonly number[], seed: number): Plain {
  const n = values.length, data = new Float64Array(n * n);
  values.forEach((s, i) => data[i * n + i] = s);
  const matrix = { m: n, n, data };
  for (let k = 0; k < 3; k++) {
    reflect(matrix, true, seed + 2 * k);
    reflect(matrix, false, seed + 2 * k + 1);
  }
  return matrix;
}

/** Square matrices of a size by kind; the condition number of the second is that given. */
export function kinds(n: number, condition: number): Record<string, Plain> {
  const spread = Array.from(
    { length: n },
    (_, i) => condition ** (-i / Math.max(1, n - 1)),
  );
  const graded = random(n, n, 7 + n);
  // Rows and columns shrink from left to right and from top to bottom.
  graded.data.forEach((_, i) =>
    graded.data[i] *= 10 ** (-8 * (Math.floor(i / n) + i % n) / (2 * n))
  );
  const nearly = Array.from({ length: n }, (_, i) => i === n - 1 && n > 1 ? 1 / condition : 1);
  return {
    random: random(n, n, n),
    "ill-conditioned": withSingularValues(spread, 3 * n),
    graded,
    "nearly singular": withSingularValues(nearly, 5 * n),
  };
}

/** The matrix as a tensor. */
export function toTensor({ m, n, data }: Plain, dtype: "float32" | "float64"): Tensor {
  return tensor(data, { shape: [m, n], dtype });
}

/** The numbers of a matrix tensor. */
export function toPlain(x: Tensor): Plain {
  const [m, n] = x.shape;
  return { m, n: n ?? 1, data: Float64Array.from(x.data() as Float64Array) };
}

/** A B (or A^T B). */
export function product(a: Plain, b: Plain, transposed = false): Plain {
  const m = transposed ? a.n : a.m, k = transposed ? a.m : a.n, { n } = b;
  const data = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let p = 0; p < k; p++) {
      const f = transposed ? a.data[p * a.n + i] : a.data[i * a.n + p];
      if (f === 0) continue;
      for (let j = 0; j < n; j++) data[i * n + j] += f * b.data[p * n + j];
    }
  }
  return { m, n, data };
}

/** Largest magnitude of a difference. */
export function distance(a: Plain, b: Plain): number {
  let most = 0;
  a.data.forEach((x, i) => {
    const off = Math.abs(x - b.data[i]);
    if (!(off <= most)) most = off;
  });
  return most;
}

/** Largest sum of magnitudes in a row. */
export function norm({ m, n, data }: Plain): number {
  let most = 0;
  for (let i = 0; i < m; i++) {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += Math.abs(data[i * n + j]);
    most = Math.max(most, sum);
  }
  return most;
}

/** The identity. */
export function identity(n: number): Plain {
  return {
    m: n,
    n,
    data: Float64Array.from({ length: n * n }, (_, i) => i % (n + 1) === 0 ? 1 : 0),
  };
}
