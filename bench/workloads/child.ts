/**
 * Fresh processes: `cold` prints the first meta-gradient's norm; `w4`, `w5`, `w11` (with its number of
 * steps), `unrolled` and `checkpoint` print their check, the memory of four iterations, and the time of the fastest.
 *
 * @module
 */

import { autograd } from "@torchopt/torchopt";
import { norm } from "./meta.ts";
import { metaLoss, sinusoidParameters, sinusoids } from "./w3.ts";
import { checkConv, mamlConv } from "./w4.ts";
import { checkUnrolled, unrolled } from "./unroll.ts";
import { checkAdam, metaAdam } from "./w5.ts";
import { checkScan, metaScan } from "./w11.ts";

/** A figure of this process in MiB: VmRSS now, or VmHWM at its highest. */
function memory(field: "VmRSS" | "VmHWM"): number {
  const line = Deno.readTextFileSync("/proc/self/status").split("\n")
    .find((l) => l.startsWith(`${field}:`))!;
  return Number(line.split(/\s+/)[1]) / 1024;
}

function measure(setUp: () => () => number[]): void {
  const run = setUp();
  const base = memory("VmRSS");
  const check = run();
  console.log(JSON.stringify({ base, check, peak: memory("VmHWM") }));
}

function measureUnrolled(recompute: boolean): void {
  const iterate = unrolled(recompute), base = memory("VmRSS");
  const check = checkUnrolled(iterate());
  const runs = Array.from({ length: 3 }, () => {
    const begin = performance.now();
    iterate().loss.item();
    return performance.now() - begin;
  });
  console.log(JSON.stringify({ base, check, peak: memory("VmHWM"), ms: Math.min(...runs) }));
}

switch (Deno.args[0]) {
  case "cold": {
    const params = sinusoidParameters();
    const grads = autograd.grad(metaLoss(params, sinusoids(1), 1), params);
    console.log(norm(grads.map((g) => g!)));
    break;
  }
  case "w4":
    measure(() => {
      const iterate = mamlConv();
      return () => checkConv(iterate).check;
    });
    break;
  case "unrolled":
    measureUnrolled(false);
    break;
  case "checkpoint":
    measureUnrolled(true);
    break;
  case "w11":
    measure(() => {
      const iterate = metaScan(Number(Deno.args[1]));
      return () => {
        const check = checkScan(iterate());
        for (let i = 0; i < 3; i++) iterate().loss.item();
        return check;
      };
    });
    break;
  case "w5":
    measure(() => {
      const iterate = metaAdam(50);
      return () => {
        const { check } = checkAdam(iterate);
        for (let i = 0; i < 3; i++) iterate().loss.item();
        return check;
      };
    });
}
