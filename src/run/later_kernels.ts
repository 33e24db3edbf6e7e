/**
 * Graphs whose kernels are generated and compiled in the background.
 *
 * @module
 */

import {
  BackendError,
  type Device,
  driverOf,
  opsLibrary,
  type PendingKernels,
  type Target,
} from "../runtime/mod.ts";
import type { Lowered } from "../lower/lower.ts";

/** A graph that takes the place of another one when its kernels are ready. */
export class LaterKernels {
  /** The lowered graph. */
  readonly lowered: Lowered;
  #pending: PendingKernels[];

  /** Begins to compile the kernels; throws {@linkcode BackendError} where one can have none. */
  constructor(lowered: Lowered, begin: (node: Lowered["programs"][number]) => PendingKernels) {
    this.lowered = lowered;
    this.#pending = [];
    try {
      for (const node of lowered.programs) this.#pending.push(begin(node));
    } catch (cause) {
      this.release();
      throw cause;
    }
  }

  /** How far they are, all together. */
  state(): "compiling" | "ready" | "failed" {
    for (const kernels of this.#pending) {
      const state = kernels.state();
      if (state !== "ready") return state;
    }
    return "ready";
  }

  /** What went wrong. */
  error(): string {
    return this.#pending.find((kernels) => kernels.state() === "failed")?.error() ?? "";
  }

  /** Forgets the kernels; sessions that were made meanwhile keep theirs. */
  release(): void {
    for (const kernels of this.#pending) kernels.release();
    this.#pending = [];
  }
}

/**
 * The graph with generated kernels, which are compiled from now on; null where the device has none, or
 * the graph nothing for them. A loop that can have none is lowered as a graph.
 *
 * @param lower gives the graph for a target
 */
export function laterKernels(
  device: Device,
  lower: (target: Target) => Lowered,
): LaterKernels | null {
  const driver = driverOf(device), { generator } = driver;
  if (generator === undefined || !driver.compiledOps || !opsLibrary().loaded) return null;
  const index = driver.indexOf(device);
  for (const loops of [true, false]) {
    const lowered = lower(generator.target(loops));
    if (lowered.programs.length === 0) return null;
    try {
      return new LaterKernels(lowered, (node) => generator.begin(index, node));
    } catch (cause) {
      if (!(cause instanceof BackendError)) throw cause;
      const other = loops && lowered.programs.some(({ layout }) => layout !== undefined);
      if (!other) return null;
    }
  }
  return null;
}
