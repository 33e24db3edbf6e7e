/**
 * The C++ compiler of the system.
 *
 * @module
 */

import { BackendError } from "./errors.ts";

/** A command and the arguments that come first: `["ccache", "g++"]`. */
export type Compiler = readonly string[];

const WAYS_OUT = "or go on without: everything works without the compiled ops, only slower.";

/**
 * The compiler that `CXX` names, which may have arguments, else the first of the usual ones that runs.
 *
 * @param cxx what `CXX` says
 * @param candidates commands to try where it says nothing
 * @throws {BackendError} where there is none, or that of `CXX` does not run
 * @throws {Deno.errors.NotCapable} where none runs and one was not permitted (`--allow-run`)
 */
export async function findCompiler(
  cxx: string | undefined = Deno.env.get("CXX"),
  candidates: readonly string[] = ["c++", "g++", "clang++"],
): Promise<Compiler> {
  const named = cxx?.trim();
  // A path may hold spaces; what does not run as a whole is a command with arguments.
  const commands = named ? [[named], named.split(/\s+/)] : candidates.map((name) => [name]);
  let refused: Error | undefined;
  for (const compiler of commands) {
    try {
      if ((await run(compiler, ["--version"])).success) return compiler;
    } catch (error) {
      // Not there, not executable, or not permitted: the next one may be.
      if (error instanceof Deno.errors.NotCapable) refused ??= error;
    }
  }
  if (refused) throw refused;
  throw new BackendError(
    named
      ? `Building the compiled ops: CXX is "${named}", which does not run. Set it to a compiler for ` +
        `C++17, such as "g++" or "ccache clang++", unset it to use the system's, ${WAYS_OUT}`
      : `Building the compiled ops: no C++ compiler runs (tried ${
        candidates.join(", ")
      }). Install ` +
        'one ("apt install g++", "xcode-select --install", MinGW-w64 or LLVM on Windows), ' +
        WAYS_OUT,
  );
}

/**
 * Runs the compiler.
 *
 * @param what the attempt, for the message
 * @param signal ends it
 * @throws {BackendError} with what the compiler says, where it fails
 */
export async function mustCompile(
  compiler: Compiler,
  args: readonly string[],
  what: string,
  signal: AbortSignal,
): Promise<void> {
  const { success, stderr } = await run(compiler, args, signal);
  if (success) return;
  const text = new TextDecoder().decode(stderr).split("\n").slice(0, 40).join("\n");
  throw new BackendError(
    `Building the compiled ops: ${what} with ${compiler.join(" ")} failed. Set CXX to a compiler ` +
      `for C++17, or go on without the compiled ops. The compiler says:\n${text}`,
  );
}

/** Does not wait for what a compiler that was ended has started in turn. */
async function run(
  [command, ...first]: Compiler,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<Deno.CommandOutput> {
  signal?.throwIfAborted();
  const options = { stdin: "null", stdout: "null", stderr: "piped", signal } as const;
  const output = new Deno.Command(command, { args: [...first, ...args], ...options }).output();
  if (!signal) return await output;
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([output, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
