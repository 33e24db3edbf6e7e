/** Runs `deno doc --lint` on every entry point that `deno.json` exports. */

import $ from "dax";
import config from "../deno.json" with { type: "json" };

const entries = Object.values(config.exports);
const root = $.path(import.meta.dirname!).parentOrThrow();
const { code } = await $`${Deno.execPath()} doc --lint ${entries}`.cwd(root).noThrow();
Deno.exit(code);
