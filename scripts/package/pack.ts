/**
 * The npm package: what `deno pack` makes, with modules that only addresses lead to compiled as well, exact
 * versions of what it needs, and a command.
 *
 * @module
 */

import $, { type Path } from "dax";

/** An npm package's `package.json`, as far as it is looked at. */
export interface PackageJson extends Record<string, unknown> {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Record<string, string>;
}

const deno = Deno.execPath();

/**
 * Writes the tarball.
 *
 * @param root of the checkout
 * @param output file to write
 * @param options whether the checkout may hold what is not committed
 * @returns its `package.json`
 */
export async function packNpm(
  root: Path,
  output: Path,
  { allowDirty = false }: { readonly allowDirty?: boolean } = {},
): Promise<PackageJson> {
  const folder = $.path(Deno.makeTempDirSync({ prefix: "torchopt_npm-" }));
  try {
    const raw = folder.join("raw.tgz");
    // It says of each module that is not public that it gets no types.
    const { code, stderr } = await $`${deno} pack --quiet --no-source-maps ${
      allowDirty ? ["--allow-dirty"] : []
    } --output ${raw}`.cwd(root).stdout("null").stderr("piped").noThrow();
    if (code !== 0) throw new Error(`deno pack failed:\n${stderr}`);
    await $`tar xzf ${raw}`.cwd(folder);
    const content = folder.join("package");
    await compileRest(content);
    const json = completed(await content.join("package.json").readJson<PackageJson>());
    await content.join("package.json").writeJsonPretty(json);
    await output.parentOrThrow().mkdir({ recursive: true });
    // The same files give the same bytes.
    await $`tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -czf ${output.resolve()} package`
      .cwd(folder);
    return json;
  } finally {
    await folder.remove({ recursive: true });
  }
}

/** Modules that are only named by addresses (Workers, other processes) are still TypeScript. */
async function compileRest(content: Path): Promise<void> {
  for (const name of filesIn(content.toString())) {
    if (/\.d\.ts$/.test(name) || !/\.(ts|js)$/.test(name)) continue;
    const js = name.replace(/ts$/, "js");
    if (name !== js) {
      if (!$.path(js).existsSync()) {
        await $`${deno} transpile --quiet --no-check --no-config --output ${js} ${name}`;
      }
      Deno.removeSync(name);
    }
    const text = Deno.readTextFileSync(js), changed = pointToJs(text);
    if (changed !== text) Deno.writeTextFileSync(js, changed);
  }
}

function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesIn(`${folder}/${name}`) : [`${folder}/${name}`]
  );
}

/** Addresses of modules, and imports, name what is there. */
function pointToJs(text: string): string {
  return text
    .replace(/(\bnew URL\(\s*"\.{1,2}\/[^"]+)\.ts"(?=,\s*import\.meta\.url)/g, '$1.js"')
    .replace(/(\bfrom\s*"\.{1,2}\/[^"]+)\.ts"/g, '$1.js"')
    .replace(/(\bimport\(?\s*"\.{1,2}\/[^"]+)\.ts"/g, '$1.js"')
    .replace(/"npm:((?:@[^/"]+\/)?[^@/"]+)@[^"]*"/g, '"$1"');
}

function completed(json: PackageJson): PackageJson {
  // ONNX Runtime's C interface is that of one version.
  const dependencies = Object.fromEntries(
    Object.entries(json.dependencies).map(([name, range]) => [name, range.replace(/^\^/, "")]),
  );
  return {
    ...json,
    description: "Differentiable optimization: optimizers to differentiate through, on Deno",
    keywords: ["deno", "autodiff", "optimizer", "meta-learning", "onnx", "torchopt"],
    engines: { deno: ">=2.9.0" },
    // Programs that the command line starts.
    exports: { ...json.exports as object, "./internal/*": "./*" },
    bin: { torchopt: "./src/cli/mod.js" },
    dependencies,
  };
}
