import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { Generator, type Tensor } from "@torchopt/torchopt";
import { treeFlatten, treeMap } from "@torchopt/torchopt/pytree";
import {
  digitProblem,
  ensembleTrainer,
  type Learner,
  makeParams,
  networkTrainer,
  rowSampler,
  startOf,
  tester,
} from "../../examples/ensemble.ts";
import { UsageError } from "../../examples/helpers/options.ts";

const tensorsOf = (learner: Learner) => treeFlatten(learner as never).leaves as unknown as Tensor[];

for (const bootstrap of [false, true]) {
  const data = bootstrap ? "rows of their own" : "the same rows";
  Deno.test(`ensemble: members that see ${data} learn as they do one after the other`, async () => {
    const generator = new Generator(0), members = 3;
    const { train } = await digitProblem(40, generator);
    const start = startOf(makeParams(members, 64, 8, generator));
    const draw = rowSampler(40, members, 10, bootstrap, generator);
    const rows = Array.from({ length: 5 }, draw);
    const together = ensembleTrainer(train, 1e-2), alone = networkTrainer(train, 1e-2);
    let all = start;
    for (const r of rows) all = together(all, r).learner;
    assertEquals(together.traces, 1);
    for (let m = 0; m < members; m++) {
      const member = (l: Learner) =>
        treeMap((t: Tensor) => t.select(0, m), l as never) as unknown as Learner;
      let one = member(start);
      for (const r of rows) one = alone(one, bootstrap ? r.select(0, m) : r).learner;
      const found = tensorsOf(member(all)), wanted = tensorsOf(one);
      assertEquals(found.length, wanted.length);
      found.forEach((t, i) => {
        const a = t.data(), b = wanted[i].data();
        b.forEach((v: number | bigint, k: number) =>
          assertAlmostEquals(Number(a[k]), Number(v), 1e-4)
        );
      });
    }
  });
}

Deno.test("ensemble: the vote is better than its members are on average", async () => {
  const generator = new Generator(1);
  const { train, test } = await digitProblem(100, generator);
  let all = startOf(makeParams(6, 64, 16, generator));
  const draw = rowSampler(100, 6, 20, true, generator), step = ensembleTrainer(train, 1e-2);
  for (let i = 0; i < 300; i++) all = step(all, draw()).learner;
  const { members, vote } = tester(test)(all.params);
  assertEquals(members.length, 6);
  const mean = members.reduce((a, b) => a + b) / 6;
  assert(mean > 0.7 && vote > mean + 0.02, `${vote}, ${members}`);
});

Deno.test("ensemble: more known images than there are is an error that says how many", async () => {
  const error = await assertRejects(() => digitProblem(5000, new Generator(0)), UsageError);
  assertStringIncludes(error.message, "--known wants at most 1197 images, got 5000");
});
