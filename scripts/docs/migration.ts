/**
 * PyTorch's names beside those here: `docs/migration.md`.
 *
 * @module
 */

import { MADE, table } from "./table.ts";

/** Where names of a module of PyTorch are looked for: prefixes of paths, in this order. */
const SPACES: readonly {
  readonly space: string;
  readonly title: string;
  readonly places: readonly string[];
}[] = [
  {
    space: "torch",
    title: "Functions",
    places: ["", "Tensor.prototype.", "linalg.", "nn.functional."],
  },
  { space: "torch.Tensor", title: "Methods of tensors", places: ["Tensor.prototype."] },
  { space: "torch.autograd", title: "Gradients", places: ["autograd.", ""] },
  { space: "torch.autograd.functional", title: "", places: ["func."] },
  { space: "torch.func", title: "Transformations of functions", places: ["func."] },
  { space: "torch.linalg", title: "Linear algebra", places: ["linalg.", "Tensor.prototype."] },
  { space: "torch.special", title: "Special functions", places: ["", "Tensor.prototype."] },
  { space: "torch.nn", title: "Layers and losses", places: ["nn."] },
  { space: "torch.nn.Module", title: "Methods of modules", places: ["nn.Module.prototype."] },
  {
    space: "torch.nn.functional",
    title: "Functions of neural networks",
    places: ["nn.functional.", "Tensor.prototype."],
  },
  { space: "torch.nn.init", title: "Initialisers", places: ["nn.init."] },
  { space: "torch.nn.utils", title: "Utilities", places: [""] },
  { space: "torch.optim", title: "Optimizers", places: [""] },
  { space: "torch.optim.Optimizer", title: "", places: ["Optimizer.prototype."] },
  { space: "torch.optim.lr_scheduler", title: "Schedules", places: ["schedule."] },
  { space: "torch.distributions", title: "Distributions", places: ["distributions."] },
  {
    space: "torch.distributions.Distribution",
    title: "",
    places: ["distributions.Distribution.prototype."],
  },
  { space: "torch.utils.checkpoint", title: "Checkpoints", places: [""] },
];

/** Variables that expressions of `torch_renames.tsv` use. */
const DECLARATIONS = `
declare const x: Tensor, y: Tensor, a: Tensor, b: Tensor, c: Tensor, p: Tensor, h: Tensor;
declare const q: Tensor, k: Tensor, v: Tensor, xs: Tensor, mask: Tensor, weight: Tensor;
declare const bias: Tensor, var_: Tensor, mean_: Tensor, grads: Tensor[];
declare const n: number, dim: number, low: number, high: number, step: number, rate: number;
declare const value: number, margin: number, mean: number, std: number, lr: number, channels: number;
declare const values: number[], shape: number[], path: string, state: Generator["state"];
declare const net: nn.Module, d: distributions.Distribution;
declare const fn: (x: Tensor) => Tensor, loss: (x: Tensor) => Tensor;
declare const test: (x: Tensor) => Tensor, body: (x: Tensor) => Tensor;
declare const cell: (h: Tensor, x: Tensor) => [Tensor, Tensor];
declare const forward: Parameters<typeof customVjp>[0], backward: Parameters<typeof customVjp>[1];
declare const init: (params: Tensor[]) => Tensor[];
declare const update: (grads: Tensor[], state: Tensor[]) => [Tensor[], Tensor[]];
`;

/** What each name of PyTorch is here, by `torch_renames.tsv`. */
export function renamesOf(text: string): Map<string, string> {
  const renames = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [names, expression] = line.split("\t");
    for (const name of names.split(" ")) {
      const full = name.startsWith("T.")
        ? [`torch.${name.slice(2)}`, `torch.Tensor.${name.slice(2)}`]
        : [name];
      for (const one of full) renames.set(one, expression);
    }
  }
  return renames;
}

/** A program of all expressions, to be type-checked. */
export function renamesProgram(renames: ReadonlyMap<string, string>, exports: readonly string[]) {
  const code = [...new Set(renames.values())];
  const used = exports.filter((name) =>
    name !== "init" && code.some((c) => new RegExp(`\\b${name}\\b`).test(c))
  );
  const imports = [
    ...new Set([...used, "Tensor", "nn", "distributions", "Generator", "customVjp"]),
  ];
  return `import { ${imports.join(", ")} } from "@torchopt/torchopt";\n${DECLARATIONS}\n` +
    code.map((expression) => `void (${expression});`).join("\n") + "\n";
}

const camel = (name: string) =>
  name.replace(/(?<=[a-zA-Z0-9])_([a-z0-9])/g, (_, letter) => letter.toUpperCase());

/** How a path is written by a user: methods with a variable before them. */
function written(path: string): string {
  return path.replace(/^Tensor\.prototype\./, "x.").replace(/^nn\.Module\.prototype\./, "net.")
    .replace(/^Optimizer\.prototype\./, "optimizer.")
    .replace(/^distributions\.Distribution\.prototype\./, "d.");
}

/** The page. `has` says whether a path leads to a value. */
export function migrationPage(
  list: readonly string[],
  renames: ReadonlyMap<string, string>,
  has: (path: string) => boolean,
): string {
  const known = new Set(list), unused = [...renames.keys()].filter((name) => !known.has(name));
  const real = unused.filter((name) => !/^torch(\.Tensor)?\.\w+$/.test(name));
  if (real.length > 0) throw new Error(`not among PyTorch's names: ${real.join(", ")}`);
  const counts: string[][] = [];
  const sections = SPACES.map(({ space, title, places }) => {
    const own = list.filter((name) => name.slice(0, name.lastIndexOf(".")) === space);
    const same: string[] = [], other: string[][] = [], none: string[] = [];
    const inPlace = new Set<string>();
    for (const full of own) {
      const name = full.slice(space.length + 1), place = places.find((p) => has(p + camel(name)));
      const rename = renames.get(full);
      if (rename !== undefined) other.push([name, rename]);
      else if (place !== undefined) {
        const path = written(place + camel(name));
        if (place === places[0] && camel(name) === name) same.push(name);
        else other.push([name, path]);
      } else if (name.endsWith("_") && (known.has(full.slice(0, -1)))) inPlace.add(name);
      else none.push(name);
    }
    counts.push([
      `\`${space}\``,
      String(own.length - inPlace.size),
      String(same.length + other.length),
      String(none.length),
    ]);
    const parts = [
      `${title === "" ? "###" : "##"} ${title === "" ? "" : `${title}: `}\`${space}\``,
    ];
    if (same.length > 0) parts.push(`The same name: ${same.map((n) => `\`${n}\``).join(", ")}.`);
    if (other.length > 0) {
      const byCode = Map.groupBy(other, ([, code]) => code);
      parts.push(table(
        ["PyTorch", "here"],
        [...byCode].map(([code, rows]) => [
          rows.map(([name]) => `\`${name}\``).join(", "),
          `\`${code}\``,
        ]),
      ));
    }
    if (none.length > 0) parts.push(`Not here: ${none.map((n) => `\`${n}\``).join(", ")}.`);
    return parts.join("\n\n");
  });
  return `${MADE}
# From PyTorch and TorchOpt to here

Every public, documented name of PyTorch 2.13, and what to write for it. TorchOpt's names stand in
[parity.md](parity.md); what behaves otherwise under the same name in
[differences.md](differences.md). The expressions are type-checked by \`deno task docs\`; \`x\` and \`y\`
are tensors, \`net\` a module, \`d\` a distribution.

- \`snake_case\` becomes \`camelCase\`; what ends in an underscore works in place.
- Keyword arguments become one object of options at the end: \`x.sum(1, { keepdim: true })\`.
- Operators become methods: \`x + y\` is \`x.add(y)\`, \`-x\` is \`x.neg()\`, \`x @ y\` is \`x.matmul(y)\`,
  \`x[1:, 0]\` is \`x.slice([[1], 0])\`, \`x == y\` is \`x.eq(y)\`.
- A method in place that is missing here is \`x.copy_(x.name())\`.
- \`with torch.no_grad():\` is \`noGrad(() => …)\`; \`net(x)\` is \`net.call(x)\`.
- There are no complex, sparse, quantized and nested tensors, and no strides.

${table(["module", "names", "here", "not here"], counts)}

${sections.join("\n\n")}
`;
}
