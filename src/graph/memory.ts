/**
 * Graphs that are too large for the memory of JavaScript: it ends the process where it overflows, so
 * that there has to be an error before.
 *
 * @module
 */

import { BackendError } from "../runtime/mod.ts";

interface Statistics {
  readonly used_heap_size: number;
  readonly heap_size_limit: number;
}

/** Bytes of the limit that are for young objects only. */
const YOUNG = 1e8;

/** Bytes that are used and may be. Asked only for large graphs: the module is not loaded for others. */
function heap(): { used: number; limit: number } {
  const { process } = globalThis as unknown as {
    process: { getBuiltinModule(name: string): { getHeapStatistics(): Statistics } };
  };
  const found = process.getBuiltinModule("node:v8").getHeapStatistics();
  return { used: found.used_heap_size, limit: found.heap_size_limit - YOUNG };
}

/** Share of the limit beyond which no more is recorded. The rest is for telling so. */
const SHARE = 0.9;

/** Bytes that recording an operation takes at most, with what else a program makes for it. */
const RECORDING_BYTES = 8192;

/** Operations between two looks at the memory that is left. */
export const LEAST = 1 << 14;
const MOST = 1 << 18;

/** Bytes that lowering takes for an operation, or a number, at its peak. */
const LOWERING_BYTES = 1200;

/** Operations up to which a graph is lowered without asking whether there is room. */
const SMALL = 50_000;

const ADVICE = "Record fewer operations (shorter unrolled loops, with stopGradient() or detach() " +
  "between them; noGrad() where nothing is differentiated), or allow more memory with " +
  "--v8-flags=--max-old-space-size=MEGABYTES.";

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toPrecision(2)} GB`;
}

/**
 * Throws where recorded operations have nearly used up the memory. Asking takes 0.1 ms, so that it
 * returns how many operations there is room for until it is to be asked again.
 */
export function checkRecording(): number {
  const { used, limit } = heap();
  const left = SHARE * limit - used;
  if (left > 0) return Math.max(LEAST, Math.min(MOST, Math.floor(left / RECORDING_BYTES)));
  throw new BackendError(
    `graph: the operations that are recorded leave no memory: ${gigabytes(used)} of the ` +
      `${gigabytes(limit)} that JavaScript may use are taken. ${ADVICE}`,
  );
}

/** Throws where a graph of so many operations and numbers is too large to be lowered. */
export function checkLowering(operations: number): void {
  if (operations < SMALL) return;
  const { used, limit } = heap();
  const needed = operations * LOWERING_BYTES;
  if (used + needed < limit) return;
  throw new BackendError(
    `compile: a graph of ${operations} operations and numbers is too large for memory: compiling ` +
      `it takes about ${gigabytes(needed)}, and ${gigabytes(Math.max(0, limit - used))} of the ` +
      `${gigabytes(limit)} that JavaScript may use are left. ${ADVICE}`,
  );
}
