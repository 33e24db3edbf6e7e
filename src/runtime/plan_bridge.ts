/**
 * The plan that lives in the compiled ops: one fast call runs a session.
 *
 * @module
 */

import { DTYPES } from "./dtype.ts";
import { BackendError } from "./errors.ts";
import { cString } from "./ffi.ts";
import { NativeMemory } from "./native_memory.ts";
import type { Bridge } from "./ops_library.ts";
import type { Plan } from "./plan.ts";
import type { ValueSpec } from "./session_spec.ts";

/** A plan over the exported functions of the compiled ops. */
export class BridgePlan implements Plan {
  readonly #calls: Bridge;
  readonly #plan: Deno.PointerValue;
  readonly #count: number;
  #asyncSlots: NativeMemory | undefined;

  /**
   * @param calls functions of the compiled ops
   * @param session `OrtSession*`
   * @param memory `OrtMemoryInfo*` of the memory that the slots point to
   * @param runOptions `OrtRunOptions*`, or null
   * @param inputs graph inputs
   * @param outputs graph outputs
   * @param rebindInputs see {@linkcode Driver.rebindsInputs}
   */
  constructor(
    calls: Bridge,
    session: Deno.PointerValue,
    memory: Deno.PointerValue,
    runOptions: Deno.PointerValue,
    inputs: readonly ValueSpec[],
    outputs: readonly ValueSpec[],
    rebindInputs: boolean,
  ) {
    this.#calls = calls;
    this.#plan = calls.torchopt_plan_create(
      session,
      memory,
      runOptions,
      describe(inputs, outputs, rebindInputs),
    );
    if (this.#plan === null) {
      throw new BackendError("session: memory does not suffice for its plan.");
    }
    this.#count = inputs.length + outputs.length;
  }

  /** See {@linkcode Plan.run}. */
  run(slots: Float64Array<ArrayBuffer>): Deno.PointerValue {
    return this.#calls.torchopt_plan_run(this.#plan, slots);
  }

  /** See {@linkcode Plan.runAsync}. */
  runAsync(slots: Float64Array<ArrayBuffer>): Promise<Deno.PointerValue> {
    // Native code reads them after the call has returned, when JavaScript may have ended.
    const own = this.#asyncSlots ??= NativeMemory.allocate(8 * (this.#count + 1));
    new Float64Array(own.bytes.buffer, 0, this.#count + 1).set(slots);
    return this.#calls.planRunAsync(this.#plan, own.bytes);
  }

  /** See {@linkcode Plan.release}. */
  release(): void {
    this.#calls.torchopt_plan_release(this.#plan);
    this.#asyncSlots?.release();
    this.#asyncSlots = undefined;
  }
}

/** The layout that `Plan` in `ops/bridge/bridge.cc` reads. */
function describe(
  inputs: readonly ValueSpec[],
  outputs: readonly ValueSpec[],
  rebindInputs: boolean,
): BigInt64Array<ArrayBuffer> {
  const words = [inputs.length, outputs.length, Number(rebindInputs)].map(BigInt);
  for (const { name, dtype, shape } of [...inputs, ...outputs]) {
    const { onnx, bytes } = DTYPES[dtype];
    const size = shape.reduce((n, extent) => n * extent, bytes);
    words.push(BigInt(onnx), BigInt(size), BigInt(shape.length), ...shape.map(BigInt));
    const text = cString(name);
    const padded = new Uint8Array((text.length + 7) & ~7);
    padded.set(text);
    const nameWords = new BigInt64Array(padded.buffer);
    words.push(BigInt(nameWords.length), ...nameWords);
  }
  return BigInt64Array.from(words);
}
