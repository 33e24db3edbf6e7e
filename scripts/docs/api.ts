/**
 * The index of all public names: `docs/api.md`.
 *
 * @module
 */

import type { PublicName } from "./public_names.ts";
import { MADE } from "./table.ts";

/** What namespaces are about, in the order of the index. */
const SPACES: readonly (readonly [string, string])[] = [
  ["", "Tensors, optimizers and what has no namespace of its own"],
  ["autograd", "Gradients"],
  ["func", "Transformations of functions, loops and choices"],
  ["nn", "Modules"],
  ["nn.functional", "Functions of neural networks"],
  ["nn.init", "Initialisers"],
  ["transform", "Parts of optimizers"],
  ["schedule", "Learning rates over time"],
  ["hook", "Hooks on gradients"],
  ["diff", "Zero-order gradients"],
  ["diff.implicit", "Implicit gradients"],
  ["linearSolve", "Solvers of linear systems on trees"],
  ["linalg", "Linear algebra"],
  ["solvers", "Roots, fixed points, minima"],
  ["distributions", "Distributions"],
  ["distributed", "Several processes and hosts"],
  ["distributed.autograd", "Gradients through calls"],
  ["visual", "Pictures of gradient graphs"],
  ["pytree", "Trees of values"],
];

const spaceOf = ({ path }: PublicName) => path.slice(0, Math.max(0, path.lastIndexOf(".")));

/** The page. */
export function apiPage(names: readonly PublicName[]): string {
  const bySpace = Map.groupBy(names, spaceOf);
  const order = [...new Set([...SPACES.map(([space]) => space), ...bySpace.keys()])];
  const sections = order.filter((space) => bySpace.has(space)).map((space) => {
    const title = SPACES.find(([name]) => name === space)?.[1] ?? "";
    return section(space, title, bySpace.get(space)!);
  });
  const count = (test: (name: PublicName) => boolean) => names.filter(test).length;
  return `${MADE}
# API index

All public names with the first sentence of their documentation; \`deno doc --filter NAME mod.ts\` shows the
rest: arguments, shapes, errors and an example that runs. ${
    count(({ kind }) => kind === "function")
  } functions, ${count(({ kind }) => kind === "class")} classes and ${
    count(({ kind }) => kind === "type")
  } types.

${sections.join("\n\n")}
`;
}

function section(space: string, title: string, names: readonly PublicName[]): string {
  const head = `## ${space === "" ? title : `\`${space}\`: ${title}`}`;
  const values = names.filter(({ kind }) => kind !== "type");
  const types = names.filter(({ kind }) => kind === "type");
  const last = ({ path }: PublicName) => `\`${path.slice(path.lastIndexOf(".") + 1)}\``;
  const parts = [head];
  if (values.length > 0) {
    parts.push(
      values.map((name) => `- ${last(name)} (${name.kind}): ${name.summary}.`).join("\n"),
    );
  }
  for (const { path, members } of values) {
    // A class with methods of its own; others have those of their base class.
    if (members.length < 8) continue;
    parts.push(`### Members of \`${path}\``);
    parts.push(
      [...members].sort((a, b) => a.name < b.name ? -1 : 1)
        .map(({ name, summary }) => `- \`${name}\`: ${summary}.`).join("\n"),
    );
  }
  if (types.length > 0) {
    parts.push("Types:");
    parts.push(types.map((name) => `- ${last(name)}: ${name.summary}.`).join("\n"));
  }
  return parts.join("\n\n");
}
