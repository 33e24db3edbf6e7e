/**
 * Runs our workloads beside those of other libraries, in turns, and prints one table, ratios first:
 * `deno task bench:compare [WORKLOAD ...]`. See `bench/README.md`.
 *
 * @module
 */

import { opsLibrary } from "../src/runtime/mod.ts";
import { parseArgs } from "node:util";
import { ratioChart } from "./bench/chart.ts";
import { deviation, type Expected, isWrong, type Line, RTOL, runLines } from "./bench/lines.ts";
import { origin } from "./bench/machine.ts";
import { median } from "./bench/statistics.ts";

const USAGE = `deno task bench:compare [options] [WORKLOAD ...]

  --quick           five workloads, one round, few runs: for a look, and for CI
  --rounds N        turns that ours and the peers take (default 3)
  --peer COMMAND    another peer, once for each; it gets the names of the workloads
  --expected FILE   right results (default bench/peers/expected.json, else ours)
  --out FOLDER      writes compare.json and compare.svg there (default dist/bench)

BENCH_PYTHON names the Python of the peers in bench/peers (default python3), BENCH_PEERS further
commands, separated by semicolons. Peers that do not run are named at the end.`;

const QUICK = ["w1a", "w2", "w3a", "w5", "w7"];

/** Seconds that a process may take, usually and in a quick run. */
const LIMIT_S = [900, 45];

/** Peers of this repository, by the workloads that they know. */
const PEERS: readonly (readonly [RegExp, string])[] = [
  [/^w4x4/, "maml_conv_batch.py"],
  [/^w8$/, "rpc_torch.py"],
  [/^w11$/, "scan_jax.py"],
  [/^w12_/, "dense_solve.py"],
  [/^w13$/, "deq.py"],
  [/^w14$/, "minimize.py"],
  [/^cg_/, "cg_scipy.py"],
];

/** One who takes part. */
interface Peer {
  readonly name: string;
  readonly command: readonly string[];
}

/** Results of one workload by those who ran it. */
export interface Row {
  readonly workload: string;
  readonly metric: string;
  /** Median of the rounds' medians. */
  readonly ours: number;
  /** Ours to the fastest of the others; null without others. */
  readonly ratio: number | null;
  readonly peers: readonly {
    readonly name: string;
    readonly median: number;
    readonly rounds: readonly number[];
    readonly firstCall: number | null;
    readonly wrong: boolean;
  }[];
}

const OURS = "torchopt-deno";
const here = new URL("../", import.meta.url);
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    peer: { type: "string", multiple: true, default: [] },
    expected: { type: "string" },
    out: { type: "string", default: "dist/bench" },
    help: { type: "boolean", default: false },
  },
});

function fail(message: string): never {
  console.error(message);
  Deno.exit(2);
}

const workloads = [Deno.execPath(), "run", "-A", new URL("bench/workloads.ts", here).pathname];

async function knownWorkloads(): Promise<string[]> {
  const [command, ...args] = workloads;
  const { stdout } = await new Deno.Command(command, { args: [...args, "--list"] }).output();
  return new TextDecoder().decode(stdout).trim().split("\n");
}

/** Workloads that are run together, since one peer runs them together, and their peers. */
function groupsOf(names: readonly string[]): { names: string[]; peers: Peer[] }[] {
  const python = (Deno.env.get("BENCH_PYTHON") ?? "python3").split(/\s+/);
  const further = [...Deno.env.get("BENCH_PEERS")?.split(";") ?? [], ...options.peer]
    .map((text) => text.trim()).filter((text) => text !== "")
    .map((text): Peer => ({ name: text, command: text.split(/\s+/) }));
  const groups = new Map<string, { names: string[]; peers: Peer[] }>();
  for (const name of names) {
    const file = PEERS.find(([pattern]) => pattern.test(name))?.[1];
    const own: Peer[] = file === undefined ? [] : [{
      name: file,
      command: [...python, new URL(`bench/peers/${file}`, here).pathname],
    }];
    const key = file ?? name;
    const group = groups.get(key) ?? { names: [], peers: [...own, ...further] };
    group.names.push(name);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** All lines of all rounds, why peers did not run, and which of our workloads failed. */
async function measure(
  names: readonly string[],
  rounds: number,
): Promise<{ lines: Line[]; absent: Map<string, string>; failed: Map<string, string> }> {
  const lines: Line[] = [], absent = new Map<string, string>(), failed = new Map<string, string>();
  const env: Record<string, string> = options.quick ? { BENCH_QUICK: "1" } : {};
  const groups = groupsOf(names);
  for (let round = 0; round < rounds; round++) {
    for (const group of groups) {
      const turn: Peer[] = [{ name: OURS, command: workloads }, ...group.peers];
      if (round % 2 === 1) turn.reverse();
      for (const { name, command } of turn) {
        if (absent.has(name)) continue;
        console.error(`round ${round + 1}: ${name} ${group.names.join(" ")}`);
        const run = await runLines([...command, ...group.names], env, LIMIT_S[+options.quick]);
        if (name === OURS && !run.success) failed.set(group.names.join(" "), run.said);
        else if (!run.success) absent.set(name, run.said);
        for (const line of run.lines) {
          if (line.metric === "skipped") absent.set(line.peer, line.why ?? "skipped");
          else lines.push(line);
        }
      }
    }
  }
  return { lines, absent, failed };
}

/** Rows of the table. Of others only results that are right count for the ratio. */
function rowsOf(lines: readonly Line[], expected: Expected): Row[] {
  const byRow = Map.groupBy(lines, (l) => `${l.workload} ${l.metric}`);
  return [...byRow.values()].flatMap((all) => {
    const peers = [...Map.groupBy(all, ({ peer }) => peer)].map(([name, runs]) => ({
      name,
      rounds: runs.map((l) => l.median ?? NaN),
      median: median(runs.map((l) => l.median ?? NaN)),
      firstCall: runs[0].first_call_ms ?? null,
      wrong: runs.some((l) => isWrong(l, expected)),
    }));
    const ours = peers.find(({ name }) => name === OURS);
    if (ours === undefined) return [];
    const others = peers.filter((p) => p !== ours && !p.wrong && Number.isFinite(p.median))
      .sort((a, b) => a.median - b.median);
    const ratio = others.length > 0 ? ours.median / others[0].median : null;
    const { workload, metric } = all[0];
    return [{ workload, metric, ours: ours.median, ratio, peers: [ours, ...others] }];
  }).sort((a, b) => a.workload < b.workload ? -1 : 1);
}

function print(rows: readonly Row[], expected: Expected, lines: readonly Line[]): void {
  const cell = (v: number | null) => (v === null ? "-" : v.toPrecision(3)).padStart(10);
  console.log(
    `${"ratio".padStart(10)}  ${"workload".padEnd(24)}${"ours".padStart(10)}` +
      `${"fastest".padStart(10)}  ${"of them".padEnd(24)}${"metric".padEnd(22)}check`,
  );
  for (const row of rows) {
    const [ours, fastest] = row.peers;
    const line = lines.find((l) => l.workload === row.workload && l.peer === OURS)!;
    const off = deviation(line.check, expected[row.workload]?.value);
    console.log(
      `${cell(row.ratio)}  ${row.workload.padEnd(24)}${cell(row.ours)}` +
        `${cell(fastest?.median ?? null)}  ${(fastest?.name ?? "").padEnd(24)}` +
        `${row.metric.padEnd(22)}${off === null ? "-" : off.toExponential(1)}` +
        (ours.wrong ? " WRONG" : ""),
    );
  }
}

if (options.help) {
  console.log(USAGE);
  Deno.exit(0);
}
const rounds = Number(options.rounds ?? (options.quick ? 1 : 3));
if (!Number.isInteger(rounds) || rounds < 1) fail(`--rounds is ${options.rounds}\n${USAGE}`);
const known = await knownWorkloads();
const names = positionals.length > 0 ? positionals : options.quick ? QUICK : known;
const unknown = names.find((name) => !known.includes(name));
if (unknown !== undefined) fail(`unknown workload ${unknown}; there are ${known.join(", ")}`);

const { lines, absent, failed } = await measure(names, rounds);
const file = options.expected ?? new URL("bench/peers/expected.json", here).pathname;
const stored: Expected = JSON.parse(await Deno.readTextFile(file));
const expected: Expected = {
  // Where no file says what is right, others are compared with us.
  ...Object.fromEntries(
    lines.filter((l) => l.peer === OURS && l.check !== null)
      .map((l) => [l.workload, { value: l.check as number[], rtol: RTOL }]),
  ),
  ...stored,
};
const rows = rowsOf(lines, expected);
print(rows, stored, lines);
for (const [name, why] of absent) console.log(`not run: ${name} (${why})`);
for (const [name, why] of failed) console.log(`FAILED: ${name} (${why})`);
const result = { ...await origin(opsLibrary().loaded), rounds, rows };
await Deno.mkdir(options.out, { recursive: true });
await Deno.writeTextFile(`${options.out}/compare.json`, JSON.stringify(result, null, 2) + "\n");
const compared = rows.filter(({ ratio }) => ratio !== null);
const bars = compared.map(({ workload, ratio, peers: [ours, fastest] }) => ({
  name: workload,
  ratio: ratio!,
  note: `${ours.median.toPrecision(3)} / ${fastest.median.toPrecision(3)} ${fastest.name}`,
}));
const title = `Time of ours to the fastest other, ${result.commit}`;
await Deno.writeTextFile(`${options.out}/compare.svg`, ratioChart(title, bars));
console.log(`written: ${options.out}/compare.json, compare.svg`);
if (failed.size > 0 || rows.some(({ peers: [ours] }) => ours.wrong)) Deno.exit(1);
