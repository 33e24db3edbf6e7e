import { assertEquals, assertStringIncludes } from "@std/assert";
import { tensor } from "@torchopt/torchopt";
import * as visual from "@torchopt/torchopt/visual";
import { draw, type DrawOptions } from "../../src/cli/draw.ts";

const w = tensor([1, 2], { requiresGrad: true });
const exported = {
  list: [w.exp().mean(), w.sum()],
  later: () => Promise.resolve(w.square().sum()),
  number: 3,
  named: { outputs: w.sum(), params: { weights: w } },
};

/** Draws an export into a file; gives the code, what the file holds, and what went to stderr. */
async function drawn(name: string, options: Partial<DrawOptions> = {}) {
  const out = await Deno.makeTempFile({ suffix: ".dot" }), { error } = console;
  const lines: string[] = [];
  console.error = (line) => void lines.push(line);
  try {
    const all = { module: "m.ts", name, out, json: false, settings: {}, ...options };
    const code = await draw(() => Promise.resolve(exported), visual, all);
    return { code, dot: await Deno.readTextFile(out), err: lines.join("\n") };
  } finally {
    console.error = error;
    await Deno.remove(out);
  }
}

Deno.test("draw() takes tensors, lists, functions and names", async () => {
  for (const name of ["list", "later", "named"]) {
    const { code, dot } = await drawn(name);
    assertEquals([name, code, dot.startsWith("digraph")], [name, 0, true]);
  }
  assertStringIncludes((await drawn("named")).dot, "weights");
});

Deno.test("draw() says what a module exports that was not asked for, and what is no tensor", async () => {
  const none = await drawn("default"), number = await drawn("number");
  assertEquals([none.code, number.code], [1, 1]);
  assertStringIncludes(none.err, "no default export; it exports list, later, number, named");
  assertStringIncludes(number.err, "output 0 is 3, wants a tensor");
});
