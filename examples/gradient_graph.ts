/**
 * Pictures of the graph that gradients flow through in meta-learning: a small network takes some
 * `MetaSGD` steps, and the loss after them depends on the parameters before them and on the weights
 * of the examples.
 *
 * @module
 */

import {
  extractStateDict,
  Generator,
  MetaSGD,
  nn,
  ones,
  randn,
  type Tensor,
} from "@torchopt/torchopt";
import { type Dot, makeDot, type NamedTensors } from "@torchopt/torchopt/visual";
import { options, run } from "./helpers/options.ts";
import { savePicture } from "./helpers/plot.ts";

class Net extends nn.Module {
  hidden: nn.Linear;
  output: nn.Linear;

  constructor(generator: Generator) {
    super();
    this.hidden = new nn.Linear(1, 8, { generator });
    this.output = new nn.Linear(8, 1, { generator });
  }

  override forward(x: Tensor): Tensor {
    return this.output.call(this.hidden.call(x).tanh());
  }
}

/** The graph after `steps` steps, with every operation and with one node for each step. */
export function gradientGraphs(steps: number, seed: number): { full: Dot; fused: Dot } {
  const generator = new Generator(seed);
  const net = new Net(generator), optimizer = new MetaSGD(net, { lr: 0.1 });
  const x = randn([5, 1], { generator }), y = x.sin();
  const weights = ones([5, 1], { requiresGrad: true });
  const snapshot = (visualPrefix: string) =>
    extractStateDict(net, { enableVisual: true, visualPrefix });
  const moments: NamedTensors[] = [[snapshot(""), { weights }]];
  for (let k = 1; k <= steps; k++) {
    optimizer.step(net.call(x).sub(y).square().mul(weights).mean());
    moments.push(snapshot(`step${k}.`));
  }
  const loss = net.call(x).sub(y).square().mean();
  const draw = (fuseSteps: boolean) => makeDot(loss, { params: moments, fuseSteps });
  return { full: draw(false), fused: draw(true) };
}

const table = {
  steps: [5, "steps of the differentiable optimizer", "count"],
  seed: [0, "seed of network and data", "seed"],
  out: ["gradient_graph.svg", "picture with every operation; the other ends in _steps.svg", "file"],
} as const;

async function main(): Promise<void> {
  const o = options("Pictures of a gradient graph through optimizer steps.", table);
  const { full, fused } = gradientGraphs(o.steps, o.seed);
  const steps = `${o.out.replace(/\.svg$/, "")}_steps.svg`;
  await savePicture(o.out, await full.toSvg());
  await savePicture(steps, await fused.toSvg());
}

if (import.meta.main) await run(main);
