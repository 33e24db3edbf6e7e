/** Runs programs on both sides, and cuts down those that fail. */

import type { World } from "./expressions.ts";
import type { Program } from "./generate.ts";
import { library } from "./library.ts";
import { reference, ReferenceStepper } from "./reference.ts";
import type { Statement } from "./statements.ts";
import { isStale, Ref } from "./tape.ts";
import type { Side } from "./value.ts";

/** Why a program fails: which statement, and what it says. */
export interface Failure {
  readonly at: number;
  readonly message: string;
  /** Whether the reference itself failed: the program makes no sense. */
  readonly senseless: boolean;
}

const world = (side: Side): World => ({ side, vars: new Map() });

/** Whether something needs the memory of a value that was replaced twice. */
function needsStale(x: unknown): boolean {
  if (x instanceof Ref) return isStale(x) || (x.grad !== null && isStale(x.grad));
  if (x instanceof ReferenceStepper) return x.refs().some(needsStale);
  return Array.isArray(x) && x.some(needsStale);
}

const message = (error: unknown) =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error);

async function outcome(statement: Statement, w: World): Promise<number[][]> {
  if (statement.run !== undefined) {
    if (await statement.run(w) === false) {
      for (const x of statement.writes ?? []) w.vars.delete(x);
    }
    return [];
  }
  const found: number[][] = [];
  const add = (x: unknown) => {
    if (Array.isArray(x) && typeof x[0] !== "number") x.forEach(add);
    else {
      const data = typeof x === "object" && x !== null && "data" in x
        ? (x as { data(): ArrayLike<number> }).data()
        : x as ArrayLike<number>;
      found.push(Array.from(data, Number));
    }
  };
  (await statement.read!(w)).forEach(add);
  return found;
}

function difference(got: number[][], want: number[][], tolerance: number): string | null {
  if (got.length !== want.length) return `${got.length} values for ${want.length}`;
  for (const [k, list] of want.entries()) {
    if (got[k].length !== list.length) return `${got[k].length} elements for ${list.length}`;
    const scale = 1 + list.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    const i = list.findIndex((v, i) => !(Math.abs(got[k][i] - v) <= tolerance * scale));
    if (i >= 0) return `${got[k][i]} for ${list[i]} at element ${i} of value ${k}`;
  }
  return null;
}

/**
 * Runs a program on both sides; null where they agree. Where large memory was taken twice, what was
 * built from it and not read is lost, which ends the program unless it was only to be read.
 */
export async function run(
  program: Program,
  statements: readonly Statement[] = program.statements,
  lost: { count: number } = { count: 0 },
): Promise<Failure | null> {
  const ours = world(library()), theirs = world(reference());
  for (const [at, statement] of statements.entries()) {
    const here = statement.needs.every((x) => ours.vars.has(x));
    const there = statement.needs.every((x) => theirs.vars.has(x));
    if (here !== there) {
      return {
        at,
        message: `variables of ${here ? "the library" : "the reference"} only`,
        senseless: false,
      };
    }
    if (!here) continue;
    let got: number[][] = [], want: number[][] = [];
    try {
      got = await outcome(statement, ours);
    } catch (error) {
      const stale = program.large && /in place twice|is gone/.test(message(error)) &&
        statement.needs.some((x) => needsStale(theirs.vars.get(x)));
      if (!stale) return { at, message: message(error), senseless: false };
      lost.count++;
      // A closure may have left gradients behind before its step failed.
      if (statement.run !== undefined) return null;
      continue;
    }
    try {
      want = await outcome(statement, theirs);
    } catch (error) {
      return { at, message: `the reference: ${message(error)}`, senseless: true };
    }
    const found = difference(got, want, program.tolerance);
    if (found !== null) return { at, message: found, senseless: false };
  }
  return null;
}

/** The fewest statements, by leaving out one after the other, with which a program still fails. */
export async function shrink(program: Program, failure: Failure): Promise<string> {
  let statements = program.statements.slice(0, failure.at + 1), last = failure;
  for (let size = statements.length >> 1; size >= 1; size >>= 1) {
    for (let again = true; again;) {
      again = false;
      for (let at = statements.length - 1 - size; at >= 0; at -= size) {
        const fewer = statements.filter((_, i) => i < at || i >= at + size);
        const still = await run(program, fewer);
        if (still === null || still.senseless) continue;
        statements = fewer.slice(0, still.at + 1);
        last = still;
        again = size === 1;
      }
    }
  }
  const lines = statements.map((x) => `  ${x.text}`).join("\n");
  return `seed ${program.seed} (${program.head})\n${lines}\n  -> ${last.message}`;
}
