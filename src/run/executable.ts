/**
 * Compiled graphs: one is compiled once for each structure, runs bind data.
 *
 * @module
 */

import {
  BackendError,
  type Device,
  type DType,
  isOnHost,
  newArray,
  OutOfMemoryError,
  RunMemory,
  sameDevice,
  Storage,
  threadsNow,
  trimDevice,
  type TypedArray,
} from "../runtime/mod.ts";
import { copiesOf, type Settings, settingsOf } from "./copies.ts";
import { type DeviceNumbers, deviceNumbers, Packs } from "./device_numbers.ts";
import { explainFailure } from "./failure.ts";
import type { LaterKernels } from "./later_kernels.ts";
import type { Lowered } from "../lower/lower.ts";
import { compileSegments, type Places, type SegmentRun } from "./segment_run.ts";
import { nextEpoch } from "../graph/node.ts";
import { sizeOf } from "../graph/shape.ts";

/** Elementary operations of a single step from which several threads pay. */
const THREADED_WORK = 1 << 17;

/** For each output the leaf whose memory it is to take, or -1; outputs at the end may be left out. */
export type Wishes = readonly number[];

/** Memory for outputs, by their number. */
export type Spare = readonly (Storage | null)[];

/** Memory that asynchronous runs under way are reading; it is not overwritten meanwhile. */
const borrowed = new Map<Storage, number>();

function borrow(storages: readonly Storage[], by: 1 | -1): void {
  for (const s of storages) {
    const count = (borrowed.get(s) ?? 0) + by;
    if (count > 0) borrowed.set(s, count);
    else borrowed.delete(s);
  }
}

/** Whether others read the memory, here or in another process. */
function isBorrowed(storage: Storage): boolean {
  return storage.lent || (borrowed.size > 0 && borrowed.has(storage));
}

/** A compiled graph. */
export class Executable {
  /** Structural key. */
  readonly key: Int32Array;
  /** Which outputs were to take the memory of which leaves. */
  readonly wishes: Wishes;
  readonly #lowered: Lowered;
  /** Whether it has run. */
  ran = false;
  /** Where outputs live. */
  readonly device: Device;
  readonly #onHost: boolean;
  #segments: readonly SegmentRun[];
  #threads: number;
  /** Asynchronous runs under way. */
  #underWay = 0;
  readonly #packs: ReadonlyMap<DType, TypedArray>;
  /** The packed numbers where runs on a device read them. */
  readonly #onDevice: DeviceNumbers | null;
  /** Leaves of one element that lie elsewhere in the run that is bound. */
  #elsewhere: readonly number[] = NONE;
  /** Values between segments. */
  #carried: Storage | null = null;
  /** Input leaf whose memory each output takes, or -1. */
  readonly donor: Int32Array;
  readonly #sizes: number[];
  /** Numbers of iterations, which are results after the outputs. */
  readonly #iterations: readonly Storage[];
  /** Leaves that are read. */
  readonly #used: readonly number[];
  /** Where things lie in the run that is bound. */
  readonly #places: {
    readonly leaves: number[];
    numbers: Packs;
    carried: number;
    readonly results: number[];
  } = { leaves: [], numbers: new Packs(new Map()), carried: 0, results: [] };
  /** Outputs that take the memory of inputs in the run that is bound. */
  readonly #donated: number[] = [];
  /** Other memory that outputs take. */
  readonly #reused: Storage[] = [];

  /** The same graph with generated kernels, while they are being compiled. */
  #later: LaterKernels | null;
  /** The same graph with generated kernels, which runs from then on. */
  #better: Executable | null = null;

  /** Compiles a lowered graph. What `later` holds takes its place as soon as it can. */
  constructor(
    key: Int32Array,
    wishes: Wishes,
    lowered: Lowered,
    device: Device,
    later: LaterKernels | null = null,
  ) {
    this.key = key;
    this.wishes = wishes;
    this.#lowered = lowered;
    this.#later = later;
    this.device = device;
    this.#onHost = isOnHost(device);
    this.#threads = this.#wantedThreads();
    this.#segments = this.#compile();
    const counts = new Map<DType, number>();
    for (const p of lowered.places) {
      counts.set(p.dtype, Math.max(counts.get(p.dtype) ?? 0, p.slot + 1));
    }
    this.#onDevice = this.#onHost ? null : deviceNumbers(device, counts);
    this.#packs = this.#onDevice?.packs ??
      new Map([...counts].map(([dtype, n]) => [dtype, newArray(dtype, n)]));
    if (this.#onHost) this.#places.numbers = addressesOf(this.#packs);
    this.donor = new Int32Array(lowered.outputs.length).fill(-1);
    for (const d of lowered.donations) this.donor[d.output] = d.leaf;
    this.#sizes = lowered.outputs.map((o) => sizeOf(o.shape));
    this.#iterations = lowered.iterations.map(() => Storage.forResult("int64", 1, device));
    const used = lowered.segments.flatMap(({ sources }) => sources)
      .flatMap((source) => source.kind === "leaf" ? [source.index] : []);
    this.#used = [...new Set(used)];
  }

  /** The lowered graph. */
  get lowered(): Lowered {
    return this.#better?.lowered ?? this.#lowered;
  }

  /** Whether generated kernels are being compiled for it. */
  get awaitsKernels(): boolean {
    return this.#later !== null;
  }

  /** How many iterations the loops of `Lowered.iterations` made in the last run. */
  iterations(): number[] {
    if (this.#better !== null) return this.#better.iterations();
    return this.#iterations.map((storage) => Number(storage.host()[0]));
  }

  /** Milliseconds of the last run; NaN before the first one. */
  get lastRun(): number {
    if (this.#better !== null) return this.#better.lastRun;
    return this.#segments.reduce((sum, { session }) => sum + session.lastRun, 0);
  }

  #wantedThreads(): number {
    return this.#lowered.work >= THREADED_WORK ? threadsNow() : 1;
  }

  #settings(): Settings {
    return settingsOf(this.#lowered, this.device, this.#threads);
  }

  /** Copies between devices in a run like the last one, a line each; compiles the models once more. */
  copies(): string[] {
    if (this.#better !== null) return this.#better.copies();
    return copiesOf(this.#lowered, this.#settings(), this.#elsewhere.length);
  }

  #compile(again = false): SegmentRun[] {
    return compileSegments(this.#lowered, { ...this.#settings(), again });
  }

  /** What is to run: this graph, or that with generated kernels once they are compiled. */
  #best(): Executable {
    const later = this.#later;
    // What runs once is not worth compiling.
    if (later === null || !this.ran) return this.#better ?? this;
    const state = later.state();
    if (state === "compiling") return this;
    this.#later = null;
    let why = state === "failed" ? later.error() : null;
    try {
      if (state === "ready") {
        this.#better = new Executable(this.key, this.wishes, later.lowered, this.device);
      }
    } catch (cause) {
      why = (cause as Error).message;
    }
    if (why !== null) {
      console.warn(`torchopt: ${why}. Graphs of ONNX's operators run in place of these kernels.`);
    }
    if (this.#better !== null && this.#underWay === 0) {
      for (const { session } of this.#segments) session.dispose();
      this.#segments = [];
    }
    later.release();
    return this.#better ?? this;
  }

  /** Compiles anew where the graph should run on another number of threads by now. */
  #followThreads(): void {
    const threads = this.#wantedThreads();
    if (threads === this.#threads || this.#underWay > 0) return;
    const former = this.#segments;
    this.#threads = threads;
    this.#segments = this.#compile(true);
    for (const { session } of former) session.dispose();
  }

  /** Finds the places of everything for one run; returns the outputs' storages. */
  #place(
    leaves: readonly Storage[],
    numbers: ArrayLike<number>,
    spare: Spare,
  ): Storage[] {
    const places = this.#places;
    // Memory that is also another input is not overwritten: each counts its places here.
    const epoch = nextEpoch();
    for (let i = 0; i < leaves.length; i++) {
      const storage = leaves[i];
      storage.local = storage.mark === epoch ? storage.local + 1 : 1;
      storage.mark = epoch;
    }
    for (const leaf of this.#used) places.leaves[leaf] = leaves[leaf].address;
    const { outputs } = this.#lowered;
    this.#packNumbers(numbers);
    if (this.#onDevice !== null) this.#send(this.#onDevice, leaves);
    const results = new Array<Storage>(outputs.length);
    this.#donated.length = 0;
    this.#reused.length = 0;
    for (let i = 0; i < outputs.length; i++) {
      const donor = this.donor[i];
      let storage: Storage | null = null;
      if (
        donor >= 0 && mayTake(leaves[donor]) && leaves[donor].local === 1 &&
        !this.#elsewhere.includes(donor)
      ) {
        storage = leaves[donor];
        this.#donated.push(i);
      } else if ((storage = this.#fitting(spare[i] ?? null, i, epoch)) !== null) {
        this.#reused.push(storage);
      }
      results[i] = storage ?? Storage.forResult(outputs[i].dtype, this.#sizes[i], this.device);
      places.results[i] = results[i].address;
    }
    for (let i = 0; i < this.#iterations.length; i++) {
      places.results[outputs.length + i] = this.#iterations[i].address;
    }
    if (this.#lowered.carriedBytes > 0) {
      this.#carried ??= this.#newCarried();
      places.carried = aligned(this.#carried.address);
    }
    return results;
  }

  #newCarried(): Storage {
    return Storage.alloc("uint8", this.#lowered.carriedBytes + ALIGNMENT, this.device);
  }

  /** Leaves that lie on another device; each is a number, or there is an error. */
  #leavesElsewhere(leaves: readonly Storage[]): readonly number[] {
    const { device } = this;
    let found: number[] | null = null;
    for (let i = 0; i < leaves.length; i++) {
      const x = leaves[i];
      if (x.device === device || sameDevice(x.device, device)) continue;
      if (x.length !== 1) {
        throw new BackendError(
          `run: an input is on ${x.device}, the graph runs on ${device}; move it with ` +
            `to("${device}").`,
        );
      }
      (found ??= []).push(i);
    }
    return found ?? NONE;
  }

  /** Copies the numbers of a run to a device, with those that leaves elsewhere hold. */
  #send(onDevice: DeviceNumbers, leaves: readonly Storage[]): void {
    const { numbers, others } = onDevice.send(this.#elsewhere.map((i) => leaves[i]));
    this.#places.numbers = numbers;
    this.#elsewhere.forEach((leaf, i) => this.#places.leaves[leaf] = others[i]);
  }

  /** Writes the numbers of a run into their vectors. */
  #packNumbers(numbers: ArrayLike<number>): void {
    const { places } = this.#lowered;
    for (let i = 0; i < places.length; i++) {
      const pack = this.#packs.get(places[i].dtype)!;
      if (pack instanceof BigInt64Array) pack[places[i].slot] = BigInt(Math.trunc(numbers[i]));
      else pack[places[i].slot] = numbers[i];
    }
  }

  /** Spare memory, if output `i` fits into it and no input is there. */
  #fitting(spare: Storage | null, i: number, epoch: number): Storage | null {
    if (spare === null || spare.freed || isBorrowed(spare) || spare.mark === epoch) return null;
    const { dtype } = this.#lowered.outputs[i];
    const fits = spare.dtype === dtype && spare.length === this.#sizes[i] &&
      spare.device === this.device;
    return fits ? spare : null;
  }

  /**
   * Runs; returns the outputs' storages. `spare` holds memory for outputs that take over no input's;
   * what it held is gone, also where the run fails. Inputs are overwritten only by a run that succeeds.
   */
  run(
    leaves: readonly Storage[],
    numbers: ArrayLike<number>,
    spare: Spare = [],
  ): Storage[] {
    const best = this.#best();
    if (best !== this) {
      this.ran = true;
      return best.run(leaves, numbers, spare);
    }
    this.#followThreads();
    this.#elsewhere = this.#leavesElsewhere(leaves);
    const results = this.#place(leaves, numbers, spare);
    this.ran = true;
    for (const storage of this.#reused) storage.version++;
    let at = 0;
    try {
      for (; at < this.#segments.length; at++) {
        const segment = this.#segments[at];
        segment.bind(this.#places);
        segment.session.run();
      }
    } catch (cause) {
      // What may fail for its values comes before; what lacks memory may come after some updates.
      for (const segment of this.#segments.slice(0, at)) {
        for (const i of segment.computes) if (this.#donated.includes(i)) results[i].version++;
      }
      throw this.#explain(cause);
    }
    for (const i of this.#donated) results[i].version++;
    return results;
  }

  /** Runs off the event loop, without overwriting anything. */
  async runAsync(leaves: readonly Storage[], numbers: ArrayLike<number>): Promise<Storage[]> {
    const best = this.#best();
    if (best !== this) {
      this.ran = true;
      return await best.runAsync(leaves, numbers);
    }
    this.#followThreads();
    const elsewhere = this.#leavesElsewhere(leaves);
    if (elsewhere.length > 0) {
      leaves = leaves.map((x, i) =>
        elsewhere.includes(i) ? Storage.from(x.host().slice(), x.dtype, this.device) : x
      );
    }
    this.ran = true;
    this.#packNumbers(numbers);
    const results = this.#lowered.outputs.map(({ dtype }, i) =>
      Storage.alloc(dtype, this.#sizes[i], this.device)
    );
    const carried = this.#lowered.carriedBytes > 0 ? [this.#newCarried()] : [];
    const { memory, places } = this.#onHost
      ? this.#placeOutside(leaves, results, carried)
      : this.#placeOnDevice(leaves, results, carried);
    borrow(leaves, 1);
    this.#underWay++;
    try {
      // Other runs may come between those of the segments.
      for (const segment of this.#segments) {
        segment.bind(places);
        await segment.session.runAsync([results, leaves, carried, memory]);
      }
      if (memory instanceof RunMemory) memory.finish();
    } catch (cause) {
      throw this.#explain(cause);
    } finally {
      this.#underWay--;
      borrow(leaves, -1);
      if (memory instanceof RunMemory) memory.release();
    }
    return results;
  }

  /** The error that a failed run is reported with. What it lacked memory for, another one may get. */
  #explain(cause: unknown): unknown {
    const error = explainFailure(cause);
    if (error instanceof OutOfMemoryError) trimDevice(this.device);
    return error;
  }

  /** Places for a run that may outlast this thread of JavaScript. */
  #placeOutside(
    leaves: readonly Storage[],
    results: readonly Storage[],
    carried: readonly Storage[],
  ): { memory: RunMemory; places: Places } {
    const memory = new RunMemory([
      ...this.#used.map((leaf) => leaves[leaf].byteLength),
      ...[...this.#packs.values()].map((pack) => pack.byteLength),
      ...[...results, ...this.#iterations, ...carried].map((storage) => storage.byteLength),
    ]);
    const leafAt: number[] = [];
    for (const leaf of this.#used) leafAt[leaf] = memory.input(leaves[leaf]);
    const places = {
      leaves: leafAt,
      numbers: new Packs(
        new Map([...this.#packs].map(([dtype, pack]) => [dtype, memory.copy(pack)])),
      ),
      results: [...results, ...this.#iterations].map((storage) => memory.output(storage)),
      carried: aligned(carried.map((storage) => memory.output(storage))[0] ?? 0),
    };
    return { memory, places };
  }

  /** Places on a device, and what has to stay alive during the run. */
  #placeOnDevice(
    leaves: readonly Storage[],
    results: readonly Storage[],
    carried: readonly Storage[],
  ): { memory: DeviceNumbers; places: Places } {
    // The next run may begin before this one ends, so this one has numbers of its own.
    const counts = new Map([...this.#packs].map(([dtype, pack]) => [dtype, pack.length]));
    const own = deviceNumbers(this.device, counts);
    for (const [dtype, pack] of this.#packs) own.packs.get(dtype)!.set(pack as never);
    const places = {
      leaves: leaves.map(({ address }) => address),
      numbers: own.send([]).numbers,
      results: [...results, ...this.#iterations].map(({ address }) => address),
      carried: aligned(carried[0]?.address ?? 0),
    };
    return { memory: own, places };
  }

  /** Frees the sessions. */
  dispose(): void {
    this.#later?.release();
    this.#better?.dispose();
    for (const { session } of this.#segments) session.dispose();
  }
}

/** Where arrays lie. */
function addressesOf(packs: ReadonlyMap<DType, TypedArray>): Packs {
  return new Packs(
    new Map([...packs].map(([dtype, pack]) => [dtype, Storage.from(pack, dtype).address])),
  );
}

const NONE: readonly number[] = [];

/** Kernels read whole vectors. */
const ALIGNMENT = 64;

function aligned(address: number): number {
  return Math.ceil(address / ALIGNMENT) * ALIGNMENT;
}

/** Whether an input's memory may be written over: nobody else reads what it holds. */
function mayTake(storage: Storage): boolean {
  return !storage.shared && !isBorrowed(storage);
}
