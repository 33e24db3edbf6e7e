/**
 * Command lines: what a command takes, its help, and what a line says.
 *
 * @module
 */

import { parseArgs } from "node:util";

/** An option of a command. */
export interface Option {
  /** What it is, for the help. */
  readonly about: string;
  /** What its value is called; without, it takes none. */
  readonly value?: string;
  /** Another name of it, which the help leaves out. */
  readonly alias?: string;
}

/** A command of `torchopt`. */
export interface Command {
  /** What it does, in one line. */
  readonly about: string;
  /** What follows its name: `"[options] PROGRAM [arguments]"`. */
  readonly usage: string;
  /** What else there is to know. */
  readonly details?: string;
  /** Its options, by name. */
  readonly options: Readonly<Record<string, Option>>;
  /** Whether the first word that is no option is a program, to which all that follows belongs. */
  readonly takesProgram?: boolean;
  /** Does it, and gives the exit code. */
  run(line: Line): Promise<number>;
}

/** What a command line says. */
export interface Line {
  /** Value of an option. */
  text(name: string): string | undefined;
  /** Values of an option that may be given several times. */
  texts(name: string): readonly string[];
  /** Whether an option without a value was given. */
  has(name: string): boolean;
  /**
   * Value of an option as a whole number.
   *
   * @throws {UsageError} where it is none, or below `least`
   */
  count(name: string, least: number): number | undefined;
  /** Words that are no options; a program and its arguments. */
  readonly words: readonly string[];
}

/** A command line that cannot be understood. */
export class UsageError extends Error {
  override name = "UsageError";
}

const HELP: Option = { about: "show this text" };

/**
 * Reads a command line.
 *
 * @throws {UsageError} for an option that there is not, and a value that is missing or one too many
 */
export function parse(command: Command, args: readonly string[]): Line {
  const names = new Map<string, string>(),
    options: Record<string, { type: "string" | "boolean" }> = {};
  for (const [name, { value, alias = name }] of Object.entries(command.options)) {
    const type = value === undefined ? "boolean" : "string";
    options[name] = options[alias] = { type };
    names.set(name, name).set(alias, name);
  }
  // Not strict: a value may begin with a dash, as flags do.
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const values = new Map<string, (string | true)[]>(), words: string[] = [];
  for (const token of tokens) {
    if (token.kind === "option") {
      const name = names.get(token.name);
      if (name === undefined) throw new UsageError(`there is no option ${token.rawName}.`);
      const { value } = command.options[name];
      if (value === undefined && token.value !== undefined) {
        throw new UsageError(`--${name} takes no value, got "${token.value}".`);
      }
      if (value !== undefined && token.value === undefined) {
        throw new UsageError(`--${name} wants a value: --${name} ${value}.`);
      }
      values.set(name, [...values.get(name) ?? [], token.value ?? true]);
    } else if (token.kind === "positional") {
      if (command.takesProgram) {
        words.push(...args.slice(token.index));
        break;
      }
      words.push(token.value);
    }
  }
  const text = (name: string) => values.get(name)?.at(-1) as string | undefined;
  return {
    text,
    texts: (name) => (values.get(name) ?? []) as string[],
    has: (name) => values.has(name),
    count: (name, least) => wholeNumber(name, text(name), least),
    words,
  };
}

function wholeNumber(name: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const n = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(n) && n >= least) return n;
  throw new UsageError(`--${name} is "${text}", wants a whole number of at least ${least}.`);
}

/** The help of a command. */
export function helpOf(name: string, command: Command): string {
  const rows = Object.entries({ ...command.options, help: HELP }).map((
    [option, { about, value }],
  ) => [`--${option}${value === undefined ? "" : ` ${value}`}`, about] as const);
  return [
    `usage: torchopt ${name} ${command.usage}`,
    "",
    `${command.about}.`,
    ...command.details === undefined ? [] : ["", command.details],
    "",
    "Options:",
    ...table(rows),
  ].join("\n");
}

/** Rows of names and what they are, in two columns. */
export function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, about]) => `  ${name.padEnd(width)}  ${about}`);
}
