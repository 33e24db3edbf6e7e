import { type Agent, learners } from "../../examples/lola_dice.ts";
import { assertClose } from "../helpers/close.ts";
import { type GoldenTensor, readGolden, runAll, toTensor } from "../helpers/golden.ts";

type Side<T> = { [K in "1" | "2" as `theta${K}` | `values${K}`]: T };

interface Round extends Side<number[]> {
  uniforms: GoldenTensor[];
  loss1: number;
  loss2: number;
  grad_theta1: number[];
  grad_theta2: number[];
  virtual_theta1: number[];
  virtual_theta2: number[];
  value_loss1: number;
  value_loss2: number;
}

interface Case {
  name: string;
  n_lookaheads: number;
  batch: number;
  rollout: number;
  gamma: number;
  lr_in: number;
  lr_out: number;
  lr_value: number;
  init: Side<GoldenTensor>;
  history: Round[];
}

Deno.test("LOLA-DiCE follows the reference", () => {
  const { cases } = readGolden<{ cases: Case[] }>("example_lola.json");
  const tolerance = { rtol: 1e-9, atol: 1e-11 };
  runAll(cases, (c) => {
    const agent = (i: 1 | 2): Agent => ({
      theta: toTensor(c.init[`theta${i}`]).requiresGrad_(),
      values: toTensor(c.init[`values${i}`]).requiresGrad_(),
    });
    const pair = [agent(1), agent(2)] as const;
    const queue = c.history.flatMap((round) => round.uniforms.map((u) => u.data.map(Number)));
    const game = {
      batch: c.batch,
      rounds: c.rollout,
      discount: c.gamma,
      innerLr: c.lr_in,
      outerLr: c.lr_out,
      valueLr: c.lr_value,
      lookaheads: c.n_lookaheads,
    };
    const update = learners(pair, game, () => queue.shift()!);
    c.history.forEach((expected, t) => {
      const { losses, gradients, imagined, valueLosses } = update();
      for (const i of [1, 2] as const) {
        const close = (what: string, actual: ArrayLike<number | bigint>, want: number[]) =>
          assertClose(actual, want, tolerance, `${what} of agent ${i}, update ${t}`);
        close("loss", [losses[i - 1]], [expected[`loss${i}`]]);
        close("gradient", gradients[i - 1].data(), expected[`grad_theta${i}`]);
        close("imagined", imagined[i - 1].data(), expected[`virtual_theta${i}`]);
        close("value loss", [valueLosses[i - 1]], [expected[`value_loss${i}`]]);
        close("theta", pair[i - 1].theta.data(), expected[`theta${i}`]);
        close("values", pair[i - 1].values.data(), expected[`values${i}`]);
      }
    });
  });
});
