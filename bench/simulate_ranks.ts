/**
 * How long an iteration of distributed MAML (W16) would take on many ranks, by simulation.
 *
 * `deno run -A bench/simulate_ranks.ts` measures one rank and two (`w16`) and calls (`w8`) on this machine,
 * compares the simulation of two ranks with the measurement, and prints what it gives up to 1 024 ranks.
 *
 * What is assumed:
 *
 * - Rank 0 has one thread: it sends all requests one after the other, computes its own part, then reads the
 *   answers one after the other. The others compute as soon as their request is there.
 * - Work of n tasks takes a + b * n, by the measurements of all tasks and of half of them.
 * - A message takes a fixed time of rank 0 (half of an empty call), its bytes at the bandwidth measured
 *   with 16 MiB, and on the way a latency: none within a host, 50 us between hosts (`--latency`).
 * - Each part is slowed down by a factor 1 + |x|, x normal with the deviation `--stragglers` (0.05).
 * - Every rank has a core of its own, and links do not share bandwidth but at rank 0.
 *
 * @module
 */

import { parseArgs } from "node:util";

/** What a simulation needs to know, times in milliseconds. */
export interface Machine {
  /** Work on no task. */
  readonly fixed: number;
  /** Work on one more task. */
  readonly each: number;
  /** Time of rank 0 for one message. */
  readonly message: number;
  /** Bytes in a millisecond. */
  readonly bandwidth: number;
  /** On the way. */
  readonly latency: number;
  /** Deviation of the slowdown of parts. */
  readonly stragglers: number;
}

/** Bytes of the parameters, which go there and come back as gradients. */
const PARAMETERS = 4 * (64 + 64 + 64 * 64 + 64 + 64 + 1);
/** Bytes of a task: ten known points and ten to predict, of two numbers. */
const TASK = 4 * 40;

/** Normal numbers, the same at each run (Box and Muller, 1958). */
function normals(seed: number): () => number {
  let state = seed;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** Milliseconds of one iteration on some ranks. */
export function simulate(ranks: number, tasks: number, m: Machine, draw: () => number): number {
  const each = Math.floor(tasks / ranks), parts = Math.min(ranks, tasks);
  const count = (rank: number) =>
    tasks < ranks ? 1 : rank === ranks - 1 ? tasks - each * rank : each;
  const work = (rank: number) =>
    (m.fixed + m.each * count(rank)) * (1 + Math.abs(m.stragglers * draw()));
  const send = (rank: number) => m.message + (PARAMETERS + TASK * count(rank)) / m.bandwidth;
  let now = 0;
  const answers: number[] = [];
  for (let rank = 1; rank < parts; rank++) {
    now += send(rank);
    answers.push(now + m.latency + work(rank) + m.latency);
  }
  now += work(0);
  for (const there of answers.sort((a, b) => a - b)) {
    now = Math.max(now, there) + m.message + PARAMETERS / m.bandwidth;
  }
  return now;
}

/** The median of several iterations. */
function median(ranks: number, tasks: number, m: Machine): number {
  const draw = normals(ranks);
  const times = Array.from({ length: 101 }, () => simulate(ranks, tasks, m, draw));
  return times.sort((a, b) => a - b)[50];
}

/** Lines of workloads by name. */
async function measure(...names: string[]): Promise<Map<string, { median: number; min: number }>> {
  const { stdout, success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL("workloads.ts", import.meta.url).pathname, ...names],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const lines = new TextDecoder().decode(stdout).trim().split("\n").map((line) => JSON.parse(line));
  return new Map(lines.map((line) => [line.workload, line]));
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      latency: { type: "string" },
      stragglers: { type: "string" },
      tasks: { type: "string" },
    },
  });
  const found = await measure("w8", "w16"), tasks = 400;
  const time = (name: string) => found.get(name)!.median;
  const each = Math.max(0, (time("w16_one") - time("w16_half")) / (tasks / 2));
  const here: Machine = {
    fixed: Math.max(0, time("w16_one") - each * tasks),
    each,
    message: time("w8_empty") / 2,
    bandwidth: 2 * 2 ** 24 / time("w8_16mib"),
    latency: 0,
    stragglers: Number(values.stragglers ?? 0.05),
  };
  const two = median(2, tasks, here), off = 100 * (two / time("w16_all") - 1);
  console.log(
    `work ${here.fixed.toFixed(2)} ms + ${(1e3 * each).toFixed(1)} us a task, ` +
      `${(1e3 * here.message).toFixed(0)} us a message, ${(here.bandwidth / 1e6).toFixed(2)} GB/s`,
  );
  console.log(
    `2 ranks: measured ${time("w16_all").toFixed(2)} ms (${
      (time("w16_one") / time("w16_all")).toFixed(2)
    } times as fast as one), simulated ${two.toFixed(2)} ms: ${off.toFixed(1)} % off`,
  );
  const hosts = { ...here, latency: Number(values.latency ?? 50) / 1e3 };
  const many = Number(values.tasks ?? 25_600), one = here.fixed + each * many;
  console.log(
    `${many} tasks, ${hosts.latency * 1e3} us between hosts: ${one.toFixed(0)} ms on one rank`,
  );
  for (let ranks = 2; ranks <= 1024; ranks *= 2) {
    const taken = median(ranks, many, hosts);
    console.log(
      `${String(ranks).padStart(5)} ranks ${taken.toFixed(1).padStart(8)} ms ${
        (one / taken).toFixed(1).padStart(6)
      } times as fast`,
    );
  }
}
