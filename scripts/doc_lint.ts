/**
 * Lints the documentation of every entry point that `deno.json` exports, and checks that
 * `deno doc mod.ts` shows every public name.
 */

import $ from "dax";
import config from "../deno.json" with { type: "json" };
import { missingNames } from "./doc_names.ts";

const entries = Object.values(config.exports);
const root = $.path(import.meta.dirname!).parentOrThrow();
const { code } = await $`${Deno.execPath()} doc --lint ${entries}`.cwd(root).noThrow();
const missing = await missingNames(root.toString());
for (const name of missing) console.error(`deno doc mod.ts does not show ${name}`);
Deno.exit(missing.length > 0 ? 1 : code);
