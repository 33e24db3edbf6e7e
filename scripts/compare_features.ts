/**
 * Asks this library, TorchOpt, PyTorch, JAX with optax, and jax-js the questions of
 * `scripts/features/list.ts` by running them, and writes `docs/comparison.md`.
 *
 *     deno run -A scripts/compare_features.ts [--python PYTHON]
 *
 * PYTHON needs torch, torchopt, jax and optax (default python3).
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };
import { formatted, table } from "./docs/table.ts";
import { FEATURES } from "./features/list.ts";

const root = new URL("../", import.meta.url), names = Object.keys(FEATURES);
const at = Deno.args.indexOf("--python"), python = at < 0 ? "python3" : Deno.args[at + 1];

/** What a library answers by name: "yes", or what it says. */
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

const own = (file: string) =>
  ask(Deno.execPath(), ["run", "-A", "scripts/features/answers.ts", file]);
const peer = (library: string) => ask(python, ["scripts/features/peers.py", library]);
const libraries: [string, Answers][] = [
  [`here ${config.version}`, await own("./here.ts")],
];
for (const [title, library] of [["TorchOpt", "torchopt"], ["PyTorch", "torch"], ["JAX", "jax"]]) {
  const answers = await peer(library);
  libraries.push([`${title} ${answers.version}`, answers]);
}
libraries.push(["jax-js 0.1.25", await own("./jaxjs.ts")]);

const notes: string[] = [];
/** A cell: "yes", "–" where there is no such thing, or a note with the error. */
function cell(title: string, answer: string): string {
  if (answer === "yes") return "yes";
  if (/there is no|^no$|not found|no attribute|does not exist/i.test(answer)) return "–";
  notes.push(`${title}: ${answer}`);
  return `error ${notes.length}`;
}
const rows = names.map((name) => [
  FEATURES[name],
  ...libraries.map(([title, answers]) => cell(title, answers[name])),
]);
const page = `# Comparison

Each cell was run: \`deno run -A scripts/compare_features.ts\` asks every library the same question, with
a check of the number that comes out (\`scripts/features/\`). A dash: the library has no such thing of
its own, which was looked up by name. TorchOpt stands on PyTorch, and what that has counts for both.
Speed is measured elsewhere: [bench/README.md](../bench/README.md).

${table(["", ...libraries.map(([title]) => title)], rows)}

${notes.map((note, i) => `${i + 1}. ${note.replace(/[<>]/g, "")}`).join("\n")}
`;
await Deno.writeTextFile(new URL("docs/comparison.md", root), await formatted(page, root));
