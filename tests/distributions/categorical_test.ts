/** Scenario A15 and its relatives: categories that do not occur. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  autograd,
  distributions,
  func,
  Generator,
  ShapeError,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import "../helpers/seed.ts";

const { Bernoulli, Categorical, klDivergence } = distributions;

const options = { dtype: "float64" } as const;
const leaf = (x: number[]) => tensor(x, { ...options, requiresGrad: true });
const LOGITS = [0, Math.log(3), -Infinity], PROBS = [0.25, 0.75, 0];

Deno.test("Categorical with a category that does not occur", () => {
  const logits = leaf(LOGITS);
  const both = [new Categorical({ logits }), new Categorical(tensor(PROBS, options))];
  const outcomes = tensor([0, 1, 2], { dtype: "int64" });
  for (const d of both) {
    assertClose(d.entropy().item(), 0.562335144618808, 1e-10);
    assertClose(d.logProb(outcomes).data(), [-1.38629436112, -0.287682072452, -Infinity], 1e-10);
    assertEquals(klDivergence(d, d).item(), 0);
    const from = (p: number[]) => klDivergence(new Categorical(tensor(p, options)), d).item();
    assertClose(from([0.5, 0.5, 0]), 0.143841036226, 1e-10);
    assertEquals(from([1 / 3, 1 / 3, 1 / 3]), Infinity);
    const drawn = d.sample([10_000], { generator: new Generator(15) });
    assertEquals(drawn.dtype, "int64");
    assertEquals(drawn.eq(2).any().item(), 0);
  }
});

Deno.test("Categorical's derivatives are those of the categories that occur", () => {
  const entropy = (logits: Tensor) => new Categorical({ logits }).entropy();
  const logits = leaf(LOGITS);
  const [g] = autograd.grad(entropy(logits), [logits]);
  assertClose(g!.data(), [0.20598980412527, -0.20598980412527, 0], 1e-10);
  const second = func.hessian(entropy)(logits).toArray() as number[][];
  const s = second[0][0];
  assertClose(s, -0.0845050979, 1e-9);
  assertClose(second.flat(), [s, -s, 0, -s, s, 0, 0, 0, 0], 1e-10);
  const log = new Categorical({ logits }).logProb(tensor(0, { dtype: "int64" }));
  assertClose(autograd.grad(log, [logits])[0]!.data(), [0.75, -0.75, 0], 1e-10);
  // Divergences from and to such a distribution have finite derivatives as well.
  const other = leaf([0.3, 0.1, 0.6]);
  const kl = klDivergence(new Categorical({ logits }), new Categorical({ logits: other }));
  for (const d of autograd.grad(kl, [logits, other])) {
    assert([...d!.data() as Float64Array].every(Number.isFinite));
  }
  const probs = leaf(PROBS);
  const own = autograd.grad(new Categorical(probs).entropy(), [probs])[0]!;
  assert([...own.data() as Float64Array].every(Number.isFinite));
});

Deno.test("Categorical broadcasts values and batches, and one category is certain", () => {
  const d = new Categorical({ logits: tensor([[0, 1, 2], [2, 0, -Infinity]], options) });
  assertEquals([d.batchShape, d.eventShape, d.numEvents], [[2], [], 3]);
  assertEquals(d.logProb(tensor([[0, 1], [2, 2]], { dtype: "int64" })).shape, [2, 2]);
  assertEquals(d.logProb(1).shape, [2]);
  assertEquals(d.sample([4, 5]).shape, [4, 5, 2]);
  assertEquals(d.mean.toArray(), [NaN, NaN]);
  const one = new Categorical([5]);
  assertEquals([one.entropy().item(), one.sample().item(), one.logProb(0).item()], [0, 0, 0]);
  const certain = new Categorical([0, 0, 3, 0]);
  assertEquals(certain.sample([50], { generator: new Generator(1) }).eq(2).all().item(), 1);
  assertEquals(certain.entropy().item(), 0);
});

Deno.test("Bernoulli at its ends", () => {
  for (const [p, sure, never] of [[0, 0, 1], [1, 1, 0]]) {
    for (const d of [new Bernoulli(p), new Bernoulli({ logits: p === 0 ? -Infinity : Infinity })]) {
      assertEquals([d.logProb(sure).item(), d.logProb(never).item()], [0, -Infinity]);
      assertEquals(d.entropy().item() + 0, 0);
      assertEquals(d.sample([20], { generator: new Generator(1) }).eq(sure).all().item(), 1);
      assertEquals(klDivergence(d, d).item(), 0);
      assertEquals(klDivergence(new Bernoulli(0.5), d).item(), Infinity);
      assertClose(klDivergence(d, new Bernoulli(0.5)).item(), Math.LN2, 1e-6);
    }
  }
});

Deno.test("Categorical and Bernoulli name what is wrong", () => {
  assertThrows(() => new Categorical([0.5, -0.1]), RangeError, "probs has the value -0.1000");
  assertThrows(() => new Categorical([NaN, 1]), RangeError, "NaN");
  assertThrows(() => new Categorical(3), ShapeError, "no categories");
  assertThrows(() => new Categorical({}), TypeError, "either probs or logits");
  assertThrows(() => new Categorical({ probs: [1], logits: [0] }), TypeError, "either");
  assertThrows(() => new Bernoulli(1.5), RangeError, "numbers from 0 to 1");
  assertThrows(() => new Bernoulli({ prob: 1 } as never), TypeError, "no option prob");
});
