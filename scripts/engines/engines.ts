/**
 * Engines that start ranks, and how four of them are started under each.
 *
 * @module
 */

const root = new URL("../../", import.meta.url).pathname, deno = Deno.execPath();

/** What all engines run. */
export const PROGRAM = `${root}tests/distributed/programs/four.ts`;
const rank = [deno, "run", "-A", "--no-check", PROGRAM];

/** An engine that is there. */
export interface Engine {
  /** Its name, and its version. */
  readonly name: string;
  /** Command line of four ranks. */
  readonly line: readonly string[];
}

/** What a program writes to stdout; null where it is not there, or fails. */
async function said(name: string, ...args: string[]): Promise<string | null> {
  try {
    const { success, stdout } = await new Deno.Command(name, { args, stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout) : null;
  } catch {
    return null;
  }
}

/** Our own launcher; its ranks are processes, or Workers. */
export function launcher(...flags: string[]): Engine {
  const name = ["launch", ...flags].join(" ");
  const start = [deno, "run", "-A", "--no-check", `${root}src/cli/mod.ts`, "run", "--nproc", "4"];
  return { name, line: [...start, ...flags, PROGRAM] };
}

/** Open MPI or MPICH, whichever a program is part of; null where it is neither. */
export async function mpi(program: string): Promise<Engine | null> {
  const version = await said(program, "--version") ?? "";
  const open = /Open MPI\)? (\S+)/.exec(version), hydra = /HYDRA[^]*?Version: +(\S+)/.exec(version);
  if (open !== null) {
    const flags = ["--allow-run-as-root", "--oversubscribe"];
    return { name: `Open MPI ${open[1]}`, line: [program, ...flags, "-n", "4", ...rank] };
  }
  if (hydra === null) return null;
  return { name: `MPICH ${hydra[1]}`, line: [program, "-n", "4", ...rank] };
}

/** Slurm, where a controller answers. */
export async function slurm(): Promise<Engine | null> {
  const version = await said("srun", "--version");
  if (version === null || await said("sinfo", "--noheader") === null) return null;
  const flags = ["-n", "4", "-O", "--kill-on-bad-exit=1"];
  return { name: version.trim().replace("slurm-wlm", "Slurm"), line: ["srun", ...flags, ...rank] };
}

/** torchrun of a Python that has PyTorch. */
export async function torchrun(python: string): Promise<Engine | null> {
  const version = await said(python, "-c", "import torch; print(torch.__version__)");
  const flags = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "4"];
  return version === null ? null : {
    name: `torchrun ${version.trim()}`,
    line: [python, ...flags, "--no-python", ...rank],
  };
}

/** Ray of a Python that has it. */
export async function ray(python: string): Promise<Engine | null> {
  const version = await said(python, "-c", "import ray; print(ray.__version__)");
  const script = `${root}scripts/ray_launch.py`;
  return version === null ? null : {
    name: `Ray ${version.trim()}`,
    line: [python, script, "--nproc", "4", "--", ...rank],
  };
}

/** How four ranks ended. */
export interface Ended {
  readonly code: number;
  /** Ranks that printed the right result. */
  readonly right: number;
  /** Seconds of the whole run. */
  readonly seconds: number;
  /** Seconds from the exit of a rank with code 7 until the engine and all ranks were gone; null without one. */
  readonly after: number | null;
  /** Processes of ranks that are left 15 seconds later. */
  readonly left: number;
  /** What was written. */
  readonly text: string;
}

/** Processes that run the program for this run. */
async function living(mark: string): Promise<number> {
  let n = 0;
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // Engines have it in their own command line, too: those are to end as well.
      const line = await Deno.readTextFile(`/proc/${name}/cmdline`);
      if (line.includes(mark)) n++;
    } catch {
      // It has ended.
    }
  }
  return n;
}

/**
 * Runs the four ranks under an engine.
 *
 * @param fails whether rank 2 ends with code 7 when all have their results, and the others wait for it
 */
export async function runFour({ line }: Engine, fails: boolean): Promise<Ended> {
  const mark = `run=${crypto.randomUUID()}`, start = performance.now();
  const { code, stdout, stderr } = await new Deno.Command(line[0], {
    args: [...line.slice(1), fails ? "fail" : "well", mark],
    env: { TORCHOPT_THREADS: "1", NO_COLOR: "1", RAY_DEDUP_LOGS: "0" },
  }).output();
  const decoder = new TextDecoder(), text = decoder.decode(stdout) + decoder.decode(stderr);
  const ended = Date.now();
  let left = await living(mark);
  while (left > 0 && Date.now() < ended + 15_000) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    left = await living(mark);
  }
  const exit = /exits at (\d+)/.exec(text);
  return {
    code,
    right: new Set(
      ["32,32", "48,48", "64,64", "16,16"].filter((gradient, r) =>
        text.includes(`rank ${r} of 4: ${gradient}`)
      ),
    ).size,
    seconds: (performance.now() - start) / 1000,
    after: exit && (Date.now() - Number(exit[1])) / 1000,
    left,
    text,
  };
}
