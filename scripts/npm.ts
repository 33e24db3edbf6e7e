/**
 * Makes the npm package, and tries it as a project elsewhere would: `deno task npm [--output FILE]
 * [--allow-dirty] [--no-try]`.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import $, { type Path } from "dax";
import { parseArgs } from "node:util";
import { type PackageJson, packNpm } from "./npm/pack.ts";
import { serveRegistry } from "./npm/registry.ts";

const PROGRAM = `
import { autograd, nn, type Tensor, tensor } from "@torchopt/torchopt";
import { makeDot } from "@torchopt/torchopt/visual";
const x: Tensor = tensor(2, { requiresGrad: true });
const [slope] = autograd.grad(x.pow(3), [x], { createGraph: true });
const layer = new nn.Linear(2, 1);
const size: number = layer.weight.size;
console.log(autograd.grad(slope!, [x])[0]!.item() + size, (await makeDot(x.exp()).toSvg()).length > 0);
export default x.exp();
`;

const RANKS = `
import { distributed } from "@torchopt/torchopt";
const double = distributed.register("double", (n: number) => 2 * n);
await distributed.autoInitRpc()(distributed.rankZeroOnly(async () => {
  console.log(await distributed.remoteSyncCall(double, { args: [21], partitioner: 1 }));
}))();
`;

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
const { size } = output.statSync()!;
console.log(`${options.output}: ${json.name} ${json.version}, ${(size / 1e6).toFixed(1)} MB`);
if (!options["no-try"]) await tryPackage(json, output);

/** Uses the package in a project of its own, where no file of this checkout is near. */
async function tryPackage(json: PackageJson, tarball: Path): Promise<void> {
  const project = $.path(Deno.makeTempDirSync({ prefix: "torchopt_project-" }));
  const { npmCache } = await $`${Deno.execPath()} info --json`.json<{ npmCache: string }>();
  const cached = new Set(Deno.readDirSync(npmCache).map(({ name }) => name));
  await using registry = await serveRegistry(json, Deno.readFileSync(tarball.toString()));
  try {
    const imports = { [json.name]: `npm:${json.name}@${json.version}` };
    await project.join("deno.json").writeJson({ imports });
    await project.join(".npmrc").writeText(`@torchopt:registry=${registry.url}\n`);
    await project.join("program.ts").writeText(PROGRAM);
    await project.join("ranks.ts").writeText(RANKS);
    const run = (...args: string[]) =>
      $`${Deno.execPath()} ${args}`.cwd(project).stdout("piped").stderr("inherit").text();
    const torchopt = (...args: string[]) =>
      run("run", "--quiet", "-A", `npm:${json.name}@${json.version}/torchopt`, ...args);
    const done = (what: string) => console.log(`ok  ${what}`);

    assertEquals(await run("run", "--quiet", "-A", "program.ts"), "14 true");
    done("a program");
    await run("check", "--quiet", "program.ts");
    done("its types");
    assertEquals(JSON.parse(await torchopt("info", "--json")).torchopt, json.version);
    assertEquals(JSON.parse(await torchopt("doctor", "--json")).ok, true);
    done("info, doctor");
    const demo = await torchopt("demo", "--iterations", "10", "--json");
    assertEquals([JSON.parse(demo).iterations, project.join("maml_sinusoid.svg").existsSync()], [
      10,
      true,
    ]);
    done("demo");
    assertEquals(JSON.parse(await torchopt("bench", "w5", "--quick", "--json")).length, 1);
    done("bench");
    assertStringIncludes(await torchopt("graph", "program.ts"), "digraph");
    done("graph");
    for (const flags of [[], ["--workers"]]) {
      const said = await torchopt("run", "--nproc=2", "--flag=-A", ...flags, "ranks.ts");
      assertStringIncludes(said, "42");
    }
    done("run, with processes and Workers");
    assertEquals(JSON.parse(await torchopt("compile", "--list", "--json")).payload.files.length, 2);
    const stand = { DENORT_BIN: Deno.execPath() };
    await $`${Deno.execPath()} run --quiet -A ${`npm:${json.name}/torchopt`} compile program.ts`
      .cwd(project).env(stand).quiet("stdout");
    done("compile");
  } finally {
    await project.remove({ recursive: true });
    // What Deno keeps of a registry that will not come again.
    for (const { name } of Deno.readDirSync(npmCache)) {
      if (!cached.has(name)) await $.path(npmCache).join(name).remove({ recursive: true });
    }
  }
}
