/**
 * Runs workloads by name and prints one JSON line each: `deno run -A bench/workloads.ts w1a w2`.
 * Without names it runs all; `--list` prints the names. They are described in `bench/README.md`.
 *
 * @module
 */

import { cgLaplacian } from "./workloads/laplacian.ts";
import { w1 } from "./workloads/w1.ts";
import { w2 } from "./workloads/w2.ts";
import { w3 } from "./workloads/w3.ts";
import { w4 } from "./workloads/w4.ts";
import { w5 } from "./workloads/w5.ts";
import { w6 } from "./workloads/w6.ts";
import { w11 } from "./workloads/w11.ts";
import { w13 } from "./workloads/w13.ts";
import { w14 } from "./workloads/w14.ts";
import { w12 } from "./workloads/w12.ts";
import { w7 } from "./workloads/w7.ts";
import { w16, w8, w8w } from "./workloads/w8.ts";
import { checkpointed, w10, w11Memory, w9 } from "./workloads/fresh.ts";

const workloads: Record<string, () => void | Promise<void>> = {
  w1a: () => w1("a"),
  w1b: () => w1("b"),
  w1c: () => w1("c"),
  w2,
  w3a: () => w3("a"),
  w3b: () => w3("b"),
  w3av: () => w3("a", "vmap"),
  w3bv: () => w3("b", "vmap"),
  w4: () => w4(),
  w4x4: () => w4(4),
  w4x4v: () => w4(4, "vmap"),
  w5,
  w6,
  w7,
  w8,
  w8w,
  w9,
  w10,
  w11,
  w11m: w11Memory,
  w12_64: () => w12(64),
  w12_256: () => w12(256),
  w12_1024: () => w12(1024),
  w12_2048: () => w12(2048),
  w12_1000x16: () => w12(16, 1000),
  w13,
  w14,
  w16,
  cg_100: () => cgLaplacian(100, 200),
  cg_1000: () => cgLaplacian(1000, 20),
  checkpoint: checkpointed,
};

if (Deno.args[0] === "--list") {
  console.log(Object.keys(workloads).join("\n"));
  Deno.exit(0);
}
const names = Deno.args.length > 0 ? Deno.args : Object.keys(workloads);
for (const name of names) {
  const run = workloads[name];
  if (run === undefined) {
    console.error(`unknown workload ${name}; there are ${Object.keys(workloads).join(", ")}`);
    Deno.exit(2);
  }
  await run();
}
