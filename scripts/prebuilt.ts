/**
 * Cross-compiles the ops for a release.
 *
 * @module
 */

import $ from "dax";
import { BackendError } from "../src/runtime/errors.ts";
import { compileLibrary } from "../src/runtime/ops_compile.ts";
import {
  libraryName,
  type Manifest,
  OPS_URL,
  opsKey,
  sourceNames,
} from "../src/runtime/ops_cache.ts";
import type { ShippedFile } from "../src/runtime/prebuilt.ts";
import { sha256 } from "../src/runtime/sha256.ts";

/** What the compiler calls each target. */
const TRIPLES: Readonly<Record<string, string>> = {
  // The oldest C library that ONNX Runtime runs with.
  "linux-x86_64": "x86_64-linux-gnu.2.28",
  "linux-aarch64": "aarch64-linux-gnu.2.28",
  "darwin-x86_64": "x86_64-macos.11.0",
  "darwin-aarch64": "aarch64-macos.11.0",
  "windows-x86_64": "x86_64-windows-gnu",
};

/** Systems and processors that a release ships compiled ops for. */
export const PREBUILT_TARGETS: readonly string[] = Object.keys(TRIPLES);

/**
 * Compiles the ops for targets into `prebuilt/` of a copy of this package, and lists them there.
 *
 * @param targets of {@linkcode PREBUILT_TARGETS}
 * @param into folder of the copy, whose list is replaced
 * @param log gets a line for each step
 * @throws {BackendError} where there is no cross compiler, or it fails
 */
export async function makePrebuilt(
  targets: readonly string[],
  into: string,
  log: (line: string) => void,
): Promise<void> {
  const zig = await findZig();
  const manifest: Manifest = JSON.parse(await Deno.readTextFile(new URL("sources.json", OPS_URL)));
  const sources = await Promise.all(
    sourceNames(manifest).map(async (name) => ({
      name,
      content: await Deno.readFile(new URL(name, OPS_URL)),
    })),
  );
  const list: Record<string, ShippedFile> = {};
  for (const target of targets) {
    const start = performance.now(), folder = await Deno.makeTempDir();
    try {
      // Sanitizers are this compiler's default where -O3 is not the last flag; -s leaves symbols out.
      const flags = ["-target", TRIPLES[target], "-fno-sanitize=undefined", "-s", "-Wno-unused"];
      const built = await compileLibrary(manifest, sources, folder, {
        compiler: [...zig, "c++", ...flags],
        signal: new AbortController().signal,
        log: (line) => log(`${target} ${line}`),
      }, target);
      const bytes = await Deno.readFile(built);
      const file = `prebuilt/${target}/${libraryName(target)}`;
      await $.path(into).join(file).write(bytes);
      list[target] = {
        file,
        key: opsKey(sources, target),
        sha256: sha256(bytes),
        size: bytes.length,
      };
      const seconds = ((performance.now() - start) / 1000).toFixed(0);
      log(`${file}: ${(bytes.length / 1e6).toFixed(1)} MB in ${seconds} s`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
  await writeList(into, list);
}

/** The list of the copy, with these in the place of none. */
async function writeList(into: string, list: Readonly<Record<string, ShippedFile>>): Promise<void> {
  const path = `${into}/src/runtime/prebuilt_list.ts`;
  const text = await Deno.readTextFile(path);
  const end = text.lastIndexOf("= {");
  if (end < 0) throw new Error(`${path} holds no list`);
  await Deno.writeTextFile(path, `${text.slice(0, end)}= ${JSON.stringify(list, null, 2)};\n`);
}

/** Zig, of which each copy compiles for every system. */
async function findZig(): Promise<string[]> {
  const named = Deno.env.get("ZIG")?.trim();
  for (const command of named ? [named.split(/\s+/)] : [["zig"], ["python3", "-m", "ziglang"]]) {
    try {
      if ((await $`${command} version`.quiet().noThrow()).code === 0) return command;
    } catch {
      // There is no such command.
    }
  }
  throw new BackendError(
    named
      ? `Cross-compiling the ops: ZIG is "${named}", which does not run.`
      : "Cross-compiling the ops: there is no Zig. Install it (pip install ziglang), or set ZIG.",
  );
}
