/**
 * Makes the npm package, and tries it as a project elsewhere would: `deno task npm [--output FILE]
 * [--allow-dirty] [--no-try]`.
 *
 * @module
 */

import $ from "dax";
import { parseArgs } from "node:util";
import { packNpm } from "./package/pack.ts";
import { serveRegistry } from "./package/registry.ts";
import { tryPackage } from "./package/try.ts";

const { values: options } = parseArgs({
  options: {
    output: { type: "string", default: "dist/torchopt.tgz" },
    "allow-dirty": { type: "boolean", default: false },
    "no-try": { type: "boolean", default: false },
  },
});
const root = $.path(import.meta.dirname!).parentOrThrow(),
  output = $.path(options.output).resolve();
const json = await packNpm(root, output, { allowDirty: options["allow-dirty"] });
const { name, version } = json, { size } = output.statSync()!;
console.log(`${options.output}: ${name} ${version}, ${(size / 1e6).toFixed(1)} MB`);
if (!options["no-try"]) {
  const { npmCache } = await $`${Deno.execPath()} info --json`.json<{ npmCache: string }>();
  const cached = new Set(Deno.readDirSync(npmCache).map((entry) => entry.name));
  await using registry = await serveRegistry(json, Deno.readFileSync(output.toString()));
  try {
    await tryPackage({
      version,
      config: { imports: { [name]: `npm:${name}@${version}` } },
      npmrc: `@torchopt:registry=${registry.url}\n`,
      cli: `npm:${name}@${version}/torchopt`,
    });
  } finally {
    // What Deno keeps of a registry that will not come again.
    for (const entry of [...Deno.readDirSync(npmCache)]) {
      if (!cached.has(entry.name)) {
        await $.path(npmCache).join(entry.name).remove({ recursive: true });
      }
    }
  }
}
