/** A rank of a test's world: it serves the functions until all want to leave. */

import { distributed } from "@torchopt/torchopt";
import "../functions.ts";

await distributed.initRpc(JSON.parse(Deno.env.get("TEST_INIT") ?? "{}"));
await distributed.shutdown();
