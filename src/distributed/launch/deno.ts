/**
 * The command that runs other programs.
 *
 * @module
 */

/** Deno: this one, or that on the PATH where this process is a compiled binary. */
export function denoCommand(): string {
  return Deno.build.standalone ? "deno" : Deno.execPath();
}
