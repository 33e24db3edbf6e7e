/**
 * Names of devices.
 *
 * @module
 */

/** Where a tensor lives: host memory, or the memory of a CUDA device (`"cuda"` is `"cuda:0"`). */
export type Device = "cpu" | "cuda" | `cuda:${number}`;

/**
 * Index of a CUDA device; -1 for the CPU.
 *
 * @throws {RangeError} where the text names no device
 */
export function cudaIndex(device: Device): number {
  if (device === "cpu") return -1;
  if (device === "cuda") return 0;
  const index = /^cuda:(\d{1,3})$/.exec(device)?.[1];
  if (index === undefined) {
    throw new RangeError(`"${device}" is no device; use "cpu", "cuda" or "cuda:<index>"`);
  }
  return Number(index);
}
