/**
 * Lints the documentation of every entry point that `deno.json` exports, and checks that
 * `deno doc mod.ts` shows every public name, and that every function, class, constant and method is
 * in an example that runs with the tests.
 */

import $ from "dax";
import config from "../deno.json" with { type: "json" };
import { withoutExample } from "./doc_examples.ts";
import { missingNames } from "./doc_names.ts";

const entries = Object.values(config.exports);
const root = $.path(import.meta.dirname!).parentOrThrow();
const { code } = await $`${Deno.execPath()} doc --lint ${entries}`.cwd(root).noThrow();
const missing = await missingNames(root.toString());
for (const name of missing) console.error(`deno doc mod.ts does not show ${name}`);
const { names, checked } = await withoutExample(new URL("../", import.meta.url));
for (const name of names) console.error(`no example shows ${name}`);
console.error(
  `${checked} functions, classes, constants and methods; ${names.length} in no example`,
);
Deno.exit(missing.length + names.length > 0 ? 1 : code);
