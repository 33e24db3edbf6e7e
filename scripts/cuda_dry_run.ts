/**
 * The device path of CUDA without a GPU: ONNX Runtime's real provider for CUDA runs over libraries that
 * stand in NVIDIA's place (`scripts/cuda_dry_run/`). Their device is the CPU, so that plans, copies,
 * placement, memory and failures are real; kernels of ONNX Runtime are machine code and do nothing.
 *
 * ```sh
 * deno run -A scripts/cuda_dry_run.ts            # builds what is missing, then all checks
 * deno run -A scripts/cuda_dry_run.ts --only w5
 * ```
 *
 * Golden cases and workloads have a process each, the other checks of a pass share one; `--jobs N` of
 * them run at once (default: one for each processor).
 *
 * Wants Linux on x86-64, g++, nm, and Python with pip where `--wheel FILE` (of onnxruntime-gpu) and
 * `--headers FOLDER` (of CUDA) are not given. `--folder FOLDER` says where to build.
 *
 * @module
 */

import { exists } from "../src/runtime/locate.ts";
import { cacheFolder, makeCacheFolder } from "../src/runtime/ops_cache.ts";
import { build } from "./cuda_dry_run/build.ts";

/** Surroundings in which the checks run; `own` are checks of that pass alone. */
const PASSES: readonly Pass[] = [
  { name: "at once", set: {} },
  { name: "late", set: { FAKE_CUDA_LATE: "1" } },
  {
    name: "without the compiled ops",
    set: { TORCHOPT_OPS: "off" },
    only: /^(?!golden|w\d)/,
  },
  {
    name: "two devices of 1 GB",
    set: { FAKE_CUDA_DEVICES: "2", FAKE_CUDA_LIMIT: "1000000000" },
    only: /devices|memory/,
    own: /without memory/,
  },
  { name: "a stream from elsewhere", set: {}, own: /^given stream/ },
  {
    name: "a stream from elsewhere, late",
    set: { FAKE_CUDA_LATE: "1" },
    own: /^given stream/,
  },
  { name: "without cuDNN", set: {}, own: /^without cuDNN/, lacks: "libcudnn.so.9" },
  {
    name: "without cuDNN and the compiled ops",
    set: { TORCHOPT_OPS: "off" },
    own: /^without cuDNN/,
    lacks: "libcudnn.so.9",
  },
];

const checks = decodeURIComponent(new URL("cuda_dry_run/checks.ts", import.meta.url).pathname);

/** Checks that have a process of their own. */
const ALONE = /^(golden|w\d)/;

interface Pass {
  readonly name: string;
  /** Variables. */
  readonly set: Readonly<Record<string, string>>;
  /** Which of the checks for all passes it has (default all, where it has none of its own). */
  readonly only?: RegExp;
  /** Checks of its own. */
  readonly own?: RegExp;
  /** A library that is not there. */
  readonly lacks?: string;
}

/** Whether a pass has a check. */
function has({ only, own }: Pass, name: string): boolean {
  if (PASSES.some((pass) => pass.own?.test(name))) return own?.test(name) ?? false;
  return only === undefined ? own === undefined : only.test(name);
}

/** The folder of the libraries, or links to all of them but one. */
function librariesWithout(folder: string, lacks: string | undefined): string {
  if (lacks === undefined) return folder;
  const links = `${folder}-without-${lacks}`;
  Deno.mkdirSync(links, { recursive: true });
  for (const { name } of Deno.readDirSync(folder)) {
    // Another pass may have made them.
    if (name === lacks || exists(`${links}/${name}`)) continue;
    Deno.symlinkSync(`${folder}/${name}`, `${links}/${name}`);
  }
  return links;
}

async function deno(args: readonly string[], env: Record<string, string>): Promise<string[]> {
  const { stdout, stderr, code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", checks, ...args],
    env,
    stdout: "piped",
    stderr: "piped",
  }).output();
  const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
  if (code === 0) return lines;
  const said = new TextDecoder().decode(stderr).trim().split("\n").slice(-5).join("\n");
  return [
    ...lines,
    JSON.stringify({ name: args[0], ok: false, found: `its process ended with ${code}: ${said}` }),
  ];
}

function option(name: string): string | undefined {
  const at = Deno.args.indexOf(`--${name}`);
  return at < 0 ? undefined : Deno.args[at + 1];
}

makeCacheFolder();
const folder = option("folder") ?? `${cacheFolder()}/cuda-dry-run`;
const parts = await build(folder, { wheel: option("wheel"), headers: option("headers") });
const shared = {
  LD_LIBRARY_PATH: parts.libraries,
  TORCHOPT_CUDA_PROVIDER: parts.provider,
  // The driver's stand-in is one for the run-time compiler, too; its code need not be fast.
  TORCHOPT_NVRTC: `${parts.libraries}/libcuda.so.1`,
  FAKE_CUDA_FLAGS: "-O0",
  BENCH_BUDGET_S: "0.001",
  BENCH_MIN_N: "1",
  BENCH_MAX_N: "1",
  NO_COLOR: "1",
};
const names = await deno(["--list"], shared), only = option("only");
if (names.some((name) => name.startsWith("{"))) throw new Error(names.join("\n"));
const start = performance.now();
let failed = 0, ran = 0;

/** Runs checks of a pass in a process, and prints what they found. */
async function run(pass: (typeof PASSES)[number], own: readonly string[]): Promise<void> {
  const libraries = librariesWithout(parts.libraries, pass.lacks);
  for (const line of await deno(own, { ...shared, LD_LIBRARY_PATH: libraries, ...pass.set })) {
    const { name, ok, found, seconds } = JSON.parse(line);
    ran++;
    if (!ok) failed++;
    const time = seconds === undefined ? "" : ` (${seconds.toFixed(0)} s)`;
    console.log(`${ok ? "ok    " : "FAILED"} ${pass.name}: ${name}${found && `: ${found}`}${time}`);
  }
}

const work = PASSES.flatMap((pass) => {
  const own = names.filter((name) =>
    (only === undefined || name.includes(only)) && has(pass, name)
  );
  const together = own.filter((name) => !ALONE.test(name));
  return [together, ...own.filter((name) => ALONE.test(name)).map((name) => [name])]
    .filter((group) => group.length > 0).map((group) => () => run(pass, group));
});
const jobs = Number(option("jobs") ?? navigator.hardwareConcurrency);
await Promise.all(
  Array.from({ length: jobs }, async () => {
    for (let next = work.shift(); next !== undefined; next = work.shift()) await next();
  }),
);
const seconds = ((performance.now() - start) / 1000).toFixed(0);
console.log(`\n${ran} checks, ${failed} failed, ${seconds} s. Nothing of this ran on a GPU.`);
if (failed > 0 || ran === 0) Deno.exit(1);
