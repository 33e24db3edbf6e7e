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

type Begin = (node: Lowered["programs"][number]) => PendingKernels;

/** A graph that takes the place of another one when its kernels are ready. */
export class LaterKernels {
  #choices: readonly Lowered[];
  readonly #begin: Begin;
  #pending: PendingKernels[] | null = null;

  /** @param choices the lowered graph; further ones are for where the kernels before cannot be */
  constructor(choices: readonly Lowered[], begin: Begin) {
    this.#choices = choices;
    this.#begin = begin;
  }

  /** The lowered graph. */
  get lowered(): Lowered {
    return this.#choices[0];
  }

  /** How far the kernels are, all together. Begins to compile them when it is asked first. */
  state(): "compiling" | "ready" | "failed" {
    if (this.#pending === null && !this.#start()) return "failed";
    for (const kernels of this.#pending!) {
      const state = kernels.state();
      if (state !== "ready") return state;
    }
    return "ready";
  }

  /** What went wrong, for the first one who hears of it. */
  error(): string | null {
    const text = this.#pending?.find((kernels) => kernels.state() === "failed")?.error() ?? null;
    if (text === null || told.has(text)) return null;
    told.add(text);
    return text;
  }

  #start(): boolean {
    while (this.#choices.length > 0) {
      this.#pending = [];
      try {
        for (const node of this.lowered.programs) this.#pending.push(this.#begin(node));
        return this.#pending.length > 0;
      } catch (cause) {
        this.release();
        if (!(cause instanceof BackendError)) throw cause;
        this.#choices = this.#choices.slice(1);
      }
    }
    return false;
  }

  /** Forgets the kernels; sessions that were made meanwhile keep theirs. */
  release(): void {
    for (const kernels of this.#pending ?? []) kernels.release();
    this.#pending = [];
  }
}

const told = new Set<string>();

/**
 * The graph with generated kernels; null where the device has none, or the graph nothing for them. A
 * loop that can have none is lowered as a graph.
 *
 * @param lower gives the graph for a target
 */
export function laterKernels(
  device: Device,
  lower: (target: Target) => Lowered,
): LaterKernels | null {
  const driver = driverOf(device), { generator } = driver;
  if (generator === undefined || !driver.compiledOps || !opsLibrary().loaded) return null;
  if (driver.whyNoKernels?.() !== undefined) return null;
  const choices = [lower(generator.target(true))];
  const [{ programs }] = choices;
  if (programs.length === 0) return null;
  if (programs.some(({ layout }) => layout !== undefined)) {
    choices.push(lower(generator.target(false)));
  }
  const index = driver.indexOf(device);
  return new LaterKernels(choices, (node) => generator.begin(index, node));
}
