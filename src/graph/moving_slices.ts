/**
 * Slices whose place changes from run to run, as those of batches (`x.narrow(0, i * 32, 32)`) do. The
 * place of a slice is structure, which kernels use, so that each place is a graph of its own. Where graph
 * after graph is compiled and slices of equal shapes lie elsewhere in each, the place of such slices
 * becomes data.
 *
 * @module
 */

import type { Shape } from "./shape.ts";

/** Where a slice lies: first index, number of elements and step along each dimension. */
export interface SlicePlace {
  readonly starts: Shape;
  readonly sizes: Shape;
  readonly steps: Shape;
}

/**
 * Graphs compiled of late, and places seen in them, from which on slices of some shapes move. A run of a
 * known graph takes away a part of a compiled one: a loop may run others between.
 */
const GRAPHS = 8, PLACES = 6, KNOWN = 1 / 16;

/** Places that are remembered between two runs. */
const RECENT = 64;

const places = new Map<string, Set<string>>(), moving = new Set<string>();
let compiled = 0;
let recent: { readonly shape: Shape; readonly place: SlicePlace }[] = [];

function keyOf(shape: Shape, { sizes, steps }: SlicePlace): string {
  return `${shape}:${sizes}:${steps}`;
}

/** Whether the place of a slice of a tensor of some shape is data. */
export function isMoving(shape: Shape, place: SlicePlace): boolean {
  return moving.size > 0 && place.steps.every((s) => s === 1) && moving.has(keyOf(shape, place));
}

/** Notes a slice that the next run takes from a tensor of some shape, or writes there. */
export function noteSlice(shape: Shape, place: SlicePlace): void {
  if (recent.length < RECENT) recent.push({ shape, place });
}

/** Notes whether the graph of the run was known; looks for slices that lay elsewhere before, if not. */
export function noteGraph(known: boolean): void {
  if (known) compiled = Math.max(0, compiled - KNOWN);
  else if (++compiled >= GRAPHS / 2) learn();
  if (recent.length > 0) recent = [];
}

function learn(): void {
  const signatures = new Map<string, string>();
  for (const { shape, place } of recent) {
    const key = keyOf(shape, place);
    signatures.set(key, `${signatures.get(key) ?? ""};${place.starts}`);
  }
  for (const [key, signature] of signatures) {
    const seen = places.get(key) ?? new Set();
    if (seen.size === 0) places.set(key, seen);
    seen.add(signature);
    if (seen.size < PLACES || compiled < GRAPHS) continue;
    moving.add(key);
    places.delete(key);
  }
}
