/**
 * Checks of the options of zero-order differentiation.
 *
 * @module
 */

import { checkNames, describe } from "../../tensor/describe.ts";
import type { EstimatorOptions, ZeroOrderOptions } from "./types.ts";

/** Options with all values. */
export type Settings = Required<Omit<ZeroOrderOptions, "argnums">> & {
  readonly argnums: readonly number[];
};

/** Names of the options that `zeroOrder` and `zeroOrderAsync` share. */
export const ESTIMATOR: readonly (keyof EstimatorOptions)[] = [
  "method",
  "argnums",
  "numSamples",
  "sigma",
  "orthogonal",
  "mirrored",
  "baseline",
  "shaping",
  "nonFinite",
];

/** Names of the options of `zeroOrder`. */
export const ZERO_ORDER: readonly (keyof ZeroOrderOptions)[] = [
  ...ESTIMATOR,
  "commonRandomNumbers",
  "evaluation",
];

/** Throws a RangeError unless a value is one of these. */
function checkChoice(op: string, name: string, value: unknown, choices: readonly string[]): void {
  if (choices.includes(value as string)) return;
  throw new RangeError(
    `${op}: ${name} is ${describe(value)}, wants ${choices.map((c) => `"${c}"`).join(", ")}.`,
  );
}

function checkFlag(op: string, name: string, value: unknown): void {
  if (typeof value === "boolean") return;
  throw new TypeError(`${op}: ${name} is ${describe(value)}, wants true or false.`);
}

/** Throws a RangeError unless a value is a whole number of at least 1. */
export function checkCount(op: string, name: string, value: unknown): void {
  if (Number.isSafeInteger(value) && value as number >= 1) return;
  throw new RangeError(`${op}: ${name} is ${describe(value)}, wants a whole number >= 1.`);
}

function checkArgnums(op: string, argnums: readonly number[]): void {
  const wrong = argnums.find((n, i) => !Number.isInteger(n) || n < 0 || argnums.indexOf(n) !== i);
  if (argnums.length > 0 && wrong === undefined) return;
  throw new RangeError(
    `${op}: argnums is [${argnums.map(describe).join(", ")}], wants the number of an argument, ` +
      `counted from 0, or an array of different ones.`,
  );
}

/** The options with their defaults; throws where one is wrong, or two contradict each other. */
export function settingsOf(
  op: string,
  options: ZeroOrderOptions,
  names: readonly string[] = ZERO_ORDER,
): Settings {
  checkNames(op, options, names);
  const { argnums = [0] } = options;
  const settings: Settings = {
    method: "naive",
    numSamples: 1,
    sigma: 1,
    orthogonal: false,
    mirrored: false,
    baseline: "none",
    shaping: "none",
    nonFinite: "propagate",
    commonRandomNumbers: false,
    evaluation: "auto",
    ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
    argnums: Array.isArray(argnums) ? argnums : [argnums as number],
  };
  const { method, numSamples, sigma, shaping } = settings;
  checkChoice(op, "method", method, ["naive", "forward", "antithetic"]);
  checkArgnums(op, settings.argnums);
  checkCount(op, "numSamples", numSamples);
  if (typeof sigma !== "number" || !(sigma > 0 && sigma < Infinity)) {
    throw new RangeError(`${op}: sigma is ${describe(sigma)}, wants a finite number > 0.`);
  }
  for (const name of ["orthogonal", "mirrored", "commonRandomNumbers"] as const) {
    checkFlag(op, name, settings[name]);
  }
  checkChoice(op, "baseline", settings.baseline, ["none", "mean"]);
  if (typeof shaping !== "function") checkChoice(op, "shaping", shaping, ["none", "ranks"]);
  checkChoice(op, "nonFinite", settings.nonFinite, ["propagate", "skip"]);
  checkChoice(op, "evaluation", settings.evaluation, ["auto", "batch", "loop"]);
  checkTogether(op, settings);
  return settings;
}

/** Options that say nothing, or contradict each other, are errors: nobody would notice. */
function checkTogether(op: string, settings: Settings): void {
  const { method, numSamples, mirrored, baseline, shaping, commonRandomNumbers } = settings;
  const refuse = (why: string) => {
    throw new RangeError(`${op}: ${why}`);
  };
  if (mirrored && method === "antithetic") {
    refuse('method "antithetic" mirrors each direction itself; leave mirrored out.');
  }
  if (mirrored && numSamples % 2 !== 0) {
    refuse(`mirrored wants an even numSamples, got ${numSamples}.`);
  }
  if (baseline !== "none" && method !== "naive") {
    refuse(`a baseline cancels in the differences of method "${method}"; leave it out.`);
  }
  if (baseline !== "none" && mirrored) {
    refuse("a baseline cancels in the pairs that mirrored makes; leave it out.");
  }
  if (baseline === "mean" && numSamples < 2) {
    refuse(`baseline "mean" is that of the other samples, and wants numSamples >= 2.`);
  }
  if (shaping !== "none" && method === "forward") {
    refuse('shaping goes with method "naive" or "antithetic".');
  }
  if (commonRandomNumbers && method === "naive") {
    refuse(
      'commonRandomNumbers are those of a difference: it goes with method "forward" or ' +
        '"antithetic".',
    );
  }
}
