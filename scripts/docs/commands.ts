/**
 * Shell commands of the documentation.
 *
 * @module
 */

/** A command, and the first page that has it. */
export interface Found {
  readonly command: string;
  readonly page: string;
}

const STARTS =
  /^(?:sudo |[A-Z][A-Z_]*=\S+ )*(?:deno|npx|npm|bash|python3?|pip|torchrun|mpirun|srun|curl|git|docker|torchopt) \S/;

/** Pages that `deno task docs` makes: they hold names, and no commands. */
const MADE: ReadonlySet<string> = new Set(["docs/api.md", "docs/migration.md", "docs/parity.md"]);

/** Pages with commands. */
export function pages(root: URL): string[] {
  const docs = [...Deno.readDirSync(new URL("docs/", root))]
    .map(({ name }) => `docs/${name}`).filter((name) => name.endsWith(".md") && !MADE.has(name));
  return [
    ...["README.md", "CONTRIBUTING.md", "SECURITY.md", "bench/README.md", "ops/README.md"],
    ...docs.sort(),
  ];
}

/** Commands of a page: lines of shell blocks, of indented blocks, and in the text. */
export function commandsOf(text: string, examples: ReadonlySet<string>): string[] {
  const found: string[] = [];
  const line = (raw: string) => {
    const command = raw.trim().replace(/^\$ /, "").replace(/\s+# .*$/, "").replace(/\s+/g, " ");
    if (STARTS.test(command)) found.push(command);
  };
  const rest = text.replace(/^```([^\n]*)\n([\s\S]*?)^```/gm, (_, language, code) => {
    if (language === "sh") code.replace(/\\\n\s*/g, " ").split("\n").forEach(line);
    return "";
  });
  for (const [indented] of rest.matchAll(/^ {4}\S.*$/gm)) {
    // Continued lists are indented as well; what is a command there stands in back quotes.
    if (!/`/.test(indented)) line(indented);
  }
  for (const [, code] of rest.matchAll(/`([^`]+)`/g)) {
    // Examples are named without what runs them in tables.
    line(examples.has(code.split(" ")[0]) ? `deno run -A examples/${code}` : code);
  }
  return found;
}

/** All commands, each once. */
export function allCommands(root: URL): Found[] {
  const found = new Map<string, Found>();
  const examples = [...Deno.readDirSync(new URL("examples/", root))].map(({ name }) => name);
  for (const page of pages(root)) {
    for (
      const command of commandsOf(Deno.readTextFileSync(new URL(page, root)), new Set(examples))
    ) {
      if (!found.has(command)) found.set(command, { command, page });
    }
  }
  return [...found.values()];
}
