/**
 * Command-line options of the examples.
 *
 * @module
 */

/** Default value of an option, and what it means. */
export type OptionTable = Readonly<Record<string, readonly [number | string, string]>>;

/** Values by name: a number where the default is one. */
export type OptionValues<T extends OptionTable> = {
  [K in keyof T]: T[K][0] extends number ? number : string;
};

/** The help text. */
export function helpText(about: string, table: OptionTable): string {
  const rows = Object.entries(table).map(([name, [value, text]]) => {
    const shown = value === "" ? "" : ` (default ${value})`;
    return `  --${name.padEnd(12)} ${text}${shown}`;
  });
  return [about, "", "Options:", ...rows, `  --${"help".padEnd(12)} show this text`].join("\n");
}

/**
 * Reads `--name value` and `--name=value`.
 *
 * @throws {TypeError} for an unknown name or a value that is not a number where one is wanted
 */
export function parseOptions<const T extends OptionTable>(
  table: T,
  args: readonly string[],
): OptionValues<T> {
  const values: Record<string, number | string> = {};
  for (const [name, [value]] of Object.entries(table)) values[name] = value;
  for (let i = 0; i < args.length; i++) {
    const [, name, given] = /^--([^=]+)(?:=(.*))?$/s.exec(args[i]) ?? [];
    if (name === undefined || !(name in table)) {
      throw new TypeError(`unknown option ${args[i]}; --help lists the options`);
    }
    const text = given ?? args[++i];
    const number = typeof table[name][0] === "number";
    if (text === undefined || (number && (text === "" || Number.isNaN(Number(text))))) {
      throw new TypeError(`--${name} wants a ${number ? "number" : "value"}, got ${text}`);
    }
    values[name] = number ? Number(text) : text;
  }
  return values as OptionValues<T>;
}

/** The options of this process. Shows the help, or what is wrong, and ends the process. */
export function options<const T extends OptionTable>(about: string, table: T): OptionValues<T> {
  if (Deno.args.includes("--help")) {
    console.log(helpText(about, table));
    Deno.exit(0);
  }
  try {
    return parseOptions(table, Deno.args);
  } catch (error) {
    console.error((error as Error).message);
    Deno.exit(2);
  }
}
