/** Trains in a Worker and stops cooperatively; see `worker_test.ts`. */

import { Adam, nn, shutdown, tensor } from "../../mod.ts";

const scope = self as unknown as {
  onmessage: (event: MessageEvent<number>) => void;
  postMessage(message: number): void;
};

scope.onmessage = async ({ data: steps }) => {
  const w = tensor([0, 0, 0], { requiresGrad: true });
  const optimizer = new Adam([w], { lr: 0.1 });
  const x = tensor([[1, 2, 3], [4, 5, 6]]), y = tensor([6, 15]);
  let last = NaN;
  for (let i = 0; i < steps; i++) {
    const loss = nn.functional.mseLoss(x.matmul(w), y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    last = loss.item();
  }
  await shutdown();
  scope.postMessage(last);
};
