/**
 * Programs of this package, run in processes of their own.
 *
 * @module
 */

import { denoCommand } from "../distributed/launch/deno.ts";
import { exists, filePath } from "../runtime/locate.ts";
import { VERSION } from "./version.ts";

/** What cannot be done, with the way out. */
export class CommandError extends Error {
  override name = "CommandError";
}

/** Root of this package, wherever it was loaded from. */
const PACKAGE = new URL("../../", import.meta.url);

/** The address of a file or module: a path is one from the current folder. */
export function addressOf(path: string): URL {
  if (/^[a-z]{2,}:/.test(path)) return new URL(path);
  // A drive in front of a path reads as the scheme of an address.
  const slashed = (text: string) =>
    Deno.build.os === "windows" ? text.replaceAll("\\", "/").replace(/^(?=[A-Za-z]:)/, "/") : text;
  return new URL(encodeURI(slashed(path)), `file://${encodeURI(slashed(Deno.cwd()))}/`);
}

/** Flags with which Deno resolves what programs of this package import: those of a checkout. */
export function ownConfig(): string[] {
  if (PACKAGE.protocol !== "file:") return [];
  const config = new URL("deno.json", PACKAGE);
  return exists(filePath(config)) ? ["--config", filePath(config)] : [];
}

/**
 * What Deno takes for a module of this package: its address, or the npm package's name for it, without
 * which the module would not find what it imports in turn.
 *
 * @param path relative to the root of the package, as in its sources
 */
export function ownModule(path: string): string {
  if (!import.meta.url.endsWith(".js")) return new URL(path, PACKAGE).href;
  // What an npm package holds is compiled.
  const compiled = path.replace(/\.ts$/, ".js");
  return import.meta.url.includes("/node_modules/")
    ? new URL(compiled, PACKAGE).href
    : `npm:@torchopt/torchopt@${VERSION}/internal/${compiled}`;
}

/** How a process of this package ended. */
export interface Ended {
  readonly code: number;
  /** What it wrote to stdout, where that was asked for. */
  readonly out: string;
}

/**
 * Runs a program of this package with Deno.
 *
 * @param path relative to the root of the package
 * @param args its arguments
 * @param options variables of its environment; whether stdout is caught
 * @throws {CommandError} in a compiled binary on a machine without Deno
 */
export async function runOwn(
  path: string,
  args: readonly string[],
  options: { readonly env?: Record<string, string>; readonly caught?: boolean } = {},
): Promise<Ended> {
  return await runDeno(["run", "-A", ...ownConfig(), ownModule(path), ...args], options);
}

/**
 * Runs Deno.
 *
 * @param options variables of the environment, whether stdout is caught, what it reads, and where
 * @throws {CommandError} in a compiled binary on a machine without Deno
 */
export async function runDeno(
  args: readonly string[],
  options: {
    readonly env?: Record<string, string>;
    readonly caught?: boolean;
    readonly input?: string;
    readonly cwd?: string;
  } = {},
): Promise<Ended> {
  const { env, caught = false, input, cwd } = options;
  let process: Deno.ChildProcess;
  try {
    process = new Deno.Command(denoCommand(), {
      args: [...args],
      env,
      cwd,
      stdin: input === undefined ? "null" : "piped",
      stdout: caught ? "piped" : "inherit",
    }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new CommandError(
      "this takes Deno, which is not on the PATH: a compiled binary runs no other programs by itself.",
    );
  }
  if (input !== undefined) {
    const writer = process.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
  }
  const out = caught ? await new Response(process.stdout).text() : "";
  const { code } = await process.status;
  return { code, out };
}
