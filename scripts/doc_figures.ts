/**
 * Makes figures that the documentation states and no benchmark does:
 *
 *     deno run -A scripts/doc_figures.ts unroll 100 300 1000   # docs/engine.md: a first call
 *     deno run -A scripts/doc_figures.ts chain 100000          # the same: a chain of operations
 *     deno run -A scripts/doc_figures.ts loop                  # the same: an iteration of CG
 *     deno run -A scripts/doc_figures.ts gamma                 # docs/distributions.md: a sample
 *
 * Times are those of the processor, all threads together, so that other work hardly changes them.
 * `TORCHOPT_OPS=off` does without kernels.
 *
 * @module
 */

import { cpuUsage } from "node:process";
import {
  autograd,
  compile,
  distributions,
  linalg,
  memory,
  randn,
  type Tensor,
  tensor,
} from "../mod.ts";

/** Milliseconds of processor time that a function takes. */
function processorTime(run: () => void): number {
  const before = cpuUsage();
  run();
  const { user, system } = cpuUsage(before);
  return (user + system) / 1000;
}

/** The first call of a meta-gradient through `steps` unrolled steps of a perceptron with 16 units. */
function unroll(steps: number): void {
  const x = randn([8, 2]), y = x.sum(1, { keepdim: true });
  const params = [[2, 16], [16, 1]].map((shape) => randn(shape).requiresGrad_());
  const loss = ([u, v]: readonly Tensor[]) => x.matmul(u).tanh().matmul(v).sub(y).square().mean();
  const before = memory().sessions.created;
  const time = processorTime(() => {
    let p: readonly Tensor[] = params;
    for (let k = 0; k < steps; k++) {
      const grads = autograd.grad(loss(p), [...p], { createGraph: true });
      p = p.map((w, i) => w.sub(grads[i]!.mul(1e-3)));
    }
    autograd.grad(loss(p), params)[0]!.data();
  });
  const created = memory().sessions.created - before;
  console.log(`unroll ${steps}: ${time.toFixed(0)} ms, ${created} sessions`);
}

/** A chain of `n` operations and the way back through it. */
function chain(n: number): void {
  const x = tensor(0.5, { requiresGrad: true });
  const time = processorTime(() => {
    let y: Tensor = x;
    for (let i = 0; i < n; i++) y = y.mul(0.999999);
    autograd.grad(y, [x])[0]!.item();
  });
  const bytes = Deno.memoryUsage().rss;
  console.log(`chain ${n}: ${(time / 1000).toFixed(1)} s, ${(bytes / 2 ** 30).toFixed(2)} GiB`);
}

/** An iteration of conjugate gradients on 16 unknowns. */
function loop(): void {
  const root = randn([16, 16], { dtype: "float64" }), A = root.matmul(root.mT);
  const solve = (maxiter: number) =>
    compile((b: Tensor) => linalg.cg(A, b, undefined, { maxiter, rtol: 0 }));
  const b = randn([16], { dtype: "float64" });
  const time = (iterations: number) => {
    const run = solve(iterations);
    run(b).data();
    return processorTime(() => {
      for (let i = 0; i < 50; i++) run(b).data();
    }) / 50;
  };
  const microseconds = 1000 * (time(10_000) - time(1_000)) / 9_000;
  console.log(`loop: ${microseconds.toFixed(2)} us an iteration`);
}

/** A sample of the gamma distribution. */
function gamma(): void {
  for (const dtype of ["float32", "float64"] as const) {
    const gamma = new distributions.Gamma(tensor(2, { dtype }), tensor(1, { dtype }));
    const draw = () => void gamma.rsample([100_000]).data();
    draw();
    console.log(`gamma ${dtype}: ${(processorTime(draw) / 100).toFixed(2)} us a sample`);
  }
}

const [what, ...numbers] = Deno.args;
if (what === "unroll") (numbers.length > 0 ? numbers : ["100"]).forEach((k) => unroll(Number(k)));
else if (what === "chain") chain(Number(numbers[0] ?? 100_000));
else if (what === "loop") loop();
else if (what === "gamma") gamma();
else {
  console.error("doc_figures.ts unroll [K ...] | chain [N] | loop | gamma");
  Deno.exit(2);
}
