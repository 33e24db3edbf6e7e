/**
 * W2: one training step of a perceptron.
 *
 * @module
 */

import { adam, applyUpdates, autograd, compile, nn, type Tensor, tensor } from "@torchopt/torchopt";
import { classes, mlp, uniform } from "./data.ts";
import { report, time } from "./timing.ts";

/** Runs W2. */
export function w2(): void {
  const params = mlp([784, 256, 128, 10], 210, 6).map((a) =>
    tensor(a.data, { shape: a.shape, requiresGrad: true })
  );
  const x = tensor(Float32Array.from(uniform(64 * 784, 200)), { shape: [64, 784] });
  const y = tensor(classes(64, 201, 10), { dtype: "int64" });
  const forward = (h: Tensor) => {
    for (let l = 0; l < 3; l++) {
      h = nn.functional.linear(h, params[2 * l], params[2 * l + 1]);
      if (l < 2) h = h.relu();
    }
    return h;
  };
  const optimizer = adam({ lr: 1e-3, useAcceleratedOp: true });
  const state = optimizer.init(params);
  const step = compile((x: Tensor, y: Tensor) => {
    const loss = nn.functional.crossEntropy(forward(x), y);
    const [updates] = optimizer.update(autograd.grad(loss, params), state, { params });
    applyUpdates(params, updates);
    return loss;
  });
  const check: number[] = [];
  for (let i = 0; i <= 10; i++) {
    const loss = step(x, y);
    if (i === 0 || i === 10) check.push(loss.item());
  }
  const times = time(() => void step(x, y).item());
  report("w2_mlp_train_step", times, check);
}
