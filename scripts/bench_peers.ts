/**
 * Runs the workloads of `bench/` and those of other libraries, one after the other, and prints one
 * table. See `bench/README.md`.
 *
 * @module
 */

/** A line that a workload prints. */
interface Line {
  peer: string;
  workload: string;
  metric: string;
  median: number | null;
  min: number | null;
  n: number;
  check: (number | null)[] | null;
  first_call_ms?: number;
}

/** What a check should give. */
type Expected = Record<string, { value: number[]; rtol: number }>;

const USAGE = "bench_peers.ts [workload ...] [--peer COMMAND ...] [--expected FILE]";
/** Relative deviation of a check that is still right where no file says otherwise. */
const RTOL = 1e-3;

function parse(args: readonly string[]): { names: string[]; peers: string[]; expected?: string } {
  const names: string[] = [], peers: string[] = [];
  let expected: string | undefined;
  for (let i = 0; i < args.length; i++) {
    if (args[i] === "--peer" && i + 1 < args.length) peers.push(args[++i]);
    else if (args[i] === "--expected" && i + 1 < args.length) expected = args[++i];
    else if (args[i].startsWith("-")) {
      console.error(USAGE);
      Deno.exit(args[i] === "--help" ? 0 : 2);
    } else names.push(args[i]);
  }
  return { names, peers, expected };
}

async function run(command: string, args: readonly string[]): Promise<Line[]> {
  console.error(`== ${command} ${args.join(" ")}`);
  const { stdout } = await new Deno.Command(command, { args: [...args], stdout: "piped" }).output();
  return new TextDecoder().decode(stdout).split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Line);
}

/** Largest relative deviation of a check, or null where there is nothing to compare. */
function deviation(check: Line["check"], wanted: readonly number[] | undefined): number | null {
  if (!check || !wanted) return null;
  if (check.length !== wanted.length) return Infinity;
  return Math.max(
    ...check.map((v, i) => Math.abs((v ?? NaN) - wanted[i]) / Math.max(Math.abs(wanted[i]), 1e-12)),
  );
}

const { names, peers, expected: file } = parse(Deno.args);
const workloads = new URL("../bench/workloads.ts", import.meta.url).href;
const lines = await run(Deno.execPath(), ["run", "-A", workloads, ...names]);
const expected: Expected = file === undefined
  ? Object.fromEntries(lines.map((l) => [l.workload, { value: l.check as number[], rtol: RTOL }]))
  : JSON.parse(await Deno.readTextFile(file));
for (const peer of peers) {
  const [command, ...first] = peer.split(/\s+/);
  lines.push(...await run(command, [...first, ...names]));
}

const number = (v: number | null | undefined) => (v ?? NaN).toFixed(3).padStart(12);
console.log(
  `${"workload".padEnd(22)}${"peer".padEnd(28)}${"metric".padEnd(22)}` +
    `${"median".padStart(12)}${"min".padStart(12)}${"first call".padStart(12)}  check`,
);
let wrong = 0;
for (
  const l of lines.sort((a, b) => a.workload < b.workload ? -1 : a.workload > b.workload ? 1 : 0)
) {
  const want = expected[l.workload], off = deviation(l.check, want?.value);
  const bad = off !== null && !(off <= (want?.rtol ?? RTOL));
  if (bad) wrong++;
  console.log(
    l.workload.padEnd(22) + l.peer.padEnd(28) + l.metric.padEnd(22) +
      number(l.median) + number(l.min) + number(l.first_call_ms) +
      `  ${off === null ? "-" : off.toExponential(1)}${bad ? " WRONG" : ""}`,
  );
}
if (wrong > 0) console.log(`${wrong} line(s) with a wrong result`);
