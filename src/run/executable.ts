/**
 * Compiled graphs and their cache. A graph is compiled once for each structure; runs bind data.
 *
 * @module
 */

import {
  BackendError,
  type Device,
  type DType,
  DTYPES,
  environment,
  newArray,
  noticeMissingOps,
  opsLibrary,
  RunMemory,
  Session,
  Storage,
  threadsNow,
  type TypedArray,
} from "../runtime/mod.ts";
import { dumpModel } from "./dump.ts";
import { explainFailure } from "./failure.ts";
import type { Donation } from "../lower/donation.ts";
import { lower, type Lowered } from "../lower/lower.ts";
import { checkLowering } from "../graph/memory.ts";
import type { Node } from "../graph/node.ts";
import { sizeOf } from "../graph/shape.ts";
import { sameKey, type Walk } from "../lower/walk.ts";

/** Elementary operations of a single step from which several threads pay. */
const THREADED_WORK = 1 << 17;

/** Bytes written in a run up to which one block of memory holds them all. */
const PATTERN_BYTES = 1 << 24;

/** Compiled structures that are kept; beyond it the one used longest ago goes. */
const CAPACITY = 512;

/** Compilations in a row without a reuse after which a loop is reported once. */
const CHURN = 64;

const nothing: ReadonlyMap<number, Storage> = new Map();
const none: ReadonlySet<Storage> = new Set();

/** Memory that asynchronous runs under way are reading; it is not overwritten meanwhile. */
const borrowed = new Map<Storage, number>();

function borrow(storages: readonly Storage[], by: 1 | -1): void {
  for (const s of storages) {
    const count = (borrowed.get(s) ?? 0) + by;
    if (count > 0) borrowed.set(s, count);
    else borrowed.delete(s);
  }
}

/** A compiled graph. */
export class Executable {
  /** Structural key. */
  readonly key: Int32Array;
  /** Which outputs were to take the memory of which leaves. */
  readonly wishes: readonly Donation[];
  /** The lowered graph. */
  readonly lowered: Lowered;
  /** Milliseconds of the last run. */
  lastRun = NaN;
  /** Where outputs live. */
  readonly device: Device;
  #session: Session;
  #threads: number;
  readonly #packs = new Map<DType, TypedArray>();
  /** Keeps the memory of the numbers alive. */
  #numbers: Storage[] = [];
  readonly #leafSlots: { slot: number; leaf: number }[] = [];
  /** Input leaf whose memory each output takes, or -1. */
  readonly donor: Int32Array;
  readonly #sizes: number[];
  /** Memory of inputs that outputs take in the run that is bound. */
  readonly #donated: Storage[] = [];
  /** Other memory that outputs take. */
  readonly #reused: Storage[] = [];

  /** Compiles a lowered graph. */
  constructor(key: Int32Array, wishes: readonly Donation[], lowered: Lowered, device: Device) {
    this.key = key;
    this.wishes = wishes;
    this.lowered = lowered;
    this.device = device;
    this.#threads = this.#wantedThreads();
    this.#session = this.#compile();
    const counts = new Map<DType, number>();
    for (const p of lowered.places) {
      counts.set(p.dtype, Math.max(counts.get(p.dtype) ?? 0, p.slot + 1));
    }
    for (const [dtype, n] of counts) {
      this.#packs.set(dtype, newArray(dtype, n));
    }
    lowered.sources.forEach((source, slot) => {
      if (source.kind === "leaf") this.#leafSlots.push({ slot, leaf: source.index });
    });
    this.#placeNumbers();
    this.donor = new Int32Array(lowered.outputs.length).fill(-1);
    for (const d of lowered.donations) this.donor[d.output] = d.leaf;
    this.#sizes = lowered.outputs.map((o) => sizeOf(o.shape));
  }

  #wantedThreads(): number {
    return this.lowered.work >= THREADED_WORK ? threadsNow() : 1;
  }

  #compile(again = false): Session {
    const { model, inputs, outputs, early, bytes } = this.lowered, { device } = this;
    return new Session({
      model,
      inputs,
      outputs: [...outputs, ...early.map(({ spec }) => spec)],
      device,
      threads: this.#threads,
      useOps: device === "cpu" && opsLibrary().loaded,
      memoryPattern: bytes <= PATTERN_BYTES,
      again,
    });
  }

  /** Compiles anew where the graph should run on another number of threads by now. */
  #followThreads(): void {
    const threads = this.#wantedThreads();
    if (threads === this.#threads) return;
    const former = this.#session;
    this.#threads = threads;
    this.#session = this.#compile(true);
    former.dispose();
    this.#placeNumbers();
  }

  /** Writes the data of one run into the slots; returns the outputs' storages. */
  #bind(
    leaves: readonly Storage[],
    numbers: ArrayLike<number>,
    spare: ReadonlyMap<number, Storage>,
  ): Storage[] {
    const { slots } = this.#session;
    for (const { slot, leaf } of this.#leafSlots) slots[slot] = leaves[leaf].address;
    const { outputs } = this.lowered;
    this.#packNumbers(numbers);
    if (this.device !== "cpu") this.#placeNumbers();
    const first = this.lowered.inputs.length;
    const results = new Array<Storage>(outputs.length);
    this.#donated.length = 0;
    this.#reused.length = 0;
    // Memory that is also another input is not overwritten.
    const some = this.lowered.donations.length + spare.size > 0;
    const inputs: ReadonlySet<Storage> = some ? new Set(leaves) : none;
    const repeated = !some || inputs.size === leaves.length ? none : repeatedOf(leaves);
    for (let i = 0; i < outputs.length; i++) {
      const donor = this.donor[i];
      let storage: Storage | null = null;
      if (donor >= 0 && mayTake(leaves[donor]) && !repeated.has(leaves[donor])) {
        this.#donated.push(storage = leaves[donor]);
      } else if ((storage = this.#fitting(spare.get(i), i, inputs)) !== null) {
        this.#reused.push(storage);
      }
      results[i] = storage ?? Storage.forResult(outputs[i].dtype, this.#sizes[i], this.device);
      slots[first + i] = results[i].address;
    }
    this.#placeEarly();
    return results;
  }

  /** Lets further outputs lie where those lie that are written later. */
  #placeEarly(): void {
    const { early, inputs, outputs } = this.lowered, { slots } = this.#session;
    const first = inputs.length;
    for (let i = 0; i < early.length; i++) {
      slots[first + outputs.length + i] = slots[first + early[i].output];
    }
  }

  /** Writes the numbers of a run into their vectors. */
  #packNumbers(numbers: ArrayLike<number>): void {
    const { places } = this.lowered;
    for (let i = 0; i < places.length; i++) {
      const pack = this.#packs.get(places[i].dtype)!;
      if (pack instanceof BigInt64Array) pack[places[i].slot] = BigInt(Math.trunc(numbers[i]));
      else pack[places[i].slot] = numbers[i];
    }
  }

  /** Spare memory, if output `i` fits into it and no input is there. */
  #fitting(spare: Storage | undefined, i: number, inputs: ReadonlySet<Storage>): Storage | null {
    if (spare === undefined || spare.freed || borrowed.has(spare) || inputs.has(spare)) return null;
    const { dtype } = this.lowered.outputs[i];
    const fits = spare.dtype === dtype && spare.length === this.#sizes[i] &&
      spare.device === this.device;
    return fits ? spare : null;
  }

  /**
   * Puts the packed numbers where the run reads them: their own memory on the CPU, one copy per type
   * on a device. Returns what has to stay alive until the run is over.
   */
  #placeNumbers(copy = false): Storage[] {
    const bases: Storage[] = [];
    this.#pointAtNumbers((pack, dtype) => {
      const base = Storage.from(copy ? pack.slice() : pack, dtype, this.device);
      bases.push(base);
      return base.address;
    });
    return this.#numbers = bases;
  }

  /** Writes the addresses of the numbers into the slots; `place` says where each pack of them lies. */
  #pointAtNumbers(place: (pack: TypedArray, dtype: DType) => number): void {
    const { slots } = this.#session;
    const bases = new Map<DType, number>();
    for (const [dtype, pack] of this.#packs) bases.set(dtype, place(pack, dtype));
    this.lowered.sources.forEach((source, slot) => {
      if (source.kind === "leaf") return;
      const at = source.kind === "number" ? source.slot * DTYPES[source.dtype].bytes : 0;
      slots[slot] = bases.get(source.dtype)! + at;
    });
  }

  /**
   * Runs; returns the outputs' storages. `spare` holds memory for outputs that take over no input's;
   * what it held is gone, also where the run fails. Inputs are overwritten only by a run that succeeds.
   */
  run(
    leaves: readonly Storage[],
    numbers: ArrayLike<number>,
    spare: ReadonlyMap<number, Storage> = nothing,
  ): Storage[] {
    this.#followThreads();
    const results = this.#bind(leaves, numbers, spare);
    const start = performance.now();
    for (const storage of this.#reused) storage.version++;
    try {
      this.#session.run();
    } catch (cause) {
      throw explainFailure(cause);
    }
    for (const storage of this.#donated) storage.version++;
    this.lastRun = performance.now() - start;
    return results;
  }

  /** Runs off the event loop, without overwriting anything. */
  async runAsync(leaves: readonly Storage[], numbers: ArrayLike<number>): Promise<Storage[]> {
    this.#followThreads();
    const start = performance.now();
    this.#packNumbers(numbers);
    const results = this.lowered.outputs.map(({ dtype }, i) =>
      Storage.alloc(dtype, this.#sizes[i], this.device)
    );
    const memory = this.device === "cpu" ? this.#bindOutside(leaves, results) : null;
    const keep = memory ?? this.#bindOnDevice(leaves, results);
    borrow(leaves, 1);
    try {
      const running = this.#session.runAsync([results, leaves, keep]);
      this.#placeNumbers();
      await running;
      memory?.finish();
    } catch (cause) {
      throw explainFailure(cause);
    } finally {
      borrow(leaves, -1);
      memory?.release();
    }
    this.lastRun = performance.now() - start;
    return results;
  }

  /** Writes addresses into the slots that outlast this thread of JavaScript. */
  #bindOutside(leaves: readonly Storage[], results: readonly Storage[]): RunMemory {
    const { slots } = this.#session, first = this.lowered.inputs.length;
    const packs = [...this.#packs.values()];
    const memory = new RunMemory([
      ...this.#leafSlots.map(({ leaf }) => leaves[leaf].byteLength),
      ...packs.map((pack) => pack.byteLength),
      ...results.map((storage) => storage.byteLength),
    ]);
    for (const { slot, leaf } of this.#leafSlots) slots[slot] = memory.input(leaves[leaf]);
    this.#pointAtNumbers((pack) => memory.copy(pack));
    results.forEach((storage, i) => slots[first + i] = memory.output(storage));
    this.#placeEarly();
    return memory;
  }

  /** Writes addresses on a device into the slots; returns what has to stay alive during the run. */
  #bindOnDevice(leaves: readonly Storage[], results: readonly Storage[]): Storage[] {
    const { slots } = this.#session, first = this.lowered.inputs.length;
    for (const { slot, leaf } of this.#leafSlots) slots[slot] = leaves[leaf].address;
    results.forEach((storage, i) => slots[first + i] = storage.address);
    this.#placeEarly();
    // The next run may begin before this one ends, so this one reads a copy of the numbers.
    return this.#placeNumbers(true);
  }

  /** Frees the session. */
  dispose(): void {
    this.#session.dispose();
  }
}

/** Whether an input's memory may be written over: nobody else reads what it holds. */
function mayTake(storage: Storage): boolean {
  return !storage.shared && !borrowed.has(storage);
}

/** Storages that are several inputs. */
function repeatedOf(leaves: readonly Storage[]): ReadonlySet<Storage> {
  const once = new Set<Storage>(), repeated = new Set<Storage>();
  for (const storage of leaves) (once.has(storage) ? repeated : once).add(storage);
  return repeated;
}

/** Whether a compiled graph serves: same structure, same wishes, same device. */
function serves(e: Executable, walk: Walk, wishes: readonly Donation[], device: Device): boolean {
  if (e.device !== device || e.wishes.length !== wishes.length) return false;
  for (let i = 0; i < wishes.length; i++) {
    if (e.wishes[i].leaf !== wishes[i].leaf || e.wishes[i].output !== wishes[i].output) {
      return false;
    }
  }
  return sameKey(e.key, walk.key);
}

const cache = new Map<number, Executable[]>();
let cached = 0, churn = 0, reported = false;

/** The executable of a walked graph; compiles it at first sight. */
export function executableFor(
  walk: Walk,
  outputs: readonly Node[],
  donations: readonly Donation[],
  device: Device,
): Executable {
  const bucket = cache.get(walk.hash);
  const known = bucket?.find((e) => serves(e, walk, donations, device));
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
  const lowerWith = (ops: boolean) =>
    lower(walk, outputs, donations, { device: device === "cpu" ? "cpu" : "cuda", ops });
  const lowered = lowerWith(opsLibrary().loaded);
  if (device === "cpu") noticeMissingOps(() => lowerWith(true).usesOps);
  dumpModel(lowered.model);
  // A missing library or a wrong setting is not the graph's fault: it throws here.
  environment();
  let made: Executable;
  const key = walk.key.slice();
  try {
    made = new Executable(key, donations, lowered, device);
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

/** Compiled graphs that are kept now. */
export function cachedExecutables(): number {
  return cached;
}

/** Forgets all compiled graphs; each is freed once nothing holds it. */
export function clearExecutables(): void {
  cache.clear();
  cached = 0;
}
