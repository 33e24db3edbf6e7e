/**
 * Meta-gradient reinforcement learning (Xu, van Hasselt, Silver, Meta-Gradient Reinforcement Learning,
 * NeurIPS 2018): the discounts of a return are learned by differentiating through a learning step.
 *
 * A trajectory visits ten states in order. The rewards of states 0, 2, 4, … are noise, those of
 * states 1, 3, 5, … are 0.1. A linear value function takes one step towards returns with a discount
 * for each state; the discounts follow the gradient of the error on the undiscounted returns of
 * another trajectory. To bootstrap on a state whose reward is noise does not help: those discounts
 * (odd places) go to 0, the others to 1.
 *
 * @module
 */

import {
  applyUpdates,
  autograd,
  compile,
  type Compiled,
  eye,
  Generator,
  nn,
  ones,
  randn,
  sgd,
  stack,
  type Tensor,
  zeros,
} from "@torchopt/torchopt";
import { options, run } from "./helpers/options.ts";
import { lineChart, savePicture } from "./helpers/plot.ts";
import { track } from "./helpers/progress.ts";

/** Number of states of a trajectory. */
export const STATES = 10;

const REWARD = 0.1, INNER_LR = 0.5, OUTER_LR = 0.5;

/** Linear value function of one-hot states. */
export interface ValueFunction {
  /** `[1, STATES]` */
  readonly weight: Tensor;
  /** `[1]` */
  readonly bias: Tensor;
}

/** Returns `[STATES, 1]` of a trajectory with noise `z` (`[STATES / 2]`); each bootstraps on the next. */
function returns(z: Tensor, discounts: Tensor): Tensor {
  const rewards = stack([z, zeros(z.shape, { dtype: z.dtype }).add(REWARD)], 1).flatten();
  const out = [rewards.select(0, STATES - 1)];
  for (let i = STATES - 2; i >= 0; i--) {
    out.unshift(rewards.select(0, i).add(discounts.select(0, i).mul(out[0].detach())));
  }
  return stack(out).unsqueeze(1);
}

/** Error of the value function after one step, and its gradient in the logits of the discounts. */
export function metaGradient(
  { weight, bias }: ValueFunction,
  gamma: Tensor,
  zInner: Tensor,
  zOuter: Tensor,
): { loss: Tensor; gradient: Tensor } {
  const states = eye(STATES, { dtype: gamma.dtype });
  const error = (w: Tensor, b: Tensor, target: Tensor) =>
    nn.functional.mseLoss(nn.functional.linear(states, w, b), target);
  const inner = error(weight, bias, returns(zInner, gamma.sigmoid()));
  const [gw, gb] = autograd.grad(inner, [weight, bias], { createGraph: true }) as Tensor[];
  const all = ones([STATES - 1], { dtype: gamma.dtype });
  const loss = error(
    weight.sub(gw.mul(INNER_LR)),
    bias.sub(gb.mul(INNER_LR)),
    returns(zOuter, all),
  );
  return { loss, gradient: autograd.grad(loss, [gamma])[0]! };
}

/** What one step of {@linkcode trainer} returns. */
export type Step = ReturnType<typeof metaGradient>;

/** A compiled step on the logits `gamma` of the discounts; the value function stays as it is. */
export function trainer(
  net: ValueFunction,
  gamma: Tensor,
): Compiled<(zInner: Tensor, zOuter: Tensor) => Step> {
  const optimizer = sgd({ lr: OUTER_LR });
  const state = optimizer.init([gamma]);
  return compile((zInner: Tensor, zOuter: Tensor) => {
    const step = metaGradient(net, gamma, zInner, zOuter);
    const [updates] = optimizer.update([step.gradient], state, { params: [gamma] });
    applyUpdates([gamma], updates);
    return step;
  });
}

/** A random value function, and logits 0. */
export function makeProblem(generator: Generator): { net: ValueFunction; gamma: Tensor } {
  const draw = (...shape: number[]) =>
    randn(shape, { generator }).mul(1 / Math.sqrt(3 * STATES)).requiresGrad_();
  return {
    net: { weight: draw(1, STATES), bias: draw(1) },
    gamma: zeros([STATES - 1], { requiresGrad: true }),
  };
}

const table = {
  iterations: [10_000, "steps on the discounts", "count"],
  seed: [0, "seed of the value function and the noise", "seed"],
  out: ["mgrl.svg", "picture of the discounts", "file"],
} as const;

async function main(): Promise<void> {
  const o = options(
    "Meta-gradient reinforcement learning: learn a discount for each state.",
    table,
  );
  const { net, gamma } = makeProblem(new Generator(o.seed));
  const step = trainer(net, gamma), generator = new Generator(o.seed + 1);
  const noise = () => randn([STATES / 2], { generator });
  const curves = Array.from({ length: STATES - 1 }, (_, i) => ({
    name: `discount ${i}`,
    values: [] as number[],
  }));
  const discounts = () => Array.from(gamma.sigmoid().data(), Number);
  const shown = (digits: number) => discounts().map((v) => v.toFixed(digits)).join(" ");
  const every = Math.ceil(o.iterations / 100);
  const { seconds } = await track("learning discounts", o, () => shown(2), (i) => {
    step(noise(), noise());
    if (i % every === 0) discounts().forEach((v, k) => curves[k].values.push(v));
  });
  console.log(`discounts: ${shown(3)}`);
  console.log(`${(1e3 * seconds / o.iterations).toFixed(3)} ms an iteration`);
  await savePicture(
    o.out,
    lineChart(curves.slice(0, 4), {
      title: "Discounts of states before noise (odd) and before a reward (even)",
      x: "iterations",
      y: "discount",
      range: [0, o.iterations],
    }),
  );
}

if (import.meta.main) await run(main);
