/**
 * The end of a process whose other threads are inside ONNX Runtime.
 *
 * @module
 */

import { openPinned } from "./pin.ts";

const SYMBOLS = {
  on_exit: { parameters: ["pointer", "pointer"], result: "i32" },
  __cxa_atexit: { parameters: ["pointer", "pointer", "pointer"], result: "i32" },
  getpid: { parameters: [], result: "i32" },
  gettid: { parameters: [], result: "i32", optional: true },
  _exit: { type: "pointer" },
  fflush: { type: "pointer" },
} as const;

let library: Deno.DynamicLibrary<typeof SYMBOLS> | null | undefined;

/**
 * Makes the process end without the destructors of native libraries. The C library runs them on the
 * thread that ends the process, while other threads go on: a Worker, or a run off the event loop that
 * nothing waits for any more. Where those are inside ONNX Runtime they crash, as what they use is
 * destroyed under them. Output that native libraries hold back is written before.
 *
 * Handlers that are registered later run before this one, and ONNX Runtime registers more of them when
 * it does something for the first time. So this is called again after such a thing.
 */
export function skipDestructors(): void {
  const opened = systemLibrary();
  if (opened === null) return;
  const { on_exit, __cxa_atexit, _exit, fflush } = opened.symbols;
  on_exit(_exit, null);
  // Without an argument it writes every stream.
  __cxa_atexit(fflush, null, null);
}

/** The C library of Linux, which alone tells a handler the exit code; null where there is another. */
function systemLibrary(): Deno.DynamicLibrary<typeof SYMBOLS> | null {
  if (library !== undefined) return library;
  if (Deno.build.os !== "linux") return library = null;
  try {
    return library = openPinned("libc.so.6", SYMBOLS);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return library = null;
  }
}

/**
 * Whether the process may end while this thread is inside of a call: it is another than the first one,
 * a Worker's. Where the system does not say so, the answer is no, and `skipDestructors` does nothing.
 */
export function mayOutlast(): boolean {
  const opened = systemLibrary();
  if (opened === null) return false;
  const { getpid, gettid } = opened.symbols;
  // Only old C libraries do not tell.
  return gettid === null || gettid() !== getpid();
}
