/**
 * `torchopt compile`: a program, or this command line, as one file that runs without Deno.
 *
 * @module
 */

import { exists, filePath } from "../runtime/locate.ts";
import { usePayload } from "../runtime/payload.ts";
import { type Command, UsageError } from "./arguments.ts";
import { addressOf, CommandError, ownConfig, ownModule, runDeno } from "./child.ts";
import { makePayload } from "./payload.ts";
import { isTarget, TARGETS } from "./targets.ts";

/** Modules that run as Workers, which Deno does not find by itself. */
const WORKERS = ["src/distributed/heartbeat_worker.ts", "src/distributed/launch/rank_worker.ts"];

/**
 * Folders that hold libraries of all systems, of which the payload has those that are needed: that which
 * this package uses, and those of the program's project.
 */
function leftOut(own: string, program: string | undefined): string[] {
  const folders = [own];
  const url = addressOf(program ?? ".");
  for (let at = new URL(".", url); url.protocol === "file:"; at = new URL("..", at)) {
    const modules = filePath(new URL("node_modules", at));
    if (exists(modules)) folders.push(...packagesIn(modules));
    if (at.pathname.split("/").length <= 2) break;
  }
  return [...new Set(folders.filter(exists).map((folder) => Deno.realPathSync(folder)))];
}

function packagesIn(modules: string): string[] {
  const found = [`${modules}/onnxruntime-node/bin`];
  if (exists(`${modules}/.deno`)) {
    for (const { name } of Deno.readDirSync(`${modules}/.deno`)) {
      if (!name.startsWith("onnxruntime-node@")) continue;
      found.push(`${modules}/.deno/${name}/node_modules/onnxruntime-node/bin`);
    }
  }
  return found;
}

/** The module that runs in front of the program. */
function preloadText(): string {
  const module = ownModule("src/runtime/payload.ts");
  return `import { ${usePayload.name} } from ${JSON.stringify(module)};\n` +
    `await ${usePayload.name}(new URL("./payload/", import.meta.url));\n`;
}

/** Settings with which this package is found again: those of a checkout, or of the project here. */
function configHere(): string[] {
  const own = ownConfig();
  if (own.length > 0) return own;
  const found = ["deno.json", "deno.jsonc"].map((name) => filePath(addressOf(name))).find(exists);
  return found === undefined ? [] : ["--config", found];
}

function defaultOutput(program: string | undefined, windows: boolean): string {
  const name = program === undefined
    ? "torchopt"
    : program.replace(/^.*[/\\]/, "").replace(/\.[^.]*$/, "") || "program";
  return windows ? `${name}.exe` : name;
}

export const compile: Command = {
  about: "Make one file of a program and the native libraries, which runs without Deno",
  usage: "[options] [PROGRAM [arguments]]",
  details:
    `Without a program it is this command line. Arguments come in front of those that the binary gets.
The libraries of the target are unpacked into the cache folder at the first start. docs/compile.md`,
  options: {
    target: {
      value: "TARGET",
      about: `one of ${Object.keys(TARGETS).join(", ")} (default: this system)`,
    },
    output: { value: "FILE", about: "file to write (default: name of the program)" },
    flag: {
      value: "FLAG",
      about: "flag of deno compile, once for each; a permission replaces the default -A",
    },
    "without-kernels": { about: "leave the compiled kernels out: the binary is slower" },
    list: { about: "only say what would be packed" },
    json: { about: 'print { "output", "target", "bytes", "payload" }' },
  },
  takesProgram: true,
  async run(line) {
    if (Deno.build.standalone) {
      throw new CommandError("a compiled binary compiles nothing: use it with Deno.");
    }
    const [program, ...args] = line.words, target = line.text("target") ?? Deno.build.target;
    if (!isTarget(target)) {
      throw new UsageError(
        `--target is "${target}"; the targets are ${Object.keys(TARGETS).join(", ")}.`,
      );
    }
    const windows = TARGETS[target].startsWith("windows");
    const output = line.text("output") ?? defaultOutput(program, windows);
    const folder = Deno.makeTempDirSync({ prefix: "torchopt_compile-" });
    try {
      Deno.mkdirSync(`${folder}/payload`);
      const { payload, unused } = await makePayload(`${folder}/payload`, TARGETS[target], {
        kernels: !line.has("without-kernels"),
        copy: !line.has("list"),
      });
      if (!line.has("list")) {
        Deno.writeTextFileSync(`${folder}/preload.ts`, preloadText());
        const flags = line.texts("flag");
        const { code } = await runDeno([
          "compile",
          "--quiet",
          "--no-check",
          ...flags.some((f) => /^(-[AP]|--(allow|deny|permission))/.test(f)) ? [] : ["-A"],
          ...program === undefined ? configHere() : [],
          "--exclude-unused-npm",
          `--target=${target}`,
          `--output=${output}`,
          `--preload=${folder}/preload.ts`,
          `--include=${folder}/payload`,
          ...WORKERS.map((path) => `--include=${ownModule(path)}`),
          ...leftOut(unused, program).map((path) => `--exclude=${path}`),
          ...flags,
          program ?? ownModule("src/cli/mod.ts"),
          ...args,
        ]);
        if (code !== 0) {
          throw new CommandError(
            "deno compile failed, as said above. Where it is denort that cannot be fetched (dl.deno.land), " +
              "DENORT_BIN names one to take instead.",
          );
        }
      }
      const bytes = line.has("list") ? 0 : Deno.statSync(output).size;
      if (line.has("json")) {
        console.log(JSON.stringify({ output, target, bytes, payload }, null, 2));
      } else {
        for (const { name, size, sha256 } of payload.files) {
          console.log(`${name}  ${size} bytes  SHA-256 ${sha256}`);
        }
        if (bytes > 0) console.log(`${output}: ${(bytes / 1e6).toFixed(1)} MB for ${target}`);
      }
      return 0;
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
};
