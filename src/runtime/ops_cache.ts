/**
 * Where the compiled ops lie, and whether they belong to the sources at hand.
 *
 * @module
 */

import { BackendError } from "./errors.ts";
import { ARCH, OS } from "./host.ts";
import { exists, filePath } from "./locate.ts";
import { sha256 } from "./sha256.ts";

/** Version of the functions that the compiled ops export; `torchopt_abi_version` gives the same. */
export const OPS_ABI_VERSION = 4;

/** Folder of the sources, relative to this module wherever that was loaded from. */
export const OPS_URL: URL = new URL("../../ops/", import.meta.url);

/** System and processor of this process, as in `linux-x86_64`. */
export const THIS_TARGET: string = `${OS}-${ARCH}`;

/** Flags for every unit; a unit adds its own in `ops/sources.json`. */
export const COMPILE_FLAGS: readonly string[] = [
  "-std=c++17",
  "-O2",
  "-fPIC",
  "-fvisibility=hidden",
];

/** What the builder leaves behind, so that start-up need not read and hash the sources. */
export interface OpsStamp {
  /** Hash of sources, target and ABI version: name of the folder of the library. */
  readonly key: string;
  /** Where the sources were read from. */
  readonly url: string;
  /** The files that went into the key; time and size are 0 where they did not come from a disk. */
  readonly files: readonly {
    readonly name: string;
    readonly mtime: number;
    readonly size: number;
  }[];
}

/**
 * Folder for compiled ops: `TORCHOPT_CACHE`, or the user's cache folder of the system. Without a home
 * it is one for this user alone among the temporary files, see {@linkcode checkCacheFolder}.
 */
export function cacheFolder(): string {
  return place().folder;
}

function place(): { folder: string; temporary?: boolean } {
  const own = Deno.env.get("TORCHOPT_CACHE");
  if (own) return { folder: own };
  const xdg = Deno.env.get("XDG_CACHE_HOME");
  // A relative one is invalid, says its specification.
  if (xdg?.startsWith("/")) return { folder: `${xdg}/torchopt` };
  const home = Deno.env.get("HOME") || Deno.env.get("USERPROFILE");
  if (OS === "windows") {
    const local = Deno.env.get("LOCALAPPDATA") || home || Deno.env.get("TEMP") || ".";
    return { folder: `${local}/torchopt` };
  }
  if (home) return { folder: `${home}/${OS === "darwin" ? "Library/Caches" : ".cache"}/torchopt` };
  return { folder: temporaryFolder(), temporary: true };
}

/** A folder for this user alone among the temporary files. */
function temporaryFolder(): string {
  return OS === "windows"
    ? `${Deno.env.get("TEMP") || "."}/torchopt`
    : `${Deno.env.get("TMPDIR") || "/tmp"}/torchopt-${Deno.uid()}`;
}

/**
 * Makes the folder of this user among the temporary files, for what the cache folder does not take;
 * returns its path.
 *
 * @throws {BackendError} where it belongs to somebody else
 */
export function makeTemporaryFolder(): string {
  const folder = temporaryFolder();
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (OS !== "windows") checkPrivate(folder);
  return folder;
}

/**
 * Throws where the cache folder lies among the temporary files, where anybody may make one, and is not
 * this user's alone: a library from there would run with this user's rights.
 *
 * @throws {BackendError} naming the folder and the way out
 */
export function checkCacheFolder(): void {
  const { folder, temporary } = place();
  if (temporary) checkPrivate(folder);
}

/**
 * Throws where a folder exists and is not this user's alone.
 *
 * @throws {BackendError} naming the folder and the way out
 */
function checkPrivate(folder: string): void {
  if (!exists(folder)) return;
  const { isDirectory, uid, mode } = Deno.lstatSync(folder);
  if (isDirectory && uid === Deno.uid() && ((mode ?? 0) & OTHERS) === 0) return;
  throw new BackendError(
    `The folder "${folder}" belongs to others or is open to them, so that no library is loaded from ` +
      "it. Set TORCHOPT_CACHE, or HOME, to a folder of your own.",
  );
}

/** Permissions of all but the owner. */
const OTHERS = 0o077;

/** Makes the cache folder where it is missing, open to its user alone; returns its path. */
export function makeCacheFolder(): string {
  const folder = cacheFolder();
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  checkCacheFolder();
  return folder;
}

/** Name of the file of the compiled library for a target. */
export function libraryName(target: string = THIS_TARGET): string {
  if (target.startsWith("darwin")) return "libtorchopt_ops.dylib";
  return target.startsWith("windows") ? "torchopt_ops.dll" : "libtorchopt_ops.so";
}

/** Path of the compiled library with this key. */
export function libraryPath(key: string): string {
  return `${cacheFolder()}/${key}/${libraryName()}`;
}

/** Path of the stamp of the sources in a folder: there is one for each checkout or version. */
export function stampPath(folder: URL = OPS_URL): string {
  return `${cacheFolder()}/${fnv1a(`${folder.href} ${THIS_TARGET}`)}.json`;
}

/** The stamp that the last build from these sources wrote, if there is one. */
function readStamp(folder: URL): OpsStamp | undefined {
  let stamp: OpsStamp | null;
  try {
    stamp = JSON.parse(Deno.readTextFileSync(stampPath(folder)));
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return undefined;
  }
  return stamp?.url === folder.href && Array.isArray(stamp.files) ? stamp : undefined;
}

/** Notes the key of sources. Writes nothing where that is known, so that a cache may be read-only. */
export function writeStamp(folder: URL, key: string, names: readonly string[]): void {
  const files = names.map((name) => ({ name, ...fileTimes(new URL(name, folder)) }));
  const text = JSON.stringify({ key, url: folder.href, files } satisfies OpsStamp);
  const path = stampPath(folder);
  if (exists(path) && Deno.readTextFileSync(path) === text) return;
  makeCacheFolder();
  const temporary = Deno.makeTempFileSync({ dir: cacheFolder(), prefix: "stamp-" });
  Deno.writeTextFileSync(temporary, text);
  replaceFile(temporary, path);
}

/** Atomic, so that a process that reads meanwhile sees the old or the new file. */
export function replaceFile(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch (error) {
    // Windows does not replace a library that a process has loaded; it is the same one then.
    if (OS !== "windows" || !exists(to)) throw error;
  }
}

/**
 * Files that the compiler reads as one, so that it reads the headers of the language once for all. Names
 * in their anonymous namespaces have to differ.
 */
export interface Unit {
  readonly name: string;
  readonly files: readonly string[];
  /** After those for every unit. */
  readonly flags?: readonly string[];
  /** Processors it is for; by default all. */
  readonly archs?: readonly string[];
}

/** `ops/sources.json`. */
export interface Manifest {
  /** What to compile, those that take longest first. */
  readonly units: readonly Unit[];
  /** Files that those include. */
  readonly headers: readonly string[];
  /** Flags for the linker. */
  readonly link?: readonly string[];
}

/** All files that a manifest names, and itself. */
export function sourceNames({ headers, units }: Manifest): string[] {
  return ["sources.json", ...new Set([...headers, ...units.flatMap(({ files }) => files)])];
}

/** Key of the library: changes with every source, the flags, the target and the ABI version. */
export function opsKey(
  sources: readonly { name: string; content: Uint8Array }[],
  target: string = THIS_TARGET,
): string {
  const digests = sources.map(({ name, content }) => `${name} ${sha256(content)}`).sort();
  const text = [`abi ${OPS_ABI_VERSION}`, target, ...COMPILE_FLAGS, ...digests].join("\n");
  return sha256(new TextEncoder().encode(text)).slice(0, 32);
}

/**
 * Key of the sources in a folder: that of their stamp where times and sizes are those it was written
 * for, else from their contents. So another checkout, or a fresh one, finds what was built from the same
 * sources. Undefined where they are not there, or on no disk and never built from.
 */
export function sourceKey(folder: URL = OPS_URL): string | undefined {
  const stamp = readStamp(folder);
  if (folder.protocol !== "file:") return stamp?.key;
  try {
    if (stamp !== undefined && stamp.files.every((f) => isUnchanged(f, folder))) return stamp.key;
    const names = sourceNames(JSON.parse(Deno.readTextFileSync(new URL("sources.json", folder))));
    const key = opsKey(names.map((name) => ({
      name,
      content: Deno.readFileSync(new URL(name, folder)),
    })));
    if (exists(libraryPath(key))) noteKey(folder, key, names);
    return key;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function isUnchanged({ name, mtime, size }: OpsStamp["files"][number], folder: URL): boolean {
  const found = fileTimes(new URL(name, folder));
  return found.mtime === mtime && found.size === size;
}

/** Whether the program may do so with the cache folder, as it stands. */
export function isGranted(name: "read" | "write"): boolean {
  return Deno.permissions.querySync({ name, path: cacheFolder() }).state === "granted";
}

/** The next start is faster by it, and no worse off without. */
function noteKey(folder: URL, key: string, names: readonly string[]): void {
  // Asking for the permission would stop the program.
  if (!isGranted("write")) return;
  try {
    writeStamp(folder, key, names);
  } catch {
    // A cache that cannot be written.
  }
}

/** Time of change and size of a source; zeros where it is not on a disk. */
function fileTimes(url: URL): { mtime: number; size: number } {
  if (url.protocol !== "file:") return { mtime: 0, size: 0 };
  const { mtime, size } = Deno.statSync(filePath(url));
  return { mtime: mtime?.getTime() ?? 0, size };
}

/** FNV-1a, 32 bits: tells apart a handful of checkouts; the stamp itself holds the full URL. */
function fnv1a(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}
