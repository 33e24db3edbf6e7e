/** The program that all engines run: calls, nested ones, gradients through calls, barriers. */

import { distributed, type Tensor, tensor } from "@torchopt/torchopt";

const { getRank, getWorldSize, register, remoteSyncCall } = distributed;
const [mode] = Deno.args;

const scale = register("scale", (x: Tensor) => x.mul(getRank() + 1));
const around: (x: Tensor, n: number) => Promise<Tensor> = register(
  "around",
  async (x: Tensor, n: number) => {
    if (n === 0) return x;
    const partitioner = (getRank() + 1) % getWorldSize();
    return (await remoteSyncCall<Tensor[]>(around, { args: [x.mul(2), n - 1], partitioner }))[0];
  },
);

await distributed.autoInitRpc()(async () => {
  const rank = getRank(), size = getWorldSize();
  const x = tensor([1, 2], { requiresGrad: true });
  await distributed.autograd.context(async (id) => {
    const partitioner = (rank + 1) % size;
    const [y] = await remoteSyncCall<Tensor[]>(scale, { args: [x], partitioner });
    const [z] = await remoteSyncCall<Tensor[]>(around, { args: [y, size], partitioner });
    await distributed.autograd.backward(id, z.sum());
  });
  await distributed.barrier();
  // Goes on meeting the others.
  while (mode === "meet") await distributed.barrier();
  console.log(`rank ${rank} of ${size}: ${x.grad!.toArray()}`);
  if (mode !== "fail") return;
  await distributed.barrier();
  if (rank === 2) {
    console.log(`exits at ${Date.now()}`);
    Deno.exit(7);
  }
  // The others wait for it.
  await distributed.barrier();
})();
