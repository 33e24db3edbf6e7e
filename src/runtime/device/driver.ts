/**
 * The interface of devices. A kind of device is one driver and nothing else: whatever the library does
 * differently there, it asks the driver for.
 *
 * @module
 */

import type { TypedArray } from "../dtype.ts";
import type { KernelGenerator } from "./generated_kernels.ts";
import type { Target } from "./target.ts";

/** Which random numbers, by their place in those of a generator. */
export interface RandomDraw {
  /** Whether they are of float64, not of float32. */
  readonly isF64: boolean;
  /** Whether they are normal, not uniform. */
  readonly normal: boolean;
  /** Both words of the key. */
  readonly key: Uint32Array<ArrayBuffer>;
  /** Number of the first block of four words. */
  readonly offset: number;
}

/** Memory that JavaScript cannot read directly. */
export interface DeviceMemory {
  /**
   * Address of so many bytes, of undefined contents.
   *
   * @throws {OutOfMemoryError} where the memory does not suffice
   */
  allocate(bytes: number): number;
  /** Frees memory of this size. No run may be using it. */
  free(address: number, bytes: number): void;
  /** Copies to the host, once runs that write there are over. */
  read(address: number, into: Uint8Array): void;
  /** Copies from the host; `from` may change as soon as this returns. */
  write(address: number, from: Uint8Array): void;
  /**
   * Fills `count` numbers with what `fillRandom` makes on the host, and waits for it.
   *
   * @returns whether it was done: where not, they are made on the host and copied
   */
  fillRandom?(address: number, count: number, draw: RandomDraw): boolean;
  /** Gives back what was freed and only kept for later. */
  trim(): void;
  /** Bytes that tensors use. */
  readonly usedBytes: number;
  /** Bytes that were freed and are kept for later. */
  readonly pooledBytes: number;
}

/** A device that is in use. */
export interface OpenDevice {
  /** What it is. */
  readonly label: string;
  /** `OrtMemoryInfo*` of the memory that runs read and write. */
  readonly info: Deno.PointerValue;
  /** Its memory; null where that is the host's, and tensors lie in the JavaScript heap. */
  readonly memory: DeviceMemory | null;
  /** Says why the device cannot hold the elements of an array; null where it can, as without this. */
  refuses?(array: TypedArray): string | null;
  /** Makes sessions with these options (`OrtSessionOptions*`) run on it. */
  appendProvider(options: Deno.PointerValue): void;
  /**
   * `OrtRunOptions*` of runs that may be under way still when ONNX Runtime returns from them. Where it is
   * missing, ONNX Runtime waits for the device at the end of each run.
   */
  readonly withoutWait?: Deno.PointerValue;
  /** Waits until everything is done that the device was given. */
  wait?(): void;
}

/** A device as {@linkcode devices} lists it. */
export interface Found {
  /** What to pass as `device`. */
  readonly device: string;
  /** Whether it can be used. */
  readonly available: boolean;
  /** What it is. */
  readonly name: string;
  /** Where it is not available: what is missing and how to install it. */
  readonly why?: string;
  /** What to know of it before it is used. */
  readonly note?: string;
}

/** What the library has to know of a kind of device. */
export interface Driver {
  /** How names of such devices begin. */
  readonly kind: string;
  /** All of its names, for messages. */
  readonly names: string;
  /** Number of the device that a name stands for; -1 where it names no such device. */
  indexOf(name: string): number;
  /** The devices that this machine has; at least one entry, which may say why there is none. */
  find(): readonly Found[];
  /**
   * Begins to use a device.
   *
   * @throws {BackendError} where it is missing, with what to install
   */
  open(index: number): OpenDevice;
  /** Whether tensors lie in the memory of the host. */
  readonly onHost: boolean;
  /** Whether a run is over when ONNX Runtime returns from it. */
  readonly synchronous: boolean;
  /**
   * Whether every run has to bind the inputs anew: ONNX Runtime copies an input that a node wants on
   * another device while it is bound, so that a binding kept over runs would use old data where the
   * memory was written meanwhile.
   */
  readonly rebindsInputs: boolean;
  /**
   * Whether a graph with a node that the device has no kernel for is an error; else ONNX Runtime runs
   * the node on the host, with copies there and back.
   */
  readonly refusesHostNodes: boolean;
  /** Whether the compiled ops have kernels for it. */
  readonly compiledOps: boolean;
  /** Why the compiled ops have no kernels on this machine after all; undefined where they have. */
  whyNoKernels?(): string | undefined;
  /** Kernels that are generated from nodes; undefined where the device has none. */
  readonly generator?: KernelGenerator;
  /** What lowering has to know, with the compiled ops or without. */
  target(ops: boolean): Target;
}
