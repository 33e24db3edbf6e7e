/**
 * Kernels for CUDA that the compiled ops generate from nodes of `Program` and `Loop`. They are compiled in
 * the background, and until they are there a graph without them has to run.
 *
 * @module
 */

import { BackendError } from "../errors.ts";
import { readCString } from "../ffi.ts";
import { opsLibrary } from "../ops_library.ts";
import { openPinned } from "../pin.ts";
import type { DType } from "../dtype.ts";
import type { Target } from "./target.ts";

/** Attributes of a node of `Program` or, with a layout, of `Loop`. */
export interface ProgramNode {
  /** Element type. */
  readonly type: "float32" | "float64";
  readonly code: readonly number[];
  readonly constants: readonly number[];
  readonly layout?: readonly number[];
}

/** Kernels of a node that are being compiled. */
export interface PendingKernels {
  /** How far they are. */
  state(): "compiling" | "ready" | "failed";
  /** What went wrong, once they have failed. */
  error(): string;
  /** Forgets them; sessions that were made meanwhile keep theirs. */
  release(): void;
}

/** A device that has such kernels. */
export interface KernelGenerator {
  /** What lowering has to know of the device with them; those of loops may be left out. */
  target(loops: boolean): Target;
  /**
   * Begins to compile the kernels of a node.
   *
   * @param index number of the device
   * @throws {BackendError} where there can be none for it
   */
  begin(index: number, node: ProgramNode): PendingKernels;
}

const SYMBOLS = {
  torchopt_cuda_program_begin: {
    parameters: ["i32", "buffer", "usize", "buffer", "usize", "buffer", "usize", "i32"],
    result: "pointer",
  },
  torchopt_cuda_program_state: { parameters: ["pointer", "i32"], result: "i32" },
  torchopt_cuda_program_end: { parameters: ["pointer"], result: "void" },
  torchopt_last_error: { parameters: [], result: "pointer" },
} as const;

const STATES = ["compiling", "ready", "failed"] as const;

function begin(index: number, { type, code, constants, layout = [] }: ProgramNode): PendingKernels {
  const calls = openPinned(opsLibrary().path!, SYMBOLS).symbols;
  const lastError = () => readCString(calls.torchopt_last_error());
  const whole = (list: readonly number[]) => BigInt64Array.from(list, BigInt);
  const [program, places] = [whole(code), whole(layout)], numbers = Float64Array.from(constants);
  const length = ({ length }: { readonly length: number }) => BigInt(length);
  const handle = calls.torchopt_cuda_program_begin(
    Number(type === "float64"),
    program,
    length(program),
    numbers,
    length(numbers),
    places,
    length(places),
    index,
  );
  if (handle === null) throw new BackendError(lastError());
  return {
    state: () => STATES[calls.torchopt_cuda_program_state(handle, index)],
    error: () => {
      calls.torchopt_cuda_program_state(handle, index);
      return lastError();
    },
    release: () => calls.torchopt_cuda_program_end(handle),
  };
}

const GENERATED = ["torchopt.Program", "torchopt.Loop"];

/** Kernels for GPUs of NVIDIA; `base` says what there is without them. */
export function cudaGenerator(base: () => Target): KernelGenerator {
  return {
    begin,
    target(loops) {
      const target = base(), generated = GENERATED.slice(0, loops ? 2 : 1);
      const has = (op: string, dtype: DType) =>
        generated.includes(op) ? dtype === "float32" || dtype === "float64" : target.has(op, dtype);
      return { ...properties(target), has };
    },
  };
}

/** All but the kernels. */
function properties(
  { kind, branches, offsets, substitutes, sumsAnywhere, scattersSafely }: Target,
): Omit<Target, "has"> {
  return { kind, branches, offsets, substitutes, sumsAnywhere, scattersSafely };
}
