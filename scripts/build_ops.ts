/**
 * Compiles the native library of `ops/`: `deno task build:ops [--force] [--optional]`.
 *
 * A library that is up to date is left as it is. `--force` rebuilds it; with `--optional` a machine
 * on which it cannot be built gets a warning and exit code 0, because everything works without the
 * library, only slower.
 */

import { buildOps } from "../src/runtime/ops_build.ts";

const force = Deno.args.includes("--force");
const optional = Deno.args.includes("--optional");

try {
  const { path, cached } = await buildOps({ force, log: (line) => console.error(line) });
  console.error(cached ? "Up to date:" : "Written:", path);
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  if (!optional) {
    console.error("Custom ops not built:", reason);
    Deno.exit(1);
  }
  console.error("Custom ops not built, the fallback graphs serve:", reason);
}
