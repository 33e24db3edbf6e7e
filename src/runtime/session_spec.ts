/**
 * What a session is made from.
 *
 * @module
 */

import type { Device } from "./device/mod.ts";
import type { DType } from "./dtype.ts";

/** Name, element type and shape of a graph input or output. */
export interface ValueSpec {
  /** Name in the model. */
  readonly name: string;
  /** Element type. */
  readonly dtype: DType;
  /** Extents, all of them known. */
  readonly shape: readonly number[];
}

/** What a {@linkcode Session} is made from. */
export interface SessionSpec {
  /** Bytes of the `ModelProto`. */
  readonly model: Uint8Array;
  /** Graph inputs, in the order of the slots. */
  readonly inputs: readonly ValueSpec[];
  /** Graph outputs, in the order of the slots after the inputs. */
  readonly outputs: readonly ValueSpec[];
  /** Where inputs and outputs live and nodes run. */
  readonly device: Device;
  /** Intra-op threads: 1 runs on the calling thread, more use the pool that all sessions share. */
  readonly threads: number;
  /** Whether the model uses the compiled ops. */
  readonly useOps: boolean;
  /**
   * Whether a run takes the memory of all its intermediate values in one block, laid out by the first
   * run; default true. That saves time where values are many and small. The block comes on top of what
   * the first run took, so that large graphs keep up to twice the memory.
   */
  readonly memoryPattern?: boolean;
  /** Whether it takes the place of one with other threads, and counts as the same in `memory()`. */
  readonly again?: boolean;
}

/**
 * How names of nodes begin that only order others: they read and write no values but shapes, which ONNX Runtime
 * keeps on the host whatever the device.
 */
export const ORDERING = "order:";
