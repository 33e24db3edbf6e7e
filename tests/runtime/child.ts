/** Runs code in a process of its own, for tests that need a fresh runtime or other variables. */

/**
 * Runs a module and returns what it printed.
 *
 * @param source text of the module
 * @param env variables to set
 * @param permissions flags; all of them by default
 * @throws {Error} with what it wrote to stderr, where it failed
 */
export async function child(
  source: string,
  env: Record<string, string> = {},
  permissions: readonly string[] = ["-A"],
): Promise<string> {
  return (await childOutput(source, env, permissions)).stdout;
}

/** Like `child`, with both streams. */
export async function childOutput(
  source: string,
  env: Record<string, string> = {},
  permissions: readonly string[] = ["-A"],
): Promise<{ stdout: string; stderr: string }> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...permissions, "-"],
    cwd: new URL("../../", import.meta.url),
    env: { NO_COLOR: "1", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const process = command.spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(source));
  await writer.close();
  const { success, stdout, stderr } = await process.output();
  const text = new TextDecoder();
  if (!success) throw new Error(text.decode(stderr));
  return { stdout: text.decode(stdout), stderr: text.decode(stderr) };
}
