/**
 * How long an iteration of distributed MAML (W16) would take on many ranks, by simulation.
 *
 * `deno run -A bench/simulate_ranks.ts` measures on two ranks of this machine what the model is made of,
 * compares it with iterations that are divided among them, and prints what it gives up to 1 024 ranks.
 *
 * What is measured, each as a median, all in turns, so that what else the machine does meets all:
 *
 * - *Work* on 5 to 400 tasks of a rank alone, and of two ranks at the same time. In between a number of
 *   tasks takes what the line through its neighbours says; more than 400 take as long each as those. A line
 *   through all would be wrong: 400 tasks take more than twice as long as 200, which fit into more of the
 *   caches. Both ranks' slowdown in a run, against the median of all, is what a host of the model draws.
 * - *Once* an iteration: dividing, rank 0's own part, waking up, the mean; by tasks of a rank. It is the
 *   time of an iteration's messages without its work, right after such work, less that of one message. In
 *   a loop by themselves the same messages take a third of it: work leaves nothing of them in the caches.
 * - *A message* there and back: what each further one adds to that. Its bytes (20 to 50 KB) do not show.
 *
 * What is assumed of more ranks:
 *
 * - Hosts are like this machine, with two ranks each, and are slowed down independently of each other.
 * - Rank 0 talks to all: it sends one request after the other, computes its own part, and then takes the
 *   answers as they come. Half of a message's time is for the request, half for the answer; so with what
 *   there is once. Other ranks begin when their request is there.
 * - Between hosts a message takes 50 us (`--latency`), and rank 0's host sends, and receives, 1.25 GB/s
 *   (`--bandwidth`): assumed, not measured. No other connection is ever full.
 * - `--stragglers 0.05` slows each rank down by 1 + |x| more, x normal with that deviation (default 0).
 *
 * @module
 */

import { parseArgs } from "node:util";
import { median, medianInterval } from "../scripts/bench/statistics.ts";
import { ownModule, runOwn } from "../src/cli/child.ts";
import { at, type Machine, type Point, simulate, uniforms } from "./simulate/model.ts";
import type { Runs } from "./workloads/maml_ranks.ts";

/** Runs of all kinds of work, on two ranks of this machine. */
async function measure(): Promise<Runs[]> {
  const program = ownModule("bench/workloads/ranks.ts");
  const line = ["run", "--nproc", "2", program, "parts"];
  const { code, out } = await runOwn("src/cli/mod.ts", line, { caught: true });
  if (code !== 0) throw new Error(`the ranks ended with code ${code}`);
  return JSON.parse(/\[\{.*\}\]/.exec(out)![0]);
}

const column = (runs: readonly number[][], i: number) => runs.map((run) => run[i]);

/** What the measurements say of this machine. */
function machineOf(found: readonly Runs[], others: Omit<Machine, keyof Measured>): Machine {
  const beside = found.filter(({ kind, calls }) => kind === "beside" && calls === undefined);
  const messages = found.filter(({ calls }) => calls !== undefined).map(
    ({ tasks, calls, runs }) => {
      const one = beside.find((other) => other.tasks === tasks)!;
      return (median(column(runs, 2)) - median(column(one.runs, 2))) / (calls! - 1);
    },
  );
  const message = messages.reduce((a, b) => a + b) / messages.length;
  const works = beside.map(({ tasks, runs }): Point => ({
    tasks,
    ms: median([...column(runs, 0), ...column(runs, 1)]),
  }));
  return {
    ...others,
    alone: found.filter(({ kind }) => kind === "alone").map(({ tasks, runs }) => ({
      tasks,
      ms: median(runs.flat()),
    })),
    beside: works,
    slowdowns: beside.map(({ runs }, i) =>
      runs.map(([first, second]) => [first / works[i].ms, second / works[i].ms] as const)
    ),
    once: beside.map(({ tasks, runs }) => ({ tasks, ms: median(column(runs, 2)) - message })),
    message,
  };
}

type Measured = Pick<Machine, "alone" | "beside" | "slowdowns" | "once" | "message">;

/** The median of several iterations. */
function typical(ranks: number, tasks: number, m: Machine): number {
  const draw = uniforms(ranks);
  return median(Array.from({ length: 201 }, () => simulate(ranks, tasks, m, draw)));
}

function option(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (value >= 0) return value;
  throw new RangeError(`--${name} is ${text}, wants a number of at least 0`);
}

function main(found: readonly Runs[], values: Record<string, string | undefined>): void {
  const machine = machineOf(found, {
    latency: option("latency", values.latency, 50) / 1e3,
    bandwidth: option("bandwidth", values.bandwidth, 1.25) * 1e6,
    stragglers: option("stragglers", values.stragglers, 0),
  });
  const { alone, beside, once, message } = machine;
  console.log("tasks   alone ms   beside ms   once ms     (medians)");
  for (const { tasks, ms } of alone) {
    const two = beside.find((point) => point.tasks === tasks);
    console.log(
      `${String(tasks).padStart(5)} ${ms.toFixed(2).padStart(10)}` +
        (two === undefined
          ? ""
          : ` ${two.ms.toFixed(2).padStart(11)} ${at(once, tasks).toFixed(2).padStart(9)}`),
    );
  }
  console.log(`a message there and back: ${(1e3 * message).toFixed(0)} us`);
  for (const { kind, tasks, runs } of found) {
    if (kind !== "together") continue;
    const times = runs.flat(), two = median(times), guess = typical(2, tasks, machine);
    const { low, high } = medianInterval(times), one = at(alone, tasks);
    console.log(
      `${tasks} tasks on 2 ranks: measured ${two.toFixed(2)} ms (95 % sure: ${low.toFixed(2)} to ${
        high.toFixed(2)
      }; ${(one / two).toFixed(2)} times as fast as one), simulated ${guess.toFixed(2)} ms: ${
        (100 * (guess / two - 1)).toFixed(1)
      } % off`,
    );
  }
  const many = Math.floor(option("tasks", values.tasks, 25_600)), single = at(alone, many);
  console.log(
    `${many} tasks, ${1e3 * machine.latency} us and ${
      machine.bandwidth / 1e6
    } GB/s between hosts: ${single.toFixed(0)} ms on one rank`,
  );
  for (let ranks = 2; ranks <= 1024; ranks *= 2) {
    const taken = typical(ranks, many, machine);
    console.log(
      `${String(ranks).padStart(5)} ranks ${taken.toFixed(1).padStart(8)} ms ${
        (single / taken).toFixed(1).padStart(6)
      } times as fast`,
    );
  }
}

if (import.meta.main) {
  const text = { type: "string" } as const;
  const options = { latency: text, bandwidth: text, stragglers: text, tasks: text };
  const { values } = parseArgs({ args: Deno.args, options });
  main(await measure(), values);
}
