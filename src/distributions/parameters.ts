/**
 * Parameters of distributions: numbers and tensors in one type and shape, checked where they are known.
 *
 * @module
 */

import { defaultDtype } from "../graph/defaults.ts";
import { DTypeError } from "../graph/errors.ts";
import { isFloat } from "../graph/node.ts";
import { broadcastShapes } from "../graph/shape.ts";
import { tensor } from "../tensor/creation.ts";
import { checkNames, describe } from "../tensor/describe.ts";
import { promote } from "../tensor/promotion.ts";
import { Tensor } from "../tensor/tensor.ts";
import { currentTrace } from "../tensor/trace.ts";
import type { DistributionOptions, Parameter } from "./types.ts";

/** A condition on the numbers of a parameter, and the words for it. */
export interface Domain {
  readonly holds: (value: number) => boolean;
  readonly wants: string;
}

/** Numbers above 0. */
export const POSITIVE: Domain = { holds: (v) => v > 0, wants: "numbers > 0" };

/** Any finite number. */
export const REAL: Domain = { holds: Number.isFinite, wants: "finite numbers" };

/** Any number, infinities included. */
export const ANY: Domain = { holds: (v) => !Number.isNaN(v), wants: "numbers" };

/** From 0 to 1. */
export const PROBABILITY: Domain = { holds: (v) => v >= 0 && v <= 1, wants: "numbers from 0 to 1" };

/** Whether the values of a tensor are there: nothing is computed for a check. */
function isKnown(x: Tensor): boolean {
  return currentTrace() === null && x.rawNode.storage?.onHost === true;
}

/** Throws a RangeError where a number is outside of its domain, as far as values are known. */
function checkDomain(op: string, name: string, x: Tensor, { holds, wants }: Domain): void {
  if (!isKnown(x)) return;
  for (const value of x.data()) {
    if (holds(Number(value))) continue;
    throw new RangeError(`${op}: ${name} has the value ${value}, wants ${wants}.`);
  }
}

/** Throws a RangeError where lower ends are known not to be below upper ends. */
function checkOrder(
  op: string,
  [lower, upper]: readonly string[],
  low: Tensor,
  high: Tensor,
): void {
  if (!isKnown(low) || !isKnown(high)) return;
  for (const width of high.detach().sub(low.detach()).data()) {
    // Two infinite ends of one sign are NaN apart.
    if (Number(width) > 0) continue;
    throw new RangeError(`${op}: ${lower} is not below ${upper} everywhere; swap or move them.`);
  }
}

/** A parameter as a tensor of floating point. */
export function toFloat(op: string, name: string, value: unknown, dtype?: Tensor["dtype"]): Tensor {
  if (value instanceof Tensor) {
    return isFloat(value.dtype) ? value : value.to(dtype ?? defaultDtype());
  }
  const known = typeof value === "number" || typeof value === "boolean" || Array.isArray(value) ||
    ArrayBuffer.isView(value);
  if (!known) {
    throw new TypeError(`${op}: ${name} is ${describe(value)}, wants a tensor or a number.`);
  }
  return tensor(value as number, { dtype: dtype ?? defaultDtype() });
}

/** Checks the options, and gives the type that they ask for. */
export function dtypeOf(op: string, options: DistributionOptions): Tensor["dtype"] | undefined {
  checkNames(op, options, ["dtype"]);
  const { dtype } = options;
  if (dtype === undefined || isFloat(dtype)) return dtype;
  throw new DTypeError(`${op}: got dtype ${dtype}, wants floating point.`);
}

/**
 * Parameters in one floating-point type and of one shape, the batch shape.
 *
 * @param op what messages call the distribution
 * @param given values by name, with what holds for their numbers
 * @param options `dtype`
 * @param order names of two parameters, of which the first has to be below the second
 */
export function parametersOf<N extends string>(
  op: string,
  given: Readonly<Record<N, readonly [Parameter, Domain]>>,
  options: DistributionOptions,
  order?: readonly [NoInfer<N>, NoInfer<N>],
): Record<N, Tensor> {
  const asked = dtypeOf(op, options);
  const entries = Object.entries(given) as [N, readonly [Parameter, Domain]][];
  // Numbers take the type of the tensors they are beside.
  const dtype = asked ??
    entries.map(([, [x]]) => x).filter((x) => x instanceof Tensor && isFloat(x.dtype))
      .map((x) => (x as Tensor).dtype).reduce<Tensor["dtype"] | undefined>(
        (a, b) => a === undefined ? b : promote(a, b),
        undefined,
      ) ??
    defaultDtype();
  const tensors = entries.map(([name, [value, domain]]) => {
    const x = toFloat(op, name, value, dtype);
    checkDomain(op, name, x, domain);
    return x.to(dtype);
  });
  const named = (name: N) => tensors[entries.findIndex(([own]) => own === name)];
  if (order !== undefined) checkOrder(op, order, named(order[0]), named(order[1]));
  const shape = tensors.reduce<readonly number[]>(
    (all, x) => broadcastShapes(op, all, x.shape),
    [],
  );
  return Object.fromEntries(
    entries.map(([name], i) => [name, tensors[i].broadcastTo([...shape])]),
  ) as Record<N, Tensor>;
}
