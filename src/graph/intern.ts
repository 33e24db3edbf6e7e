/**
 * Numbers for static arguments: equal arguments, equal number.
 *
 * @module
 */

/** A place in the tree of all arguments seen so far: one branch for each part that may follow. */
class Place {
  /** Number of the arguments that end here; 0 where none do. */
  key = 0;
  readonly next = new Map<unknown, Place>();
}

const root = new Place();
let keys = 0;

// Parts that are no values of their own.
const NEGATIVE_ZERO = Symbol("-0"), LIST = Symbol("list"), OBJECT = Symbol("object");

function follow(from: Place, part: unknown): Place {
  let place = from.next.get(part);
  if (place === undefined) from.next.set(part, place = new Place());
  return place;
}

function followValue(from: Place, value: unknown): Place {
  if (typeof value === "number") {
    return follow(from, Object.is(value, -0) ? NEGATIVE_ZERO : value);
  }
  if (Array.isArray(value)) {
    let place = follow(follow(from, LIST), value.length);
    for (let i = 0; i < value.length; i++) place = followValue(place, value[i]);
    return place;
  }
  if (typeof value !== "object" || value === null) return follow(from, value);
  return follow(follow(from, OBJECT), JSON.stringify(value));
}

/** Number of a static argument set: equal arguments, equal number; 0 stands for none. */
export function internAttrs(attrs: unknown): number {
  if (attrs === null || attrs === undefined) return 0;
  // Every operation comes by here: branches of a tree are found faster than a text is put together.
  let place = root;
  for (const name in attrs as Record<string, unknown>) {
    place = followValue(follow(place, name), (attrs as Record<string, unknown>)[name]);
  }
  if (place.key === 0) place.key = ++keys;
  return place.key;
}

/** Static arguments with their number, for those that many nodes have. */
export interface Interned<A> {
  readonly attrs: A;
  readonly key: number;
}

/** Numbers static arguments once. */
export function interned<A>(attrs: A): Interned<A> {
  return { attrs, key: internAttrs(attrs) };
}
