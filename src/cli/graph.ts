/**
 * `torchopt graph`: a picture of what gradients flow through in a user's module.
 *
 * @module
 */

import { exists, filePath } from "../runtime/locate.ts";
import { type Command, UsageError } from "./arguments.ts";
import { addressOf, CommandError, ownModule, runDeno } from "./child.ts";
import type { DrawOptions } from "./draw.ts";

/** What projects call this package. */
const PACKAGE_NAME = "@torchopt/torchopt";

/** Program that draws: it has the imports of the module's project, so that both have the same tensors. */
function program(module: URL, options: DrawOptions): string {
  const own = (path: string) => JSON.stringify(ownModule(path));
  return `
    console.log = console.error;
    const { draw } = await import(${own("src/cli/draw.ts")});
    const visual = await import(${JSON.stringify(PACKAGE_NAME)}).then(
      (m) => m.visual,
      () => import(${own("src/visual/mod.ts")}),
    );
    const load = () => import(${JSON.stringify(module.href)});
    Deno.exit(await draw(load, visual, ${JSON.stringify(options)}));
  `;
}

export const graph: Command = {
  about: "Draw what gradients flow through in a module of yours",
  usage: "[options] MODULE",
  details:
    `The module's default export (or --export NAME) is the output: a tensor, a list of tensors,
{ outputs, params } with names of parameters as in visual.makeDot, or a function that gives one of them.
The module runs with all permissions.`,
  options: {
    export: { value: "NAME", about: 'export to draw (default "default")' },
    out: {
      value: "FILE",
      about: "write a picture (.svg) or DOT text (.dot, .gv); default: DOT to stdout",
    },
    attrs: { about: "show static arguments of operations" },
    saved: { about: "show operands that no gradient passes to, such as data" },
    "fuse-steps": { about: "draw each optimizer step as one node" },
    json: { about: 'print { "source", "nodes", "out" }' },
  },
  async run(line) {
    const [module, ...more] = line.words;
    if (module === undefined) throw new UsageError("the module is missing.");
    if (more.length > 0) throw new UsageError(`one module at a time, got also ${more.join(" ")}.`);
    const out = line.text("out");
    if (out !== undefined && !/\.(svg|dot|gv)$/i.test(out)) {
      throw new UsageError(`--out is "${out}", wants a name that ends in .svg, .dot or .gv.`);
    }
    const url = addressOf(module);
    if (url.protocol === "file:" && !exists(filePath(url))) {
      throw new CommandError(`there is no file ${filePath(url)}.`);
    }
    const options: DrawOptions = {
      module,
      name: line.text("export") ?? "default",
      out: out === undefined ? null : filePath(addressOf(out)),
      json: line.has("json"),
      settings: {
        showAttrs: line.has("attrs"),
        showSaved: line.has("saved"),
        fuseSteps: line.has("fuse-steps"),
      },
    };
    // Deno looks for the imports of a project from the folder of the program, here the current one.
    const cwd = url.protocol === "file:" ? filePath(new URL(".", url)) : undefined;
    const { code } = await runDeno(["run", "-A", "-"], { input: program(url, options), cwd });
    return code;
  },
};
