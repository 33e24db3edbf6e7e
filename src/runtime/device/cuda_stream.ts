/**
 * The stream of a GPU: its queue of work, in the order in which it is done.
 *
 * @module
 */

import { BackendError } from "../errors.ts";
import { openPinned } from "../pin.ts";

const SYMBOLS = {
  cuCtxPopCurrent_v2: { parameters: ["buffer"], result: "i32" },
  cuCtxPushCurrent_v2: { parameters: ["pointer"], result: "i32" },
  cuDeviceGet: { parameters: ["buffer", "i32"], result: "i32" },
  cuDevicePrimaryCtxRetain: { parameters: ["buffer", "i32"], result: "i32" },
  cuMemcpyHtoDAsync_v2: { parameters: ["u64", "buffer", "usize", "pointer"], result: "i32" },
  cuStreamCreate: { parameters: ["buffer", "u32"], result: "i32" },
  cuStreamSynchronize: { parameters: ["pointer"], result: "i32" },
} as const;

type Calls = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** Such a stream and the default one, in which others may work, wait for each other. */
const BLOCKING = 0;

/** A stream for everything that this thread of JavaScript has a GPU do. */
export class CudaStream {
  /** `cudaStream_t`. */
  readonly address: bigint;
  readonly #driver: Calls;
  readonly #context: Deno.PointerValue;
  readonly #label: string;

  /**
   * @param driver path or name of NVIDIA's driver
   * @param index number of the GPU
   * @param given the stream where there is one already
   * @throws {BackendError} where the driver refuses
   */
  constructor(driver: string, index: number, given?: bigint) {
    this.#driver = openPinned(driver, SYMBOLS).symbols;
    this.#label = `cuda:${index}`;
    const device = new Int32Array(1), out = new BigUint64Array(1);
    this.#check(this.#driver.cuDeviceGet(device, index), "finding");
    // The context that ONNX Runtime uses, too. It stays until the process ends.
    this.#check(this.#driver.cuDevicePrimaryCtxRetain(out, device[0]), "using");
    this.#context = Deno.UnsafePointer.create(out[0]);
    if (given === undefined) {
      this.#inContext((calls) => calls.cuStreamCreate(out, BLOCKING), "making a stream of");
    }
    this.address = given ?? out[0];
  }

  /**
   * Waits until everything that was put into the stream is done.
   *
   * @throws {BackendError} where some of it failed
   */
  wait(): void {
    const stream = Deno.UnsafePointer.create(this.address);
    this.#inContext((calls) => calls.cuStreamSynchronize(stream), "computing on");
  }

  /** Copies from the host when its turn comes; `from` may change as soon as this returns. */
  write(address: number, from: Uint8Array): void {
    const stream = Deno.UnsafePointer.create(this.address);
    // From memory that may be paged out, the driver takes a copy first.
    const bytes = from as Uint8Array<ArrayBuffer>;
    this.#inContext(
      (calls) =>
        calls.cuMemcpyHtoDAsync_v2(BigInt(address), bytes, BigInt(bytes.byteLength), stream),
      "copying to",
    );
  }

  #inContext(call: (calls: Calls) => number, what: string): void {
    const before = new BigUint64Array(1);
    this.#check(this.#driver.cuCtxPushCurrent_v2(this.#context), "using");
    try {
      this.#check(call(this.#driver), what);
    } finally {
      this.#driver.cuCtxPopCurrent_v2(before);
    }
  }

  #check(code: number, what: string): void {
    if (code !== 0) {
      throw new BackendError(`${what} ${this.#label}: NVIDIA's driver reports error ${code}.`);
    }
  }
}
