import { assert, assertEquals } from "@std/assert";
import { bestWindow, DEFAULT_GAME, scores } from "../../examples/lola_dice.ts";

Deno.test("lola_dice: agents that do not look ahead learn to defect", () => {
  const game = { ...DEFAULT_GAME, batch: 64, rounds: 30, lookaheads: 0 };
  const values = [...scores(game, 30, 0)];
  assert(values[0] > -1.7 && values.at(-1)! < -1.85, `${values[0]} -> ${values.at(-1)}`);
});

Deno.test("lola_dice: looking ahead changes what is learned, and runs are reproducible", () => {
  const run = (lookaheads: number) => [
    ...scores({ ...DEFAULT_GAME, batch: 64, rounds: 20, lookaheads }, 3, 0),
  ];
  const two = run(2);
  assertEquals(two, run(2));
  assert(two.at(-1) !== run(0).at(-1));
  assert(two.every((v) => v <= -0.5 && v >= -2.5), `${two}`);
});

Deno.test("bestWindow() is the largest mean of neighbours", () => {
  assertEquals(bestWindow([-2, -1, -1, -3], 2), -1);
  assertEquals(bestWindow([-2, -1], 10), -1.5);
});
