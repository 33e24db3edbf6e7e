/**
 * Checking options: each error names the option, its value and what is allowed.
 *
 * @module
 */

import type { ScalarOrSchedule } from "../base.ts";
import { isFloat } from "../graph/node.ts";
import { showShape } from "../graph/shape.ts";
import { TensorCore } from "../tensor/core.ts";
import { checkNames, checkObject, describe } from "../tensor/describe.ts";

export { checkNames, describe };

/**
 * One object of options from several: later ones win. What is undefined counts as absent, so that a
 * program may hand on an option of its own that was not given.
 *
 * @throws {TypeError} where one is no object
 */
export function overlay<O extends object>(op: string, ...layers: readonly Partial<O>[]): O {
  const result: Record<string, unknown> = {};
  for (const layer of layers) {
    checkObject(op, layer);
    for (const [name, value] of Object.entries(layer)) {
      if (value !== undefined) result[name] = value;
    }
  }
  return result as O;
}

/**
 * All options: those given, and the defaults of the others.
 *
 * @throws {TypeError} where an option has no default, and so is none
 */
export function withDefaults<O extends object>(
  op: string,
  defaults: Required<O>,
  options: O,
): Required<O> {
  checkNames(op, options, Object.keys(defaults));
  return overlay<object>(op, defaults, options) as Required<O>;
}

/** A range of numbers. */
interface Range {
  /** Smallest number allowed. */
  readonly from?: number;
  /** First number above the range. */
  readonly below?: number;
}

function checkNumbers(op: string, values: Readonly<Record<string, unknown>>, range: Range): void {
  const { from = -Infinity, below = Infinity } = range;
  const allowed = below === Infinity ? `a number >= ${from}` : `a number in [${from}, ${below})`;
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== "number") {
      throw new TypeError(`${op}: ${name} is ${describe(value)}, wants ${allowed}.`);
    }
    if (!(value >= from && value < below)) {
      throw new RangeError(`${op}: ${name} is ${value}, wants ${allowed}.`);
    }
  }
}

/** Throws unless all values are numbers of at least 0. */
export function checkNonNegative(op: string, values: Readonly<Record<string, unknown>>): void {
  checkNumbers(op, values, { from: 0 });
}

/** Throws unless all values are numbers in [0, 1). */
export function checkDecay(op: string, values: Readonly<Record<string, unknown>>): void {
  checkNumbers(op, values, { from: 0, below: 1 });
}

/** Throws unless `betas` is a pair of numbers in [0, 1). */
export function checkBetas(op: string, betas: unknown): void {
  if (!Array.isArray(betas) || betas.length !== 2) {
    throw new TypeError(`${op}: betas is ${describe(betas)}, wants two numbers in [0, 1).`);
  }
  checkDecay(op, { "betas[0]": betas[0], "betas[1]": betas[1] });
}

/** Throws unless all values are finite numbers. */
export function checkFinite(op: string, values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== "number") {
      throw new TypeError(`${op}: ${name} is ${describe(value)}, wants a finite number.`);
    }
    if (!Number.isFinite(value)) {
      throw new RangeError(`${op}: ${name} is ${value}, wants a finite number.`);
    }
  }
}

/** Throws unless `lr` is a number of at least 0, a schedule or a 0-d floating-point tensor. */
export function checkLr(op: string, lr: unknown): asserts lr is ScalarOrSchedule {
  const allowed = "a number >= 0, a schedule or a 0-d floating-point tensor";
  if (typeof lr === "function") return;
  if (lr instanceof TensorCore) {
    if (lr.shape.length === 0 && isFloat(lr.dtype)) return;
    throw new RangeError(
      `${op}: lr is a ${lr.dtype} tensor of shape ${showShape(lr.shape)}, wants ${allowed}.`,
    );
  }
  if (typeof lr !== "number") {
    throw new TypeError(`${op}: lr is ${describe(lr)}, wants ${allowed}.`);
  }
  if (!(lr >= 0 && lr < Infinity)) throw new RangeError(`${op}: lr is ${lr}, wants ${allowed}.`);
}

/** Throws where Nesterov momentum is asked for without a momentum, or with dampening. */
export function checkNesterov(
  op: string,
  { nesterov, momentum, dampening }: { nesterov: boolean; momentum: number; dampening: number },
): void {
  if (!nesterov || (momentum > 0 && dampening === 0)) return;
  throw new RangeError(
    `${op}: nesterov is true with momentum ${momentum} and dampening ${dampening}, wants ` +
      `momentum > 0 and dampening = 0.`,
  );
}
