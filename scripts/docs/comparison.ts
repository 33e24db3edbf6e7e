/**
 * What other libraries have: `docs/comparison.md`.
 *
 * @module
 */

import { FEATURES } from "../features/list.ts";
import { MADE, table } from "./table.ts";

/** Titles of the libraries of `answers.json`. */
const TITLES: readonly (readonly [string, string])[] = [
  ["here", "here"],
  ["torchopt", "TorchOpt"],
  ["torch", "PyTorch"],
  ["jax", "JAX"],
  ["jaxjs", "jax-js"],
];

/** The page, from what `scripts/compare_features.ts` kept. */
export function comparisonPage(answers: Readonly<Record<string, Record<string, string>>>): string {
  const notes: string[] = [];
  const cell = (title: string, answer: string): string => {
    if (answer === "yes") return "yes";
    if (/there is no|^no$|not found|no attribute|does not exist/i.test(answer)) return "–";
    notes.push(`${title}: ${answer.replace(/[<>]/g, "")}`);
    return `no (${notes.length})`;
  };
  const rows = Object.entries(FEATURES).map(([name, text]) => [
    text,
    ...TITLES.map(([library, title]) => cell(title, answers[library][name])),
  ]);
  return `${MADE}
# Comparison

Each cell was run: \`deno run -A scripts/compare_features.ts\` asks every library the same question, with
a check of the number that comes out (\`scripts/features/\`); the tests ask this library again. A dash:
the library has no such thing of its own, which was looked up by name. TorchOpt stands on PyTorch, and
what that has counts for both. Speed is measured elsewhere: [bench/README.md](../bench/README.md).

${
    table(
      ["", ...TITLES.map(([library, title]) => `${title} ${answers[library].version}`)],
      rows,
    )
  }

${notes.map((note, i) => `${i + 1}. ${note}`).join("\n")}
`;
}
