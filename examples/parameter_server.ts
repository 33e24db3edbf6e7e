/**
 * A parameter server: rank 0 holds a network and its optimizer, the other ranks train it at the same
 * time, each with data of its own. The forward pass goes through the server by calls, and gradients come
 * back to it through them (`distributed.autograd`).
 *
 * `deno task launch --nproc 3 examples/parameter_server.ts`
 *
 * @module
 */

import { Adam, distributed, Generator, nn, randn, type Tensor } from "@torchopt/torchopt";
import { options, run, UsageError } from "./helpers/options.ts";
import { track } from "./helpers/progress.ts";

const { getRank, getWorldSize, register, remoteSyncCall } = distributed;

const table = {
  iterations: [150, "steps of each trainer", "count"],
  batch: [64, "examples in each step", "count"],
  lr: [1e-2, "step size (Adam)", "positive"],
  seed: [0, "seed of the data", "seed"],
} as const;

/** The network and its optimizer, on the server only. */
let server: { readonly net: nn.Sequential; readonly optimizer: Adam } | null = null;

function serverOf(): NonNullable<typeof server> {
  if (server === null) throw new Error(`rank ${getRank()} is no server`);
  return server;
}

/** The server's part of the forward pass. */
const features = register("server/features", (x: Tensor) => serverOf().net.call(x));

/** Takes a step with the gradients that a trainer's context left on the server. */
const step = register("server/step", (contextId: number) => {
  const { net, optimizer } = serverOf(), gradients = distributed.autograd.getGradients(contextId);
  // The gradients of this trainer alone: others are in contexts of their own.
  for (const p of net.parameters()) p.grad = gradients.get(p) ?? null;
  optimizer.step();
});

async function onServer<T>(fn: distributed.RemoteFunction, ...args: unknown[]): Promise<T> {
  return (await remoteSyncCall<T[]>(fn, { args, partitioner: 0 }))[0];
}

/** One step of a trainer; the loss before it. */
export async function train(x: Tensor, y: Tensor): Promise<number> {
  return await distributed.autograd.context(async (contextId) => {
    const loss = (await onServer<Tensor>(features, x)).sub(y).square().mean();
    await distributed.autograd.backward(contextId, loss);
    await onServer(step, contextId);
    return loss.item();
  });
}

/** Makes this rank the server. */
export function serve(lr: number): void {
  const net = new nn.Sequential(new nn.Linear(4, 32), new nn.Tanh(), new nn.Linear(32, 1));
  server = { net, optimizer: new Adam(net.parameters(), { lr }) };
}

/** A batch of a function that the network is to learn. */
export function batch(generator: Generator, count: number): [Tensor, Tensor] {
  const x = randn([count, 4], { generator });
  return [x, x.narrow(1, 0, 1).mul(x.narrow(1, 1, 1)).add(x.narrow(1, 2, 1).sin())];
}

async function main(): Promise<void> {
  const o = options("A parameter server on rank 0, trainers on all others.", table);
  if (getWorldSize() < 2) {
    throw new UsageError(
      "there is one rank only: deno task launch --nproc 3 examples/parameter_server.ts",
    );
  }
  if (getRank() === 0) serve(o.lr);
  await distributed.autoInitRpc()(async () => {
    await distributed.barrier();
    if (getRank() === 0) return;
    const generator = new Generator(o.seed + getRank()), losses: number[] = [];
    await track(`trainer ${getRank()}`, o, () => `loss ${losses.at(-1)!.toFixed(3)}`, async () => {
      losses.push(await train(...batch(generator, o.batch)));
    });
    const mean = (list: number[]) => (list.reduce((a, b) => a + b) / list.length).toFixed(3);
    console.log(
      `trainer ${getRank()}: loss ${mean(losses.slice(0, 10))} -> ${mean(losses.slice(-10))}`,
    );
  })();
}

if (import.meta.main) await run(main);
