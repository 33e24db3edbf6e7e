/**
 * Everything that has to be right before a release, in order; publishes nothing. See `docs/stability.md`.
 *
 * @module
 */

import $, { type Path } from "dax";
import { parseArgs } from "node:util";
import { makeTemporaryFolder } from "../src/runtime/ops_cache.ts";
import { type Files, setVersion, versionFaults } from "./release/version.ts";

const USAGE = `deno task release [--dry-run] [--only STEP,...] [--from STEP]
deno task release --set VERSION     writes a version into the files that name it
deno task release --list            names the steps

--dry-run: there may be changes that are not committed, and the changelog may still be open.`;

const root = $.path(import.meta.dirname!).parentOrThrow();
const files: Files = {
  read: (path) => Deno.readTextFileSync(root.join(path).toString()),
  write: (path, text) => Deno.writeTextFileSync(root.join(path).toString(), text),
};
const deno = Deno.execPath();

/**
 * Copy of what is committed, with the compiled kernels of all systems: what is published. It lies outside
 * of the checkout, whose ignored files a package leaves out.
 */
const STAGE = $.path(makeTemporaryFolder()).join("stage");

/** Runs Deno in the checkout, or in another folder; fails where it does. */
async function run(
  args: readonly string[],
  env: Record<string, string> = {},
  folder: Path = root,
): Promise<boolean> {
  const { code } = await $`${deno} ${args}`.cwd(folder).env(env).noThrow();
  return code === 0;
}

/** Makes {@linkcode STAGE}. */
async function makeStage(): Promise<boolean> {
  await $.path(STAGE).emptyDir();
  await $`git archive HEAD | tar -x -C ${STAGE}`.cwd(root);
  // It leaves out libraries, which a package is to hold.
  await STAGE.join(".gitignore").remove();
  return await run(["task", "build:ops", "--target", "all", "--into", STAGE.toString()]);
}

async function isClean(): Promise<boolean> {
  const changes = await $`git status --porcelain`.cwd(root).text();
  if (changes !== "") console.error(changes);
  return changes === "";
}

async function isVersioned(open: boolean): Promise<boolean> {
  const tags = (await $`git tag --list ${"v*"}`.cwd(root).lines()).map((tag) => tag.slice(1));
  const faults = versionFaults(files, tags, open);
  for (const fault of faults) console.error(fault);
  return faults.length === 0;
}

/** The steps, in order: quick ones first. */
function stepsOf(dry: boolean): Record<string, () => Promise<boolean>> {
  return {
    clean: async () => dry || await isClean(),
    version: () => isVersioned(dry),
    format: () => run(["fmt", "--check"]),
    lint: () => run(["lint"]),
    types: () => run(["task", "check"]),
    docs: async () => await run(["task", "doc:lint"]) && await run(["task", "docs", "--check"]),
    test: () => run(["task", "test"]),
    "test-without-kernels": () => run(["test", "-A"], { TORCHOPT_OPS: "off" }),
    sanitizers: () => run(["task", "fuzz:ops", "--optional"]),
    binary: () => run(["run", "-A", "scripts/check_binary.ts"]),
    prebuilt: () => makeStage(),
    publish: () => run(["publish", "--dry-run"], {}, STAGE),
    served: () => run(["run", "-A", "scripts/served.ts"], {}, STAGE),
    npm: async () => {
      const output = root.join("dist/torchopt.tgz").toString();
      return await run(["run", "-A", "scripts/npm.ts", "--output", output], {}, STAGE);
    },
    bench: () => run(["task", "bench:compare", "--quick"]),
  };
}

const { values: options } = parseArgs({
  options: {
    "dry-run": { type: "boolean", default: false },
    only: { type: "string" },
    from: { type: "string" },
    set: { type: "string" },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const steps = stepsOf(options["dry-run"]), names = Object.keys(steps);

/** The steps that are asked for. */
function asked(): string[] {
  const from = options.from === undefined ? 0 : names.indexOf(options.from);
  const wanted = options.only?.split(",") ?? names.slice(from);
  const unknown = from < 0 ? options.from : wanted.find((name) => !names.includes(name));
  if (unknown === undefined) return wanted;
  console.error(`there is no step "${unknown}"; the steps are ${names.join(", ")}`);
  Deno.exit(2);
}

if (options.help) {
  console.log(USAGE);
} else if (options.list) {
  console.log(names.join("\n"));
} else if (options.set !== undefined) {
  setVersion(files, options.set, new Date().toISOString().slice(0, 10));
} else {
  for (const name of asked()) {
    console.log(`== ${name}`);
    const start = performance.now(), right = await steps[name]();
    console.log(
      `-- ${name}: ${right ? "ok" : "FAILED"}, ${((performance.now() - start) / 1e3).toFixed(1)} s`,
    );
    if (!right) {
      console.error(`not to be released; after mending: deno task release --from ${name}`);
      Deno.exit(1);
    }
  }
  const all = asked().length === names.length && !options["dry-run"];
  const { version } = JSON.parse(files.read("deno.json"));
  console.log(
    all
      ? `${version} is ready: git tag v${version}, deno publish in ${STAGE}, npm publish dist/torchopt.tgz`
      : "all that was asked for is right",
  );
}
