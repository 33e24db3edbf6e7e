/** Runs code in a process of its own, for tests that need a fresh runtime or other variables. */

/**
 * Runs a module and returns what it printed.
 *
 * @param source text of the module
 * @param env variables to set
 */
export async function child(source: string, env: Record<string, string> = {}): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["eval", source],
    cwd: new URL("../../", import.meta.url),
    env,
  });
  const { success, stdout, stderr } = await command.output();
  const text = new TextDecoder();
  if (!success) throw new Error(text.decode(stderr));
  return text.decode(stdout);
}
