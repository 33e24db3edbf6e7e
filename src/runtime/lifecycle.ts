/**
 * The end of the runtime in one thread.
 *
 * @module
 */

import { hasEnvironment, releaseEnvironment } from "./env.ts";
import { releaseAllNative } from "./native_memory.ts";
import { mayOutlast } from "./process_end.ts";
import { disposeAllSessions } from "./session_native.ts";

/**
 * Ends the runtime of this thread: waits for the asynchronous runs under way, disposes of every
 * session and gives ONNX Runtime's environment back. Storages stay valid. Sessions made afterwards
 * start a new environment.
 *
 * A Worker that is done calls this before its owner calls `terminate()`: send it a message, have it
 * await `shutdown()` and answer, and terminate it then. What a Worker holds in native memory, its
 * compiled graphs above all, stays with the process where it is terminated without; the program goes on
 * all the same, also where a run was under way. The main thread needs no shutdown, nor do files of
 * `deno test`.
 *
 * @example
 * ```ts
 * import { shutdown, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const x = tensor([1, 2]).add(1);
 * assertEquals(x.toArray(), [2, 3]);
 * await shutdown(); // what a Worker does last
 * assertEquals(x.toArray(), [2, 3]);
 * ```
 */
export async function shutdown(): Promise<void> {
  await disposeAllSessions();
  releaseAllNative();
  releaseEnvironment();
}

// A thread that ends in order gives everything back: `deno test` runs each file in one of its own, and a
// process with hundreds of them would keep the graphs of all. Where the process ends, nothing has to.
globalThis.addEventListener?.("unload", () => {
  if (hasEnvironment() && mayOutlast()) void shutdown();
});
