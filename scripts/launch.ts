/** Runs a program on several ranks of this host: `deno task launch --nproc 4 program.ts`. */

import { launchProcesses } from "../src/distributed/launch/processes.ts";
import { parseArguments, USAGE, UsageError } from "../src/distributed/launch/settings.ts";
import { launchWorkers } from "../src/distributed/launch/workers.ts";

try {
  const settings = parseArguments(Deno.args);
  Deno.exit(await (settings.workers ? launchWorkers : launchProcesses)(settings));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`launch: ${error.message}\n\n${USAGE}`);
  Deno.exit(2);
}
