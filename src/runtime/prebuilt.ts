/**
 * The compiled ops that the package ships, made by its release for the usual systems.
 *
 * @module
 */

import { BackendError } from "./errors.ts";
import { exists, filePath } from "./locate.ts";
import { isGranted, libraryPath, makeCacheFolder, replaceFile, THIS_TARGET } from "./ops_cache.ts";
import { SHIPPED } from "./prebuilt_list.ts";
import { sha256 } from "./sha256.ts";

/** One line of the list. */
export interface ShippedFile {
  /** Where it lies in the package. */
  readonly file: string;
  /** Key of the sources that it was made from. */
  readonly key: string;
  /** SHA-256 in hexadecimal. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

/** Compiled ops that the package ships. */
export interface ShippedOps extends ShippedFile {
  /** Where to read them: on a disk or a server, as the package itself. */
  readonly url: URL;
}

/**
 * The compiled ops that the package ships for a system.
 *
 * @param target system and processor, as in `linux-x86_64`
 * @returns undefined where it ships none, as a checkout does
 */
export function shippedOps(target: string = THIS_TARGET): ShippedOps | undefined {
  if (!Object.hasOwn(SHIPPED, target)) return undefined;
  return { ...SHIPPED[target], url: new URL(`../../${SHIPPED[target].file}`, import.meta.url) };
}

/** How taking shipped ops from a disk ended. */
export type Taken = { readonly path: string } | { readonly why: string };

/**
 * Path of shipped ops that lie on a disk: copied to the cache folder, where the next start does not check
 * them again, or where they are if that cannot be written.
 *
 * @returns undefined where the package lies on a server: {@linkcode fetchShippedOps}
 */
export function takeShippedOps(shipped: ShippedOps): Taken | undefined {
  const { url } = shipped;
  if (url.protocol !== "file:") return undefined;
  const path = filePath(url);
  if (!exists(path)) return { why: `${path}, which the package lists, is missing` };
  const bytes = Deno.readFileSync(path);
  const wrong = difference(bytes, shipped);
  if (wrong !== undefined) return { why: wrong };
  try {
    // Asking for the permission would stop the program.
    if (isGranted("write")) return { path: install(bytes, shipped) };
  } catch {
    // A cache that cannot be written.
  }
  return { path };
}

/**
 * Copies shipped ops into the cache folder, from a disk or a server; returns their path.
 *
 * @throws {BackendError} where they cannot be read, or are not those that the package lists
 */
export async function fetchShippedOps(shipped: ShippedOps): Promise<string> {
  return install(await readShippedOps(shipped), shipped);
}

/**
 * Reads shipped ops, for any system, from a disk or a server.
 *
 * @throws {BackendError} where they cannot be read, or are not those that the package lists
 */
export async function readShippedOps(shipped: ShippedOps): Promise<Uint8Array<ArrayBuffer>> {
  const { url } = shipped;
  let bytes: Uint8Array<ArrayBuffer>;
  if (url.protocol === "file:") {
    bytes = await Deno.readFile(url);
  } else {
    const response = await fetch(url);
    if (!response.ok) {
      await response.body?.cancel();
      throw new BackendError(`${url} cannot be read: ${response.status} ${response.statusText}`);
    }
    bytes = new Uint8Array(await response.arrayBuffer());
  }
  const wrong = difference(bytes, shipped);
  if (wrong !== undefined) throw new BackendError(wrong);
  return bytes;
}

/** What is wrong with a file; undefined where it is the one that the package lists. */
function difference(
  bytes: Uint8Array,
  { url, size, sha256: wanted }: ShippedOps,
): string | undefined {
  if (bytes.length === size && sha256(bytes) === wanted) return undefined;
  return `${url} is not the file that the package lists (SHA-256 ${wanted})`;
}

/** Atomic, and on the disk before it has its name: no process ever sees a part of it. */
function install(bytes: Uint8Array, { key }: ShippedOps): string {
  const path = libraryPath(key), folder = makeCacheFolder();
  const temporary = Deno.makeTempFileSync({ dir: folder, prefix: "shipped-" });
  try {
    using file = Deno.openSync(temporary, { write: true });
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    file.syncSync();
    Deno.mkdirSync(path.replace(/\/[^/]*$/, ""), { recursive: true });
    replaceFile(temporary, path);
    return path;
  } catch (error) {
    try {
      Deno.removeSync(temporary);
    } catch {
      // It is not there, and its folder may not be, either.
    }
    throw error;
  }
}
