/**
 * Compiles the ops with the system's C++ compiler.
 *
 * @module
 */

import { BackendError } from "./errors.ts";
import { isWholeLibrary } from "./library_file.ts";
import { exists } from "./locate.ts";
import {
  cacheFolder,
  COMPILE_FLAGS,
  fileTimes,
  libraryPath,
  OPS_URL,
  opsKey,
  type OpsStamp,
  stampPath,
} from "./ops_cache.ts";
import { forgetUnloadedOps } from "./ops_library.ts";

/** How to build; see {@linkcode buildOps}. */
export interface BuildOptions {
  /** Compile even where a library for these sources exists. */
  readonly force?: boolean;
  /** Gets one line for each file that is compiled. */
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

/** `ops/sources.json`. */
interface Manifest {
  /** Files to compile, with flags of their own, and the processors they are for (default: all). */
  readonly sources: readonly {
    readonly file: string;
    readonly flags?: readonly string[];
    readonly archs?: readonly string[];
  }[];
  /** Files that those include. */
  readonly headers: readonly string[];
  /** Flags for the linker. */
  readonly link?: readonly string[];
}

interface Source {
  readonly name: string;
  readonly content: Uint8Array<ArrayBuffer>;
}

/**
 * Builds the compiled ops into the cache folder (`TORCHOPT_CACHE`, or the user's cache folder of the
 * system), unless a library for the same sources is there. Sources are read from where this package
 * was loaded from, a disk or a server. The compiler is the first that runs of `$CXX`, `c++`, `g++` and
 * `clang++`. Processes that build at the same time do not disturb each other.
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
  const { force = false, log = () => {}, url = OPS_URL } = options;
  const manifest: Manifest = JSON.parse(
    new TextDecoder().decode((await read(url, "sources.json")).content),
  );
  const names = ["sources.json", ...manifest.headers, ...manifest.sources.map((s) => s.file)];
  const sources = await Promise.all(names.map((name) => read(url, name)));
  const key = opsKey(sources);
  const path = libraryPath(key);
  const cached = !force && exists(path) && isWholeLibrary(path);
  try {
    if (!cached) await compile(manifest, sources, path, log);
    writeStamp(url, { key, url: url.href, files: names.map((n) => describe(url, n)) });
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

/**
 * The first C++ compiler that runs; undefined where there is none.
 *
 * @param candidates commands to try
 * @throws {Deno.errors.NotCapable} where none runs and one was not permitted (`--allow-run`)
 */
export async function findCompiler(
  candidates: readonly (string | undefined)[] = [Deno.env.get("CXX"), "c++", "g++", "clang++"],
): Promise<string | undefined> {
  let refused: Error | undefined;
  for (const command of candidates) {
    if (!command) continue;
    try {
      if ((await run(command, ["--version"])).success) return command;
    } catch (error) {
      // Not there, not executable, or not permitted: the next one may be.
      if (error instanceof Deno.errors.NotCapable) refused ??= error;
    }
  }
  if (refused) throw refused;
  return undefined;
}

async function compile(
  manifest: Manifest,
  sources: readonly Source[],
  path: string,
  log: (line: string) => void,
): Promise<void> {
  const compiler = await findCompiler();
  if (!compiler) {
    throw new BackendError(
      "Building the compiled ops: no C++ compiler runs (tried $CXX, c++, g++, clang++). Install " +
        'one ("apt install g++", "xcode-select --install", MinGW-w64 or LLVM on Windows), or go ' +
        "on without: everything works without the compiled ops, only slower.",
    );
  }
  Deno.mkdirSync(cacheFolder(), { recursive: true });
  removeAbandoned();
  const folder = Deno.makeTempDirSync({ dir: cacheFolder(), prefix: "build-" });
  try {
    for (const { name, content } of sources) {
      Deno.mkdirSync(`${folder}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
      Deno.writeFileSync(`${folder}/${name}`, content);
    }
    const units = manifest.sources
      .filter(({ archs }) => archs?.includes(Deno.build.arch) ?? true)
      // Files with flags of their own are the kernels, which take longest: none of them comes last.
      .sort((a, b) => (b.flags?.length ?? 0) - (a.flags?.length ?? 0));
    const objects = units.map((_, i) => `${folder}/${i}.o`);
    await inParallel(units.map(({ file, flags = [] }, i) => async () => {
      log(`${compiler} ${file}`);
      const args = [...COMPILE_FLAGS, ...flags, "-c", `${folder}/${file}`, "-o", objects[i]];
      await mustRun(compiler, args, `compiling ops/${file}`);
    }));
    const library = `${folder}/library`;
    const link = [...objects, ...LINK_FLAGS, ...manifest.link ?? [], "-o", library];
    await mustRun(compiler, link, "linking the compiled ops");
    if (!exists(library)) {
      throw new BackendError(
        `Building the compiled ops: ${compiler} reports success and wrote no library. Set CXX to ` +
          "a compiler for C++17, or go on without the compiled ops.",
      );
    }
    Deno.mkdirSync(path.replace(/\/[^/]*$/, ""), { recursive: true });
    replaceFile(library, path);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Removes what builds that were killed have left in the cache folder. */
function removeAbandoned(): void {
  for (const { name } of Deno.readDirSync(cacheFolder())) {
    if (!/^(build|stamp)-/.test(name)) continue;
    const path = `${cacheFolder()}/${name}`;
    try {
      const age = Date.now() - (Deno.statSync(path).mtime?.getTime() ?? Infinity);
      if (age > ABANDONED_MS) Deno.removeSync(path, { recursive: true });
    } catch (error) {
      // Another process may remove it at the same time.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

// No build takes an hour.
const ABANDONED_MS = 3_600_000;

const LINK_FLAGS: readonly string[] = Deno.build.os === "windows"
  // What MinGW's runtime libraries hold is not on the path of Deno.
  ? ["-shared", "-static"]
  : ["-shared"];

async function read(folder: URL, name: string): Promise<Source> {
  const url = new URL(name, folder);
  try {
    if (url.protocol === "file:") return { name, content: await Deno.readFile(url) };
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    return { name, content: new Uint8Array(await response.arrayBuffer()) };
  } catch (cause) {
    throw new BackendError(
      `Building the compiled ops: ${url} cannot be read: ${(cause as Error).message}`,
      { cause },
    );
  }
}

function describe(folder: URL, name: string): OpsStamp["files"][number] {
  return { name, ...fileTimes(new URL(name, folder)) };
}

/** Writes nothing where the stamp is there already, so that a cache may be read-only. */
function writeStamp(folder: URL, stamp: OpsStamp): void {
  const path = stampPath(folder), text = JSON.stringify(stamp);
  if (exists(path) && Deno.readTextFileSync(path) === text) return;
  const temporary = Deno.makeTempFileSync({ dir: cacheFolder(), prefix: "stamp-" });
  Deno.writeTextFileSync(temporary, text);
  replaceFile(temporary, path);
}

/** Atomic, so that a process that reads meanwhile sees the old or the new file. */
function replaceFile(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch (error) {
    // Windows does not replace a library that a process has loaded; it is the same one then.
    if (Deno.build.os !== "windows" || !exists(to)) throw error;
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

async function mustRun(command: string, args: string[], what: string): Promise<void> {
  const { success, stderr } = await run(command, args);
  if (success) return;
  const text = new TextDecoder().decode(stderr).split("\n").slice(0, 40).join("\n");
  throw new BackendError(
    `Building the compiled ops: ${what} with ${command} failed. Set CXX to a compiler for C++17, ` +
      `or go on without the compiled ops. The compiler says:\n${text}`,
  );
}

async function run(command: string, args: string[]): Promise<Deno.CommandOutput> {
  const options = { args, stdin: "null", stdout: "null", stderr: "piped" } as const;
  return await new Deno.Command(command, options).output();
}
