/**
 * A deep-equilibrium network (Bai et al., Deep Equilibrium Models, NeurIPS 2019) on real handwritten
 * digits: the hidden layer is the fixed point of `z = tanh(W z + U x + b)`, found by Anderson's
 * acceleration and differentiated by the implicit function theorem. Memory does not grow with the number
 * of iterations.
 *
 * @module
 */

import {
  Adam,
  compile,
  Generator,
  nn,
  noGrad,
  randn,
  solvers,
  type Tensor,
  zeros,
} from "@torchopt/torchopt";
import { examples, loadDigits } from "./data/digits.ts";
import { options, run } from "./helpers/options.ts";
import { lineChart, savePicture } from "./helpers/plot.ts";
import { track } from "./helpers/progress.ts";

const BATCH = 128, TEST = 360;

export class DeepEquilibrium extends nn.Module {
  readonly w: Tensor;
  readonly input: nn.Linear;
  readonly output: nn.Linear;

  constructor(units: number, generator: Generator) {
    super();
    this.w = new nn.Parameter(randn([units, units], { generator }).mul(1 / units));
    this.input = new nn.Linear(64, units, { generator });
    this.output = new nn.Linear(units, 10, { generator });
  }

  /** The function of which a batch has the fixed point. */
  cell(x: Tensor): (z: Tensor) => Tensor {
    // Rows of absolute sum 0.9 at most make it a contraction.
    const w = this.w.div(this.w.abs().sum(1).amax().div(0.9).clamp(1)).t();
    const from = this.input.call(x);
    return (z) => z.matmul(w).add(from).tanh();
  }

  /** The fixed point for a batch, and the iterations it took. */
  equilibrium(x: Tensor): { z: Tensor; iterations: Tensor } {
    const start = zeros([x.shape[0], this.w.shape[0]]);
    const { value, tensors } = solvers.fixedPoint(this.cell(x), start, {
      atol: 1e-4,
      rtol: 0,
      maxiter: 50,
    });
    return { z: value, iterations: tensors.iterations };
  }

  override forward(x: Tensor): Tensor {
    return this.output.call(this.equilibrium(x).z);
  }
}

const table = {
  epochs: [20, "epochs", "count"],
  units: [64, "units of the hidden layer", "count"],
  seed: [0, "seed of parameters and order", "seed"],
  out: ["deep_equilibrium.svg", "picture of the accuracy", "file"],
} as const;

async function main(): Promise<void> {
  const about = "A deep-equilibrium network on digits: implicit gradients of a fixed point.";
  const { epochs, units, seed, out } = options(about, table);
  const digits = await loadDigits(), generator = new Generator(seed);
  const order = [...generator.permutation(digits.labels.length)].map(Number);
  const test = examples(digits, order.slice(0, TEST)), rows = order.slice(TEST);

  const net = new DeepEquilibrium(units, generator);
  const optimizer = new Adam(net.parameters(), { lr: 3e-3 });
  const step = compile((x: Tensor, y: Tensor) => {
    const { z, iterations } = net.equilibrium(x);
    const loss = nn.functional.crossEntropy(net.output.call(z), y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return [loss.detach(), iterations];
  });
  const accuracy = () =>
    noGrad(() => (net.call(test.x) as Tensor).argmax(1).eq(test.y).to("float32").mean().item());

  const curve: number[] = [];
  let ms = 0, steps = 0, most = 0;
  const status = () => `accuracy ${curve.at(-1)!.toFixed(3)}`;
  await track("training", { iterations: epochs }, status, () => {
    const permutation = [...generator.permutation(rows.length)].map(Number);
    for (let at = 0; at + BATCH <= rows.length; at += BATCH) {
      const { x, y } = examples(digits, permutation.slice(at, at + BATCH).map((i) => rows[i]));
      const start = performance.now(), [loss, iterations] = step(x, y);
      loss.item();
      ms += performance.now() - start;
      steps++;
      most = Math.max(most, iterations.item());
    }
    curve.push(accuracy());
  });
  console.log(`accuracy on held-out digits ${curve.at(-1)!.toFixed(3)}`);
  console.log(`${(ms / steps).toFixed(2)} ms a step (${steps} steps), at most ${most} iterations`);
  await savePicture(
    out,
    lineChart([{ name: `accuracy (${curve.at(-1)!.toFixed(3)})`, values: curve }], {
      title: "A deep-equilibrium network on digits",
      x: "epoch",
      y: "accuracy on held-out digits",
    }),
  );
}

if (import.meta.main) await run(main);
