/**
 * Compiles the native library of `ops/`: `deno task build:ops [--force] [--optional]`, or those that a
 * release ships: `deno task build:ops --target TARGET [--target TARGET …] --into FOLDER`.
 *
 * A library that is up to date is left as it is. `--force` rebuilds it; with `--optional` a machine
 * on which it cannot be built gets a warning and exit code 0, because everything works without the
 * library, only slower. `--target` cross-compiles with Zig (`pip install ziglang`, or `ZIG`) into a copy of
 * this package; `--target all` is all of linux, darwin and windows on x86_64, linux and darwin on aarch64.
 */

import { parseArgs } from "node:util";
import { buildOps } from "../src/runtime/ops_build.ts";
import { makePrebuilt, PREBUILT_TARGETS } from "./prebuilt.ts";

const { values: options } = parseArgs({
  options: {
    force: { type: "boolean", default: false },
    optional: { type: "boolean", default: false },
    target: { type: "string", multiple: true },
    into: { type: "string" },
  },
});
const log = (line: string) => console.error(line);

try {
  if (options.target) await crossCompile(options.target, options.into);
  else {
    const { path, cached } = await buildOps({ force: options.force, log });
    console.error(cached ? "Up to date:" : "Written:", path);
  }
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  if (!options.optional) {
    console.error("Custom ops not built:", reason);
    Deno.exit(1);
  }
  console.error("Custom ops not built, the fallback graphs serve:", reason);
}

async function crossCompile(named: readonly string[], into: string | undefined): Promise<void> {
  const targets = named.includes("all") ? PREBUILT_TARGETS : named;
  const unknown = targets.find((target) => !PREBUILT_TARGETS.includes(target));
  if (unknown !== undefined) {
    throw new Error(`--target is "${unknown}"; targets are all, ${PREBUILT_TARGETS.join(", ")}`);
  }
  if (into === undefined) {
    throw new Error(
      "--into names the folder of a copy of this package, which gets the libraries and their list",
    );
  }
  await makePrebuilt(targets, into, log);
}
