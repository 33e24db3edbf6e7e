/**
 * What the package exports, as `deno doc --json` lists it.
 *
 * @module
 */

/** Documentation of a declaration, as far as it is looked at. */
interface JsDoc {
  readonly doc?: string;
  readonly tags?: readonly { readonly kind: string; readonly doc?: string }[];
}

interface Method {
  readonly name: string;
  readonly kind: string;
  readonly isStatic?: boolean;
  readonly accessibility?: string;
  readonly jsDoc?: JsDoc;
}

interface Declaration {
  readonly kind: string;
  readonly declarationKind: string;
  readonly jsDoc?: JsDoc;
  readonly location: { readonly filename: string };
  readonly def?: {
    readonly elements?: readonly Documented[];
    readonly extends?: string;
    readonly methods?: readonly Method[];
    readonly properties?: readonly Method[];
    readonly target?: { readonly filename: string };
  };
}

/** A name with its declarations: several for overloads, or a value and a type. */
export interface Documented {
  readonly name: string;
  readonly declarations: readonly Declaration[];
}

/** A member of a class. */
export interface Member {
  readonly name: string;
  readonly isMethod: boolean;
  readonly summary: string;
  readonly hasExample: boolean;
}

/** A public name. */
export interface PublicName {
  /** Name with those of its namespaces, such as `nn.Linear`. */
  readonly path: string;
  /** "function", "class", "variable" or "type". */
  readonly kind: string;
  /** First sentence of its documentation. */
  readonly summary: string;
  readonly hasExample: boolean;
  /** Methods and accessors of a class, those of its hidden base classes among them. */
  readonly members: readonly Member[];
}

/** Runs `deno doc --json mod.ts`. */
export async function documented(root: URL): Promise<readonly Documented[]> {
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", "mod.ts"],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout));
  return (Object.values(nodes)[0] as { symbols: Documented[] }).symbols;
}

/** The first sentence of a text, in one line, without links. */
export function firstSentence(doc = ""): string {
  const text = doc.split(/\n\s*\n/)[0].replace(/\s+/g, " ").trim()
    .replace(/\{@link(?:code)?\s+([^}|]+?)\s*\}/g, "`$1`");
  const end = /^.*?[.!](?=\s+[A-Z`]|$)/.exec(text)?.[0] ?? text;
  // Without the paper, which stands in the documentation.
  return end.replace(/[.:;]$/, "").replace(/ \([^()]*\b(19|20)\d\d\b[^()]*\)$/, "");
}

const KINDS: Readonly<Record<string, string>> = {
  interface: "type",
  typeAlias: "type",
};

const hasExample = (doc?: JsDoc) => doc?.tags?.some(({ kind }) => kind === "example") ?? false;
const isIgnored = (doc?: JsDoc) =>
  doc?.tags?.some(({ kind }) => kind === "ignore" || kind === "internal") ?? false;

/**
 * All public names, sorted; a namespace that stands in two places is listed once. `has` says whether
 * a path leads to a value: `deno doc` lists base classes that nobody exports, too.
 */
export function publicNames(
  symbols: readonly Documented[],
  has: (path: string) => boolean,
): PublicName[] {
  const hidden = new Map<string, Declaration>();
  for (const { name, declarations } of symbols) {
    for (const d of declarations) if (d.kind === "class" && !has(name)) hidden.set(name, d);
  }
  const membersOf = (declaration: Declaration): Member[] => {
    const base = hidden.get(declaration.def?.extends ?? "");
    const inherited = base === undefined ? [] : membersOf(base);
    const { methods = [], properties = [] } = declaration.def ?? {};
    const callable = new Set<unknown>(methods.filter(({ kind }) => kind === "method"));
    const own = [...methods, ...properties]
      .filter((m) => m.accessibility === undefined && !isIgnored(m.jsDoc) && !m.isStatic)
      .filter((m) => !m.name.startsWith("[") && m.kind !== "setter");
    const members = new Map(inherited.map((m) => [m.name, m]));
    for (const member of own) {
      const { name, jsDoc } = member;
      const known = members.get(name);
      members.set(name, {
        name,
        isMethod: callable.has(member),
        summary: firstSentence(jsDoc?.doc) || known?.summary || "",
        hasExample: hasExample(jsDoc) || (known?.hasExample ?? false),
      });
    }
    return [...members.values()];
  };
  const found = new Map<string, PublicName>();
  const walk = (list: readonly Documented[], space: string) => {
    for (const { name, declarations } of list) {
      const shown = declarations.filter((d) => d.declarationKind === "export");
      for (const d of shown) {
        if (d.kind === "namespace") {
          if (!SECOND_PLACES.has(space + name)) walk(d.def!.elements ?? [], `${space}${name}.`);
        }
      }
      // Names that a second namespace re-exports are listed where they are declared.
      const own = shown.filter((d) =>
        d.kind !== "namespace" && d.kind !== "reference" && (d.kind in KINDS || has(space + name))
      );
      if (own.length === 0) continue;
      const value = own.find((d) => !(d.kind in KINDS)) ?? own[0];
      found.set(space + name, {
        path: space + name,
        kind: KINDS[value.kind] ?? value.kind,
        summary: own.map((d) => firstSentence(d.jsDoc?.doc)).find((text) => text !== "") ?? "",
        hasExample: own.some((d) => hasExample(d.jsDoc)),
        members: value.kind === "class" ? membersOf(value) : [],
      });
    }
  };
  walk(symbols, "");
  return [...found.values()].sort((a, b) => a.path < b.path ? -1 : 1);
}

/** Namespaces that are also part of another one: documentation does not reach into two. */
const SECOND_PLACES: ReadonlySet<string> = new Set([
  "distributedAutograd",
  "functional",
  "implicit",
  "init",
]);
