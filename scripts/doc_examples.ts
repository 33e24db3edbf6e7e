/**
 * Public values that no example shows. Types are shown by the functions that take them, methods by
 * any example of the documentation.
 *
 * @module
 */

import { isExported } from "./docs/exports.ts";
import { documented, publicNames } from "./docs/public_names.ts";

/** The TypeScript that a text holds in fenced blocks, those of JSDoc among them. */
function codeOf(text: string): string {
  return [...text.matchAll(/^( *\*? *)```ts\b[^\n]*\n([\s\S]*?)\n\1```/gm)]
    .map(([, , code]) => code).join("\n");
}

function allExamples(folder: URL): string {
  return [...Deno.readDirSync(folder)].map(({ name, isDirectory }) => {
    if (isDirectory) return allExamples(new URL(`${name}/`, folder));
    return /\.(ts|md)$/.test(name) ? codeOf(Deno.readTextFileSync(new URL(name, folder))) : "";
  }).join("\n");
}

/** Names without an example: `nn.Linear`, or `nn.Module.apply` where none calls a method. */
export async function withoutExample(
  root: URL,
): Promise<{ readonly names: string[]; readonly checked: number }> {
  const values = publicNames(await documented(root), isExported).filter(({ kind }) =>
    kind !== "type"
  );
  const code = [
    ...["src/", "docs/"].map((folder) => allExamples(new URL(folder, root))),
    ...["README.md", "mod.ts"].map((file) => codeOf(Deno.readTextFileSync(new URL(file, root)))),
  ].join("\n");
  const used = new Set([...code.matchAll(/\b(\w+)(?=\()/g)].map(([, name]) => name));
  const missing = values.flatMap(({ path, members, hasExample }) => [
    ...hasExample ? [] : [path],
    ...members.filter(({ name, isMethod }) => isMethod && !used.has(name))
      .map(({ name }) => `${path}.${name}`),
  ]);
  const methods = values.flatMap(({ members }) => members.filter(({ isMethod }) => isMethod));
  return { names: missing, checked: values.length + methods.length };
}
