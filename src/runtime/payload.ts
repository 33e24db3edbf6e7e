/**
 * Native libraries that a compiled binary carries: unpacked at its first start, and opened from there.
 * Deno opens libraries from disk only, and a compiled binary has a file system of its own.
 *
 * @module
 */

import { BackendError } from "./errors.ts";
import { ARCH, OS } from "./host.ts";
import { makeCacheFolder, makeTemporaryFolder, replaceFile } from "./ops_cache.ts";

/** A library of a payload. */
export interface PayloadFile {
  /** Name of the file. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** SHA-256 in hexadecimal. */
  readonly sha256: string;
  /** Variable that names the library to use. */
  readonly variable: "TORCHOPT_ORT_LIBRARY" | "TORCHOPT_OPS";
}

/** `payload.json`. */
export interface Payload {
  /** System and processor: `"linux-x86_64"`. */
  readonly target: string;
  /** The libraries. */
  readonly files: readonly PayloadFile[];
}

/**
 * Makes this process use the libraries of a payload, but for those that its environment names. They are
 * unpacked into the cache folder where they are not there already, as they were packed; where that cannot
 * be written, into a folder of this user among the temporary files.
 *
 * @param folder holds `payload.json` and the libraries, and ends with a slash
 * @throws {BackendError} where the payload is damaged or for another system, or no folder can be written
 */
export async function usePayload(folder: URL): Promise<void> {
  const payload: Payload = JSON.parse(Deno.readTextFileSync(new URL("payload.json", folder)));
  if (payload.target !== `${OS}-${ARCH}`) {
    throw new BackendError(
      `This program holds libraries for ${payload.target} and runs on ${OS}-${ARCH}. Compile it for ` +
        "this system (--target).",
    );
  }
  for (const file of payload.files) {
    if (Deno.env.get(file.variable)) continue;
    Deno.env.set(file.variable, await unpack(file, new URL(file.name, folder)));
  }
}

/** Path of a library as it was packed. */
async function unpack(file: PayloadFile, source: URL): Promise<string> {
  const failures: string[] = [];
  for (const makeFolder of [makeCacheFolder, makeTemporaryFolder]) {
    try {
      const folder = `${makeFolder()}/unpacked-${file.sha256.slice(0, 32)}`;
      const path = `${folder}/${file.name}`;
      if (!await isRight(path, file)) await write(folder, path, file, source);
      return path;
    } catch (error) {
      if (error instanceof DamagedError) throw error;
      failures.push((error as Error).message);
    }
  }
  throw new BackendError(
    `The library ${file.name} of this program cannot be unpacked: ${failures.join("; ")}. Set ` +
      "TORCHOPT_CACHE to a folder that can be written.",
  );
}

class DamagedError extends BackendError {}

/** Atomic: a process that starts meanwhile sees a whole file or none. */
async function write(folder: string, path: string, file: PayloadFile, source: URL): Promise<void> {
  const bytes = Deno.readFileSync(source);
  if (await sha256(bytes) !== file.sha256) {
    throw new DamagedError(
      `This program is damaged: the library ${file.name} in it is not the one that was packed.`,
    );
  }
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const temporary = Deno.makeTempFileSync({ dir: folder, prefix: "unpack-" });
  try {
    Deno.writeFileSync(temporary, bytes);
    if (OS !== "windows") Deno.chmodSync(temporary, 0o700);
    replaceFile(temporary, path);
  } catch (error) {
    removeQuietly(temporary);
    throw error;
  }
  noteChecked(path, file);
}

/**
 * Whether a file is the library that was packed. Its checksum is taken where time and size are not those
 * at which it was last found right: that of ONNX Runtime costs a tenth of a second.
 */
async function isRight(path: string, file: PayloadFile): Promise<boolean> {
  let found: Deno.FileInfo;
  try {
    found = Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
  if (found.size !== file.size) return false;
  if (readQuietly(notePath(path)) === noteOf(found, file)) return true;
  if (await sha256(Deno.readFileSync(path)) !== file.sha256) return false;
  noteChecked(path, file);
  return true;
}

const notePath = (path: string) => `${path}.checked`;

const noteOf = ({ size, mtime }: Deno.FileInfo, { sha256 }: PayloadFile) =>
  `${sha256} ${size} ${mtime?.getTime()}\n`;

/** A folder that cannot be written has no note, and the checksum is taken each time. */
function noteChecked(path: string, file: PayloadFile): void {
  try {
    Deno.writeTextFileSync(notePath(path), noteOf(Deno.statSync(path), file));
  } catch {
    // As said.
  }
}

function readQuietly(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null;
  }
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It is not there, or somebody else's business.
  }
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
