/**
 * Evolution strategies (T. Salimans, J. Ho, X. Chen, S. Sidor, I. Sutskever, Evolution Strategies as a
 * Scalable Alternative to Reinforcement Learning, 2017) on the cart-pole task (A. Barto, R. Sutton, C.
 * Anderson, Neuronlike Adaptive Elements That Can Solve Difficult Learning Control Problems, 1983).
 *
 * A small network pushes a cart to the left or to the right, so that the pole on it stays up. The
 * reward is the number of steps until it falls: it has no derivative, and comes from a simulator that
 * knows nothing of tensors. `diff.zeroOrder` estimates the gradient of the mean reward around the
 * parameters from what perturbed networks reach; ranks take the place of rewards.
 *
 * @module
 */

import { Adam, diff, Generator, randn, type Tensor, tensor } from "@torchopt/torchopt";
import { options, run } from "./helpers/options.ts";
import { lineChart, savePicture } from "./helpers/plot.ts";
import { track } from "./helpers/progress.ts";

/** Position and speed of the cart, angle and angular speed of the pole. */
export type State = readonly [number, number, number, number];

const GRAVITY = 9.8, CART = 1, POLE = 0.1, HALF_LENGTH = 0.5, FORCE = 10, SECONDS = 0.02;
const FAR = 2.4, FALLEN = 12 * Math.PI / 180;

/** One step of the simulation, with a push to the right or to the left (R. Florian's equations, 2007). */
export function step([x, v, angle, w]: State, right: boolean): State {
  const force = right ? FORCE : -FORCE, mass = CART + POLE;
  const sin = Math.sin(angle), cos = Math.cos(angle);
  const pull = (force + POLE * HALF_LENGTH * w * w * sin) / mass;
  const turn = (GRAVITY * sin - cos * pull) /
    (HALF_LENGTH * (4 / 3 - POLE * cos * cos / mass));
  const push = pull - POLE * HALF_LENGTH * turn * cos / mass;
  return [x + SECONDS * v, v + SECONDS * push, angle + SECONDS * w, w + SECONDS * turn];
}

/** Whether the pole stands, and the cart is on its track. */
export const stands = ([x, , angle]: State): boolean =>
  Math.abs(x) <= FAR && Math.abs(angle) <= FALLEN;

/** Number of parameters of a network with so many hidden units. */
export const sizeOf = (hidden: number): number => 6 * hidden + 1;

/** What a network with one hidden layer does in a state. */
function pushesRight(p: ArrayLike<number>, hidden: number, state: State): boolean {
  let out = p[6 * hidden];
  for (let h = 0; h < hidden; h++) {
    let sum = p[5 * hidden + h];
    for (let i = 0; i < 4; i++) sum += p[4 * h + i] * state[i];
    out += p[4 * hidden + h] * Math.tanh(sum);
  }
  return out > 0;
}

/** Steps until the pole falls, at most `limit`. */
export function episode(
  p: ArrayLike<number>,
  hidden: number,
  start: State,
  limit: number,
): number {
  let state = start, steps = 0;
  while (steps < limit && stands(state)) {
    state = step(state, pushesRight(p, hidden, state));
    steps++;
  }
  return steps;
}

/** The mean number of steps from some starts. */
export function reward(
  p: ArrayLike<number>,
  hidden: number,
  starts: readonly State[],
  limit: number,
): number {
  return starts.reduce((sum, s) => sum + episode(p, hidden, s, limit), 0) / starts.length;
}

/** States near the upright one. */
export function drawStarts(count: number, generator: Generator): State[] {
  const all = new Float64Array(4 * count);
  generator.fillUniform(all);
  return Array.from(
    { length: count },
    (_, i) => [...all.subarray(4 * i, 4 * i + 4)].map((u) => 0.1 * u - 0.05) as unknown as State,
  );
}

/** What the training is made of. */
export interface Settings {
  readonly hidden: number;
  /** Pairs of perturbed networks in an iteration. */
  readonly pairs: number;
  /** Their distance. */
  readonly sigma: number;
  /** Step size. */
  readonly lr: number;
  /** Starts that each of them is tried from. */
  readonly starts: number;
  /** Steps of an episode. */
  readonly limit: number;
}

/** A network in training. `iterate` is a step; it returns the mean reward before it. */
export function trainer(o: Settings, generator: Generator): {
  readonly params: Tensor;
  iterate(): number;
} {
  const params = randn([sizeOf(o.hidden)], { generator, dtype: "float64" }).mul(0.1).detach()
    .requiresGrad_();
  const optimizer = new Adam([params], { lr: o.lr });
  const noise = (shape: readonly number[]) => randn(shape, { generator, dtype: "float64" });
  const estimate = diff.zeroOrder(noise, {
    method: "antithetic",
    numSamples: o.pairs,
    sigma: o.sigma,
    shaping: "ranks",
    evaluation: "loop",
  });
  const loss = estimate((p: Tensor, starts: readonly State[]) =>
    tensor(-reward(p.data() as Float64Array, o.hidden, starts, o.limit), { dtype: "float64" })
  );
  return {
    params,
    iterate() {
      // All networks of an iteration start in the same states.
      const value = loss(params, drawStarts(o.starts, generator));
      optimizer.zeroGrad();
      value.backward();
      optimizer.step();
      return -value.item();
    },
  };
}

const table = {
  hidden: [4, "hidden units of the network", "count"],
  pairs: [16, "pairs of perturbed networks in an iteration", "count"],
  sigma: [0.3, "standard deviation of the perturbations", "positive"],
  lr: [0.1, "step size (Adam)", "positive"],
  starts: [4, "starts that each network is tried from", "count"],
  limit: [500, "steps of an episode", "count"],
  iterations: [100, "steps of training", "count"],
  seed: [0, "seed of parameters, noise and starts", "seed"],
  out: ["cart_pole.svg", "picture of the reward", "file"],
} as const;

async function main(): Promise<void> {
  const o = options("Evolution strategies that balance a pole on a cart.", table);
  const generator = new Generator(o.seed), tests = drawStarts(100, new Generator(o.seed + 1));
  const { params, iterate } = trainer(o, generator);
  const test = () => reward(params.data() as Float64Array, o.hidden, tests, o.limit);
  const before = test(), tried: number[] = [], tested: number[] = [];
  const taken = await track("evolution", o, () => `${tested.at(-1)!.toFixed(1)} steps`, () => {
    tried.push(iterate());
    tested.push(test());
  });
  console.log(`mean steps from 100 other starts, at most ${o.limit}`);
  console.log(`  before  ${before.toFixed(1)}`);
  console.log(`  after   ${tested.at(-1)!.toFixed(1)}, best ${Math.max(...tested).toFixed(1)}`);
  const episodes = (2 * o.pairs + 1) * o.starts;
  const ms = (1e3 * taken.seconds / taken.iterations).toFixed(1);
  console.log(`${ms} ms an iteration of ${episodes} episodes`);
  const curves = [{ name: "100 other starts", values: tested }, { name: "own", values: tried }];
  await savePicture(
    o.out,
    lineChart(curves, {
      title: `cart-pole, ${sizeOf(o.hidden)} parameters, ${o.pairs} pairs`,
      x: "iterations",
      y: "steps until the pole falls",
      range: [1, taken.iterations],
    }),
  );
}

if (import.meta.main) await run(main);
