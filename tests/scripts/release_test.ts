import { assertEquals, assertThrows } from "@std/assert";
import {
  changesOf,
  closeChangelog,
  compareVersions,
  type Files,
  isVersion,
  setVersion,
  versionFaults,
} from "../../scripts/release/version.ts";

Deno.test("isVersion() follows Semantic Versioning", () => {
  for (const text of ["0.1.0", "1.0.0-rc.1", "10.20.30", "1.0.0-alpha-x.0"]) {
    assertEquals([text, isVersion(text)], [text, true]);
  }
  for (const text of ["1.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0 ", "^1.0.0"]) {
    assertEquals([text, isVersion(text)], [text, false]);
  }
});

Deno.test("compareVersions() orders as section 11 of the specification does", () => {
  const order = [
    "0.9.10",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.2",
    "1.10.0",
    "2.0.0",
  ];
  assertEquals([...order].reverse().sort(compareVersions), order);
});

const CHANGELOG =
  "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n\n## [0.1.0] - 2025-01-01\n\nOld.\n";

Deno.test("closeChangelog() gives the unreleased changes to a version", () => {
  const closed = closeChangelog(CHANGELOG, "0.2.0", "2025-02-02");
  assertEquals(changesOf(closed, "0.2.0"), "### Added\n\n- A thing.");
  assertEquals(changesOf(closed, "0.1.0"), "Old.");
  assertEquals(changesOf(CHANGELOG, "0.2.0"), undefined);
  assertThrows(() => closeChangelog("# Changelog\n", "0.2.0", "2025-02-02"), Error, "no line");
});

Deno.test("setVersion() writes a version wherever versionFaults() looks", () => {
  const texts: Record<string, string> = {
    "deno.json": '{ "name": "x", "version": "0.1.0" }',
    "src/cli/version.ts": 'export const VERSION = "0.1.0";\n',
    "CHANGELOG.md": CHANGELOG,
  };
  const files: Files = {
    read: (path) => texts[path],
    write: (path, text) => void (texts[path] = text),
  };
  assertEquals(versionFaults(files, [], false), []);
  assertEquals(versionFaults(files, ["0.0.9", "0.1.0"], false).length, 1);
  texts["deno.json"] = texts["deno.json"].replace("0.1.0", "0.2.0");
  assertEquals(versionFaults(files, ["0.1.0"], false).length, 2);
  assertEquals(versionFaults(files, ["0.1.0"], true).length, 1);
  for (let i = 0; i < 2; i++) {
    setVersion(files, "0.2.0", "2025-02-02");
    assertEquals(versionFaults(files, ["0.1.0"], false), []);
  }
  assertThrows(() => setVersion(files, "next", "2025-02-02"), Error, '"next" is no version');
});
