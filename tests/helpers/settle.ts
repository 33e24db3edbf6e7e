/** Memory after the garbage collector has run. */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { memory, type MemoryStats } from "../../mod.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Runs the garbage collector, until what it frees was counted; what is alive then. */
export async function settle(): Promise<MemoryStats["storages"]> {
  for (let round = 0; round < 3; round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return memory().storages;
}
