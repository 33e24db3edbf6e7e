/**
 * Zero-order search on several ranks: the number of points that a rule gets wrong has no slope, but where
 * it is smoothed by random steps it has one. Each rank evaluates its part of the steps.
 *
 * `deno task launch --nproc 2 examples/parallel_search.ts`
 *
 * @module
 */

import {
  Adam,
  autograd,
  diff,
  distributed,
  Generator,
  randn,
  type Tensor,
  zeros,
} from "@torchopt/torchopt";
import { options, run } from "./helpers/options.ts";
import { track } from "./helpers/progress.ts";

/** Points with labels of 0 and 1, by a rule that is to be found. */
export function problem(points: number, seed: number): { x: Tensor; y: Tensor } {
  const generator = new Generator(seed), x = randn([points, 8], { generator });
  return { x, y: x.matmul(randn([8, 1], { generator })).gt(0).to("float32") };
}

let data: ReturnType<typeof problem> | null = null;

/** Makes the data, the same on all ranks. */
export function load(points: number, seed: number): void {
  data = problem(points, seed);
}

/** The part of points that a rule gets wrong; a black box. */
export function mistakes(w: Tensor): Tensor {
  const { x, y } = data!;
  return x.matmul(w).gt(0).to("float32").sub(y).abs().mean();
}

/** The gradient of the smoothed error, by random steps that a seed gives. */
export function estimate(w: Tensor, seed: number, steps: number): Tensor {
  const generator = new Generator(seed), at = w.detach().requiresGrad_();
  const draw = (shape: readonly number[]) => randn([...shape], { generator });
  const settings = { method: "antithetic", numSamples: steps, sigma: 0.3 } as const;
  return autograd.grad(diff.zeroOrder(draw, settings)(mistakes)(at), [at])[0]!;
}

/** The same with a part of the steps on each rank. */
export const parallelEstimate: (w: Tensor, seed: number, steps: number) => Promise<Tensor> =
  distributed
    .parallelize({
      name: "search/estimate",
      partitioner: ([w, seed, steps]) => {
        const size = distributed.getWorldSize(), own = Math.ceil(steps as number / size);
        return Array.from(
          { length: size },
          (_, r) => [r, [w, (seed as number) * size + r, own], {}],
        );
      },
      reducer: distributed.meanReducer,
    })(estimate);

const table = {
  iterations: [60, "steps of the search", "count"],
  points: [40_000, "points", "count"],
  steps: [128, "random steps of each iteration, on all ranks together", "count"],
  lr: [0.1, "step size (Adam)", "positive"],
  seed: [0, "seed of the data and of the steps", "seed"],
} as const;

async function main(): Promise<void> {
  const o = options("Zero-order search for a rule, on all ranks of the world.", table);
  load(o.points, o.seed);
  await distributed.autoInitRpc()(distributed.rankZeroOnly(async () => {
    const w = zeros([8, 1], { requiresGrad: true }), optimizer = new Adam([w], { lr: o.lr });
    const size = distributed.getWorldSize(), before = mistakes(w).item();
    const time = async (work: () => Tensor | Promise<Tensor>) => {
      const times: number[] = [];
      for (let i = 0; i < 12; i++) {
        const start = performance.now();
        (await work()).data();
        times.push(performance.now() - start);
      }
      return times.sort((a, b) => a - b)[4];
    };
    const one = await time(() => estimate(w, 1, o.steps));
    const all = await time(() => parallelEstimate(w, 1, o.steps));
    await track(
      "search",
      o,
      () => `${(100 * mistakes(w).item()).toFixed(1)} % wrong`,
      async (i) => {
        w.grad = await parallelEstimate(w, o.seed + i, o.steps);
        optimizer.step();
      },
    );
    const percent = (part: number) => `${(100 * part).toFixed(1)} %`;
    console.log(`wrong: ${percent(before)} before, ${percent(mistakes(w).item())} after`);
    console.log(
      `${o.steps} steps: ${one.toFixed(1)} ms on one rank, ${all.toFixed(1)} ms on ${size}: ` +
        `${(one / all).toFixed(2)} times as fast`,
    );
  }))();
}

if (import.meta.main) await run(main);
