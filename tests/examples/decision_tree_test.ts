import { assert, assertEquals, assertRejects } from "@std/assert";
import { Generator, tensor } from "@torchopt/torchopt";
import { digitProblem, growTree, Tree, tuner } from "../../examples/decision_tree.ts";
import { UsageError } from "../../examples/helpers/options.ts";

Deno.test("decision_tree: leaves are those that walking through the tree finds", async () => {
  const { train } = await digitProblem(60, new Generator(0)), depth = 3;
  const pixels = growTree(train, depth), tree = new Tree(train, pixels);
  const thresholds = [0.2, 0.5, 0.8, 0.1, 0.4, 0.6, 0.9];
  const found = [...tree.leaves(tensor(thresholds)).data()].map(Number);
  const walked = train.images.map((image) => {
    let node = 0;
    while (node < pixels.length) {
      node = 2 * node + (image[pixels[node]] > Math.fround(thresholds[node]) ? 2 : 1);
    }
    return node - pixels.length;
  });
  assertEquals(found, walked);
});

Deno.test("decision_tree: the loss has no gradient of its own, and falls", async () => {
  const { train } = await digitProblem(300, new Generator(1));
  const tree = new Tree(train, growTree(train, 4));
  const t = tensor(new Float32Array(15).fill(0.5), { requiresGrad: true });
  const tables = tree.tables(t.detach());
  assertEquals(tree.loss(t, tables).requiresGrad, false);
  const { thresholds, iterate } = tuner(
    tree,
    { pairs: 64, sigma: 0.1, lr: 0.02 },
    new Generator(2),
  );
  const before = iterate();
  for (let i = 0; i < 30; i++) iterate();
  const now = thresholds.detach(), after = tree.loss(now, tree.tables(now)).item();
  assert(after < before - 0.02, `${before}, ${after}`);
  assert(tree.accuracy(now, tree.tables(now)) > 0.5);
});

Deno.test("decision_tree: more known images than there are is an error that says how many", async () => {
  await assertRejects(() => digitProblem(5000, new Generator(0)), UsageError, "at most 1197");
});
