/**
 * What a rank of W8 and W16 does; started by `deno task launch`. Rank 0 prints the lines.
 *
 * @module
 */

import { distributed, type Tensor, tensor } from "@torchopt/torchopt";
import { inTurns, PARTS, W16 } from "./maml_ranks.ts";
import { report } from "./timing.ts";

const { register, remoteSyncCall } = distributed;

const nothing = register("bench/nothing", () => {});
const echo = register("bench/echo", (x: Tensor) => x);

/** Times calls, each after something that is not timed. */
async function time(
  n: number,
  warm: number,
  call: () => Promise<unknown>,
  prepare: () => void = () => {},
) {
  const begin = performance.now();
  await call();
  const first = performance.now() - begin, runs: number[] = [];
  for (let i = 0; i < warm; i++) {
    prepare();
    await call();
  }
  for (let i = 0; i < n; i++) {
    prepare();
    const start = performance.now();
    await call();
    runs.push(performance.now() - start);
  }
  return { runs, first };
}

async function calls(kind: string): Promise<void> {
  const empty = () => remoteSyncCall(nothing, { partitioner: 1 });
  report(`w8_empty${kind}`, await time(5000, 2000, empty), [0]);
  const all = () => Promise.all(Array.from({ length: 1000 }, empty));
  report(`w8_1000${kind}`, await time(20, 3, all), [1000]);
  const sizes = [["1kib", 256, 3000], ["16mib", 4 << 20, 60], [
    "16mib_again",
    4 << 20,
    300,
  ]] as const;
  for (const [name, size, n] of sizes) {
    const values = Float32Array.from({ length: size }, (_, i) => i % 7), same = tensor(values);
    let sum = 0, x = same;
    const there = async () => {
      const [y] = await remoteSyncCall<Tensor[]>(echo, { args: [x], partitioner: 1 });
      sum = Number(y.data()[13]) + Number(y.data()[size - 1]);
    };
    // A tensor that was sent before is not copied again.
    const anew = name === "16mib" ? () => x = tensor(values) : () => {};
    report(`w8_${name}${kind}`, await time(n, n / 3, there, anew), [sum]);
  }
}

/** Iterations of distributed MAML, alone and together in turns. */
async function maml(): Promise<void> {
  const names = ["w16_one", "w16_half", "w16_all"];
  for (const [i, { runs }] of (await inTurns(W16, 6, 4)).entries()) {
    const times = runs.flat();
    report(names[i], { runs: times, first: times[0] }, [distributed.getWorldSize()]);
  }
}

await distributed.autoInitRpc()(distributed.rankZeroOnly(async () => {
  const [name] = Deno.args;
  if (name === "w16") await maml();
  else if (name === "parts") console.log(JSON.stringify(await inTurns(PARTS, 8, 3)));
  else await calls(name === "w8w" ? "_workers" : "");
}))();
