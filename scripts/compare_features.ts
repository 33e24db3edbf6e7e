/**
 * Asks libraries the questions of `scripts/features/list.ts` by running them, and keeps what came out
 * in `scripts/features/answers.json`, of which `deno task docs` makes `docs/comparison.md`.
 *
 *     deno run -A scripts/compare_features.ts [LIBRARY ...] [--python PYTHON]
 *
 * LIBRARY is `here`, `torchopt`, `torch`, `jax` or `jaxjs`; without one, all are asked. PYTHON needs
 * torch, torchopt, jax and optax (default python3).
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };
import stored from "./features/answers.json" with { type: "json" };
import { FEATURES } from "./features/list.ts";

const root = new URL("../", import.meta.url), names = Object.keys(FEATURES);
const at = Deno.args.indexOf("--python"), python = at < 0 ? "python3" : Deno.args[at + 1];
const asked = Deno.args.filter((_, i) => at < 0 || (i !== at && i !== at + 1));

/** What a library answers by name, "yes" or what it says, and its version. */
type Answers = Record<string, string>;

async function ask(command: string, args: readonly string[]): Promise<Answers> {
  const { stdout, stderr } = await new Deno.Command(command, {
    args: [...args, ...names],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const last = new TextDecoder().decode(stdout).trim().split("\n").at(-1)!;
  if (!last.startsWith("{")) throw new Error(new TextDecoder().decode(stderr).slice(-2000));
  return JSON.parse(last);
}

async function own(file: string, version: string): Promise<Answers> {
  const args = ["run", "-A", "scripts/features/answers.ts", file];
  return { version, ...await ask(Deno.execPath(), args) };
}
const peer = (library: string) => ask(python, ["scripts/features/peers.py", library]);

const libraries: Record<string, () => Promise<Answers>> = {
  here: () => own("./here.ts", config.version),
  torchopt: () => peer("torchopt"),
  torch: () => peer("torch"),
  jax: () => peer("jax"),
  jaxjs: () => own("./jaxjs.ts", "0.1.25"),
};
const unknown = asked.filter((name) => !(name in libraries));
if (unknown.length > 0) {
  console.error(
    `compare_features: there is no ${unknown[0]}; ${Object.keys(libraries).join(", ")}`,
  );
  Deno.exit(2);
}
const answers: Record<string, Answers> = { ...stored };
for (const name of asked.length > 0 ? asked : Object.keys(libraries)) {
  answers[name] = await libraries[name]();
  console.error(`${name}: asked`);
}
await Deno.writeTextFile(
  new URL("scripts/features/answers.json", root),
  JSON.stringify(answers, null, 2) + "\n",
);
