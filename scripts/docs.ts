/**
 * Makes the pages of `docs/` that follow from what is exported: the index of the API, parity with
 * TorchOpt, PyTorch's names, and the comparison with other libraries. `--check` compares them with those that are there.
 *
 * @module
 */

import { apiPage } from "./docs/api.ts";
import { comparisonPage } from "./docs/comparison.ts";
import { exportedNames, isExported } from "./docs/exports.ts";
import { migrationPage, renamesOf, renamesProgram } from "./docs/migration.ts";
import { parityPage } from "./docs/parity.ts";
import { documented, publicNames } from "./docs/public_names.ts";
import { formatted } from "./docs/table.ts";
import answers from "./features/answers.json" with { type: "json" };

const root = new URL("../", import.meta.url);
const read = (path: string) => Deno.readTextFileSync(new URL(path, root));

/** Throws where an expression of the migration table does not type-check. */
async function checkRenames(renames: ReadonlyMap<string, string>): Promise<void> {
  // Always the same file: what was checked before is not checked again.
  const folder = `${decodeURI(root.pathname)}build`, file = `${folder}/renames.ts`;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(file, renamesProgram(renames, exportedNames));
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--quiet", file],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

const names = publicNames(await documented(root), isExported);
const renames = renamesOf(read("scripts/docs/torch_renames.tsv"));
await checkRenames(renames);
const pages: Record<string, string> = {
  "docs/api.md": apiPage(names),
  "docs/comparison.md": comparisonPage(answers),
  "docs/parity.md": parityPage(read("scripts/docs/torchopt_names.tsv"), names, isExported),
  "docs/migration.md": migrationPage(
    read("scripts/docs/torch_names.txt").trim().split("\n"),
    renames,
    isExported,
  ),
};
let stale = 0;
for (const [path, text] of Object.entries(pages)) {
  const made = await formatted(text, root);
  let before = "";
  try {
    before = read(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  if (made === before) continue;
  stale++;
  if (Deno.args.includes("--check")) {
    console.error(`${path} is not what the exports say: run \`deno task docs\`.`);
  } else {
    await Deno.writeTextFile(new URL(path, root), made);
    console.error(`wrote ${path}`);
  }
}
if (stale === 0) console.error(`${Object.keys(pages).join(", ")}: up to date`);
Deno.exit(stale > 0 && Deno.args.includes("--check") ? 1 : 0);
