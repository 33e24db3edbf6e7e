/**
 * Runs the shell commands of the documentation: the quick ones, or with `--long` those that take
 * longer; `--list` says how each is known to work.
 *
 * @module
 */

import { KNOWN, type Known } from "./docs/command_list.ts";
import { allCommands, type Found } from "./docs/commands.ts";

const root = new URL("../", import.meta.url);
const wrong = Deno.args.filter((arg) => !["--long", "--list"].includes(arg));
if (wrong.length > 0) {
  console.error(`docs:commands: there is no option ${wrong[0]}; the options are --long, --list`);
  Deno.exit(2);
}

/** Runs a command with the Deno that runs this. */
async function run(command: string): Promise<boolean> {
  const own = command.replace(/\b(npx --yes )?deno(@[\d.]+)? /, `"${Deno.execPath()}" `);
  const began = performance.now();
  const child = new Deno.Command("bash", {
    args: ["-c", own],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await child.output();
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`${code === 0 ? "ok  " : "FAIL"} ${seconds.padStart(6)} s  ${command}`);
  if (code !== 0) {
    for (const bytes of [stdout, stderr]) console.log(new TextDecoder().decode(bytes).slice(-2000));
  }
  return code === 0;
}

const known = allCommands(root).map((found): [Found, Known | undefined] => [
  found,
  KNOWN.find(({ pattern }) => pattern.test(found.command)),
]);
let failures = 0;
for (const [{ command, page }, entry] of known) {
  if (entry !== undefined) continue;
  failures++;
  console.error(
    `${page}: nothing is known of "${command}"; add it to scripts/docs/command_list.ts`,
  );
}
if (Deno.args.includes("--list")) {
  for (const [{ command, page }, entry] of known) {
    if (entry !== undefined) console.log(`${entry.way.padEnd(9)} ${page}: ${command}`);
    if (entry?.reason) console.log(`          ${entry.reason}`);
  }
} else {
  const way = Deno.args.includes("--long") ? "long" : "quick";
  const commands = known.filter(([, entry]) => entry?.way === way)
    .map(([{ command }, entry]) =>
      entry!.as === undefined ? command : command.replace(entry!.pattern, entry!.as)
    );
  for (const command of new Set(commands)) if (!await run(command)) failures++;
}
Deno.exit(failures > 0 ? 1 : 0);
