/**
 * TorchOpt's names beside those here: `docs/parity.md`.
 *
 * @module
 */

import type { PublicName } from "./public_names.ts";
import { MADE, table } from "./table.ts";

/** A line of `torchopt_names.tsv`. */
interface Row {
  readonly reference: string;
  readonly here: string;
  readonly note: string;
}

/** The sections of `torchopt_names.tsv`. */
function sectionsOf(text: string): [string, Row[]][] {
  return text.split(/^## /m).slice(1).map((part) => {
    const [title, ...lines] = part.trim().split("\n");
    return [
      title,
      lines.map((line) => {
        const [reference, here = "", note = ""] = line.split("\t");
        return { reference, here, note };
      }),
    ];
  });
}

/**
 * The page. `has` says whether a path such as `nn.Linear` leads to a value.
 *
 * @throws a row that names something that does not exist
 */
export function parityPage(
  text: string,
  names: readonly PublicName[],
  has: (path: string) => boolean,
): string {
  const types = new Set(names.filter(({ kind }) => kind === "type").map(({ path }) => path));
  const status = ({ reference, here, note }: Row) => {
    if (here === "") {
      if (note === "") throw new Error(`${reference} has neither a name here nor a note.`);
      return note.startsWith("\`") || /^(the option|always)/.test(note) ? "written so" : "not here";
    }
    if (has(here)) return "complete";
    if (types.has(here)) return "type";
    throw new Error(`${reference}: there is no ${here}.`);
  };
  const sections = sectionsOf(text);
  const counts = sections.map(([title, rows]) => {
    const missing = rows.filter((row) => status(row) === "not here").length;
    return [title, String(rows.length), String(rows.length - missing), String(missing)];
  });
  return `${MADE}
# Parity with TorchOpt

What the reference has, under its name here: \`snake_case\` becomes \`camelCase\`, keyword arguments
become one options object with the same defaults. Deliberate differences in behaviour stand in
[differences.md](differences.md), PyTorch's names in [migration.md](migration.md). This page is made
from what is exported, and CI makes it again and compares.

${table(["names", "in the reference", "here", "not here"], counts)}

${
    sections.map(([title, rows]) =>
      `## ${title}\n\n${
        table(
          ["reference", "here", "status"],
          rows.map((row) => [
            `\`${row.reference}\``,
            row.here === "" ? row.note : `\`${row.here}\``,
            status(row),
          ]),
        )
      }`
    ).join("\n\n")
  }
`;
}
