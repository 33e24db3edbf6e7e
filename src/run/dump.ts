/**
 * Writing out emitted models for checkers and the curious.
 *
 * @module
 */

import { BackendError } from "../runtime/mod.ts";

let count = 0;

/** Writes the model to the folder named by `TORCHOPT_DUMP`, if that is set. */
export function dumpModel(model: Uint8Array): void {
  const folder = dumpFolder();
  if (folder === undefined) return;
  try {
    Deno.mkdirSync(folder, { recursive: true });
    Deno.writeFileSync(`${folder}/${Deno.pid}_${count++}.onnx`, model);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    throw new BackendError(
      `TORCHOPT_DUMP names "${folder}", where nothing can be written: ${(cause as Error).message}`,
      { cause },
    );
  }
}

let known: string | undefined | null = null;

function dumpFolder(): string | undefined {
  if (known === null) {
    const state = Deno.permissions.querySync({ name: "env", variable: "TORCHOPT_DUMP" });
    known = state.state === "granted" ? Deno.env.get("TORCHOPT_DUMP") : undefined;
  }
  return known;
}
