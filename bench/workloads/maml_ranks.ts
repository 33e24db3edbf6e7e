/**
 * What two ranks take over parts of an iteration of distributed MAML (W16), for the workload and for the
 * simulation of many ranks.
 *
 * What was run before decides what lies in the caches, and an iteration of other sizes makes the next one
 * up to twice as slow. Training repeats iterations of one kind: each kind is run several times in turn,
 * the first of which do not count, and kinds take turns.
 *
 * @module
 */

import { distributed, Generator } from "@torchopt/torchopt";
import { mean, parallelPart, type Part, part } from "../../examples/distributed_maml.ts";
import { makeParams, type Params, sampleTasks, type Tasks } from "../../examples/maml_sinusoid.ts";

/** A kind of work. */
export interface Kind {
  /**
   * `alone`: the iteration on rank 0 while rank 1 waits. `beside`: on both ranks at once, each for itself,
   * and then the messages of an iteration without its work. `together`: divided among both.
   */
  readonly kind: "alone" | "beside" | "together";
  /** Tasks of the iteration; of each rank where both have their own. */
  readonly tasks: number;
  /** Messages to rank 1 after work `beside` each other (default 1); there is one to rank 0 always. */
  readonly calls?: number;
}

/** A kind of work, and what its runs took. */
export interface Runs extends Kind {
  /** Milliseconds of each run; `beside`: on rank 0, on rank 1, and of the messages. */
  readonly runs: number[][];
}

const params = makeParams(new Generator(0), 64), inner = { steps: 3, lr: 0.01 };
const generator = new Generator(2), sample = (tasks: number) => sampleTasks(generator, tasks, 10);

function alone(tasks: Tasks): number {
  const start = performance.now(), { loss } = mean([part(params, tasks, inner)]);
  loss.item();
  return performance.now() - start;
}

const own = new Map<number, Tasks>();

/** The iteration on tasks of the rank that runs it. */
const there = distributed.register("bench/maml", (count: number) => {
  const tasks = own.get(count) ?? sample(count);
  own.set(count, tasks);
  return alone(tasks);
});

let answer: Part | undefined;

const unworked = distributed.register(
  "bench/unworked",
  (p: Params, tasks: Tasks) => answer ??= part(p, tasks, inner),
);

/** Divides tasks into parts of a size: one goes to rank 0, all others to rank 1. */
const bySize = (size: number): distributed.PartitionFunction => ([all, tasks]) => {
  const count = (tasks as Tasks).xQuery.shape[0] / size;
  return Array.from({ length: count }, (_, i) => {
    const some = Object.entries(tasks as Tasks).map(([k, x]) => [k, x.narrow(0, i * size, size)]);
    return [Math.min(i, 1), [all, Object.fromEntries(some), inner], {}];
  });
};

/** Messages take longer after work, which has filled the caches, than one after the other. */
async function beside(count: number, tasks: Tasks): Promise<number[]> {
  const other = distributed.remoteSyncCall<number[]>(there, { args: [count], partitioner: 1 });
  const works = [alone(sample(count)), ...await other], start = performance.now();
  const { loss } = await distributed.remoteSyncCall<ReturnType<typeof mean>>(unworked, {
    args: [params, tasks],
    partitioner: bySize(count),
    reducer: mean,
  });
  loss.item();
  return [...works, performance.now() - start];
}

async function together(tasks: Tasks): Promise<number[]> {
  const start = performance.now();
  (await parallelPart(params, tasks, inner)).loss.item();
  return [performance.now() - start];
}

async function runOnce({ kind, tasks, calls = 1 }: Kind): Promise<number[]> {
  if (kind === "alone") return [alone(sample(tasks))];
  return await (kind === "beside"
    ? beside(tasks, sample((1 + calls) * tasks))
    : together(sample(tasks)));
}

/**
 * Runs kinds of work in turns, in every other round from the last to the first.
 *
 * @param kinds what to run
 * @param rounds how often each takes its turn
 * @param times runs in a turn that count, after one that does not
 */
export async function inTurns(
  kinds: readonly Kind[],
  rounds: number,
  times: number,
): Promise<Runs[]> {
  const results = kinds.map((kind): Runs => ({ ...kind, runs: [] }));
  // Compiles.
  for (let i = 0; i < 3; i++) for (const kind of kinds) await runOnce(kind);
  for (let round = 0; round < rounds; round++) {
    for (const kind of round % 2 === 0 ? results : results.toReversed()) {
      for (let i = -1; i < times; i++) {
        const taken = await runOnce(kind);
        if (i >= 0) kind.runs.push(taken);
      }
    }
  }
  return results;
}

/** Kinds of W16: all tasks on one rank, half of them on one, all on both. */
export const W16: readonly Kind[] = [
  { kind: "alone", tasks: 400 },
  { kind: "alone", tasks: 200 },
  { kind: "together", tasks: 400 },
];

/** What the simulation of many ranks is made of and compared with. */
export const PARTS: readonly Kind[] = [
  { kind: "alone", tasks: 5 },
  { kind: "beside", tasks: 5 },
  { kind: "beside", tasks: 5, calls: 15 },
  { kind: "alone", tasks: 25 },
  { kind: "beside", tasks: 25 },
  { kind: "alone", tasks: 50 },
  { kind: "together", tasks: 100 },
  { kind: "beside", tasks: 50 },
  { kind: "alone", tasks: 100 },
  { kind: "beside", tasks: 100 },
  { kind: "beside", tasks: 100, calls: 7 },
  { kind: "together", tasks: 200 },
  { kind: "alone", tasks: 200 },
  { kind: "beside", tasks: 200 },
  { kind: "together", tasks: 400 },
  { kind: "alone", tasks: 400 },
  { kind: "beside", tasks: 400 },
];
