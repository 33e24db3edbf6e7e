/**
 * Writing out emitted models for checkers and the curious.
 *
 * @module
 */

let count = 0;

/** Writes the model to the folder named by `TORCHOPT_DUMP`, if that is set. */
export function dumpModel(model: Uint8Array): void {
  const folder = dumpFolder();
  if (folder === undefined) return;
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeFileSync(`${folder}/${Deno.pid}_${count++}.onnx`, model);
}

let known: string | undefined | null = null;

function dumpFolder(): string | undefined {
  if (known === null) {
    const state = Deno.permissions.querySync({ name: "env", variable: "TORCHOPT_DUMP" });
    known = state.state === "granted" ? Deno.env.get("TORCHOPT_DUMP") : undefined;
  }
  return known;
}
