/**
 * Builds the compiled ops beside the program, or fetches those that the package ships, in a process of its
 * own that outlasts it.
 *
 * @module
 */

import { OS } from "./host.ts";
import { exists, filePath } from "./locate.ts";
import { cacheFolder, makeCacheFolder } from "./ops_cache.ts";
import { isBuilding } from "./ops_lock.ts";
import { shippedOps } from "./prebuilt.ts";

/** How to ask for it: the module whose evaluation builds. */
const BUILDER = new URL("./ops_background_build.ts", import.meta.url);

/** Permissions that it takes to start a build. */
const NEEDED = ["env", "read", "write", "run"] as const;

/** Where a build that failed leaves what the compiler said, so that no other one is tried. */
export function failurePath(): string {
  return `${cacheFolder()}/build-failed.txt`;
}

/** How a build in the background stands: what is under way, or why there is none. */
export type Background = { readonly doing: string } | { readonly why: string };

/**
 * Starts a build. Nothing of it belongs to this process, whose end it does not wait for and whose tests
 * see no open resource. Where several start one, they build once (`ops_lock.ts`).
 */
export function buildInBackground(): Background {
  // Asking for a permission would stop the program.
  const missing = NEEDED.find((name) => Deno.permissions.querySync({ name }).state !== "granted");
  if (missing !== undefined) return { why: `Without --allow-${missing} nothing is built unasked` };
  if (Deno.env.get("TORCHOPT_BUILD") === "off") return { why: "TORCHOPT_BUILD=off builds nothing" };
  if (Deno.build.standalone || OS === "windows") return { why: "Here nothing is built unasked" };
  try {
    if (exists(failurePath())) return { why: `The last build failed, see ${failurePath()}` };
    const doing = means();
    if (doing === undefined) return { why: "There is no C++ compiler on the PATH" };
    // Builders would wait for it, one more for each program that starts.
    if (isBuilding(makeCacheFolder())) return { doing: "built by another process" };
    const { success } = new Deno.Command("sh", {
      // The shell ends at once; what it has started goes on, also where the terminal is closed.
      args: ["-c", 'nohup "$0" "$@" >/dev/null 2>&1 &', Deno.execPath(), ...builderArguments()],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).outputSync();
    return success ? { doing } : { why: "No process could be started" };
  } catch (error) {
    return { why: (error as Error).message };
  }
}

function builderArguments(): string[] {
  // The permissions of the builder are its own: it reads sources, and runs the compiler.
  const builder = BUILDER.protocol === "file:" ? filePath(BUILDER) : BUILDER.href;
  return ["run", "-A", "--no-lock", "--no-config", builder];
}

/** What a build would do, as far as names tell. */
function means(): string | undefined {
  const shipped = shippedOps();
  // Those that lie on a disk were tried.
  if (shipped && shipped.url.protocol !== "file:") return "fetched in the background, once";
  const compiler = compilerOnPath();
  return compiler && `built in the background, once, with ${compiler}`;
}

/** The compiler that a build would take, as far as names tell. */
function compilerOnPath(): string | undefined {
  const named = Deno.env.get("CXX")?.trim();
  if (named) return named;
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return ["c++", "g++", "clang++"].find((name) => folders.some((f) => exists(`${f}/${name}`)));
}
