/** The same four ranks under engines that are installed: `scripts/check_engines.ts` knows some more. */

import { assertEquals, assertNotEquals } from "@std/assert";
import { type Engine, mpi, runFour, slurm } from "../../scripts/engines/engines.ts";
import { linux, testWith } from "../helpers/needs.ts";

const found = linux.met
  ? await Promise.all([mpi("mpirun"), mpi("mpiexec.hydra"), slurm()])
  : [null, null, null];

for (const [i, name] of ["Open MPI", "MPICH", "Slurm"].entries()) {
  const engine = found[i], is = { met: engine !== null, why: `${name} is not there` };
  testWith([linux, is], `four ranks under ${name}, and all end where one fails`, async () => {
    const { code, right, left, text } = await runFour(engine as Engine, true);
    assertEquals([right, left], [4, 0], text);
    assertNotEquals(code, 0);
  });
}
