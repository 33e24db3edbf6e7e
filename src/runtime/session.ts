/**
 * A compiled graph and its runs.
 *
 * @module
 */

import { takeMessage } from "./api.ts";
import type { AssignedNode } from "./assignment.ts";
import { counters } from "./counters.ts";
import { type Device, isOnHost, sameDevice } from "./device/mod.ts";
import { BackendError } from "./errors.ts";
import type { Plan } from "./plan.ts";
import { NativeSession } from "./session_native.ts";
import type { SessionSpec, ValueSpec } from "./session_spec.ts";
import type { Storage } from "./storage.ts";

// The native side does not refer to the session, so that the collector can find the session dead.
const dropped = new FinalizationRegistry<NativeSession>((native) => native.dispose());

/**
 * A graph compiled by ONNX Runtime. {@linkcode Session.bind} says which storage an input or output
 * uses; then {@linkcode Session.run} computes. An output may be the storage of an input where no node
 * reads that input after the output is written; ONNX Runtime does not check this.
 */
export class Session {
  /**
   * Address of the memory of each input, then of each output, and after them the milliseconds that the
   * last run took (at first NaN). Whoever writes it directly, which is
   * faster than {@linkcode Session.bind}, has to see to it that the memory fits the shape and that its
   * storage stays reachable until the run is over: native code writes to the address whatever lies
   * there by then.
   */
  readonly slots: Float64Array<ArrayBuffer>;
  readonly #native: NativeSession;
  readonly #plan: Plan;
  readonly #values: readonly ValueSpec[];
  readonly #device: Device;
  readonly #bound: Storage[] = [];
  /** The session that frees what both use. */
  readonly #owner: Session | null;

  /**
   * Compiles the model.
   *
   * @param spec the model and how to run it
   * @param compiled a session of the same model and the same settings: what is compiled is shared with
   *   it, and freed with it, but slots and bindings are not
   * @throws {BackendError} where ONNX Runtime refuses the model, or the device or the ops are missing
   */
  constructor(spec: SessionSpec, compiled?: Session) {
    this.slots = new Float64Array(spec.inputs.length + spec.outputs.length + 1);
    this.slots[this.slots.length - 1] = NaN;
    this.#values = [...spec.inputs, ...spec.outputs];
    this.#device = spec.device;
    this.#owner = compiled ?? null;
    this.#native = compiled === undefined ? new NativeSession(spec) : compiled.#native;
    this.#plan = compiled === undefined ? this.#native.plan : this.#native.addPlan();
    if (compiled === undefined) dropped.register(this, this.#native, this);
  }

  /** Milliseconds that the last run took; NaN before the first one. */
  get lastRun(): number {
    return this.slots[this.slots.length - 1];
  }

  /** Whether the session was disposed of. */
  get disposed(): boolean {
    return this.#native.disposed;
  }

  /**
   * Uses a storage for an input or output, and keeps it alive until another takes its place. A storage
   * must not be disposed of while it is bound and runs follow.
   *
   * @param index of the slot: inputs first, then outputs
   * @param storage its element type, size and device are those of the value
   * @throws {BackendError} where they are not, or the storage was freed
   * @throws {RangeError} where there is no such slot
   */
  bind(index: number, storage: Storage): void {
    const value = this.#values[index];
    if (!value) {
      throw new RangeError(`Session.bind: slot ${index} of ${this.#values.length} does not exist`);
    }
    if (!sameDevice(storage.device, this.#device)) {
      throw new BackendError(
        `Session.bind: "${value.name}" is on ${this.#device}; got a storage on ${storage.device}`,
      );
    }
    const length = value.shape.reduce((n, extent) => n * extent, 1);
    if (storage.dtype !== value.dtype || storage.length !== length) {
      throw new BackendError(
        `Session.bind: "${value.name}" is ${value.dtype}[${value.shape.join(",")}], ${length} ` +
          `elements; got a storage of ${storage.length} ${storage.dtype} elements`,
      );
    }
    this.slots[index] = storage.address;
    this.#bound[index] = storage;
  }

  /**
   * Runs the graph on the calling thread and returns when the outputs are written.
   *
   * @throws {BackendError} where the session is disposed of, a slot holds no address, or ONNX Runtime
   * reports a failure
   */
  run(): void {
    const native = this.#native;
    if (native.disposed) throw new BackendError(DISPOSED);
    counters.runs++;
    const status = this.#plan.run(this.slots);
    if (status !== null) throw new BackendError(`running a session: ${takeMessage(status)}`);
  }

  /**
   * Runs the graph off the event loop. The slots are read before this returns, so they may be changed
   * at once; several runs of one session may be under way. A run cannot be stopped: where JavaScript
   * may end before it, the slots point to memory that outlasts that, see {@linkcode RunMemory}.
   *
   * @param keep anything that has to stay alive until the run is over, for example the storages
   * @returns settles when the outputs are written
   * @throws {BackendError} as {@linkcode Session.run}
   */
  async runAsync(keep?: unknown): Promise<void> {
    const native = this.#native;
    if (native.disposed) throw new BackendError(DISPOSED);
    counters.runs++;
    const start = performance.now();
    const status = await native.runAsync(this.slots, [this, this.#owner, keep, ...this.#bound]);
    this.slots[this.slots.length - 1] = performance.now() - start;
    if (status !== null) throw new BackendError(`running a session: ${takeMessage(status)}`);
  }

  /**
   * Who runs each node, where the session is on a device with memory of its own; else nothing.
   */
  assignment(): AssignedNode[] {
    if (this.#native.disposed) throw new BackendError(DISPOSED);
    return isOnHost(this.#device) ? [] : this.#native.assignment();
  }

  /**
   * Frees the native session, after the asynchronous runs under way; one that shares another's leaves
   * that to it. Disposing twice is no error.
   */
  dispose(): void {
    if (this.#owner !== null) return;
    dropped.unregister(this);
    this.#native.dispose();
  }

  /** Same as {@linkcode Session.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

const DISPOSED =
  "running a session: it was disposed of, by dispose() or by shutdown(); make a new one";
