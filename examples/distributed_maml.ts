/**
 * Model-agnostic meta-learning on sinusoids, on several ranks: each adapts to its part of the tasks, and
 * rank 0 takes the step. The same as `maml_sinusoid.ts` on one rank, to rounding.
 *
 * `deno task launch --nproc 2 examples/distributed_maml.ts`; every engine that `docs/distributed.md` names
 * will do as well.
 *
 * @module
 */

import {
  adam,
  applyUpdates,
  compile,
  type Compiled,
  distributed,
  func,
  Generator,
  type Tensor,
} from "@torchopt/torchopt";
import { options, run } from "./helpers/options.ts";
import { track } from "./helpers/progress.ts";
import {
  evaluator,
  grid,
  type Inner,
  makeParams,
  metaLoss,
  type Params,
  sampleTasks,
  type Tasks,
} from "./maml_sinusoid.ts";

/** What a rank gives back: the mean loss of its tasks, its gradient, and how many tasks they were. */
export interface Part {
  readonly loss: Tensor;
  readonly gradient: Params;
  readonly count: number;
}

const compiled = new Map<string, Compiled<(params: Params, tasks: Tasks) => [Tensor, Params]>>();

/** Loss and gradient of some tasks on this rank. */
export function part(params: Params, tasks: Tasks, inner: Inner): Part {
  const key = JSON.stringify(inner);
  let step = compiled.get(key);
  if (step === undefined) {
    const both = func.valueAndGrad((p: Params, t: Tasks) => metaLoss(p, t, inner));
    step = compile((p: Params, t: Tasks) => both(p, t) as [Tensor, Params]);
    compiled.set(key, step);
  }
  const [loss, gradient] = step(params, tasks);
  return { loss, gradient, count: tasks.xSupport.shape[0] };
}

/** Tasks are divided among the ranks; the parameters go to all of them. */
function byTasks([params, tasks, inner]: distributed.Args): distributed.Partition[] {
  return distributed.batchPartitioner([tasks])
    .map(([worker, [own]]) => [worker, [params, own, inner], {}]);
}

/** The mean over all tasks, of means over parts that may differ in size. */
export function mean(parts: readonly Part[]): Omit<Part, "count"> {
  const all = parts.reduce((n, { count }) => n + count, 0);
  const weighted = (values: readonly Tensor[]) =>
    values.map((x, i) => x.mul(parts[i].count / all)).reduce((sum, x) => sum.add(x));
  const [first] = parts;
  const gradient = Object.fromEntries(
    Object.keys(first.gradient).map((name) => [
      name,
      weighted(parts.map((p) => p.gradient[name as keyof Params])),
    ]),
  ) as Params;
  return { loss: weighted(parts.map(({ loss }) => loss)), gradient };
}

/** Loss and gradient of all tasks, by all ranks. */
export const parallelPart: (
  params: Params,
  tasks: Tasks,
  inner: Inner,
) => Promise<ReturnType<typeof mean>> = distributed.parallelize({
  partitioner: byTasks,
  reducer: mean,
  name: "maml/part",
})(part);

const table = {
  iterations: [200, "meta-training iterations", "count"],
  tasks: [400, "tasks in each iteration", "count"],
  shots: [10, "known points of a task", "count"],
  hidden: [64, "units of a layer", "count"],
  "inner-steps": [3, "steps of adaptation", "count"],
  "inner-lr": [0.01, "step size of adaptation", "positive"],
  lr: [3e-3, "step size of meta-training (Adam)", "positive"],
  seed: [0, "seed of parameters and tasks", "seed"],
} as const;

async function main(): Promise<void> {
  const o = options("MAML on sinusoids, on all ranks of the world.", table);
  await distributed.autoInitRpc()(distributed.rankZeroOnly(async () => {
    const params = makeParams(new Generator(o.seed), o.hidden);
    const inner = { steps: o["inner-steps"], lr: o["inner-lr"] };
    const test = sampleTasks(new Generator(o.seed + 1), 200, o.shots, grid(50));
    const evaluate = evaluator(params, inner), before = evaluate(test).at(-1)!.item();
    const generator = new Generator(o.seed + 2), optimizer = adam({ lr: o.lr });
    const state = optimizer.init(params), size = distributed.getWorldSize();
    const tasks = () => sampleTasks(generator, o.tasks, o.shots);

    // The first calls compile; then the same work is timed on this rank alone and on all.
    const alone = () => Promise.resolve(mean([part(params, tasks(), inner)]));
    const together = () => parallelPart(params, tasks(), inner);
    const time = async (work: typeof together) => {
      for (let i = 0; i < 3; i++) (await work()).loss.item();
      const times: number[] = [];
      for (let i = 0; i < 15; i++) {
        const start = performance.now();
        (await work()).loss.item();
        times.push(performance.now() - start);
      }
      return times.sort((a, b) => a - b)[7];
    };
    const [one, all] = [await time(alone), await time(together)];

    let recent = 0;
    await track("meta-training", o, () => `error ${recent.toFixed(3)}`, async () => {
      const { loss, gradient } = await together();
      const [updates] = optimizer.update(gradient, state, { params });
      applyUpdates(params, updates);
      recent = loss.item();
    });
    console.log(
      `error after ${inner.steps} steps on 200 waves that were not trained on: ${
        before.toFixed(3)
      } ` +
        `before meta-training, ${evaluate(test).at(-1)!.item().toFixed(3)} after`,
    );
    console.log(
      `${o.tasks} tasks: ${one.toFixed(1)} ms on one rank, ${all.toFixed(1)} ms on ${size}: ` +
        `${(one / all).toFixed(2)} times as fast`,
    );
  }))();
}

if (import.meta.main) await run(main);
