/**
 * Gathers the native libraries that a compiled binary carries.
 *
 * @module
 */

import { BackendError } from "../runtime/errors.ts";
import { ARCH, OS } from "../runtime/host.ts";
import { locateOrt } from "../runtime/locate.ts";
import { buildOps } from "../runtime/ops_build.ts";
import { opsLibrary } from "../runtime/ops_library.ts";
import type { Payload, PayloadFile } from "../runtime/payload.ts";
import { sha256 } from "../runtime/sha256.ts";
import { CommandError } from "./child.ts";

/** Path of the kernels for a target. */
async function kernelsFor(target: string): Promise<string> {
  if (target !== `${OS}-${ARCH}`) {
    throw new CommandError(
      `there are no compiled kernels for ${target} here: compile on such a system, or with ` +
        "--without-kernels.",
    );
  }
  const { loaded, path } = opsLibrary();
  if (loaded && path !== undefined) return path;
  try {
    return (await buildOps({ log: (text) => console.error(text) })).path;
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
  const add = (path: string, variable: PayloadFile["variable"]) => {
    const name = path.replace(/^.*[/\\]/, ""), bytes = Deno.readFileSync(path);
    if (copy) Deno.writeFileSync(`${folder}/${name}`, bytes);
    files.push({ name, size: bytes.length, sha256: sha256(bytes), variable });
  };
  // What the environment names is for this system.
  const packaged = locateOrt({ platform: target, override: "" });
  add(target === `${OS}-${ARCH}` ? locateOrt() : packaged, "TORCHOPT_ORT_LIBRARY");
  if (kernels) add(await kernelsFor(target), "TORCHOPT_OPS");
  const payload: Payload = { target, files };
  if (copy) Deno.writeTextFileSync(`${folder}/payload.json`, JSON.stringify(payload, null, 2));
  return { payload, unused: packaged.replace(/[/\\]napi-v\d+[/\\].*$/, "") };
}
