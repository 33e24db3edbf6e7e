/**
 * Meta reinforcement learning (Finn, Abbeel, Levine, Model-Agnostic Meta-Learning for Fast Adaptation
 * of Deep Networks, ICML 2017, section 5.3) on random Markov decision processes.
 *
 * A task is a process with ten states and five actions that the policy has never seen. It plays 20
 * episodes of ten actions, takes one `MetaSGD` step on the advantage actor-critic loss (Mnih et al.,
 * Asynchronous Methods for Deep Reinforcement Learning, ICML 2016), and plays again. Meta-training
 * differentiates the loss of the second games through that step.
 *
 * @module
 */

import {
  Adam,
  compile,
  type Compiled,
  extractStateDict,
  eye,
  Generator,
  MetaSGD,
  nn,
  recoverStateDict,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import {
  type Episodes,
  lambdaReturns,
  type Mdp,
  meanReturn,
  play,
  sampleMdp,
} from "./data/tabular_mdp.ts";
import { options, run } from "./helpers/options.ts";
import { lineChart, savePicture } from "./helpers/plot.ts";
import { track } from "./helpers/progress.ts";

const SHAPE = { states: 10, actions: 5 };
const LENGTH = 10, EPISODES = 20, DISCOUNT = 0.99, LAMBDA = 0.95, VALUE_WEIGHT = 0.5;

/** Perceptron with two hidden layers that gives action scores and the value of one-hot states. */
export class ActorCritic extends nn.Module {
  first: nn.Linear;
  second: nn.Linear;
  actor: nn.Linear;
  critic: nn.Linear;

  constructor(generator: Generator, width = 32) {
    super();
    this.first = new nn.Linear(SHAPE.states, width, { generator });
    this.second = new nn.Linear(width, width, { generator });
    this.actor = new nn.Linear(width, SHAPE.actions, { generator });
    this.critic = new nn.Linear(width, 1, { generator });
  }

  override forward(x: Tensor): { logits: Tensor; values: Tensor } {
    const hidden = this.second.call(this.first.call(x).relu()).relu();
    return { logits: this.actor.call(hidden), values: this.critic.call(hidden).squeeze(1) };
  }
}

/** What a policy says about every state. */
export interface Table {
  /** Probabilities of the actions, `[states, actions]`. */
  readonly policy: Tensor;
  /** Values, `[states]`. */
  readonly values: Tensor;
}

/** Games as tensors. */
export interface Batch {
  /** One-hot states `[n, states]`. */
  readonly states: Tensor;
  /** One-hot actions `[n, actions]`. */
  readonly actions: Tensor;
  /** Returns `[n]`. */
  readonly returns: Tensor;
}

function table(net: ActorCritic): Table {
  const { logits, values } = net.call(eye(SHAPE.states, { dtype: net.first.weight.dtype }));
  return { policy: logits.softmax(1), values };
}

/** Advantage actor-critic loss. */
function loss(net: ActorCritic, { states, actions, returns }: Batch): Tensor {
  const { logits, values } = net.call(states);
  const advantage = returns.sub(values);
  const logProbs = logits.logSoftmax(1).mul(actions).sum(1);
  const actor = advantage.detach().mul(logProbs).mean().neg();
  return actor.add(advantage.square().mean().mul(VALUE_WEIGHT));
}

/** Compiled functions of a policy that adapts with one step of size `lr`. */
export interface Learner {
  /** What the policy says. */
  readonly table: Compiled<() => Table>;
  /** What it says after adaptation to games. */
  readonly adapted: Compiled<(before: Batch) => Table>;
  /** Adds the gradient of the loss after adaptation to that of the policy; returns the loss. */
  readonly accumulate: Compiled<(before: Batch, after: Batch) => Tensor>;
}

/** Makes the compiled functions. */
export function learner(net: ActorCritic, lr: number): Learner {
  const inner = new MetaSGD(net, { lr });
  /** What `use` makes of the adapted policy; the policy is as before afterwards. */
  const adapting = <T>(before: Batch, use: () => T): T => {
    const params = extractStateDict(net), state = extractStateDict(inner);
    inner.step(loss(net, before));
    const result = use();
    recoverStateDict(net, params);
    recoverStateDict(inner, state);
    return result;
  };
  return {
    table: compile(() => table(net)),
    adapted: compile((before: Batch) => adapting(before, () => table(net))),
    accumulate: compile((before: Batch, after: Batch) =>
      adapting(before, () => {
        const outer = loss(net, after);
        outer.backward();
        return outer;
      })
    ),
  };
}

/** Games as tensors of a type (default float32), with returns by the values of a policy. */
export function toBatch(
  games: Episodes,
  values: ArrayLike<number>,
  dtype: "float32" | "float64" = "float32",
): Batch {
  const oneHot = (indices: Int32Array, size: number) => {
    const data = new Float32Array(indices.length * size);
    indices.forEach((v, i) => data[i * size + v] = 1);
    return tensor(data, { shape: [indices.length, size], dtype });
  };
  return {
    states: oneHot(games.states, SHAPE.states),
    actions: oneHot(games.actions, SHAPE.actions),
    returns: tensor(lambdaReturns(games, values, DISCOUNT, LAMBDA), { dtype }),
  };
}

/** Mean returns before and after adaptation. */
export interface Returns {
  readonly before: number;
  readonly after: number;
}

/** Plays each task before and after adaptation; `learn` sees the games of both. */
export function playTasks(
  { table, adapted }: Learner,
  tasks: readonly Mdp[],
  generator: Generator,
  learn?: (before: Batch, after: Batch) => void,
): Returns {
  const read = (t: Table) => ({ policy: t.policy.data() as Float32Array, values: t.values.data() });
  const game = (mdp: Mdp, t: Table) => {
    const { policy, values } = read(t);
    const games = play(mdp, policy, EPISODES, LENGTH, generator);
    return { batch: toBatch(games, values as Float32Array), sum: meanReturn(games) };
  };
  const shared = table();
  let before = 0, after = 0;
  for (const task of tasks) {
    const first = game(task, shared);
    const second = game(task, adapted(first.batch));
    learn?.(first.batch, second.batch);
    before += first.sum / tasks.length;
    after += second.sum / tasks.length;
  }
  return { before, after };
}

const optionTable = {
  iterations: [500, "meta-training iterations", "count"],
  tasks: [40, "tasks in each iteration", "count"],
  "inner-lr": [0.1, "step size of adaptation", "positive"],
  lr: [1e-3, "step size of meta-training (Adam)", "positive"],
  seed: [1, "seed of policy, tasks and games", "seed"],
  out: ["maml_rl.svg", "picture of the returns", "file"],
} as const;

async function main(): Promise<void> {
  const o = options(
    "Meta reinforcement learning on random Markov decision processes.",
    optionTable,
  );
  const net = new ActorCritic(new Generator(o.seed));
  const learn = learner(net, o["inner-lr"]);
  const optimizer = new Adam(net.parameters(), { lr: o.lr });
  const held = new Generator(o.seed + 1), generator = new Generator(o.seed + 2);
  const test = Array.from({ length: 200 }, () => sampleMdp(SHAPE, held));
  const untrained = playTasks(learn, test, new Generator(o.seed + 3));

  const curves = [{ name: "before adaptation", values: [] as number[] }, {
    name: "after one step",
    values: [] as number[],
  }];
  let recent: Returns | undefined;
  const status = () =>
    `return ${recent!.before.toFixed(2)}, after one step ${recent!.after.toFixed(2)}`;
  const { seconds } = await track("meta-training", o, status, () => {
    const tasks = Array.from({ length: o.tasks }, () => sampleMdp(SHAPE, generator));
    optimizer.zeroGrad();
    const now = playTasks(learn, tasks, generator, (before, after) => {
      learn.accumulate(before, after);
    });
    optimizer.step();
    const mix = (a: number, b: number) => 0.95 * a + 0.05 * b;
    const old = recent ?? now;
    recent = { before: mix(old.before, now.before), after: mix(old.after, now.after) };
    curves[0].values.push(recent.before);
    curves[1].values.push(recent.after);
  });

  const trained = playTasks(learn, test, new Generator(o.seed + 3));
  const line = (name: string, r: Returns) =>
    `  ${name.padEnd(14)}${r.before.toFixed(2).padStart(8)}${r.after.toFixed(2).padStart(16)}`;
  console.log(`return of ${LENGTH} actions on ${test.length} tasks that were not trained on`);
  console.log(`  ${"".padEnd(14)}${"before".padStart(8)}${"after one step".padStart(16)}`);
  console.log(line("untrained", untrained));
  console.log(line("meta-trained", trained));
  console.log(`${(1e3 * seconds / o.iterations).toFixed(1)} ms an iteration`);
  await savePicture(
    o.out,
    lineChart(curves, {
      title: "Returns on training tasks",
      x: "iteration",
      y: `sum of ${LENGTH} rewards`,
    }),
  );
}

if (import.meta.main) await run(main);
