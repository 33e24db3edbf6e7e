/**
 * Failures that depend on values, so that only a kernel can find them, in the words of this library.
 *
 * @module
 */

import { BackendError, OutOfMemoryError } from "../runtime/mod.ts";

const SEVERAL = "gather, scatter, scatterAdd, indexSelect, indexAdd, take, embedding";

/** What kernels say of an index that is out of range. The first group, if any, is the index. */
const OUT_OF_RANGE = [
  /idx=(-?\d+) must be within the inclusive range \[(-?\d+), ?(-?\d+)\]/,
  /the index (-?\d+) is not in a dimension of (\d+)/,
  /invalid indice found, indice = (-?\d+)/,
  /Out of range value in index tensor()/,
];

function indexFailure(message: string): RangeError | null {
  for (const pattern of OUT_OF_RANGE) {
    const found = pattern.exec(message);
    if (found === null) continue;
    const [, index, first, last] = found;
    const size = first === undefined ? null : last === undefined ? +first : +last + 1;
    const got = index === "" ? "an index that is out of range" : `the index ${index}`;
    const wants = size === null
      ? "it must be from -size to size - 1 of the dimension it counts in"
      : size === 0
      ? "the dimension it counts in is empty"
      : `the dimension it counts in has ${size} element(s), so it must be from ${-size} to ${
        size - 1
      }`;
    return new RangeError(
      `index: got ${got} in the index tensor of one of ${SEVERAL}; ${wants}. Check the index ` +
        `tensor, or clamp() it.`,
    );
  }
  return null;
}

/**
 * Whether an error says that values could not be computed: their operands are lost, there is no memory,
 * or a kernel refused them. Anything else is a fault of this library.
 */
export function isRunFailure(error: unknown): boolean {
  return error instanceof BackendError ||
    (error instanceof RangeError && error.cause instanceof BackendError);
}

/** The error that a failed run is reported with: the argument's fault by name, or `cause` itself. */
export function explainFailure(cause: unknown): unknown {
  if (!(cause instanceof BackendError)) return cause;
  const { message } = cause;
  if (/Integer (division|modulo) by zero/.test(message)) {
    return Object.assign(
      new RangeError(
        "div: got 0 as the divisor of a whole number (in div with a roundingMode, fmod or " +
          "remainder); whole numbers have no infinity. Convert to floating point, or choose another " +
          "divisor there with where().",
      ),
      { cause },
    );
  }
  const bytes = /Failed to allocate memory for requested buffer of size (\d+)/.exec(message);
  if (bytes !== null || /bad_alloc|bad allocation|out of memory|_ALLOC_FAILED/i.test(message)) {
    const size = bytes === null ? "" : ` of ${(Number(bytes[1]) / 1e9).toPrecision(2)} GB`;
    return new OutOfMemoryError(
      `run: there is no memory for a value${size} inside of the graph; take smaller batches, fewer ` +
        `unrolled steps, or checkpoint() around parts whose values can be computed again.`,
      { cause },
    );
  }
  const error = indexFailure(message);
  return error === null ? cause : Object.assign(error, { cause });
}
