import { assert, assertEquals } from "@std/assert";
import { Generator } from "@torchopt/torchopt";
import {
  evaluator,
  grid,
  makeParams,
  metaTrainer,
  sampleTasks,
} from "../../examples/maml_sinusoid.ts";

Deno.test("maml_sinusoid: meta-training makes one step of adaptation go farther", () => {
  const params = makeParams(new Generator(0), 20);
  const test = sampleTasks(new Generator(1), 50, 10, grid(20));
  const evaluate = evaluator(params, { steps: 2, lr: 0.01 });
  const before = evaluate(test).map((t) => t.item());
  const step = metaTrainer(params, { steps: 1, lr: 0.01 }, 1e-2);
  const generator = new Generator(2);
  for (let i = 0; i < 200; i++) step(sampleTasks(generator, 10, 10));
  const after = evaluate(test).map((t) => t.item());
  assertEquals(step.traces, 1);
  assert(after[1] < 0.8 * before[1], `${before} -> ${after}`);
  assert(after[2] < after[1] && after[1] < after[0], `${after}`);
});

Deno.test("maml_sinusoid: the same seed gives the same tasks", () => {
  const draw = () => sampleTasks(new Generator(5), 3, 4).ySupport.toArray();
  assertEquals(draw(), draw());
});
