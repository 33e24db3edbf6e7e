/**
 * Directions that are perpendicular to each other.
 *
 * @module
 */

import { concat, stack } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/**
 * Rows [n, d] made perpendicular in groups of at most d, each with the length that it had: for normal
 * rows the lengths of independent ones, so that each row alone is distributed as before (K.
 * Choromanski et al., "Structured evolution with compact architectures for scalable policy
 * optimization", 2018).
 */
export function orthogonalized(rows: Tensor): Tensor {
  const [n, d] = rows.shape, size = Math.min(n, d);
  if (size < 2) return rows;
  const whole = n - n % size;
  const parts = [inGroups(rows.narrow(0, 0, whole).reshape(-1, size, d)).reshape(whole, d)];
  if (whole < n) parts.push(inGroups(rows.narrow(0, whole, n - whole).unsqueeze(0)).squeeze(0));
  return concat(parts);
}

/** Modified Gram-Schmidt in each group of [groups, m, d]. */
function inGroups(rows: Tensor): Tensor {
  const m = rows.shape[1], lengths = rows.norm(2, 2, { keepdim: true });
  const units: Tensor[] = [];
  let rest = rows;
  for (let i = 0; i < m; i++) {
    const row = rest.narrow(1, 0, 1);
    const unit = row.div(row.norm(2, 2, { keepdim: true }));
    units.push(unit.squeeze(1));
    if (i + 1 === m) break;
    const others = rest.narrow(1, 1, m - i - 1);
    rest = others.sub(others.mul(unit).sum(2, { keepdim: true }).mul(unit));
  }
  return stack(units, 1).mul(lengths);
}
