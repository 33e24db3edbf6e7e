/**
 * Statuses as tensors.
 *
 * @module
 */

import { tensor } from "../../tensor/creation.ts";
import { where } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Status, STATUSES } from "./solution.ts";

/** The number of a status. */
export function codeOf(status: Status): number {
  return STATUSES.indexOf(status);
}

/** A status that depends on conditions: the first that holds, else the last. */
export function statusOf(
  cases: readonly (readonly [Tensor, Status])[],
  last: Status | Tensor,
): Tensor {
  let code = typeof last === "string" ? tensor(codeOf(last), { dtype: "int32" }) : last;
  for (const [condition, status] of cases.toReversed()) {
    code = where(condition, tensor(codeOf(status), { dtype: "int32" }), code);
  }
  return code;
}

/** Whether a value must not be taken for a solution, however rough. */
export function isBad(status: Tensor): Tensor {
  return status.ge(codeOf("stagnated"));
}
