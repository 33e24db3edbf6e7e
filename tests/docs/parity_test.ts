import { assert } from "@std/assert";
import * as torchopt from "@torchopt/torchopt";

Deno.test("everything that docs/parity.md names is exported", () => {
  const text = Deno.readTextFileSync(new URL("../../docs/parity.md", import.meta.url));
  const rows = [...text.matchAll(/^\| `torchopt\.[^|]*\| `([^`]+)` *\| complete *\|$/gm)];
  assert(rows.length > 50);
  for (const [, path] of rows) {
    let value: unknown = torchopt;
    for (const key of path.split(".")) value = (value as Record<string, unknown>)?.[key];
    assert(value !== undefined, path);
  }
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
