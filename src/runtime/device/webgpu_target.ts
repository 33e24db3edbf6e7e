/**
 * What lowering has to know of WebGPU: which kernels ONNX Runtime's provider has on this machine.
 *
 * @module
 */

import { check, ort } from "../api.ts";
import type { DType } from "../dtype.ts";
import { environment } from "../env.ts";
import { cString, outPointer } from "../ffi.ts";
import { oneNode } from "./one_node.ts";
import { hasOperator, isCompiled, type Target } from "./target.ts";

/** Kernels that are there and give something else than the operator's result. */
const WRONG: Readonly<Record<string, readonly DType[]>> = {
  // Off by thousands of units in the last place, or not 0 at 0.
  ...Object.fromEntries(
    ["Acos", "Asin", "Atan", "Cosh", "Erf", "Sinh", "Softplus", "Tanh"].map((op) =>
      [op, ["float16", "float32"]] as const
    ),
  ),
  // NaN becomes 0.
  Relu: ["float16", "float32"],
  // Fails in the run.
  Where: ["bool"],
};

/** Operators that run on the host, around graphs of their own or on shapes. */
const HOST: ReadonlySet<string> = new Set(["If", "Loop", "Scan", "Shape"]);

/** @param appendProvider makes sessions with these options run on the device */
export function webgpuTarget(appendProvider: (options: Deno.PointerValue) => void): Target {
  const known = new Map<string, boolean>();
  return {
    kind: "webgpu",
    has(op, dtype) {
      if (dtype === "float64" || HOST.has(op) || isCompiled(op)) return false;
      if (WRONG[op]?.includes(dtype) || !hasOperator(op, dtype)) return false;
      const key = `${op} ${dtype}`;
      let answer = known.get(key);
      if (answer === undefined) known.set(key, answer = ask(op, dtype, appendProvider));
      return answer;
    },
    branches: false,
    scattersSafely: false,
    offsets: false,
    substitutes: true,
    sumsAnywhere: true,
  };
}

/**
 * Whether the device has a kernel: a model of one such node makes a session without the host's help,
 * which takes half a millisecond and compiles nothing. What cannot be asked counts as there; the
 * session of the whole graph says.
 */
function ask(op: string, dtype: DType, append: (options: Deno.PointerValue) => void): boolean {
  const model = oneNode(op, dtype);
  if (model === null) return true;
  const { fn } = ort();
  const options = outPointer((out) =>
    check(fn.CreateSessionOptions(out), "creating session options")
  );
  try {
    check(fn.SetIntraOpNumThreads(options, 1), "setting the thread count");
    check(
      fn.AddSessionConfigEntry(
        options,
        cString("session.disable_cpu_ep_fallback"),
        cString("1"),
      ),
      "keeping nodes on the device",
    );
    append(options);
    const out = new BigUint64Array(new ArrayBuffer(8));
    const { env } = environment();
    const status = fn.CreateSessionFromArray(env, model, BigInt(model.length), options, out);
    if (status === null) fn.ReleaseSession(Deno.UnsafePointer.create(out[0]));
    else fn.ReleaseStatus(status);
    return status === null;
  } finally {
    fn.ReleaseSessionOptions(options);
  }
}
