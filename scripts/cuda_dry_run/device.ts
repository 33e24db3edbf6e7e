/**
 * What the fake device tells of itself, and helpers of the checks.
 *
 * @module
 */

import { setDefaultDevice } from "../../mod.ts";

const symbols = {
  fake_cuda_counts: { parameters: ["buffer"], result: "void" },
  fake_cuda_mistakes: { parameters: [], result: "i32" },
  fake_cuda_mistake: { parameters: ["i32"], result: "pointer" },
  fake_cuda_skipped: { parameters: [], result: "pointer" },
  cudaStreamCreateWithFlags: { parameters: ["buffer", "u32"], result: "i32" },
} as const;

let library: Deno.DynamicLibrary<typeof symbols> | undefined;

function runtime() {
  return (library ??= Deno.dlopen("libcudart.so.13", symbols)).symbols;
}

/** What the device did since the beginning. */
export interface Counts {
  readonly toDevice: number;
  readonly toDeviceBytes: number;
  readonly toHost: number;
  readonly toHostBytes: number;
  readonly within: number;
  /** Kernels and products that were computed. */
  readonly kernels: number;
  /** Kernels of ONNX Runtime, which are machine code and do nothing here. */
  readonly skipped: number;
  readonly products: number;
  readonly waits: number;
  readonly liveBytes: number;
}

const NAMES = [
  "toDevice",
  "toDeviceBytes",
  "toHost",
  "toHostBytes",
  "within",
  "kernels",
  "skipped",
  "products",
  "waits",
  "liveBytes",
] as const;

/** What the device did since the beginning. */
export function counts(): Counts {
  const out = new BigUint64Array(NAMES.length);
  runtime().fake_cuda_counts(out);
  return Object.fromEntries(NAMES.map((name, i) => [name, Number(out[i])])) as unknown as Counts;
}

/** What it did while something ran. */
export function during(run: () => void): Counts {
  const before = counts();
  run();
  const after = counts();
  return Object.fromEntries(
    NAMES.map((name) => [name, after[name] - before[name]]),
  ) as unknown as Counts;
}

/** Copies that went elsewhere than they said, or out of their blocks. */
export function mistakes(): string[] {
  return Array.from(
    { length: runtime().fake_cuda_mistakes() },
    (_, i) => Deno.UnsafePointerView.getCString(runtime().fake_cuda_mistake(i)!),
  );
}

/** Address of a new stream for which the default stream does not wait. */
export function makeStream(): bigint {
  const out = new BigUint64Array(1), nonBlocking = 1;
  runtime().cudaStreamCreateWithFlags(out, nonBlocking);
  return out[0];
}

/** Runs with CUDA as the default device. */
export async function onCuda<T>(run: () => T | Promise<T>): Promise<T> {
  setDefaultDevice("cuda");
  try {
    return await run();
  } finally {
    setDefaultDevice("cpu");
  }
}
