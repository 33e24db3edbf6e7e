/**
 * Options that iterative solvers share.
 *
 * @module
 */

import { checkNames, describe } from "../../tensor/describe.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { IterativeOptions } from "./types.ts";

/** Options with their defaults. */
export interface Settings {
  readonly rtol: number;
  readonly atol: number;
  readonly maxiter: number | null;
  readonly ridge: number | Tensor | null;
  readonly implicit: boolean;
}

const ITERATIVE = ["rtol", "atol", "maxiter", "M", "ridge", "differentiate"];

/** Throws unless a value is a finite number of at least 0. */
export function checkTolerance(op: string, name: string, value: unknown): asserts value is number {
  if (typeof value === "number" && value >= 0 && value < Infinity) return;
  const error = typeof value === "number" ? RangeError : TypeError;
  throw new error(`${op}: ${name} is ${describe(value)}, wants a finite number >= 0.`);
}

/** A number of iterations; null where there is none. */
export function checkCount(op: string, name: string, value: unknown): number | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  const error = typeof value === "number" ? RangeError : TypeError;
  throw new error(`${op}: ${name} is ${describe(value)}, wants a whole number >= 0.`);
}

/** The weight of a ridge. */
export function checkRidge(op: string, ridge: unknown): number | Tensor | null {
  if (ridge === null || ridge === undefined) return null;
  if (typeof ridge === "number" && Number.isFinite(ridge)) return ridge;
  if (ridge instanceof Tensor && ridge.size === 1) return ridge.reshape([]);
  throw new TypeError(
    `${op}: ridge is ${describe(ridge)}, wants a finite number or a tensor with one element.`,
  );
}

/** One of several words. */
export function checkWord<W extends string>(
  op: string,
  name: string,
  value: unknown,
  words: readonly W[],
): W {
  if (words.includes(value as W)) return value as W;
  throw new TypeError(
    `${op}: ${name} is ${describe(value)}, wants ${
      words.map((w) => JSON.stringify(w)).join(" or ")
    }.`,
  );
}

/** Checks options and fills in defaults; `more` names those of the method itself. */
export function settingsOf<T>(
  op: string,
  options: IterativeOptions<T>,
  more: readonly string[] = [],
): Settings {
  checkNames(op, options, [...ITERATIVE, ...more]);
  const { rtol = 1e-5, atol = 0, differentiate = "implicit" } = options;
  checkTolerance(op, "rtol", rtol);
  checkTolerance(op, "atol", atol);
  return {
    rtol,
    atol,
    maxiter: checkCount(op, "maxiter", options.maxiter),
    ridge: checkRidge(op, options.ridge),
    implicit: checkWord(op, "differentiate", differentiate, ["implicit", "unroll"]) === "implicit",
  };
}
