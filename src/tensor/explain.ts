/**
 * Looking at the lowered graph of a value or of a compiled function.
 *
 * @module
 */

import {
  type Device,
  driverOf,
  isOnHost,
  opsLibrary,
  sameDevice,
  targetOf,
} from "../runtime/mod.ts";
import { copiesOf, settingsOf } from "../run/copies.ts";
import { commonDevice } from "../run/execute.ts";
import { lower, type Lowered } from "../lower/lower.ts";
import { walk } from "../lower/walk.ts";
import { type Compiled, latestExecutable } from "./compile/compile.ts";
import { Tensor } from "./tensor.ts";

/** What a graph was lowered to. */
export interface Explanation {
  /** One line for each step of the lowered graph. */
  readonly steps: readonly string[];
  /** Bytes of the ONNX model; of the first one, where the graph is large. */
  readonly model: Uint8Array;
  /**
   * All models, in the order in which they run: a graph of more than some 4 000 ONNX nodes is cut into
   * segments. Those that are equal, as iterations of a loop are, have one model and share a session.
   */
  readonly models: readonly Uint8Array[];
  /** Number of graph inputs (tensors, and numbers that are data). */
  readonly inputs: number;
  /** Number of values that are written. */
  readonly outputs: number;
  /** How many outputs are written over the memory of an input. */
  readonly inPlace: number;
  /** The device that it runs on. */
  readonly device: Device;
  /**
   * One line for each copy between devices in a run: the graph's numbers and tensors of one element,
   * which are sent to the device, and what ONNX Runtime copies since a node runs on the host. Empty on
   * the host.
   */
  readonly copies: readonly string[];
  /** Milliseconds of the last run; NaN before the first. */
  readonly lastRun: number;
  /** Whether the compiled kernels are in use, and if not, why. */
  readonly kernels: string;
  /** All of it as text. */
  toString(): string;
}

/** Whether the compiled kernels are in use on a device, and if not, why. */
function kernelsOf(device: Device): string {
  const ops = opsLibrary();
  if (!driverOf(device).compiledOps) {
    return `ONNX Runtime's kernels (none are compiled for ${device})`;
  }
  const why = ops.loaded ? driverOf(device).whyNoKernels?.() : undefined;
  if (why !== undefined) return `plain ONNX Runtime kernels only (${why})`;
  return ops.loaded ? "compiled kernels in use" : `plain ONNX Runtime kernels only (${ops.why})`;
}

type Described = Pick<Lowered, "summary" | "segments" | "inputs" | "outputs" | "donations">;

function describe(
  lowered: Described,
  device: Device,
  copies: readonly string[],
  lastRun: number,
  iterations: ReadonlyMap<number, number> = new Map(),
  waiting = "",
): Explanation {
  const kernels = kernelsOf(device) + waiting, { synchronous } = driverOf(device);
  const models = lowered.segments.map(({ model }) => model);
  const segments = models.length > 1
    ? ` in ${models.length} segments of ${new Set(models).size} kind(s)`
    : "";
  const head = `${lowered.summary.length} step(s)${segments}, ${lowered.inputs} input(s), ` +
    `${lowered.outputs.length} output(s), ${lowered.donations.length} in place; ${kernels}; ` +
    `on ${device}; ${isOnHost(device) ? "" : `${copies.length} copies between devices; `}` +
    (Number.isNaN(lastRun)
      ? "not run yet"
      : `last run ${synchronous ? "" : "begun in "}${lastRun.toFixed(3)} ms`);
  const steps = lowered.summary.map((step, i) =>
    iterations.has(i) ? `${step}; ${iterations.get(i)} in the last run` : step
  );
  const lines = [...steps, ...copies.map((copy) => `copy of ${copy}`)];
  const text = () => [head, ...lines.map((line) => `  ${line}`)].join("\n");
  const explanation: Explanation = {
    steps,
    model: models[0] ?? new Uint8Array(0),
    models,
    inputs: lowered.inputs,
    outputs: lowered.outputs.length,
    inPlace: lowered.donations.length,
    device,
    copies,
    lastRun,
    kernels,
    toString: text,
  };
  // What console.log shows.
  for (const name of ["Deno.customInspect", "nodejs.util.inspect.custom"]) {
    Object.defineProperty(explanation, Symbol.for(name), { value: text });
  }
  return explanation;
}

/**
 * Shows what a tensor's pending computation, or a compiled function's last graph, is lowered to:
 * the steps (fused groups, loops and single ONNX operators), memory written in place, the kernels
 * chosen, copies between devices, the time of the last run, and how many iterations loops made in it.
 *
 * @param of a tensor, or a function made by `compile()` that was called at least once
 *
 * @example
 * ```ts
 * import { explain, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const y = tensor([1, 2]).mul(3).add(1);
 * assert(explain(y).steps.length >= 1);
 * ```
 */
export function explain(of: Tensor | Compiled<(...args: never[]) => unknown>): Explanation {
  if (of instanceof Tensor) {
    const node = of.node;
    if (node.storage !== null) {
      return describe(
        { summary: [], segments: [], inputs: 0, outputs: [], donations: [] },
        node.storage.device,
        [],
        NaN,
      );
    }
    const walked = walk([node]), device = commonDevice(walked.leaves, [node]);
    const lowered = lower(walked, [node], [], targetOf(device));
    const elsewhere = walked.leaves.filter((leaf) => !sameDevice(leaf.storage!.device, device));
    const copies = copiesOf(lowered, settingsOf(lowered, device, 1), elsewhere.length);
    return describe(lowered, device, copies, NaN);
  }
  const executable = latestExecutable(of);
  if (executable === undefined) {
    throw new TypeError("explain: the compiled function was not called yet; call it once first.");
  }
  const { lowered, device, lastRun } = executable;
  const made = Number.isNaN(lastRun) ? [] : executable.iterations();
  const iterations = new Map(made.map((n, i) => [lowered.iterations[i], n]));
  const waiting = executable.awaitsKernels ? "; generated ones follow" : "";
  return describe(lowered, device, executable.copies(), lastRun, iterations, waiting);
}
