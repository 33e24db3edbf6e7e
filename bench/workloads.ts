/**
 * Runs workloads by name and prints one JSON line each: `deno run -A bench/workloads.ts w1a w2`.
 * Without names it runs all. They are described in `bench/README.md`.
 *
 * @module
 */

import { w1 } from "./workloads/w1.ts";
import { w2 } from "./workloads/w2.ts";

const workloads: Record<string, () => void> = {
  w1a: () => w1("a"),
  w1b: () => w1("b"),
  w1c: () => w1("c"),
  w2,
};

const names = Deno.args.length > 0 ? Deno.args : Object.keys(workloads);
for (const name of names) {
  const run = workloads[name];
  if (run === undefined) {
    console.error(`unknown workload ${name}; there are ${Object.keys(workloads).join(", ")}`);
    Deno.exit(2);
  }
  run();
}
