/**
 * The process that builds the compiled ops in the background (`ops_background.ts` starts it).
 *
 * @module
 */

import { failurePath } from "./ops_background.ts";
import { buildOps } from "./ops_build.ts";

try {
  await buildOps({ log: () => {} });
} catch (error) {
  Deno.writeTextFileSync(
    failurePath(),
    `${(error as Error).message}\n\nRemove this file to have it tried again.\n`,
  );
  Deno.exit(1);
}
