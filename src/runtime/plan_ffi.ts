/**
 * The plan that needs no compiled ops: every call goes through a function pointer of the `OrtApi`
 * table.
 *
 * @module
 */

import { check, ort } from "./api.ts";
import { DTYPES } from "./dtype.ts";
import { BackendError } from "./errors.ts";
import { cString, outPointer, pointerTo } from "./ffi.ts";
import type { Plan } from "./plan.ts";
import type { ValueSpec } from "./session_spec.ts";

/** A plan over `RunWithBinding`. */
export class FfiPlan implements Plan {
  readonly #session: Deno.PointerValue;
  readonly #memory: Deno.PointerValue;
  readonly #runOptions: Deno.PointerValue;
  readonly #binding: Deno.PointerValue;
  readonly #slots: Slot[];
  /** This many slots, from the first, are bound for each run even if their address is the same. */
  readonly #rebind: number;
  readonly #run = ort().fn.RunWithBinding;

  /**
   * @param session `OrtSession*`
   * @param memory `OrtMemoryInfo*` of the memory that the slots point to
   * @param runOptions `OrtRunOptions*`, or null
   * @param inputs graph inputs
   * @param outputs graph outputs
   * @param rebindInputs see {@linkcode Driver.rebindsInputs}
   */
  constructor(
    session: Deno.PointerValue,
    memory: Deno.PointerValue,
    runOptions: Deno.PointerValue,
    inputs: readonly ValueSpec[],
    outputs: readonly ValueSpec[],
    rebindInputs: boolean,
  ) {
    this.#session = session;
    this.#memory = memory;
    this.#runOptions = runOptions;
    this.#rebind = rebindInputs ? inputs.length : 0;
    this.#binding = outPointer((out) =>
      check(ort().fn.CreateIoBinding(session, out), "creating an IoBinding")
    );
    this.#slots = [
      ...inputs.map((value) => new Slot(value, true)),
      ...outputs.map((value) => new Slot(value, false)),
    ];
  }

  /** See {@linkcode Plan.run}. */
  run(slots: Float64Array<ArrayBuffer>): Deno.PointerValue {
    const start = performance.now();
    this.#bind(slots);
    const status = this.#run(this.#session, this.#runOptions, this.#binding);
    if (status === null) slots[this.#slots.length] = performance.now() - start;
    return status;
  }

  /** See {@linkcode Plan.runAsync}. */
  runAsync(slots: Float64Array<ArrayBuffer>): Promise<Deno.PointerValue> {
    this.#bind(slots);
    return nonblockingRun().call(this.#session, this.#runOptions, this.#binding);
  }

  /** See {@linkcode Plan.release}. */
  release(): void {
    const { fn } = ort();
    fn.ReleaseIoBinding(this.#binding);
    for (const slot of this.#slots) if (slot.value !== null) fn.ReleaseValue(slot.value);
  }

  #bind(slots: Float64Array<ArrayBuffer>): void {
    const own = this.#slots;
    for (let i = 0; i < own.length; i++) {
      if (own[i].address !== slots[i] || i < this.#rebind) {
        own[i].bind(this.#binding, this.#memory, slots[i]);
      }
    }
  }
}

const NONBLOCKING = {
  parameters: ["pointer", "pointer", "pointer"],
  result: "pointer",
  nonblocking: true,
} as const;

let nonblocking: Deno.UnsafeFnPointer<typeof NONBLOCKING> | undefined;

/** `RunWithBinding` off the event loop. */
function nonblockingRun(): Deno.UnsafeFnPointer<typeof NONBLOCKING> {
  return nonblocking ??= new Deno.UnsafeFnPointer(
    ort().address("RunWithBinding") as Deno.PointerObject<never>,
    NONBLOCKING,
  );
}

/** One input or output: the native tensor over the memory it pointed to last. */
class Slot {
  address = -1;
  value: Deno.PointerValue = null;
  readonly #name: Uint8Array<ArrayBuffer>;
  readonly #label: string;
  readonly #shape: BigInt64Array<ArrayBuffer>;
  readonly #bytes: bigint;
  readonly #type: number;
  readonly #input: boolean;

  constructor({ name, dtype, shape }: ValueSpec, input: boolean) {
    this.#label = name;
    this.#name = cString(name);
    this.#shape = BigInt64Array.from(shape, BigInt);
    this.#bytes = BigInt(shape.reduce((n, d) => n * d, DTYPES[dtype].bytes));
    this.#type = DTYPES[dtype].onnx;
    this.#input = input;
  }

  bind(binding: Deno.PointerValue, memory: Deno.PointerValue, address: number): void {
    if (!(address > 0)) {
      throw new BackendError(
        `running a session: the slot of "${this.#label}" holds no address (${address}); ` +
          "write the address of its storage into session.slots first",
      );
    }
    const { fn } = ort();
    const value = outPointer((out) =>
      check(
        fn.CreateTensorWithDataAsOrtValue(
          memory,
          pointerTo(address),
          this.#bytes,
          this.#shape,
          BigInt(this.#shape.length),
          this.#type,
          out,
        ),
        `making a tensor for "${this.#label}"`,
      )
    );
    const bind = this.#input ? fn.BindInput : fn.BindOutput;
    check(bind(binding, this.#name, value), `binding "${this.#label}"`);
    // The binding holds its own reference to the new tensor and has just dropped the old one.
    if (this.value !== null) fn.ReleaseValue(this.value);
    this.value = value;
    this.address = address;
  }
}
