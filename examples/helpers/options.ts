/**
 * Command-line options of the examples.
 *
 * @module
 */

import { parseArgs } from "node:util";

/** Something that the person at the keyboard has to change. */
export class UsageError extends RangeError {
  override name = "UsageError";
}

const NUMBERS = {
  number: ["a number", Number.isFinite],
  count: ["a whole number above 0", (v: number) => Number.isSafeInteger(v) && v > 0],
  seed: ["a whole number from 0", (v: number) => Number.isSafeInteger(v) && v >= 0],
  positive: ["a number above 0", (v: number) => Number.isFinite(v) && v > 0],
} as const;

/**
 * Default value of an option, what it means, and what its value has to be: `"file"` is a file that
 * can be written.
 */
export type OptionTable = Readonly<
  Record<
    string,
    readonly [number, string, (keyof typeof NUMBERS)?] | readonly [string, string, "file"?]
  >
>;

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

function parseValue(name: string, text: string | undefined, entry: OptionTable[string]) {
  const [fallback, , rule] = entry;
  if (typeof fallback === "string") {
    if (text === undefined || (rule === "file" && text === "")) {
      throw new UsageError(`--${name} wants a ${rule ?? "value"}`);
    }
    return text;
  }
  const [wanted, accepts] = NUMBERS[rule as keyof typeof NUMBERS ?? "number"];
  if (text === undefined || text.trim() === "" || !accepts(Number(text))) {
    throw new UsageError(`--${name} wants ${wanted}, got ${text ?? "nothing"}`);
  }
  return Number(text);
}

/**
 * Reads `--name value` and `--name=value`.
 *
 * @throws {UsageError} for an unknown name or a value that does not follow the option's rule
 */
export function parseOptions<const T extends OptionTable>(
  table: T,
  args: readonly string[],
): OptionValues<T> {
  const values: Record<string, number | string> = {},
    known: Record<string, { type: "string" }> = {};
  for (const [name, [value]] of Object.entries(table)) {
    values[name] = value;
    known[name] = { type: "string" };
  }
  // Not strict: a value may begin with a dash, as negative numbers do.
  const { tokens } = parseArgs({ args: [...args], options: known, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind !== "option" || !Object.hasOwn(table, token.name)) {
      throw new UsageError(`unknown option ${args[token.index]}; --help lists the options`);
    }
    values[token.name] = parseValue(token.name, token.value, table[token.name]);
  }
  return values as OptionValues<T>;
}

/**
 * Fails where a file cannot be written, and leaves everything as it was: better now than after the
 * training.
 *
 * @throws {UsageError} with the path and the reason
 */
export function checkWritable(path: string): void {
  try {
    try {
      Deno.openSync(path, { write: true, createNew: true }).close();
      Deno.removeSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      Deno.openSync(path, { write: true }).close();
    }
  } catch (error) {
    throw new UsageError(`cannot write ${path}: ${(error as Error).message}`);
  }
}

/**
 * The options that a command line says, where the files that they name can be written.
 *
 * @throws {UsageError} for options that are wrong, and files that cannot be written
 */
export function checkedOptions<const T extends OptionTable>(
  table: T,
  args: readonly string[],
): OptionValues<T> {
  const values = parseOptions(table, args);
  for (const [name, [, , rule]] of Object.entries(table)) {
    if (rule === "file") checkWritable(String(values[name as keyof T]));
  }
  return values;
}

/**
 * The options of this process; shows the help where that is asked for, and ends the process.
 *
 * @throws {UsageError} for options that are wrong, and files that cannot be written
 */
export function options<const T extends OptionTable>(about: string, table: T): OptionValues<T> {
  if (Deno.args.includes("--help")) {
    console.log(helpText(about, table));
    Deno.exit(0);
  }
  return checkedOptions(table, Deno.args);
}

/** Runs an example. A {@linkcode UsageError} is one line and exit code 2. */
export async function run(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    Deno.exit(2);
  }
}
