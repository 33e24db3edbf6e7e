/**
 * Uses a package in a project of its own, where no file of this checkout is near.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import $ from "dax";

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

/** A package that is to be had. */
export interface Offer {
  /** Its version. */
  readonly version: string;
  /** The project's `deno.json`. */
  readonly config: Record<string, unknown>;
  /** The project's `.npmrc`. */
  readonly npmrc?: string;
  /** What Deno takes for the command line. */
  readonly cli: string;
}

/** Runs a program, its type check and every command; throws where something is wrong. */
export async function tryPackage({ version, config, npmrc, cli }: Offer): Promise<void> {
  const project = $.path(Deno.makeTempDirSync({ prefix: "torchopt_project-" }));
  try {
    await project.join("deno.json").writeJson(config);
    if (npmrc !== undefined) await project.join(".npmrc").writeText(npmrc);
    await project.join("program.ts").writeText(PROGRAM);
    await project.join("ranks.ts").writeText(RANKS);
    const run = async (...args: string[]) => {
      // deno compile takes its own part from a server that may be out of reach.
      const { code, stdout, stderr } = await $`${Deno.execPath()} ${args}`.cwd(project)
        .env({ DENORT_BIN: Deno.execPath() }).stdout("piped").stderr("piped").noThrow();
      if (code !== 0) throw new Error(`deno ${args.join(" ")}: code ${code}\n${stderr}`);
      return stdout.trim();
    };
    const torchopt = (...args: string[]) =>
      run("run", "--quiet", "-A", "--config", "deno.json", cli, ...args);
    const done = (what: string) => console.log(`ok  ${what}`);

    assertEquals(await run("run", "--quiet", "-A", "program.ts"), "14 true");
    done("a program");
    await run("check", "--quiet", "--allow-import", "program.ts");
    done("its types");
    assertEquals(JSON.parse(await torchopt("info", "--json")).torchopt, version);
    assertEquals(JSON.parse(await torchopt("doctor", "--json")).ok, true);
    done("info, doctor");
    const demo = JSON.parse(await torchopt("demo", "--iterations", "10", "--json"));
    assertEquals(demo.iterations, 10);
    assertEquals(project.join("maml_sinusoid.svg").existsSync(), true);
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
    for (const program of [["program.ts"], []]) {
      const made = await torchopt("compile", "--without-kernels", "--json", ...program);
      assertEquals(JSON.parse(made).payload.files.length, 1);
    }
    done("compile, a program and the command line");
  } finally {
    await project.remove({ recursive: true });
  }
}
