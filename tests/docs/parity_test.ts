import { assert, assertEquals } from "@std/assert";
import { isExported } from "../../scripts/docs/exports.ts";

const read = (path: string) => Deno.readTextFileSync(new URL(path, import.meta.url));

const rowsOf = (text: string) =>
  [...text.matchAll(/^\| `(torchopt\.[^`]*)` *\| `([^`]+)` *\| ([\w ]+?) *\|$/gm)]
    .map(([, reference, path, status]) => ({ reference, path, status }));

Deno.test("docs/parity.md lists every symbol of the reference, and what it names is exported", () => {
  const tables = read("../../docs/parity.md").split(/^## /m).slice(1).map(rowsOf);
  assertEquals(
    tables[0].map(({ reference }) => reference),
    read("reference_symbols.txt").trim().split("\n"),
  );
  assertEquals(tables[0].filter(({ status }) => status !== "complete"), []);
  const wrong = tables.flat().filter(({ path, status }) =>
    status === "complete" && !isExported(path)
  );
  assertEquals(wrong, []);
});

Deno.test("every test that docs/differences.md names is there", () => {
  const text = Deno.readTextFileSync(new URL("../../docs/differences.md", import.meta.url))
    .replace(/\s+/g, " ");
  let checked = 0;
  for (const [, tests] of text.matchAll(/Tests?: (.*?)(?= - \*\*| ## |$)/g)) {
    let source = "";
    for (const [, file, name] of tests.matchAll(/`(tests\/[^`]+)`|_([^_]+)_/g)) {
      checked++;
      if (file) source = Deno.readTextFileSync(new URL(`../../${file}`, import.meta.url));
      // Names may be made from a table: their fixed beginning or end has to be there.
      else assert(source.includes(name) || source.includes(name.replace(/^\w+\(\)/, "()")), name);
    }
  }
  assert(checked > 30);
});
