/**
 * Runs the micro-benchmarks, prints them, and stores the result for this commit:
 * `deno task bench [--no-save] [--filter TEXT] [FILE ...]`. See `bench/README.md`.
 *
 * @module
 */

import { opsLibrary } from "../src/runtime/mod.ts";
import { parseArgs } from "node:util";
import { origin } from "./bench/machine.ts";
import { type DenoBench, fileName, measured, RESULTS } from "./bench/results.ts";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    "no-save": { type: "boolean", default: false },
    filter: { type: "string" },
  },
});
const filter = options.filter === undefined ? [] : [`--filter=${options.filter}`];
const { code, stdout } = await new Deno.Command(Deno.execPath(), {
  args: ["bench", "-A", "--json", ...filter, ...positionals],
  cwd: new URL("../", import.meta.url),
  stderr: "inherit",
}).output();
const text = new TextDecoder().decode(stdout);
// Benchmarks print tables of their own in front of it.
const start = text.search(/^\{$/m);
if (code !== 0 || start < 0) {
  console.error(text);
  Deno.exit(code || 1);
}
console.log(text.slice(0, start).trim());
const found = measured(JSON.parse(text.slice(start)) as DenoBench);
const cell = (ns: number) => (ns / 1e3).toPrecision(4).padStart(12);
console.log(
  `${"microseconds".padEnd(72)}${"least".padStart(12)}${"mean".padStart(12)}${"p75".padStart(12)}`,
);
for (const [name, { min, avg, p75 }] of Object.entries(found)) {
  console.log(name.padEnd(72) + cell(min) + cell(avg) + cell(p75));
}
if (!options["no-save"]) {
  const result = { ...await origin(opsLibrary().loaded), benches: found };
  await Deno.mkdir(RESULTS, { recursive: true });
  const path = new URL(fileName(result), RESULTS);
  await Deno.writeTextFile(path, JSON.stringify(result, null, 2) + "\n");
  console.log(`stored: bench/results/${fileName(result)}`);
}
