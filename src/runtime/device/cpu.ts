/**
 * The CPU: tensors lie in the JavaScript heap, and ONNX Runtime needs no provider.
 *
 * @module
 */

import type { DType } from "../dtype.ts";
import { environment } from "../env.ts";
import type { Driver, Found } from "./driver.ts";
import { hasOperator, isCompiled, type Target } from "./target.ts";

/** What ONNX Runtime has no kernel for here. */
const MISSING: Readonly<Record<string, readonly DType[]>> = {
  Conv: ["float64"],
  ConvTranspose: ["float64"],
};

class CpuTarget implements Target {
  readonly branches = true;
  readonly kind = "cpu";
  readonly offsets = true;
  readonly substitutes = false;
  readonly sumsAnywhere = true;
  // Large work is split over threads without regard to repeated places.
  readonly scattersSafely = false;
  readonly #ops: boolean;

  constructor(ops: boolean) {
    this.#ops = ops;
  }

  has(op: string, dtype: DType): boolean {
    if (isCompiled(op)) return this.#ops && (dtype === "float32" || dtype === "float64");
    return hasOperator(op, dtype) && !(MISSING[op]?.includes(dtype) ?? false);
  }
}

const targets = [new CpuTarget(false), new CpuTarget(true)];

/** The CPU. */
export const cpu: Driver = {
  kind: "cpu",
  names: "cpu",
  indexOf: (name) => name === "cpu" ? 0 : -1,
  find(): readonly Found[] {
    const name = `${Deno.build.arch}, ${navigator.hardwareConcurrency} threads`;
    return [{ device: "cpu", available: true, name }];
  },
  open: () => ({
    label: Deno.build.arch,
    get info() {
      return environment().hostMemory;
    },
    memory: null,
    appendProvider() {},
  }),
  onHost: true,
  synchronous: true,
  rebindsInputs: false,
  refusesHostNodes: false,
  compiledOps: true,
  target: (ops) => targets[Number(ops)],
};
