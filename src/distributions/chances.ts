/**
 * Probabilities given as such, or as logits.
 *
 * @module
 */

import { checkNames } from "../tensor/describe.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Chances, DistributionOptions, Parameter } from "./types.ts";

/** Which of both was given, and its value. */
export function chancesOf(
  op: string,
  given: Parameter | Chances,
): { name: "probs" | "logits"; value: Parameter; dtype: DistributionOptions["dtype"] } {
  const byName = typeof given === "object" && given !== null && !Array.isArray(given) &&
    !(given instanceof Tensor);
  if (!byName) return { name: "probs", value: given as Parameter, dtype: undefined };
  checkNames(op, given as object, ["probs", "logits", "dtype"]);
  const { probs, logits, dtype } = given as Chances;
  if ((probs === undefined) === (logits === undefined)) {
    throw new TypeError(`${op}: give either probs or logits.`);
  }
  return probs === undefined
    ? { name: "logits", value: logits!, dtype }
    : { name: "probs", value: probs, dtype };
}
