import { assert, assertEquals, assertThrows } from "@std/assert";
import { Generator } from "@torchopt/torchopt";
import { byLabel, extended, sampleEpisode, transformed } from "../../examples/data/episodes.ts";
import {
  digitClasses,
  evaluate,
  evaluator,
  makeParams,
  metaTrainer,
} from "../../examples/few_shot.ts";

Deno.test("transformed() turns and reflects", () => {
  const image = Float32Array.from([1, 2, 3, 4]); // rows 1 2 and 3 4
  const all = [false, true].flatMap((reflect) =>
    [0, 1, 2, 3].map((q) => transformed(image, 2, q, reflect).join(""))
  );
  assertEquals(all.slice(0, 4), ["1234", "3142", "4321", "2413"]);
  assertEquals(all[4], "2143");
  assertEquals(new Set(all).size, 8);
});

Deno.test("sampleEpisode() draws without repetition", () => {
  const images = Array.from({ length: 12 }, (_, i) => Float32Array.of(i));
  const classes = extended(byLabel(images, images.map((_, i) => i % 3), [0, 1, 2]), false);
  assertEquals(classes.length, 12);
  const shape = { ways: 4, shots: 1, queries: 3 };
  const episode = sampleEpisode(classes, shape, new Generator(0));
  assertEquals(episode.xSupport.shape, [4, 1, 1, 1]);
  assertEquals(episode.yQuery.toArray(), [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
  const query = episode.xQuery.data();
  for (let way = 0; way < 4; way++) {
    assertEquals(new Set([...query.slice(3 * way, 3 * way + 3)].map(Number)).size, 3);
  }
  const draw = (s: typeof shape) => () => sampleEpisode(classes, s, new Generator(0));
  assertThrows(draw({ ...shape, ways: 13 }), RangeError, "12 classes");
  assertThrows(draw({ ...shape, queries: 4 }), RangeError, "has 4 images, wants 5");
});

Deno.test("few_shot: meta-training makes adaptation to new digits better", async () => {
  const { train, test } = await digitClasses();
  assertEquals([train.length, test.length], [56, 24]);
  const inner = { steps: 1, lr: 0.4 }, shape = { ways: 3, shots: 1, queries: 3 };
  const params = makeParams(new Generator(0), 8, 3, 8);
  const held = new Generator(1);
  const episodes = Array.from({ length: 60 }, () => sampleEpisode(test, shape, held));
  const evaluateOne = evaluator(params, inner);
  const [, untrained] = evaluate(evaluateOne, episodes);
  const step = metaTrainer(params, inner, 1e-2), generator = new Generator(2);
  // Long enough that rounding, which such training amplifies, does not decide: with six seeds, with and
  // without kernels, it ends between 0.60 and 0.69, and starts between 0.40 and 0.45.
  for (let i = 0; i < 300; i++) {
    step(Array.from({ length: 4 }, () => sampleEpisode(train, shape, generator)));
  }
  const [before, after] = evaluate(evaluateOne, episodes);
  assert(after > untrained + 0.05 && after > before + 0.15, `${untrained}, ${before} -> ${after}`);
});
