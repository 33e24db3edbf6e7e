/**
 * Runs the same four ranks under each engine that is installed here, and once more with a rank that ends
 * with code 7: then all others have to be gone within 15 seconds.
 *
 * `deno run -A scripts/check_engines.ts [name ...]`; `PYTHON` names a Python that has torch or ray.
 *
 * @module
 */

import $ from "dax";

const root = $.path(import.meta.dirname!).parentOrThrow().toString();
const program = `${root}/tests/distributed/programs/four.ts`;
const python = Deno.env.get("PYTHON") ?? "python3", deno = Deno.execPath();
const rank = [deno, "run", "-A", "--no-check", program];

/** Command lines in front of that of a rank; each needs a program, or a module of Python. */
const engines: Record<string, { needs: string[]; line: string[] }> = {
  launch: {
    needs: [deno],
    line: [deno, "run", "-A", `${root}/src/cli/mod.ts`, "run", "--nproc", "4"],
  },
  workers: {
    needs: [deno],
    line: [deno, "run", "-A", `${root}/src/cli/mod.ts`, "run", "--workers", "--nproc", "4"],
  },
  openmpi: {
    needs: ["mpirun"],
    line: ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "4", ...rank],
  },
  mpich: { needs: ["mpiexec.hydra"], line: ["mpiexec.hydra", "-n", "4", ...rank] },
  slurm: { needs: ["srun"], line: ["srun", "-n", "4", "-O", "--kill-on-bad-exit=1", ...rank] },
  torchrun: {
    needs: [python, "torch"],
    line: [
      python,
      "-m",
      "torch.distributed.run",
      "--standalone",
      "--nproc-per-node",
      "4",
      "--no-python",
      ...rank,
    ],
  },
  ray: {
    needs: [python, "ray"],
    line: [python, `${root}/scripts/ray_launch.py`, "--nproc", "4", "--", ...rank],
  },
};

async function isThere([name, module]: string[]): Promise<boolean> {
  const args = module === undefined ? ["--version"] : ["-c", `import ${module}`];
  try {
    const { success } = await new Deno.Command(name, { args, stdout: "null", stderr: "null" })
      .output();
    return success;
  } catch {
    return false;
  }
}

/** Processes that run the program. */
async function left(): Promise<number> {
  let n = 0;
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const line = await Deno.readTextFile(`/proc/${name}/cmdline`);
      if (line.includes(program) && line.startsWith(deno)) n++;
    } catch {
      // It has ended.
    }
  }
  return n;
}

async function runOnce(line: readonly string[], ...more: string[]) {
  const own = line.includes(program) ? line : [...line, program], start = performance.now();
  const { code, stdout } = await new Deno.Command(own[0], {
    args: [...own.slice(1), ...more],
    env: { TORCHOPT_THREADS: "1", NO_COLOR: "1", RAY_DEDUP_LOGS: "0" },
    stderr: "piped",
  }).output();
  const seconds = (performance.now() - start) / 1000;
  const ranks = new Set(new TextDecoder().decode(stdout).match(/rank \d of 4: \d+,\d+/g) ?? []);
  return { code, ranks: ranks.size, seconds };
}

let failed = false;
for (const name of Deno.args.length > 0 ? Deno.args : Object.keys(engines)) {
  const { needs, line } = engines[name];
  if (!await isThere(needs)) {
    console.log(`${name.padEnd(9)} is not installed`);
    continue;
  }
  const well = await runOnce(line), ill = await runOnce(line, "fail"), rest = await left();
  const good = well.code === 0 && well.ranks === 4 && ill.code !== 0 && rest === 0;
  failed ||= !good;
  console.log(
    `${name.padEnd(9)} ${good ? "ok    " : "FAILED"} ${well.ranks} of 4 ranks in ${
      well.seconds.toFixed(1)
    } s; ` +
      `a rank that fails: code ${ill.code} in ${ill.seconds.toFixed(1)} s, ${rest} processes left`,
  );
}
Deno.exit(failed ? 1 : 0);
