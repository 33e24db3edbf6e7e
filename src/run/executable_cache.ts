/**
 * The cache of compiled graphs.
 *
 * @module
 */

import {
  BackendError,
  type Device,
  driverOf,
  environment,
  noticeMissingOps,
  opsLibrary,
  type Target,
  targetOf,
} from "../runtime/mod.ts";
import { checkLowering } from "../graph/memory.ts";
import type { Node } from "../graph/node.ts";
import type { Donation } from "../lower/donation.ts";
import { lower } from "../lower/lower.ts";
import { sameKey, type Walk } from "../lower/walk.ts";
import { dumpModel } from "./dump.ts";
import { Executable, type Wishes } from "./executable.ts";
import { laterKernels } from "./later_kernels.ts";

/** Compiled structures that are kept; beyond it the one used longest ago goes. */
const CAPACITY = 512;

/** Compilations in a row without a reuse after which a loop is reported once. */
const CHURN = 64;

/** Whether a compiled graph serves: same structure, same wishes, same device. */
function serves(e: Executable, walk: Walk, wishes: Wishes, device: Device): boolean {
  if (e.device !== device || e.wishes.length !== wishes.length) return false;
  for (let i = 0; i < wishes.length; i++) if (e.wishes[i] !== wishes[i]) return false;
  return sameKey(e.key, walk.key);
}

/** What outputs wish to be written over, as donations. */
function donationsOf(wishes: Wishes): Donation[] {
  const donations: Donation[] = [];
  wishes.forEach((leaf, output) => {
    if (leaf >= 0) donations.push({ leaf, output });
  });
  return donations;
}

const cache = new Map<number, Executable[]>();
let cached = 0, churn = 0, reported = false;

/** The executable of a walked graph; compiles it at first sight. */
export function executableFor(
  walk: Walk,
  outputs: readonly Node[],
  wishes: Wishes,
  device: Device,
): Executable {
  const bucket = cache.get(walk.hash);
  const known = bucket?.find((e) => serves(e, walk, wishes, device));
  if (known !== undefined) {
    churn = 0;
    if (cached > CAPACITY / 2) {
      // Most recently used buckets go last in the map's order.
      cache.delete(walk.hash);
      cache.set(walk.hash, bucket!);
    }
    return known;
  }
  checkLowering(walk.nodes.length + walk.scalars.length);
  const donations = donationsOf(wishes);
  const lowerFor = (target: Target) => lower(walk, outputs, donations, target);
  const lowerWith = (ops: boolean) => lowerFor(targetOf(device, ops));
  const lowered = lowerWith(opsLibrary().loaded);
  if (driverOf(device).compiledOps) noticeMissingOps(() => lowerWith(true).usesOps);
  for (const model of new Set(lowered.segments.map((s) => s.model))) dumpModel(model);
  // A missing library or a wrong setting is not the graph's fault: it throws here.
  environment();
  let made: Executable;
  const key = walk.key.slice();
  try {
    made = new Executable(key, wishes, lowered, device, laterKernels(device, lowerFor));
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    throw new BackendError(
      `compile: ONNX Runtime does not accept a lowered graph of ${walk.nodes.length} operations: ` +
        `${cause.message}`,
      { cause },
    );
  }
  if (bucket === undefined) cache.set(walk.hash, [made]);
  else bucket.push(made);
  cached++;
  if (++churn > CHURN && !reported) reportChurn(key, walk.nodes.length);
  if (cached > CAPACITY) evict();
  return made;
}

function evict(): void {
  const [hash, bucket] = cache.entries().next().value!;
  // Compiled functions may still hold it; the session is freed once nothing does.
  bucket.shift();
  cached--;
  if (bucket.length === 0) cache.delete(hash);
}

let previous: { key: Int32Array; operations: number } | null = null;

function reportChurn(key: Int32Array, operations: number): void {
  if (previous === null) {
    previous = { key, operations };
    return;
  }
  reported = true;
  const at = key.findIndex((v, i) => v !== previous!.key[i]);
  console.warn(
    `torchopt: ${CHURN} graphs in a row were compiled and none was reused. The last two have ` +
      `${previous.operations} and ${operations} operations and differ first at entry ${at} ` +
      `of their keys. Usual causes: a shape or a static argument (axes, slice bounds) that changes ` +
      `each iteration, or a value that is never read while it grows. Numbers do not cause it.`,
  );
  previous = null;
}

/** Forgets all compiled graphs; each is freed once nothing holds it. */
export function clearExecutables(): void {
  cache.clear();
  cached = 0;
}
