/** W9, W10 and the checkpointed loop: what a fresh process costs, in time and in memory. */

import { ownModule } from "../../src/cli/child.ts";
import { report } from "./timing.ts";

const QUICK = Deno.env.get("BENCH_QUICK") === "1";
const STARTS = Number(Deno.env.get("BENCH_COLD_REPS") ?? (QUICK ? "2" : "10"));

/** Runs `child.ts`; gives its first line and the milliseconds until it came, and until the end. */
async function child(...what: string[]): Promise<{ line: string; first: number; exit: number }> {
  const begin = performance.now();
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", ownModule("bench/workloads/child.ts"), ...what],
    stdout: "piped",
  }).spawn();
  let text = "", first = NaN;
  for await (const part of process.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (Number.isNaN(first) && text.includes("\n")) first = performance.now() - begin;
  }
  const { success } = await process.status;
  if (!success || Number.isNaN(first)) {
    throw new Error(`bench: the process for ${what.join(" ")} failed`);
  }
  return { line: text.split("\n")[0], first, exit: performance.now() - begin };
}

/** Runs W9: time from the start of a process to its first meta-gradient. */
export async function w9(): Promise<void> {
  await child("cold"); // fills the caches of the file system and of Deno
  const runs: number[] = [], exits: number[] = [];
  let check = NaN;
  for (let i = 0; i < STARTS; i++) {
    const { line, first, exit } = await child("cold");
    check = Number(line);
    runs.push(first);
    exits.push(exit);
  }
  exits.sort((a, b) => a - b);
  report("w9_cold_start", { runs, first: runs[0] }, [check], {
    metric: "ms_to_first_metagrad",
    exit_median: exits[exits.length >> 1],
  });
}

/** Runs W10: highest memory of a process that runs W4, or W5 with 50 steps, four times. */
export async function w10(): Promise<void> {
  for (const [what, name] of [["w4", "w10_mem_w4"], ["w5", "w10_mem_w5_k50"]]) {
    const { base, check, peak } = JSON.parse((await child(what)).line);
    report(name, { runs: [peak], first: NaN }, check, {
      metric: "peak_rss_mib",
      base_rss_mib: base,
    });
  }
}

/** Highest memory of a process that runs W11 four times, with 1 000 steps and with 10 000. */
export async function w11Memory(): Promise<void> {
  for (const steps of ["1000", "10000"]) {
    const { base, check, peak } = JSON.parse((await child("w11", steps)).line);
    report(`w11_mem_k${steps}`, { runs: [peak], first: NaN }, check, {
      metric: "peak_rss_mib",
      base_rss_mib: base,
    });
  }
}

/** Highest memory and time of 50 unrolled steps, as they are and under `checkpoint()`. */
export async function checkpointed(): Promise<void> {
  for (const form of ["unrolled", "checkpoint"]) {
    const { base, check, peak, ms } = JSON.parse((await child(form)).line);
    report("checkpoint_k50", { runs: [peak], first: NaN }, check, {
      metric: "peak_rss_mib",
      base_rss_mib: base,
      ms_per_iter: ms,
      form,
    });
  }
}
