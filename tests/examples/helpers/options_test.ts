import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  checkWritable,
  helpText,
  parseOptions,
  UsageError,
} from "../../../examples/helpers/options.ts";

const table = {
  steps: [10, "how many", "count"],
  seed: [0, "of what", "seed"],
  lr: [0.1, "how far", "positive"],
  shift: [0, "where", "number"],
  out: ["a.svg", "picture", "file"],
} as const;

const defaults = { steps: 10, seed: 0, lr: 0.1, shift: 0, out: "a.svg" };

Deno.test("parseOptions() reads both spellings and keeps defaults", () => {
  assertEquals(parseOptions(table, []), defaults);
  const args = ["--steps", "3", "--out=b.svg", "--lr", "1e-3", "--shift=-2"];
  const want = { steps: 3, seed: 0, lr: 1e-3, shift: -2, out: "b.svg" };
  assertEquals(parseOptions(table, args), want);
});

Deno.test("parseOptions() refuses unknown names and wrong values", () => {
  const refused = (...args: string[]) => (text: string) =>
    assertThrows(() => parseOptions(table, args), UsageError, text);
  refused("--step", "3")("unknown option --step;");
  refused("steps")("unknown option steps;");
  refused("--toString", "3")("unknown option --toString;");
  for (const value of ["x", "-3", "0", "1.5", "", "Infinity"]) {
    refused("--steps", value)(`--steps wants a whole number above 0, got ${value}`);
  }
  refused("--steps")("got nothing");
  refused("--seed=-1")("a whole number from 0");
  refused("--lr=0")("a number above 0");
  refused("--shift=NaN")("a number");
  refused("--out")("--out wants a file");
  refused("--out=")("--out wants a file");
});

Deno.test("checkWritable() leaves no file behind and keeps one that is there", async () => {
  const folder = await Deno.makeTempDir();
  try {
    checkWritable(`${folder}/new.svg`);
    assertEquals([...Deno.readDirSync(folder)], []);
    await Deno.writeTextFile(`${folder}/old.svg`, "old");
    checkWritable(`${folder}/old.svg`);
    assertEquals(await Deno.readTextFile(`${folder}/old.svg`), "old");
    assertThrows(() => checkWritable(folder), UsageError, `cannot write ${folder}`);
    assertThrows(() => checkWritable(`${folder}/no/x.svg`), UsageError, "cannot write");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("helpText() lists every option with its default", () => {
  const text = helpText("About.", table);
  assertStringIncludes(text, "--steps        how many (default 10)");
  assertStringIncludes(text, "--help");
});
