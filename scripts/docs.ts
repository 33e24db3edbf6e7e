/**
 * Makes the pages of `docs/` that follow from what is exported: the index of the API, parity with
 * TorchOpt, and PyTorch's names. `--check` compares them with those that are there.
 *
 * @module
 */

import * as torchopt from "../mod.ts";
import { apiPage } from "./docs/api.ts";
import { migrationPage, renamesOf, renamesProgram } from "./docs/migration.ts";
import { parityPage } from "./docs/parity.ts";
import { documented, publicNames } from "./docs/public_names.ts";
import { formatted } from "./docs/table.ts";

const root = new URL("../", import.meta.url);
const read = (path: string) => Deno.readTextFileSync(new URL(path, root));

/** Whether a path such as `nn.Linear` leads to something. */
function has(path: string): boolean {
  let value: unknown = torchopt;
  for (const key of path.split(".")) {
    if (value === null || value === undefined || !(key in Object(value))) return false;
    // An accessor of a prototype is there, and cannot be read without an object.
    if (path.includes(".prototype.") && path.endsWith(`.${key}`)) return true;
    value = (value as Record<string, unknown>)[key];
  }
  return true;
}

/** Throws where an expression of the migration table does not type-check. */
async function checkRenames(renames: ReadonlyMap<string, string>): Promise<void> {
  const file = await Deno.makeTempFile({
    dir: decodeURI(root.pathname),
    prefix: ".renames-",
    suffix: ".ts",
  });
  try {
    await Deno.writeTextFile(file, renamesProgram(renames, Object.keys(torchopt)));
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", file],
      cwd: root,
      env: { NO_COLOR: "1" },
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(file);
  }
}

const names = publicNames(await documented(root), has);
const renames = renamesOf(read("scripts/docs/torch_renames.tsv"));
await checkRenames(renames);
const pages: Record<string, string> = {
  "docs/api.md": apiPage(names),
  "docs/parity.md": parityPage(read("scripts/docs/torchopt_names.tsv"), names, has),
  "docs/migration.md": migrationPage(
    read("scripts/docs/torch_names.txt").trim().split("\n"),
    renames,
    has,
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
