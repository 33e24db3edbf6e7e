/**
 * Serves the files that `deno publish` would send, and tries them as a project elsewhere would:
 * `deno task served [--allow-dirty]`.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import $ from "dax";
import config from "../deno.json" with { type: "json" };
import { servePackage } from "./package/serve.ts";
import { tryPackage } from "./package/try.ts";

const root = $.path(import.meta.dirname!).parentOrThrow();
await using server = await servePackage(root, Deno.args);
const entries = Object.entries(config.exports).map(([name, path]) => [
  config.name + name.slice(1),
  new URL(path, server.url).href,
]);
await tryPackage({
  version: config.version,
  config: { imports: Object.fromEntries(entries) },
  cli: new URL(config.exports["./cli"], server.url).href,
});
// What was asked for and is not published.
assertEquals([...server.missed], []);
console.log("ok  nothing else was asked for");
