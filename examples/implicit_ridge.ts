/**
 * Regularization learned by implicit gradients, on real handwritten digits.
 *
 * A linear classifier is trained to its optimum on few digits, with a penalty of its own for each of the 64
 * pixels; the penalties descend the validation loss, by the implicit gradient of that optimum (Bengio,
 * Gradient-based optimization of hyperparameters, 2000; Pedregosa, Hyperparameter optimization with
 * approximate gradient, 2016). Beside it stands a grid search over one penalty for all.
 *
 * @module
 */

import {
  Adam,
  compile,
  func,
  Generator,
  nn,
  solvers,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import { loadDigits } from "./data/digits.ts";
import { options, run } from "./helpers/options.ts";
import { lineChart, savePicture } from "./helpers/plot.ts";
import { track } from "./helpers/progress.ts";

const PIXELS = 64, CLASSES = 10;

/** Images and labels. */
export interface Examples {
  readonly x: Tensor;
  readonly y: Tensor;
}

/** Training, validation and test digits. */
export async function splits(train: number, seed: number): Promise<Examples[]> {
  const { images, labels } = await loadDigits();
  const order = [...new Generator(seed).permutation(labels.length)].map(Number);
  const take = (from: number, to: number): Examples => {
    const rows = order.slice(from, to), x = new Float32Array(rows.length * PIXELS);
    rows.forEach((row, i) => x.set(images[row], i * PIXELS));
    return {
      x: tensor(x, { shape: [rows.length, PIXELS] }),
      y: tensor(rows.map((row) => labels[row]), { dtype: "int64" }),
    };
  };
  return [take(0, train), take(train, train + 300), take(train + 300, labels.length)];
}

/** The optimum of the penalized training loss: weights `[64, 10]`, with their derivative. */
export function fit(logPenalties: Tensor, { x, y }: Examples, start: Tensor): Tensor {
  const loss = (w: Tensor) =>
    nn.functional.crossEntropy(x.matmul(w), y).add(
      w.square().sum(1).mul(logPenalties.exp()).sum().div(2),
    );
  return solvers.minimize(loss, start, { atol: 1e-4, maxiter: 500 }).value;
}

/** Cross-entropy of a classifier. */
export function assess(w: Tensor, { x, y }: Examples): Tensor {
  return nn.functional.crossEntropy(x.matmul(w), y);
}

function accuracy(w: Tensor, { x, y }: Examples): number {
  return x.matmul(w).argmax(1).eq(y).to("float32").mean().item();
}

const table = {
  iterations: [40, "steps of the penalties", "count"],
  train: [150, "digits to train on", "count"],
  lr: [0.3, "learning rate of the logarithms of the penalties", "positive"],
  seed: [0, "seed of the order of the digits", "seed"],
  out: ["implicit_ridge.svg", "picture of the losses", "file"],
} as const;

async function main(): Promise<void> {
  const about = "One penalty for each pixel, by implicit gradients, beside grid search.";
  const { iterations, train: count, lr, seed, out } = options(about, table);
  const [train, validation, test] = await splits(count, seed);
  const blank = zeros([PIXELS, CLASSES]);

  const begin = performance.now(), grid = Array.from({ length: 17 }, (_, i) => -9 + 0.5 * i);
  const fitOne = compile((penalty: Tensor) => fit(penalty.expand([PIXELS]), train, blank));
  const tried = grid.map((log) => {
    const w = fitOne(tensor(log, { dtype: "float32" }));
    return { log, w, loss: assess(w, validation).item() };
  });
  const best = tried.reduce((a, b) => a.loss < b.loss ? a : b);
  const gridSeconds = (performance.now() - begin) / 1e3;

  const penalties = tensor(new Float32Array(PIXELS).fill(-4), { requiresGrad: true });
  const optimizer = new Adam([penalties], { lr }), losses: number[] = [];
  const slope = compile((penalties: Tensor, start: Tensor) =>
    func.valueAndGrad((p: Tensor): [Tensor, Tensor] => {
      const w = fit(p, train, start);
      return [assess(w, validation), w.detach()];
    }, { hasAux: true })(penalties)
  );
  let w = blank;
  const status = () => `validation loss ${losses.at(-1)!.toFixed(4)}`;
  const { seconds } = await track("descending", { iterations }, status, () => {
    const [[loss, found], grad] = slope(penalties, w);
    losses.push(loss.item());
    w = found;
    penalties.grad = grad;
    optimizer.step();
  });

  const line = (name: string, w: Tensor, seconds: number) =>
    console.log(
      `  ${name.padEnd(26)} ${assess(w, validation).item().toFixed(4)}   ` +
        `${accuracy(w, test).toFixed(3)}   ${seconds.toFixed(1)} s`,
    );
  console.log("                         validation loss   accuracy on test digits");
  line(`grid, log penalty ${best.log}`, best.w, gridSeconds);
  line("implicit, 64 penalties", w, seconds);
  await savePicture(
    out,
    lineChart([
      { name: "64 penalties, implicit", values: losses },
      { name: "best of the grid", values: losses.map(() => best.loss) },
    ], {
      title: "Validation loss of a classifier of digits over its penalties",
      x: "step of the penalties",
      y: "cross-entropy",
    }),
  );
}

if (import.meta.main) await run(main);
