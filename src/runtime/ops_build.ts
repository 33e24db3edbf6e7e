/**
 * Compiles the ops with the system's C++ compiler.
 *
 * @module
 */

import { findCompiler } from "./compiler.ts";
import { BackendError } from "./errors.ts";
import { isWholeLibrary } from "./library_file.ts";
import { exists } from "./locate.ts";
import {
  cacheFolder,
  libraryPath,
  makeCacheFolder,
  type Manifest,
  OPS_URL,
  opsKey,
  replaceFile,
  sourceKey,
  sourceNames,
  writeStamp,
} from "./ops_cache.ts";
import { compileLibrary, type Source, type Tools } from "./ops_compile.ts";
import { forgetUnloadedOps } from "./ops_library.ts";
import { interruptible, withLock } from "./ops_lock.ts";
import { fetchShippedOps, shippedOps } from "./prebuilt.ts";

/** How to build; see {@linkcode buildOps}. */
export interface BuildOptions {
  /** Compile even where a library for these sources exists, or is shipped. */
  readonly force?: boolean;
  /**
   * Gets one line for each file that was compiled, as `[3/20] program/exec.cc`, and what happens before
   * and after; by default stderr gets the latter.
   */
  readonly log?: (line: string) => void;
  /** Folder of the sources, with `sources.json`; by default that of this package. */
  readonly url?: URL;
}

/** What {@linkcode buildOps} did. */
export interface BuildResult {
  /** Path of the library. */
  readonly path: string;
  /** Time it took. */
  readonly seconds: number;
  /** Whether the library was there already. */
  readonly cached: boolean;
}

/**
 * Builds the compiled ops into the cache folder (`TORCHOPT_CACHE`, or the user's cache folder of the
 * system), unless a library for the same sources is there. A released package ships them for the usual
 * systems: they are copied or fetched, and used if they have the SHA-256 that the package lists. Else
 * they are compiled, from sources that lie where this package was loaded from, a disk or a server. The
 * compiler is that of `$CXX` (`g++`, `ccache clang++`), else the first that runs of `c++`, `g++` and
 * `clang++`. Where several ask at the same time, one builds and the others wait for it.
 *
 * @param options `force`, `log`, `url`
 * @returns path of the library, the time it took, and whether it was there already
 * @throws {BackendError} where there is no compiler, a source is missing or does not compile, or the
 * cache folder cannot be written
 *
 * @example
 * ```ts
 * import { BackendError, buildOps } from "@torchopt/torchopt";
 * import { assertRejects } from "@std/assert";
 *
 * // Once, before the first computation: await buildOps({ log: console.log });
 * const missing = new URL("file:///no/sources/");
 * await assertRejects(() => buildOps({ url: missing }), BackendError, "cannot be read");
 * ```
 */
export async function buildOps(options: BuildOptions = {}): Promise<BuildResult> {
  for (const name in options) {
    if (["force", "log", "url"].includes(name)) continue;
    throw new TypeError(
      `buildOps: there is no option ${name}; the options are force, log, url.`,
    );
  }
  const start = performance.now();
  const { force = false, url = OPS_URL } = options;
  const result = await attempt(async () =>
    (!force && url.href === OPS_URL.href ? await takeShipped(options.log) : undefined) ??
      await buildFrom(url, force, options.log)
  );
  forgetUnloadedOps();
  return { ...result, seconds: (performance.now() - start) / 1000 };
}

type Found = Omit<BuildResult, "seconds">;

async function attempt(body: () => Promise<Found>): Promise<Found> {
  try {
    return await body();
  } catch (cause) {
    if (cause instanceof BackendError || cause instanceof Deno.errors.NotCapable) throw cause;
    throw new BackendError(
      `Building the compiled ops: ${(cause as Error).message}. The cache folder is ` +
        `"${cacheFolder()}"; set TORCHOPT_CACHE to another one where it cannot be written.`,
      { cause },
    );
  }
}

/** Those that the package ships for this system; undefined where it has none, or cannot be had. */
async function takeShipped(log: BuildOptions["log"]): Promise<Found | undefined> {
  const shipped = shippedOps();
  if (shipped === undefined || (sourceKey() ?? shipped.key) !== shipped.key) return undefined;
  const path = libraryPath(shipped.key);
  if (builtAt(path) !== null) return { path, cached: true };
  try {
    await fetchShippedOps(shipped);
    return { path, cached: false };
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    (log ?? warn)(`the shipped kernels are not used: ${(error as Error).message}`);
    return undefined;
  }
}

async function buildFrom(url: URL, force: boolean, log: BuildOptions["log"]): Promise<Found> {
  const manifest: Manifest = JSON.parse(
    new TextDecoder().decode((await read(url, "sources.json")).content),
  );
  const names = sourceNames(manifest);
  const sources = await Promise.all(names.map((name) => read(url, name)));
  const key = opsKey(sources);
  const path = libraryPath(key);
  const before = builtAt(path);
  let cached = !force && before !== null;
  if (!cached) cached = !await buildOnce(manifest, sources, path, before, log);
  writeStamp(url, key, names);
  return { path, cached };
}

function warn(line: string): void {
  console.error(`torchopt: ${line}`);
}

/** When a library was built; null where there is none, or only part of one. */
function builtAt(path: string): number | null {
  if (!exists(path) || !isWholeLibrary(path)) return null;
  return Deno.statSync(path).mtime?.getTime() ?? 0;
}

/** Builds, unless another one does so first. Returns whether it built. */
async function buildOnce(
  manifest: Manifest,
  sources: readonly Source[],
  path: string,
  before: number | null,
  log: BuildOptions["log"],
): Promise<boolean> {
  const compiler = await findCompiler();
  const folder = makeCacheFolder();
  const start = performance.now();
  const tell = log ?? warn;
  const onWait = () => tell("waiting for another build of the compiled ops");
  return await interruptible((signal) =>
    withLock(folder, onWait, signal, async () => {
      const now = builtAt(path);
      if (now !== null && now !== before) return false;
      removeAbandoned(folder);
      tell(`building the compiled ops with ${compiler.join(" ")}, once`);
      await compile(manifest, sources, path, { compiler, signal, log: log ?? (() => {}) });
      tell(`built the compiled ops in ${((performance.now() - start) / 1000).toFixed(1)} s`);
      return true;
    })
  );
}

async function compile(
  manifest: Manifest,
  sources: readonly Source[],
  path: string,
  tools: Tools,
): Promise<void> {
  const folder = Deno.makeTempDirSync({ dir: cacheFolder(), prefix: "build-" });
  try {
    const library = await compileLibrary(manifest, sources, folder, tools);
    Deno.mkdirSync(path.replace(/\/[^/]*$/, ""), { recursive: true });
    replaceFile(library, path);
  } finally {
    removeFolder(folder);
  }
}

/** Removes what builds that were killed have left. Called under the lock: no other one is under way. */
function removeAbandoned(folder: string): void {
  for (const { name } of Deno.readDirSync(folder)) {
    if (/^(build|stamp)-/.test(name)) removeFolder(`${folder}/${name}`);
  }
}

/** Compilers that were ended may still write into it. */
function removeFolder(path: string): void {
  for (let attempt = 0;; attempt++) {
    try {
      return Deno.removeSync(path, { recursive: true });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || attempt === ATTEMPTS) return;
    }
  }
}

const ATTEMPTS = 3;

async function read(folder: URL, name: string): Promise<Source> {
  const url = new URL(name, folder);
  try {
    if (url.protocol === "file:") return { name, content: await Deno.readFile(url) };
    const response = await fetch(url);
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`${response.status} ${response.statusText}`);
    }
    return { name, content: new Uint8Array(await response.arrayBuffer()) };
  } catch (cause) {
    throw new BackendError(
      `Building the compiled ops: ${url} cannot be read: ${(cause as Error).message}`,
      { cause },
    );
  }
}
