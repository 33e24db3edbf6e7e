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
  const units = manifest.units.filter(({ archs }) => archs?.includes(arch) ?? true);
  const objects = units.map((_, i) => `${folder}/${i}.o`);
  let done = 0;
  await inParallel(units.map(({ name, files, flags = [] }, i) => async () => {
    // A file that includes those of its unit; one alone is compiled as it is.
    const main = files.length === 1 ? `${folder}/${files[0]}` : `${folder}/${i}.cc`;
    if (files.length > 1) {
      Deno.writeTextFileSync(main, files.map((file) => `#include "${file}"\n`).join(""));
    }
    const args = [...COMPILE_FLAGS, ...flags, "-c", main, "-o", objects[i]];
    await mustCompile(compiler, args, `compiling ${name}`, signal);
    log(`[${++done}/${units.length}] ${name}`);
  }));
  const library = `${folder}/library`;
  // What MinGW's runtime libraries hold is not on the path of Deno. Zig, which compiles for another
  // system, links its own into the library by itself, and makes an archive of objects with -static.
  const alone = os === "windows" && target === THIS_TARGET;
  const shared = alone ? ["-shared", "-static"] : ["-shared"];
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
