/**
 * The house: imports point down, files do not need each other in a circle, and user rooms do not know
 * the runtime. `docs/engine.md` and CONTRIBUTING.md say what the rooms are.
 */

import { assertEquals } from "@std/assert";
import { deviceKinds } from "../src/runtime/device/mod.ts";

/** The layers from the ground up; a path belongs where its longest prefix stands. */
const LAYERS: readonly (readonly string[])[] = [
  ["src/runtime/", "src/onnx/", "src/pytree/"],
  ["src/graph/"],
  ["src/primitives/"],
  ["src/lower/"],
  ["src/run/"],
  // Tensors' backward() needs the reverse sweep.
  ["src/tensor/", "src/autodiff/grad.ts"],
  ["src/autodiff/"],
  ["src/linalg/"],
  ["src/linear_solve/"],
  [
    "src/schedule/",
    "src/transform/",
    "src/base.ts",
    "src/combine.ts",
    "src/clip.ts",
    "src/hook.ts",
  ],
  ["src/update.ts"],
  ["src/diff/", "src/distributions/"],
  ["src/solvers/"],
  ["src/nn/"],
  ["src/optim/"],
  ["src/utils/"],
  ["src/visual/", "src/distributed/"],
  ["src/func.ts", "mod.ts"],
  ["src/cli/"],
];

/** Files that need each other: each primitive's derivative is made of the others. */
const FAMILY = [
  "approximations",
  "arithmetic",
  "elementwise",
  "elementwise_define",
  "error_functions",
  "index",
  "iota",
  "logic",
  "movement",
  "order",
  "product_trees",
  "products",
  "reduce",
  "slicing",
  "slopes",
  "smooth",
  "unary",
  "wide",
].map((name) => `src/primitives/${name}.ts`);

/** Rooms of code on trees of tensors. */
const USER_ROOMS = new RegExp(`^src/(${
  [
    "diff",
    "distributed",
    "distributions",
    "linalg",
    "linear_solve",
    "solvers",
    "nn",
    "optim",
    "schedule",
    "transform",
    "utils",
    "visual",
  ].join("|")
})/|^src/[a-z_]+\\.ts$`);

const root = new URL("../", import.meta.url);

function sources(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, root))].flatMap(({ name, isDirectory }) =>
    isDirectory ? sources(`${folder}${name}/`) : name.endsWith(".ts") ? [folder + name] : []
  ).sort();
}

/** A file without what its documentation says. */
function code(file: string): string {
  return Deno.readTextFileSync(new URL(file, root)).replace(/\/\*[\s\S]*?\*\//g, "");
}

/** The file that a path in an import leads to. */
const resolve = (file: string, path: string) =>
  new URL(path, new URL(file, root)).href.slice(root.href.length);

/** Files whose values a file imports; types vanish before anything runs. */
function importsOf(file: string): string[] {
  const text = code(file);
  const statement = /^(?:import|export)\s+(?:([^;"]*?)\s+from\s+)?"(\.[^"]+)"/gm;
  const found: string[] = [];
  for (const [, clause = "", path] of text.matchAll(statement)) {
    if (/^type\b/.test(clause)) continue;
    const names = /^\{([\s\S]*)\}$/.exec(clause)?.[1].split(",").map((x) => x.trim());
    const onlyTypes = names?.filter((x) => x !== "").every((x) => x.startsWith("type "));
    if (onlyTypes === true) continue;
    found.push(resolve(file, path));
  }
  return found;
}

function layerOf(file: string): number {
  let best = -1, length = 0;
  LAYERS.forEach((prefixes, layer) => {
    for (const prefix of prefixes) {
      if (file.startsWith(prefix) && prefix.length > length) {
        [best, length] = [layer, prefix.length];
      }
    }
  });
  return best;
}

/** What users import from. */
const ENTRIES = new Set(
  Object.values<string>(JSON.parse(Deno.readTextFileSync(new URL("deno.json", root))).exports)
    .map((path) => path.slice(2)),
);

const files = [...sources("src/"), "mod.ts"];
const imports = new Map(files.map((file) => [file, importsOf(file)]));

Deno.test("every file belongs to a layer", () => {
  assertEquals(files.filter((file) => layerOf(file) < 0), []);
});

Deno.test("imports of values point down", () => {
  const upward = files.flatMap((file) =>
    imports.get(file)!.filter((other) => layerOf(other) > layerOf(file))
      .map((other) => `${file} imports ${other}`)
  );
  assertEquals(upward, []);
});

/** Circles of files that import each other's values: strongly connected components (Tarjan, 1972). */
function circles(): string[][] {
  const order = new Map<string, number>(), low = new Map<string, number>();
  const open: string[] = [], found: string[][] = [];
  const visit = (file: string) => {
    order.set(file, order.size);
    low.set(file, order.get(file)!);
    open.push(file);
    for (const other of imports.get(file) ?? []) {
      if (!order.has(other)) visit(other);
      if (open.includes(other)) low.set(file, Math.min(low.get(file)!, low.get(other)!));
    }
    if (low.get(file) !== order.get(file)) return;
    const circle = open.splice(open.indexOf(file));
    if (circle.length > 1) found.push(circle.sort());
  };
  for (const file of files) if (!order.has(file)) visit(file);
  return found;
}

Deno.test("no files need each other's values in a circle, but for one family", () => {
  assertEquals(circles(), [FAMILY]);
});

Deno.test("user rooms import no values of the runtime", () => {
  const found = files.filter((file) => USER_ROOMS.test(file)).flatMap((file) =>
    imports.get(file)!.filter((other) => other.startsWith("src/runtime/"))
      .map((other) => `${file} imports ${other}`)
  );
  assertEquals(found, []);
});

/** The methods that are called as devices are. */
const CALLED_AS_DEVICES = "src/tensor/methods/conversion.ts";

Deno.test("no file but the drivers knows a device by its name", () => {
  const name = new RegExp(`\\b(?:${deviceKinds().join("|")})\\w*`, "g");
  const found = files.filter((file) => !file.startsWith("src/runtime/device/")).flatMap((file) => {
    const text = Deno.readTextFileSync(new URL(file, root))
      .replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
    return (text.match(name) ?? []).map((word) => `${file}: ${word}`);
  });
  const methods = ["cpu", "cuda"].map((word) => `${CALLED_AS_DEVICES}: ${word}`);
  assertEquals(found, methods);
});

// A file that belongs to no circle can be loaded first: all that it needs is loaded before it.
Deno.test("each file of the family can be loaded first", async () => {
  const source = (file: string) => `await import(${JSON.stringify(new URL(file, root).href)});`;
  for (const file of FAMILY) {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-check", source(file)],
      cwd: root,
    }).output();
    assertEquals([file, success, new TextDecoder().decode(stderr)], [file, true, ""]);
  }
});

/** Functions, classes and constants that a file exports by name. */
function exportsOf(text: string): string[] {
  const statement = /^export (?:abstract )?(?:async )?(?:function\*?|const|let|class) (\w+)/gm;
  return [...text.matchAll(statement)].map(([, name]) => name);
}

/** Names that files import from each file, or export again; all that they write where it is `* as`. */
function importedNames(all: readonly string[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const statement = /\b((?:import|export)\s+[^;"()]*?)\s+from\s+"(\.[^"]+)"/g;
  for (const file of all) {
    const text = code(file), words = text.match(/\w+/g)!;
    const load = [...text.matchAll(/\bimport\(\s*"(\.[^"]+)"/g)].map((
      [, path],
    ) => ["import *", path]);
    const named = [...text.matchAll(statement)].map(([, clause, path]) => [clause, path]);
    for (const [clause, path] of [...load, ...named]) {
      const target = resolve(file, path), names = found.get(target) ?? new Set<string>();
      found.set(target, names);
      const list = /\{([\s\S]*)\}/.exec(clause)?.[1].split(",").map((x) =>
        x.trim().replace(/^type /, "").replace(/ as .*/, "")
      );
      for (const name of clause.includes("*") ? words : list ?? []) names.add(name);
      // What is exported whole is wanted whole.
      if (/^export \*/.test(clause)) exportsOf(code(target)).forEach((name) => names.add(name));
    }
  }
  return found;
}

Deno.test("no file exports what nobody imports", () => {
  const all = ["tests/", "bench/", "examples/", "scripts/"].flatMap(sources).concat(files);
  const imported = importedNames(all);
  const unused = files.filter((file) => !ENTRIES.has(file)).flatMap((file) =>
    exportsOf(code(file))
      // Primitives are gathered by their names.
      .filter((name) => !name.endsWith("Prim") && imported.get(file)?.has(name) !== true)
      .map((name) => `${file} exports ${name}`)
  );
  assertEquals(unused, []);
});
