import { assertEquals } from "@std/assert";
import { many } from "../helpers/many.ts";
import { ARGUMENTS, fault, TARGETS } from "../helpers/wrong_arguments.ts";

/** Calls with arbitrary arguments, for each target. */
const RANDOM = many(8, 24);

/** Whole numbers below a bound, the same in each run. */
function numbers(): (below: number) => number {
  let state = 12345;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

Deno.test("whatever is called with arguments of wrong kinds says so in the library's own words", () => {
  const below = numbers(), found: string[] = [];
  for (const { name, call } of TARGETS) {
    const waiting: number[][] = [];
    let varied = false;
    for (let i = 0; i < RANDOM || waiting.length > 0; i++) {
      const chosen = waiting.pop() ??
        Array.from({ length: below(5) }, () => below(ARGUMENTS.length));
      try {
        const result = call(chosen.map((k) => ARGUMENTS[k]()));
        if (result instanceof Promise) result.catch(() => {});
      } catch (error) {
        const wrong = fault(error);
        const given = chosen.map((k) => String(ARGUMENTS[k]).replace("() => ", "")).join(", ");
        if (wrong !== null) found.push(`${name}(${given}): ${wrong}`);
        continue;
      }
      if (varied || chosen.length === 0) continue;
      // What works with one argument replaced by all others, and with one more.
      varied = true;
      for (let at = 0; at <= chosen.length; at++) {
        ARGUMENTS.forEach((_, k) => waiting.push(chosen.with(Math.min(at, chosen.length - 1), k)));
        if (at === chosen.length) ARGUMENTS.forEach((_, k) => waiting.push([...chosen, k]));
      }
    }
  }
  assertEquals(found.slice(0, 20), []);
});
