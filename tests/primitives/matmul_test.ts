import { assertEquals } from "@std/assert";
import type { LowerContext } from "../../src/graph/lower_context.ts";
import { dot, swapLast } from "../../src/primitives/matmul.ts";
import { permute } from "../../src/primitives/movement.ts";
import { node, sample, values } from "./nodes.ts";
import { assertClose } from "../helpers/close.ts";

const sizes = [[2, 3, 40], [40, 3, 2], [2, 40, 3], [5, 5, 5]];

Deno.test("dot() of batches uses operands transposed in any combination", () => {
  for (const [m, k, n] of sizes) {
    for (const lead of [[], [3], [2, 3]]) {
      const a = node(sample([...lead, m, k], 1), [...lead, m, k]);
      const b = node(sample([3, k, n], 2), [3, k, n]);
      const wanted = values(dot(a, b));
      for (const ta of [false, true]) {
        for (const tb of [false, true]) {
          const turn = (x: typeof a, t: boolean) =>
            t ? node(values(permute(x, swapLast(x.shape.length))), swapped(x.shape)) : x;
          assertClose(values(dot(turn(a, ta), turn(b, tb), ta, tb)), wanted, 1e-12);
        }
      }
    }
  }
});

const swapped = (shape: readonly number[]) => swapLast(shape.length).map((i) => shape[i]);

/** Which values the lowering of a product transposes. */
function turned(a: number[], b: number[], ta: boolean, tb: boolean): string[] {
  const found: string[] = [];
  const context = {
    op(name: string, [x]: string[]) {
      if (name === "Transpose") found.push(x);
      return name === "Transpose" ? `${x}'` : "y";
    },
  } as unknown as LowerContext;
  const zeros = (shape: number[]) => node(new Float64Array(shape.reduce((p, q) => p * q)), shape);
  const y = dot(zeros(a), zeros(b), ta, tb);
  y.prim.lower(context, ["a", "b"], y);
  return found;
}

Deno.test("dot() of batches transposes what is smaller", () => {
  assertEquals(turned([4, 64, 980], [4, 576, 980], false, true), ["a", "y"]);
  assertEquals(turned([4, 8, 8], [4, 8, 8], false, true), ["b"]);
  assertEquals(turned([4, 8, 2], [4, 8, 8], true, false), ["a"]);
  assertEquals(turned([4, 8, 2], [4, 2, 8], true, true), ["y"]);
});
