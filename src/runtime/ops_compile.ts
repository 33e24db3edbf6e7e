/**
 * Makes the library of the compiled ops out of their sources.
 *
 * @module
 */

import { type Compiler, mustCompile } from "./compiler.ts";
import { BackendError } from "./errors.ts";
import { exists } from "./locate.ts";
import { COMPILE_FLAGS, type Manifest, THIS_TARGET } from "./ops_cache.ts";

/** A file of the sources. */
export interface Source {
  /** Its name, as the manifest has it. */
  readonly name: string;
  readonly content: Uint8Array<ArrayBuffer>;
}

/** What compiles, and who is told. */
export interface Tools {
  readonly compiler: Compiler;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Gets one line for each unit that was compiled. */
  readonly log: (line: string) => void;
}

/**
 * Compiles and links.
 *
 * @param folder exists, is empty, and is the caller's to remove
 * @param target system and processor to compile for; the compiler has to be one for it
 * @returns path of the library, in the folder
 * @throws {BackendError} with what the compiler says
 */
export async function compileLibrary(
  manifest: Manifest,
  sources: readonly Source[],
  folder: string,
  { compiler, signal, log }: Tools,
  target: string = THIS_TARGET,
): Promise<string> {
  const [os, arch] = target.split("-");
  for (const { name, content } of sources) {
    Deno.mkdirSync(`${folder}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
    Deno.writeFileSync(`${folder}/${name}`, content);
  }
  const units = compileUnits(manifest, sources, arch);
  const objects = units.map((_, i) => `${folder}/${i}.o`);
  let done = 0;
  await inParallel(units.map(({ name, files, flags }, i) => async () => {
    // A file that includes those of its unit; one alone is compiled as it is.
    const main = files.length === 1 ? `${folder}/${files[0]}` : `${folder}/${i}.cc`;
    if (files.length > 1) {
      Deno.writeTextFileSync(main, files.map((file) => `#include "${file}"\n`).join(""));
    }
    const args = [...COMPILE_FLAGS, ...flags, "-c", main, "-o", objects[i]];
    await mustCompile(compiler, args, `compiling ops/${name}`, signal);
    log(`[${++done}/${units.length}] ${name}`);
  }));
  const library = `${folder}/library`;
  // What MinGW's runtime libraries hold is not on the path of Deno.
  const shared = os === "windows" ? ["-shared", "-static"] : ["-shared"];
  const link = [...objects, ...shared, ...manifest.link ?? [], "-o", library];
  await mustCompile(compiler, link, "linking the compiled ops", signal);
  if (!exists(library)) {
    throw new BackendError(
      `Building the compiled ops: ${compiler.join(" ")} reports success and wrote no library. ` +
        "Set CXX to a compiler for C++17, or go on without the compiled ops.",
    );
  }
  return library;
}

/** Files that the compiler reads as one, so that it reads the headers of the language once for all. */
interface Unit {
  readonly name: string;
  readonly files: readonly string[];
  readonly flags: readonly string[];
  /** Of all files, and of the headers of their folder. */
  readonly bytes: number;
}

/**
 * What there is to compile for a processor: files of one folder that have the same flags form a unit,
 * in which names have to differ. The longest come first, so that none of them is alone at the end.
 */
function compileUnits(manifest: Manifest, sources: readonly Source[], arch: string): Unit[] {
  const units = new Map<string, Unit>();
  const size = (name: string) => sources.find((s) => s.name === name)?.content.length ?? 0;
  for (const { file, flags = [], archs } of manifest.sources) {
    if (archs && !archs.includes(arch)) continue;
    const folder = file.replace(/[^/]*$/, "");
    const key = JSON.stringify([folder, flags]);
    const files = [...units.get(key)?.files ?? [], file];
    const before = units.get(key)?.bytes ??
      manifest.headers.filter((name) => name.startsWith(folder)).reduce((n, h) => n + size(h), 0);
    const name = files.length === 1 ? file : `${folder}* (${files.length} files)`;
    units.set(key, { name, files, flags, bytes: before + size(file) });
  }
  return [...units.values()].sort((a, b) => b.bytes - a.bytes);
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
