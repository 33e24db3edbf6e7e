/**
 * All checks of device `"cuda"` on a machine with a GPU, in twelve minutes: `deno run -A
 * scripts/gpu_check.ts [--out FILE] [--device cuda] [--only STAGE] [--quick] [--rehearse] [--peer COMMAND] [--patience 1]`. On a
 * machine with nothing else `scripts/gpu_pack.ts` makes the file to bring there.
 *
 * Every stage is a child process, or several, with a budget of its own, so that one that fails, crashes or
 * hangs takes no other along; the JSON file is written anew after each of them. What a stage lacks is
 * said in its place. `BENCH_PEERS` or `--peer` name further commands for the workloads, as
 * `scripts/bench_compare.ts` takes them. `--rehearse` runs all of it over the fake runtime of
 * `scripts/cuda_dry_run.ts`: kernels of ONNX Runtime do nothing there, so that what compares values fails.
 * `--libraries FOLDER` names the libraries of that runtime where they are made already, such as for a parcel.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { cacheFolder } from "../src/runtime/ops_cache.ts";
import { type Expected, isWrong, type Line } from "./bench/lines.ts";
import { build } from "./cuda_dry_run/build.ts";

const { values: options } = parseArgs({
  options: {
    out: { type: "string", default: "gpu_check.json" },
    device: { type: "string", default: "cuda" },
    only: { type: "string", multiple: true, default: [] },
    peer: { type: "string", multiple: true, default: [] },
    quick: { type: "boolean", default: false },
    rehearse: { type: "boolean", default: false },
    libraries: { type: "string" },
    /** What all budgets are multiplied with, for a rehearsal on a busy machine. */
    patience: { type: "string", default: "1" },
  },
});

const PATIENCE = Number(options.patience);
const LIMIT_S = (options.quick ? 240 : 720) * PATIENCE;
const TAIL = 1500;
const begin = performance.now();
const root = decodeURIComponent(new URL("..", import.meta.url).pathname);
const python = Deno.env.get("BENCH_PYTHON") ?? "python3";
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Variables of all child processes. */
const surroundings: Record<string, string> = {
  NO_COLOR: "1",
  TORCHOPT_CHECK_DEVICE: options.device,
};
if (options.rehearse) {
  let libraries = options.libraries;
  if (libraries === undefined) {
    const parts = await build(`${cacheFolder()}/cuda-dry-run`);
    surroundings.TORCHOPT_CUDA_PROVIDER = parts.provider;
    libraries = parts.libraries;
  }
  surroundings.LD_LIBRARY_PATH = libraries;
  // The one library is driver and run-time compiler.
  surroundings.TORCHOPT_NVRTC = `${libraries}/libcuda.so.1`;
}

/** What a child process left. */
interface Outcome {
  readonly command: string;
  readonly ok: boolean;
  readonly seconds: number;
  /** Why it ended, where that was not by itself with 0. */
  readonly ended?: string;
  /** Lines of JSON that it printed. */
  readonly lines: unknown[];
  /** The summary of tests, and the names of those that failed. */
  readonly tests?: { readonly summary: string; readonly failed: string[] };
  /** The end of what it said, where it failed. */
  readonly said?: string;
}

/** When the stage that runs has to be over. */
let stageEnd = Infinity;

/** Seconds that are left for the stage. */
const left = () => Math.min(LIMIT_S, stageEnd) - (performance.now() - begin) / 1000;

async function child(
  [command, ...args]: readonly string[],
  seconds: number,
  env: Record<string, string> = {},
): Promise<Outcome> {
  const shown = [command.split("/").at(-1), ...args.map((a) => a.replace(root, ""))].join(" ");
  const from = performance.now(), limit = Math.min(seconds * PATIENCE, left());
  if (limit < 2) return { command: shown, ok: false, seconds: 0, ended: "no time left", lines: [] };
  let process: Deno.ChildProcess;
  try {
    process = new Deno.Command(command, {
      args: [...args],
      cwd: root,
      env: { ...surroundings, ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    return { command: shown, ok: false, seconds: 0, ended: (error as Error).message, lines: [] };
  }
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    process.kill("SIGKILL");
  }, 1000 * limit);
  const { code, signal, stdout, stderr } = await process.output();
  clearTimeout(timer);
  const out = text(stdout), said = `${out}\n${text(stderr)}`.trim();
  const ended = late
    ? `its ${limit.toFixed(0)} s are over`
    : signal ?? (code !== 0 ? `exit code ${code}` : undefined);
  const summary = /^(?:ok|FAILED) \| .*$/m.exec(out)?.[0];
  const failed = [...out.matchAll(/^(.*) \.\.\. FAILED/gm)].map(([, name]) => name);
  return {
    command: shown,
    ok: ended === undefined,
    seconds: Math.round((performance.now() - from) / 100) / 10,
    ended,
    lines: out.split("\n").flatMap((line) => parsed(line)),
    tests: summary === undefined ? undefined : { summary, failed: failed.slice(0, 60) },
    said: ended === undefined ? undefined : said.slice(-TAIL),
  };
}

function parsed(line: string): unknown[] {
  if (!line.startsWith("{")) return [];
  try {
    return [JSON.parse(line.replaceAll(/\bNaN\b|-?\bInfinity\b/g, "null"))];
  } catch {
    return [];
  }
}

const deno = (...args: string[]) => [Deno.execPath(), ...args];
const run = (file: string, ...args: string[]) =>
  deno("run", "-A", "--no-check", `${root}${file}`, ...args);
const preload = ["--preload", `${root}scripts/gpu/on_device.ts`];
const test = (onDevice: boolean, ...files: string[]) =>
  deno("test", "-A", "--no-check", ...(onDevice ? preload : []), ...files.map((f) => root + f));

async function found(command: string, ...args: string[]): Promise<boolean> {
  return (await child([command, ...args], 20)).ok;
}

/** A stage: its outcomes, one after the other, within its budget. */
interface Stage {
  readonly name: string;
  readonly seconds: number;
  run(): AsyncGenerator<Outcome>;
}

const expected: Expected = JSON.parse(
  await Deno.readTextFile(`${root}bench/peers/expected.json`),
);

/** A workload's outcome, which is none where its result is wrong: its time says nothing then. */
function judged(outcome: Outcome): Outcome {
  const lines = outcome.lines as Line[];
  const wrong = lines.filter((line) =>
    isWrong(line, expected) || (line.check?.some((value) => value === null) ?? false)
  );
  if (wrong.length === 0) return outcome;
  const ended = `wrong results: ${wrong.map(({ workload }) => workload).join(", ")}`;
  return { ...outcome, ok: false, ended };
}

const goldens = () =>
  [...Deno.readDirSync(`${root}tests/golden`)].map(({ name }) => name)
    .filter((name) => name.endsWith("_test.ts") && !name.startsWith("distributed")).sort();

const workloads = options.quick
  ? ["w1a", "w2"]
  : ["w1a", "w1b", "w1c", "w2", "w3a", "w3b", "w3av", "w3bv", "w4", "w5", "w6", "w7", "w11"]
    .concat(["w12_64", "w12_1024", "w12_1000x16", "w13"]);

const stages: readonly Stage[] = [
  {
    name: "machine",
    seconds: 30,
    async *run() {
      yield await child([
        "nvidia-smi",
        "--query-gpu=name,driver_version,memory.total,compute_cap",
        "--format=csv",
      ], 10);
      yield await child([
        "sh",
        "-c",
        "uname -a; nproc; free -m | head -2",
      ], 10);
      yield await child(run("src/cli/mod.ts", "doctor"), 30);
      yield await child([
        python,
        "-c",
        "import importlib.util as u, json; print(json.dumps({m: u.find_spec(m) is not None for m in ['torch', 'torchopt', 'jax', 'optax', 'functorch']}))",
      ], 20);
    },
  },
  {
    name: "device tests",
    seconds: 60,
    async *run() {
      yield await child(test(false, "tests/runtime/cuda_test.ts"), 60);
      yield await child(
        test(true, "tests/tensor/creation_test.ts", "tests/optim/func_optimizer_test.ts"),
        60,
      );
    },
  },
  {
    name: "kernels",
    seconds: 40,
    async *run() {
      yield await child(run("scripts/gpu/kernels.ts"), 60);
    },
  },
  {
    name: "adam",
    seconds: 50,
    async *run() {
      yield await child(run("scripts/gpu/adam.ts", options.quick ? "100000" : "100000000"), 60);
    },
  },
  {
    name: "memory",
    seconds: 50,
    async *run() {
      yield await child(run("scripts/gpu/memory.ts", options.quick ? "200" : "10000"), 60);
    },
  },
  {
    name: "golden cases",
    seconds: 130,
    async *run() {
      for (const file of options.quick ? goldens().slice(-3) : goldens()) {
        yield await child(test(true, `tests/golden/${file}`), 60);
      }
    },
  },
  {
    name: "workloads",
    seconds: 160,
    async *run() {
      const env = { BENCH_BUDGET_S: options.quick ? "0.2" : "1.5", BENCH_MIN_N: "3" };
      for (const name of workloads) {
        const command = deno(
          "run",
          "-A",
          "--no-check",
          ...preload,
          `${root}bench/workloads.ts`,
          name,
        );
        yield judged(await child(command, 40, env));
      }
    },
  },
  {
    name: "peers",
    seconds: 100,
    async *run() {
      const env = { BENCH_BUDGET_S: options.quick ? "0.2" : "1.5", BENCH_MIN_N: "3" };
      const onGpu = [python, `${root}scripts/gpu/peer_on_gpu.py`];
      const own: [string, string, string][] = [
        ["scan_jax.py", "jax", "w11"],
        ["dense_solve.py", "torch", "w12_1024"],
        ["deq.py", "jax", "w13"],
      ];
      for (const [file, module, name] of own) {
        if (!(await found(python, "-c", `import ${module}`))) continue;
        const command = module === "torch" ? onGpu : [python];
        yield await child([...command, `${root}bench/peers/${file}`, name], 40, env);
      }
      const more = [...Deno.env.get("BENCH_PEERS")?.split(";") ?? [], ...options.peer];
      for (const peer of more.map((p) => p.trim()).filter((p) => p !== "")) {
        const [command, ...args] = peer.split(/\s+/);
        const torch = /torch/.test(peer) && command === python;
        const whole = torch ? [...onGpu, ...args] : [command, ...args];
        yield await child([...whole, ...workloads], 60, env);
      }
    },
  },
  {
    name: "sanitizer",
    seconds: 90,
    async *run() {
      const places = ["compute-sanitizer", "/usr/local/cuda/bin/compute-sanitizer"];
      for (const place of places) {
        if (!(await found(place, "--version"))) continue;
        for (const tool of ["memcheck", "racecheck"]) {
          const watch = [
            place,
            "--tool",
            tool,
            "--error-exitcode",
            "9",
            "--target-processes",
            "all",
          ];
          yield await child([...watch, ...run("scripts/gpu/kernels.ts")], 55);
        }
        return;
      }
      yield {
        command: "compute-sanitizer",
        ok: false,
        seconds: 0,
        ended: `not found as ${places.join(" or ")}`,
        lines: [],
      };
    },
  },
];

/** All that was seen, as it is in the file. */
const result = {
  at: new Date().toISOString(),
  device: options.device,
  deno: Deno.version.deno,
  quick: options.quick,
  /** Whether there was no GPU: times and values say nothing then. */
  rehearsed: options.rehearse,
  seconds: 0,
  stages: [] as { name: string; ok: boolean; seconds: number; outcomes: Outcome[] }[],
};

async function write(): Promise<void> {
  result.seconds = Math.round((performance.now() - begin) / 1000);
  await Deno.writeTextFile(options.out, JSON.stringify(result, null, 1) + "\n");
}

const wrong = options.only.find((name) => !stages.some((stage) => stage.name === name));
if (wrong !== undefined) {
  console.error(
    `there is no stage "${wrong}"; there are ${stages.map(({ name }) => name).join(", ")}`,
  );
  Deno.exit(2);
}
for (const stage of stages) {
  if (options.only.length > 0 && !options.only.includes(stage.name)) continue;
  const from = performance.now(), outcomes: Outcome[] = [];
  stageEnd = (from - begin) / 1000 + stage.seconds * PATIENCE;
  const entry = { name: stage.name, ok: false, seconds: 0, outcomes };
  result.stages.push(entry);
  try {
    for await (const outcome of stage.run()) {
      outcomes.push(outcome);
      entry.ok = outcomes.every(({ ok }) => ok);
      entry.seconds = Math.round((performance.now() - from) / 1000);
      await write();
    }
  } catch (error) {
    const ended = error instanceof Error ? error.message : String(error);
    outcomes.push({ command: stage.name, ok: false, seconds: 0, ended, lines: [] });
    entry.ok = false;
    await write();
  }
  const failed = outcomes.filter(({ ok }) => !ok).length;
  console.log(
    `${
      entry.ok ? "ok  " : "FAIL"
    } ${stage.name}: ${outcomes.length} processes, ${failed} failed, ` +
      `${entry.seconds} s`,
  );
  for (const { ok, command, ended, tests } of outcomes) {
    if (!ok) console.log(`       ${command}: ${ended}${tests ? `; ${tests.summary}` : ""}`);
  }
}
await write();
console.log(`${options.out}: ${result.seconds} s`);
