/**
 * Whether one version is slower than another: `deno task bench:track A B [WORKLOAD ...]`. See
 * `bench/README.md`.
 *
 * @module
 */

import $, { type Path } from "dax";
import { parseArgs } from "node:util";
import { ratioChart } from "./bench/chart.ts";
import { runLines } from "./bench/lines.ts";
import { changes, type Result } from "./bench/results.ts";
import { compare } from "./bench/statistics.ts";

const USAGE = `deno task bench:track [options] A B [WORKLOAD ...]

A and B: commits, branches or tags; folders with a checkout ("." is this one); or two stored results
(bench/results/*.json), of which only large changes count.

  --rounds N       pairs of processes for each workload (default 8)
  --threshold X    what still counts as the same (default 0.05; 0.25 for stored results)
  --seconds S      timed runs of each process (default 0.5)
  --svg FILE       draws the ratios
  --json           prints JSON

Exit code 1 where B is slower than A, 2 where the command line is wrong.`;

const WORKLOADS = ["w1a", "w2", "w3a", "w5", "w6", "w7"];

const root = $.path(import.meta.dirname!).parentOrThrow();
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "8" },
    threshold: { type: "string" },
    seconds: { type: "string", default: "0.5" },
    svg: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

/** What is said about a workload. */
interface Finding {
  readonly name: string;
  readonly ratio: number;
  readonly verdict: string;
  readonly note: string;
}

function fail(message: string): never {
  console.error(`${message}\n\n${USAGE}`);
  Deno.exit(2);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  return value > 0 && Number.isFinite(value) ? value : fail(`--${name} is "${text}"`);
}

/** A folder with the files of a version; those of a commit are taken out of the repository. */
async function checkout(what: string, temporary: Path): Promise<Path> {
  if ($.path(what).join("bench/workloads.ts").existsSync()) return $.path(what).resolve();
  const found = await $`git rev-parse --verify --quiet ${`${what}^{commit}`}`.cwd(root).noThrow()
    .stdout("piped");
  if (found.code !== 0) fail(`"${what}" is no commit, no folder with a checkout and no result`);
  const folder = temporary.join(found.stdout.trim());
  if (!folder.existsSync()) {
    await $`git worktree add --quiet --detach ${folder} ${found.stdout.trim()}`.cwd(root);
  }
  return folder;
}

/** Least time of each workload in a process of its own. */
async function timed(folder: Path, workload: string, seconds: number): Promise<number> {
  const file = folder.join("bench/workloads.ts").toString();
  const run = await runLines([Deno.execPath(), "run", "-A", file, workload], {
    BENCH_QUICK: "1",
    BENCH_BUDGET_S: String(seconds),
    BENCH_MAX_N: "10000",
  });
  const time = run.lines[0]?.min;
  if (!run.success || !time) throw new Error(`${workload} of ${folder}: ${run.said}`);
  return time;
}

/** Runs both in turns. */
async function track(a: string, b: string, workloads: readonly string[]): Promise<Finding[]> {
  const rounds = positive("rounds", options.rounds), seconds = positive("seconds", options.seconds);
  const threshold = positive("threshold", options.threshold ?? "0.05");
  const temporary = $.path(Deno.makeTempDirSync({ prefix: "torchopt_track-" }));
  try {
    const folders = [await checkout(a, temporary), await checkout(b, temporary)];
    for (const folder of folders) {
      await $`${Deno.execPath()} task build:ops --optional`.cwd(folder).quiet();
    }
    const findings: Finding[] = [];
    for (const name of workloads) {
      // What Deno keeps of modules is made by the first start.
      for (const folder of folders) await timed(folder, name, 0.01);
      const times: [number[], number[]] = [[], []];
      for (let round = 0; round < rounds; round++) {
        // Each is first in every other round.
        for (const side of round % 2 === 0 ? [0, 1] : [1, 0]) {
          times[side].push(await timed(folders[side], name, seconds));
        }
      }
      const { ratio, interval, verdict } = compare(times[0], times[1], {
        threshold,
        comparisons: workloads.length,
      });
      const { low, high, confidence } = interval;
      const note = `${low.toFixed(3)} to ${high.toFixed(3)} (${(100 * confidence).toFixed(1)} %)`;
      findings.push({ name, ratio, verdict, note });
      if (!options.json) print(findings.at(-1)!);
    }
    return findings;
  } finally {
    for (const { path } of [...temporary.readDirSync()]) {
      await $`git worktree remove --force ${path}`.cwd(root).quiet().noThrow();
    }
    await temporary.remove({ recursive: true });
  }
}

function print({ name, ratio, verdict, note }: Finding): void {
  console.log(`${ratio.toFixed(3)}  ${verdict.padEnd(8)}${name}  ${note}`);
}

/** Compares what was stored. */
function compareStored(a: string, b: string): Finding[] {
  const [first, second] = [a, b].map((path) => JSON.parse(Deno.readTextFileSync(path)) as Result);
  if (first.machine !== second.machine || first.kernels !== second.kernels) {
    fail(
      `the results are not of one kind: ${first.machine}, kernels ${first.kernels}; ` +
        `${second.machine}, kernels ${second.kernels}`,
    );
  }
  const threshold = positive("threshold", options.threshold ?? "0.25");
  const findings = changes(first, second, threshold).map((c) => ({ ...c, note: "" }));
  if (findings.length === 0) fail("the results have no benchmark in common");
  if (!options.json) findings.forEach(print);
  return findings;
}

if (options.help) {
  console.log(USAGE);
  Deno.exit(0);
}
const [a, b, ...names] = positionals;
if (a === undefined || b === undefined) fail("A and B are missing");
const isStored = (text: string) => text.endsWith(".json");
const stored = isStored(a) && isStored(b);
if (!stored && (isStored(a) || isStored(b))) fail("one stored result and one version");
const findings = stored
  ? compareStored(a, b)
  : await track(a, b, names.length > 0 ? names : WORKLOADS);
const slower = findings.filter(({ verdict }) => verdict === "slower").map(({ name }) => name);
if (options.json) console.log(JSON.stringify({ a, b, slower, findings }, null, 2));
if (options.svg !== undefined) {
  const title = `Time of ${b} to that of ${a}`;
  await Deno.writeTextFile(options.svg, ratioChart(title, findings));
}
if (slower.length > 0) {
  console.error(`slower: ${slower.join(", ")}`);
  Deno.exit(1);
}
