/**
 * Learning with opponent-learning awareness (Foerster et al., LOLA, AAMAS 2018; DiCE, ICML 2018) on
 * the iterated prisoner's dilemma.
 *
 * Each agent imagines that the other takes some learning steps, and differentiates its own return
 * through those steps. Agents that look ahead learn to cooperate (score about -1); agents that do not
 * learn to defect (score -2).
 *
 * @module
 */

import $ from "dax";
import {
  adam,
  applyUpdates,
  autograd,
  type DType,
  Generator,
  type GradientTransformation,
  type OptState,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import { options } from "./options.ts";
import { lineChart } from "./plot.ts";

/** The start, and the four pairs of (own, other's) last actions. */
const STATES = 5;

/** Settings of a game and of learning in it. */
export interface Game {
  /** Games played at once. */
  readonly batch: number;
  /** Rounds of a game. */
  readonly rounds: number;
  /** Discount. */
  readonly discount: number;
  /** Step size of imagined steps, of policies and of value estimates. */
  readonly innerLr: number;
  readonly outerLr: number;
  readonly valueLr: number;
  /** Imagined steps. */
  readonly lookaheads: number;
}

/** An agent: logits of defecting in each state, and estimated values of the states. */
export interface Agent {
  readonly theta: Tensor;
  readonly values: Tensor;
}

/** Two agents. */
export type Pair = readonly [Agent, Agent];

/** Uniform numbers `[rounds, 2, batch]` of one rollout. */
export type Uniforms = ArrayLike<number | bigint>;

/** What one agent saw and did, in order of games and rounds. */
interface Trace {
  /** One-hot states `[batch * rounds, 5]`. */
  readonly states: Tensor;
  /** 1 where the agent cooperated, -1 where it defected, `[batch, rounds]`. */
  readonly signs: Tensor;
  /** Payoffs `[batch, rounds]`. */
  readonly rewards: Tensor;
}

/** Payoff of (own, other's) action; 0 is to defect, 1 to cooperate. */
const PAYOFF = [[-2, 0], [-3, -1]];

/** Plays games between two policies. */
function play(
  thetas: readonly [Tensor, Tensor],
  u: Uniforms,
  { batch, rounds }: Game,
): [Trace, Trace] {
  const dtype: DType = thetas[0].dtype, n = batch * rounds;
  const defect = thetas.map((t) => Array.from(t.data(), (x) => 1 / (1 + Math.exp(-Number(x)))));
  const make = () => ({
    states: new Float64Array(n * STATES),
    signs: new Float64Array(n),
    rewards: new Float64Array(n),
  });
  const out = [make(), make()];
  for (let game = 0; game < batch; game++) {
    let s0 = 0, s1 = 0;
    for (let t = 0; t < rounds; t++) {
      const at = game * rounds + t;
      const a0 = Number(u[2 * t * batch + game]) < 1 - defect[0][s0] ? 1 : 0;
      const a1 = Number(u[(2 * t + 1) * batch + game]) < 1 - defect[1][s1] ? 1 : 0;
      out[0].states[at * STATES + s0] = out[1].states[at * STATES + s1] = 1;
      out[0].signs[at] = 2 * a0 - 1;
      out[1].signs[at] = 2 * a1 - 1;
      out[0].rewards[at] = PAYOFF[a0][a1];
      out[1].rewards[at] = PAYOFF[a1][a0];
      s0 = 1 + 2 * a0 + a1;
      s1 = 1 + 2 * a1 + a0;
    }
  }
  return out.map(({ states, signs, rewards }) => ({
    states: tensor(states, { shape: [n, STATES], dtype }),
    signs: tensor(signs, { shape: [batch, rounds], dtype }),
    rewards: tensor(rewards, { shape: [batch, rounds], dtype }),
  })) as [Trace, Trace];
}

/** Value of a per-state quantity in each round. */
function lookUp(perState: Tensor, { states, signs }: Trace): Tensor {
  return states.matmul(perState).reshape(signs.shape);
}

/** Log-probabilities of the actions taken. */
function logProbs(theta: Tensor, trace: Trace): Tensor {
  return lookUp(theta, trace).mul(trace.signs).softplus().neg();
}

/** 1, with the derivative of `x`: what lets a score-function estimator be differentiated again. */
function magicBox(x: Tensor): Tensor {
  return x.sub(x.detach()).exp();
}

/** Discount of each round. */
function discounts({ rounds, discount }: Game, dtype: DType): Tensor {
  return tensor(Array.from({ length: rounds }, (_, t) => discount ** t), { dtype });
}

/** Negative DiCE estimate of an agent's return, with its values as baseline. */
function diceLoss(
  own: Trace,
  theta: Tensor,
  values: Tensor,
  other: Trace,
  otherTheta: Tensor,
  game: Game,
): Tensor {
  const discount = discounts(game, theta.dtype);
  const each = logProbs(theta, own).add(logProbs(otherTheta, other));
  const gain = magicBox(each.cumsum(1)).mul(own.rewards.mul(discount));
  const baseline = magicBox(each).neg().add(1).mul(lookUp(values, own).mul(discount));
  return gain.add(baseline).sum(1).mean().neg();
}

/** Mean squared error of the estimated values against the payoffs. */
function valueLoss(trace: Trace, values: Tensor): Tensor {
  return trace.rewards.sub(lookUp(values, trace)).square().mean();
}

/** An agent with the optimizers of its two tensors. */
class Learner {
  readonly #policy: GradientTransformation;
  readonly #value: GradientTransformation;
  readonly #policyState: OptState;
  readonly #valueState: OptState;

  constructor(readonly agent: Agent, { outerLr, valueLr }: Game) {
    this.#policy = adam({ lr: outerLr });
    this.#value = adam({ lr: valueLr });
    this.#policyState = this.#policy.init([agent.theta]);
    this.#valueState = this.#value.init([agent.values]);
  }

  /** One step of Adam for the policy; returns the gradient. */
  learnPolicy(loss: Tensor): Tensor {
    return this.#step(loss, this.agent.theta, this.#policy, this.#policyState);
  }

  /** One step of Adam for the values. */
  learnValues(loss: Tensor): Tensor {
    return this.#step(loss, this.agent.values, this.#value, this.#valueState);
  }

  #step(loss: Tensor, x: Tensor, optimizer: GradientTransformation, state: OptState): Tensor {
    const [gradient] = autograd.grad(loss, [x]) as Tensor[];
    gradient.data(); // read before the step overwrites what it is made of
    const [updates] = optimizer.update([gradient], state, { params: [x] });
    applyUpdates([x], updates);
    return gradient;
  }
}

/** What one update did, for agents 1 and 2. */
export interface Update {
  /** Losses and gradients of the policies. */
  readonly losses: number[];
  readonly gradients: Tensor[];
  /** Policies that the agents imagined each other to have. */
  readonly imagined: Tensor[];
  /** Errors of the values. */
  readonly valueLosses: number[];
  /** Mean payoff of a round, over both agents, in the two games played for the update. */
  readonly score: number;
}

/** Makes a function that updates both agents; `draw` gives the uniform numbers of a rollout. */
export function learners(pair: Pair, game: Game, draw: () => Uniforms): () => Update {
  const own = pair.map((agent) => new Learner(agent, game));
  return () => {
    const thetas = pair.map((a) => a.theta);
    // What each becomes in the other's imagination, after steps that depend on the other.
    const imagined = thetas.map((t) => t.detach().clone().requiresGrad_());
    for (const i of [0, 1]) {
      for (let k = 0; k < game.lookaheads; k++) {
        const now: [Tensor, Tensor] = i === 0 ? [imagined[0], thetas[1]] : [thetas[0], imagined[1]];
        const traces = play(now, draw(), game);
        const loss = diceLoss(traces[i], now[i], pair[i].values, traces[1 - i], now[1 - i], game);
        const [g] = autograd.grad(loss, [now[i]], { createGraph: true }) as Tensor[];
        imagined[i] = now[i].sub(g.mul(game.innerLr));
      }
    }
    const losses: number[] = [], gradients: Tensor[] = [], valueLosses: number[] = [];
    let score = 0;
    const before = imagined.map((t) => t.detach().clone());
    before.forEach((t) => t.data());
    for (const i of [0, 1]) {
      const now: [Tensor, Tensor] = i === 0 ? [thetas[0], imagined[1]] : [imagined[0], thetas[1]];
      const traces = play(now, draw(), game);
      const loss = diceLoss(traces[i], now[i], pair[i].values, traces[1 - i], now[1 - i], game);
      losses.push(loss.item());
      gradients.push(own[i].learnPolicy(loss));
      const error = valueLoss(traces[i], pair[i].values);
      valueLosses.push(error.item());
      own[i].learnValues(error);
      for (const t of traces) score += t.rewards.mean().item() / 4;
    }
    return { losses, gradients, imagined: before, valueLosses, score };
  };
}

/** Settings of the reference's example. */
export const DEFAULT_GAME: Game = {
  batch: 1024,
  rounds: 150,
  discount: 0.96,
  innerLr: 0.3,
  outerLr: 0.2,
  valueLr: 0.1,
  lookaheads: 1,
};

/** Scores of agents that start with zeros and learn for `updates` updates. */
export function* scores(game: Game, updates: number, seed: number): Generator_<number> {
  const agent = () => ({
    theta: zeros([STATES], { requiresGrad: true }),
    values: zeros([STATES], { requiresGrad: true }),
  });
  const generator = new Generator(seed), buffer = new Float64Array(game.rounds * 2 * game.batch);
  const update = learners([agent(), agent()], game, () => {
    generator.fillUniform(buffer);
    return buffer;
  });
  for (let i = 0; i < updates; i++) yield update().score;
}

type Generator_<T> = globalThis.Generator<T>;

const table = {
  updates: [100, "updates of both agents"],
  batch: [1024, "games played at once"],
  rounds: [150, "rounds of a game"],
  seed: [0, "seed of the actions"],
  out: ["lola_dice.svg", "picture of the scores"],
} as const;

async function main(): Promise<void> {
  const o = options("LOLA-DiCE: agents that look ahead learn to cooperate.", table);
  const lookaheads = [0, 1, 2];
  const progress = $.progress("learning", { length: lookaheads.length * o.updates });
  const curves: { name: string; values: number[] }[] = [];
  await progress.with(() => {
    for (const n of lookaheads) {
      const values: number[] = [];
      curves.push({ name: `lookahead ${n}`, values });
      const game = { ...DEFAULT_GAME, batch: o.batch, rounds: o.rounds, lookaheads: n };
      for (const score of scores(game, o.updates, o.seed)) {
        values.push(score);
        progress.message(`lookahead ${n}: score ${score.toFixed(2)}`);
        progress.increment();
        progress.forceRender();
      }
    }
  });
  console.log("mean payoff of a round: -1 is cooperation, -2 defection");
  for (const { name, values } of curves) {
    const shown = values.filter((_, i) => i % 10 === 0).map((v) => v.toFixed(2));
    console.log(`  ${name}  ${shown.join(" ")}  last ${values.at(-1)!.toFixed(2)}`);
  }
  await Deno.writeTextFile(
    o.out,
    lineChart(curves, { title: "Iterated prisoner's dilemma", x: "update", y: "mean payoff" }),
  );
  console.log(`picture: ${o.out}`);
}

if (import.meta.main) await main();
