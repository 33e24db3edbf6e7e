/**
 * Compiles the ops with the system's C++ compiler.
 *
 * @module
 */

import { type Compiler, findCompiler, mustCompile } from "./compiler.ts";
import { BackendError } from "./errors.ts";
import { ARCH, OS } from "./host.ts";
import { isWholeLibrary } from "./library_file.ts";
import { exists } from "./locate.ts";
import {
  cacheFolder,
  COMPILE_FLAGS,
  libraryPath,
  makeCacheFolder,
  type Manifest,
  OPS_URL,
  opsKey,
  replaceFile,
  sourceNames,
  writeStamp,
} from "./ops_cache.ts";
import { forgetUnloadedOps } from "./ops_library.ts";
import { interruptible, withLock } from "./ops_lock.ts";

/** How to build; see {@linkcode buildOps}. */
export interface BuildOptions {
  /** Compile even where a library for these sources exists. */
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

interface Source {
  readonly name: string;
  readonly content: Uint8Array<ArrayBuffer>;
}

/**
 * Builds the compiled ops into the cache folder (`TORCHOPT_CACHE`, or the user's cache folder of the
 * system), unless a library for the same sources is there. Sources are read from where this package
 * was loaded from, a disk or a server. The compiler is that of `$CXX` (`g++`, `ccache clang++`), else
 * the first that runs of `c++`, `g++` and `clang++`. Where several ask at the same time, one builds
 * and the others wait for it.
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
  const manifest: Manifest = JSON.parse(
    new TextDecoder().decode((await read(url, "sources.json")).content),
  );
  const names = sourceNames(manifest);
  const sources = await Promise.all(names.map((name) => read(url, name)));
  const key = opsKey(sources);
  const path = libraryPath(key);
  const before = builtAt(path);
  let cached = !force && before !== null;
  try {
    if (!cached) cached = !await buildOnce(manifest, sources, path, before, options.log);
    writeStamp(url, key, names);
  } catch (cause) {
    if (cause instanceof BackendError || cause instanceof Deno.errors.NotCapable) throw cause;
    throw new BackendError(
      `Building the compiled ops: ${(cause as Error).message}. The cache folder is ` +
        `"${cacheFolder()}"; set TORCHOPT_CACHE to another one where it cannot be written.`,
      { cause },
    );
  }
  forgetUnloadedOps();
  const seconds = (performance.now() - start) / 1000;
  return { path, seconds, cached };
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
  const tell = log ?? ((line: string) => console.error(`torchopt: ${line}`));
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

interface Tools {
  readonly compiler: Compiler;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

async function compile(
  manifest: Manifest,
  sources: readonly Source[],
  path: string,
  { compiler, signal, log }: Tools,
): Promise<void> {
  const folder = Deno.makeTempDirSync({ dir: cacheFolder(), prefix: "build-" });
  try {
    for (const { name, content } of sources) {
      Deno.mkdirSync(`${folder}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
      Deno.writeFileSync(`${folder}/${name}`, content);
    }
    const units = manifest.sources
      .filter(({ archs }) => archs?.includes(ARCH) ?? true)
      // Files with flags of their own are the kernels, which take longest: none of them comes last.
      .sort((a, b) => (b.flags?.length ?? 0) - (a.flags?.length ?? 0));
    const objects = units.map((_, i) => `${folder}/${i}.o`);
    let done = 0;
    await inParallel(units.map(({ file, flags = [] }, i) => async () => {
      const args = [...COMPILE_FLAGS, ...flags, "-c", `${folder}/${file}`, "-o", objects[i]];
      await mustCompile(compiler, args, `compiling ops/${file}`, signal);
      log(`[${++done}/${units.length}] ${file}`);
    }));
    const library = `${folder}/library`;
    const link = [...objects, ...LINK_FLAGS, ...manifest.link ?? [], "-o", library];
    await mustCompile(compiler, link, "linking the compiled ops", signal);
    if (!exists(library)) {
      throw new BackendError(
        `Building the compiled ops: ${compiler.join(" ")} reports success and wrote no library. ` +
          "Set CXX to a compiler for C++17, or go on without the compiled ops.",
      );
    }
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

const LINK_FLAGS: readonly string[] = OS === "windows"
  // What MinGW's runtime libraries hold is not on the path of Deno.
  ? ["-shared", "-static"]
  : ["-shared"];

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

/** A failure ends the rest; the tasks under way are waited for, since their folder is removed next. */
async function inParallel(tasks: readonly (() => Promise<void>)[]): Promise<void> {
  const left = [...tasks];
  const failures: unknown[] = [];
  const worker = async () => {
    for (let task = left.shift(); task; task = left.shift()) {
      await task().catch((error) => {
        failures.push(error);
        left.length = 0;
      });
    }
  };
  await Promise.all(Array.from({ length: navigator.hardwareConcurrency }, worker));
  if (failures.length > 0) throw failures[0];
}
