/** Running a computation on a device, and looking at what it left there and copied. */

import { assert, assertEquals } from "@std/assert";
import { manualSeed, memory, realize, setDefaultDevice, Tensor } from "@torchopt/torchopt";
import { treeLeaves } from "@torchopt/torchopt/pytree";
import { assertClose } from "../helpers/close.ts";
import { copies, FAR } from "../helpers/far_device.ts";

/** What a computation gives: containers of tensors and other things. */
export type Results = unknown;

function tensorsIn(results: Results): Tensor[] {
  return treeLeaves<unknown>(results as never).filter((x) => x instanceof Tensor);
}

/** Runs with another default device. */
export function withDefault<T>(device: typeof FAR, run: () => T): T {
  setDefaultDevice(device);
  try {
    return run();
  } finally {
    setDefaultDevice("cpu");
  }
}

/** What a computation did beside computing. */
export interface Done {
  /** Copies from the host to the device. */
  written: number;
  /** Copies from the device to the host. */
  read: number;
  /** Graphs that were compiled for the host. */
  onHost: number;
}

/** Counts what a computation does. */
export function counting<T>(run: () => T): { value: T; done: Done } {
  const { read, written, sessions } = copies, { created } = memory().sessions;
  const value = run();
  const done = {
    written: copies.written - written,
    read: copies.read - read,
    onHost: memory().sessions.created - created - (copies.sessions - sessions),
  };
  return { value, done };
}

/** Ways of running a computation on the device. */
export interface Way {
  /** Whether only its operands are moved there, and the default device is the host (default false). */
  moved?: boolean;
  /** Whether it reads values from the device, since it decides by them (default false). */
  reads?: boolean;
}

/**
 * Runs a computation on the host, and on the device: values are the same, all results are on the
 * device, nothing is computed on the host, and nothing is read.
 *
 * @param run the computation; what it gives its argument comes back where it is to be
 */
export function checkPlacement(
  name: string,
  run: (put: (x: Tensor) => Tensor) => Results,
  { moved = false, reads = false }: Way = {},
): void {
  const compute = (put: (x: Tensor) => Tensor) => {
    manualSeed(3);
    const results = tensorsIn(run(put));
    realize(...results);
    return results;
  };
  const want = compute((x) => x);
  const there = () => moved ? compute((x) => x.to(FAR)) : withDefault(FAR, () => compute((x) => x));
  const { value: got, done } = counting(() => {
    try {
      return there();
    } catch (cause) {
      throw new Error(`${name}: ${(cause as Error).message}`, { cause });
    }
  });
  const places = got.map((x) => x.device);
  assertEquals(places, got.map(() => FAR), `${name}: where results are`);
  // Operands that are made on the host may be computed there before they are moved.
  if (!moved) assertEquals(done.onHost, 0, `${name}: graphs computed on the host`);
  if (!reads) assertEquals(done.read, 0, `${name}: values read from the device`);
  assert(got.length > 0 && got.length === want.length, `${name}: ${got.length} results`);
  got.forEach((x, i) => {
    const tolerance = x.dtype === "float64"
      ? { rtol: 1e-9, atol: 1e-11 }
      : { rtol: 1e-3, atol: 1e-4 };
    assertClose(Array.from(x.data(), Number), Array.from(want[i].data(), Number), tolerance, name);
  });
}
