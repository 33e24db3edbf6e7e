import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { Generator } from "@torchopt/torchopt";
import {
  drawStarts,
  episode,
  reward,
  sizeOf,
  stands,
  type State,
  step,
  trainer,
} from "../../examples/cart_pole.ts";

Deno.test("cart_pole: the simulation follows the equations of motion", () => {
  // From rest, upright: F / (m + M) = a + m l / (m + M) * angular acceleration, by hand.
  const [x, v, angle, w] = step([0, 0, 0, 0], true);
  assertEquals([x, angle], [0, 0]);
  assertAlmostEquals(v, 0.02 * (10 / 1.1 + 0.05 / 1.1 * (10 / 1.1) / (0.5 * (4 / 3 - 0.1 / 1.1))));
  assertAlmostEquals(w, -0.02 * (10 / 1.1) / (0.5 * (4 / 3 - 0.1 / 1.1)));
  // A push to the other side is its mirror image.
  const mirrored = step([-0.1, 0.2, -0.05, 0.3], false);
  step([0.1, -0.2, 0.05, -0.3], true).forEach((s, i) => assertAlmostEquals(s, -mirrored[i]));
  assert(stands([0, 0, 0.2, 0]) && !stands([0, 0, 0.22, 0]) && !stands([-2.5, 0, 0, 0]));
});

Deno.test("cart_pole: always pushing to one side ends early", () => {
  const p = new Float64Array(sizeOf(1));
  p[p.length - 1] = 1;
  const start: State = [0, 0, 0, 0];
  assert(episode(p, 1, start, 500) < 12);
  assertEquals(episode(p, 1, start, 3), 3);
});

Deno.test("cart_pole: evolution balances the pole", () => {
  const o = { hidden: 4, pairs: 16, sigma: 0.3, lr: 0.1, starts: 4, limit: 200 };
  const { params, iterate } = trainer(o, new Generator(0)),
    tests = drawStarts(20, new Generator(1));
  const test = () => reward(params.data() as Float64Array, o.hidden, tests, o.limit);
  assert(test() < 30);
  let best = 0;
  for (let i = 0; i < 40 && best < 195; i++) {
    iterate();
    best = Math.max(best, test());
  }
  assert(best >= 195, `${best} steps`);
});
