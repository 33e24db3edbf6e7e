/**
 * Gathers the native libraries that a compiled binary carries.
 *
 * @module
 */

import { BackendError } from "../runtime/errors.ts";
import { locateOrt } from "../runtime/locate.ts";
import { buildOps } from "../runtime/ops_build.ts";
import { libraryName, THIS_TARGET } from "../runtime/ops_cache.ts";
import { opsLibrary } from "../runtime/ops_library.ts";
import type { Payload, PayloadFile } from "../runtime/payload.ts";
import { readShippedOps, shippedOps } from "../runtime/prebuilt.ts";
import { sha256 } from "../runtime/sha256.ts";
import { CommandError } from "./child.ts";

/** The kernels for a target: those in use here, else those that the package ships. */
async function kernelsFor(target: string): Promise<Uint8Array<ArrayBuffer>> {
  if (target !== THIS_TARGET) {
    const shipped = shippedOps(target);
    if (shipped) return await readShippedOps(shipped);
    throw new CommandError(
      `there are no compiled kernels for ${target} here: compile on such a system, with a released ` +
        "package, or with --without-kernels.",
    );
  }
  const { loaded, path } = opsLibrary();
  if (loaded && path !== undefined) return Deno.readFileSync(path);
  try {
    return Deno.readFileSync((await buildOps({ log: (text) => console.error(text) })).path);
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    throw new CommandError(`${error.message} Or compile with --without-kernels.`);
  }
}

/**
 * Writes the libraries for a target, and `payload.json`, into a folder.
 *
 * @param folder exists
 * @param target system and processor: `"linux-x86_64"`
 * @param options whether kernels are among them; whether anything is written
 * @returns what is in it, and the folder of the package that holds libraries of all systems
 * @throws {CommandError} where there are no kernels for the target
 * @throws {BackendError} where ONNX Runtime has no library for it
 */
export async function makePayload(
  folder: string,
  target: string,
  { kernels, copy }: { readonly kernels: boolean; readonly copy: boolean },
): Promise<{ payload: Payload; unused: string }> {
  const files: PayloadFile[] = [];
  const add = (
    name: string,
    bytes: Uint8Array<ArrayBuffer>,
    variable: PayloadFile["variable"],
  ) => {
    if (copy) Deno.writeFileSync(`${folder}/${name}`, bytes);
    files.push({ name, size: bytes.length, sha256: sha256(bytes), variable });
  };
  // What the environment names is for this system.
  const packaged = locateOrt({ platform: target, override: "" });
  const own = target === THIS_TARGET ? locateOrt() : packaged;
  add(own.replace(/^.*[/\\]/, ""), Deno.readFileSync(own), "TORCHOPT_ORT_LIBRARY");
  if (kernels) add(libraryName(target), await kernelsFor(target), "TORCHOPT_OPS");
  const payload: Payload = { target, files };
  if (copy) Deno.writeTextFileSync(`${folder}/payload.json`, JSON.stringify(payload, null, 2));
  return { payload, unused: packaged.replace(/[/\\]napi-v\d+[/\\].*$/, "") };
}
