import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { Generator } from "@torchopt/torchopt";
import { lambdaReturns, meanReturn, play, sampleMdp } from "../../../examples/data/tabular_mdp.ts";

Deno.test("sampleMdp() draws distributions and rewards around 1", () => {
  const generator = new Generator(0);
  const { transitions, rewards } = sampleMdp({ states: 30, actions: 40 }, generator);
  assertEquals([transitions.length, transitions[0].length], [1200, 30]);
  for (const row of transitions) {
    assertAlmostEquals(row.reduce((a, b) => a + b), 1, 1e-12);
    assert(row.every((p) => p >= 0));
  }
  assertAlmostEquals(rewards.reduce((a, b) => a + b) / rewards.length, 1, 0.1);
});

Deno.test("play() follows the policy and the process", () => {
  // Action 1 leads on to the next of three states in a circle, action 0 stays.
  const to = (s: number) => Float64Array.from({ length: 3 }, (_, i) => i === s ? 1 : 0);
  const mdp = {
    states: 3,
    actions: 2,
    transitions: [to(0), to(1), to(1), to(2), to(2), to(0)],
    rewards: Float64Array.of(0, 100, 0, 200, 0, 300),
  };
  const always = play(mdp, [0, 1, 0, 1, 0, 1], 2, 4, new Generator(0));
  assertEquals([...always.states], [0, 1, 2, 0, 0, 1, 2, 0]);
  assertEquals([...always.actions], Array(8).fill(1));
  assertAlmostEquals(meanReturn(always), 700, 10);
  const { actions } = play(mdp, Array(6).fill(0.5), 200, 10, new Generator(1));
  assertAlmostEquals(actions.reduce((a, b) => a + b) / actions.length, 0.5, 0.05);
});

Deno.test("lambdaReturns() mixes rewards and values within an episode", () => {
  const games = {
    states: Int32Array.of(0, 1, 0, 1),
    actions: new Int32Array(4),
    rewards: Float64Array.of(1, 2, 3, 4),
    length: 2,
  };
  // 1 + 0.5 * (0.75 * 20 + 0.25 * 2), and the last of an episode is its reward.
  assertEquals([...lambdaReturns(games, [10, 20], 0.5, 0.25)], [8.75, 2, 11, 4]);
});
