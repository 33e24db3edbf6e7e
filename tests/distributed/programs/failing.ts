/** A rank whose main function fails, once it was told to by a call. */

import { distributed } from "@torchopt/torchopt";
import "../functions.ts";

const told = Promise.withResolvers<void>();
distributed.register("failNow", () => told.resolve());
const init = JSON.parse(Deno.env.get("TEST_INIT") ?? "{}");
await distributed.autoInitRpc(init)(async () => {
  await told.promise;
  throw new RangeError("the main function failed");
})();
