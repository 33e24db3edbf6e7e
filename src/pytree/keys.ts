/**
 * The order of the keys of a container.
 *
 * @module
 */

/** The keys of a container in two orders; one array serves for both where they agree. */
export interface KeyOrder {
  /** Keys in the order of the leaves. */
  readonly keys: readonly unknown[];
  /** Keys as the container enumerates them. */
  readonly order: readonly unknown[];
}

let last: KeyOrder = { keys: [], order: [] };

/**
 * Sorts the keys of an object by their UTF-16 code units. The last answer is kept and shared: a
 * model's layers mostly have the same keys.
 */
export function objectKeys(order: readonly string[]): KeyOrder {
  if (!sameKeys(order, last.order)) {
    let sorted = true;
    for (let i = 1; i < order.length && sorted; i++) sorted = order[i - 1] < order[i];
    last = { keys: sorted ? order : order.toSorted(), order };
  }
  return last;
}

/** Sorts the keys of a `Map` where all are strings or all are numbers; else leaves them as they are. */
export function mapKeys(order: readonly unknown[]): KeyOrder {
  if (order.every((key) => typeof key === "string")) return objectKeys(order);
  if (!order.every((key) => typeof key === "number")) return { keys: order, order };
  return { keys: order.toSorted((a, b) => a - b), order };
}

/** Whether two lists hold the same keys in the same order. */
export function sameKeys(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (!Object.is(a[i], b[i])) return false;
  }
  return true;
}
