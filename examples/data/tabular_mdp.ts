/**
 * Random Markov decision processes with few states (Duan, Schulman, Chen, Bartlett, Sutskever, Abbeel,
 * RL²: Fast Reinforcement Learning via Slow Reinforcement Learning, 2016), and playing in them.
 *
 * @module
 */

import type { Generator } from "@torchopt/torchopt";

/** Sizes of a process. */
export interface MdpShape {
  /** States; an episode begins in the first. */
  readonly states: number;
  /** Actions in each state. */
  readonly actions: number;
}

/** A process. Rows are pairs of state and action, the action running faster. */
export interface Mdp extends MdpShape {
  /** Probabilities of the next state, `[states * actions][states]`. */
  readonly transitions: readonly Float64Array[];
  /** Mean reward of each pair; rewards have a standard deviation of 1. */
  readonly rewards: Float64Array;
}

/** Episodes of equal length, one after the other. */
export interface Episodes {
  /** State before each action. */
  readonly states: Int32Array;
  /** Actions. */
  readonly actions: Int32Array;
  /** Rewards. */
  readonly rewards: Float64Array;
  /** Number of actions in an episode. */
  readonly length: number;
}

/** A process: next states from a uniform Dirichlet distribution, mean rewards from N(1, 1). */
export function sampleMdp({ states, actions }: MdpShape, generator: Generator): Mdp {
  const rewards = new Float64Array(states * actions);
  generator.fillNormal(rewards);
  const transitions = Array.from(rewards, () => {
    const row = new Float64Array(states);
    generator.fillUniform(row);
    // Exponential numbers, divided by their sum.
    row.forEach((u, i) => row[i] = -Math.log(1 - u));
    const sum = row.reduce((a, b) => a + b);
    return row.map((v) => v / sum);
  });
  return { states, actions, transitions, rewards: rewards.map((v) => v + 1) };
}

/** The first place at which the running sum of `weights` from `start` exceeds `u`. */
function choose(weights: ArrayLike<number>, start: number, count: number, u: number): number {
  let i = 0;
  for (let left = u - weights[start]; i < count - 1 && left >= 0; left -= weights[start + i]) i++;
  return i;
}

/**
 * Plays episodes.
 *
 * @param policy probabilities of the actions in each state, `[states * actions]`
 */
export function play(
  mdp: Mdp,
  policy: ArrayLike<number>,
  episodes: number,
  length: number,
  generator: Generator,
): Episodes {
  const n = episodes * length;
  const states = new Int32Array(n), actions = new Int32Array(n);
  const rewards = new Float64Array(n), uniforms = new Float64Array(2 * n);
  generator.fillNormal(rewards);
  generator.fillUniform(uniforms);
  for (let i = 0, state = 0; i < n; i++) {
    if (i % length === 0) state = 0;
    states[i] = state;
    actions[i] = choose(policy, state * mdp.actions, mdp.actions, uniforms[2 * i]);
    const row = state * mdp.actions + actions[i];
    rewards[i] += mdp.rewards[row];
    state = choose(mdp.transitions[row], 0, mdp.states, uniforms[2 * i + 1]);
  }
  return { states, actions, rewards, length };
}

/** Mean over episodes of the sum of rewards. */
export function meanReturn({ rewards, length }: Episodes): number {
  return rewards.reduce((a, b) => a + b) / (rewards.length / length);
}

/**
 * Returns that mix estimates of all lengths (Sutton, Barto, Reinforcement Learning, 2nd edition,
 * section 12.1): `g[t] = r[t] + discount * ((1 - lambda) * v[t + 1] + lambda * g[t + 1])`, and the
 * reward alone at the end of an episode.
 *
 * @param values estimated value of each state
 */
export function lambdaReturns(
  { states, rewards, length }: Episodes,
  values: ArrayLike<number>,
  discount: number,
  lambda: number,
): Float64Array {
  const out = Float64Array.from(rewards);
  for (let i = out.length - 2; i >= 0; i--) {
    if (i % length === length - 1) continue;
    out[i] += discount * ((1 - lambda) * values[states[i + 1]] + lambda * out[i + 1]);
  }
  return out;
}
