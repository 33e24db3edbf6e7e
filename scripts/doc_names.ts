/**
 * Names that documentation leaves out. `deno doc` shows nothing of what a namespace gets by
 * `export { name } from`, of namespaces inside of namespaces, or of accessors that come in pairs.
 *
 * @module
 */

/** A symbol in the output of `deno doc --json`, as far as is looked at. */
interface Documented {
  readonly name: string;
  readonly declarations: readonly {
    readonly kind: string;
    readonly declarationKind: string;
    readonly jsDoc?: { readonly doc?: string };
    readonly def?: {
      readonly methods?: readonly { readonly name: string; readonly kind: string }[];
      readonly constructors?: readonly unknown[];
    };
  }[];
}

async function deno(root: string, ...args: string[]): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), { args, cwd: root, env: { NO_COLOR: "1" } });
  const { stdout, stderr, success } = await command.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** What a file exports, whatever it exports it from. */
async function exportsOf(root: string, file: string): Promise<Documented[]> {
  const { nodes } = JSON.parse(await deno(root, "doc", "--json", file)) as {
    nodes: Record<string, { symbols: Documented[] }>;
  };
  return Object.values(nodes).flatMap(({ symbols }) => symbols)
    .filter(({ declarations }) => declarations.some((d) => d.declarationKind === "export"));
}

const SHOWN =
  /^( *)(?:async )?(?:abstract )?(?:function\*?|class|interface|type|const|let|var|enum|namespace|reference) (\w+)/;

/** Names in the text of `deno doc`, those of each namespace with its name in front. */
function shownNames(text: string): Set<string> {
  const shown = new Set<string>();
  let namespace = "";
  for (const line of text.split("\n")) {
    const [, indent, name] = SHOWN.exec(line) ?? [];
    if (name === undefined) {
      if (/^\S/.test(line)) namespace = "";
    } else if (indent === "") {
      shown.add(name);
      namespace = /^namespace /.test(line) ? name : "";
    } else if (indent === "  " && namespace !== "") shown.add(`${namespace}.${name}`);
  }
  return shown;
}

/** The namespaces that a file exports, with their files. */
async function namespacesOf(root: string, file: string): Promise<[string, string][]> {
  const text = await Deno.readTextFile(`${root}/${file}`);
  const folder = file.slice(0, file.lastIndexOf("/") + 1);
  return [...text.matchAll(/^export \* as (\w+) from "\.\/([^"]+)"/gm)]
    .map(([, name, path]) => [name, folder + path]);
}

/** Accessors in pairs, which the text leaves out. */
function pairs({ name, declarations }: Documented): string[] {
  return declarations.flatMap(({ def }) => {
    const methods = def?.methods ?? [];
    const getters = methods.filter(({ kind }) => kind === "getter").map((m) => m.name);
    return getters.filter((n) => methods.some((m) => m.kind === "setter" && m.name === n))
      .map((n) => `${name}.${n}`);
  });
}

/** Public names, and accessors of public classes, that `deno doc mod.ts` does not show. */
export async function missingNames(root: string): Promise<string[]> {
  const shown = shownNames(await deno(root, "doc", "mod.ts"));
  const top = await exportsOf(root, "mod.ts"), missing = top.flatMap(pairs);
  for (const { name } of top) if (!shown.has(name)) missing.push(name);
  const spaces = await namespacesOf(root, "mod.ts");
  const files = new Map(spaces.map(([name, file]) => [file, name]));
  for (const [name, file] of spaces) {
    const inner = new Map(await namespacesOf(root, file));
    for (const symbol of await exportsOf(root, file)) {
      missing.push(...pairs(symbol));
      const nested = inner.get(symbol.name);
      // A namespace in a namespace has to be one of the package as well.
      const found = nested === undefined ? shown.has(`${name}.${symbol.name}`) : files.has(nested);
      if (!found) missing.push(`${name}.${symbol.name}`);
    }
  }
  return [...new Set(missing)];
}
