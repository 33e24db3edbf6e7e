import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { realize, realizeAsync, tensor } from "@torchopt/torchopt";

Deno.test("realize() takes tensors, arrays and trees of them, and nothing", async () => {
  const x = tensor([1, 2]);
  const forms = [
    (a: typeof x, b: typeof x) => [a, b],
    (a: typeof x, b: typeof x) => [[a, b]],
    (a: typeof x, b: typeof x) => [{ a, b: [b, null] }],
    (a: typeof x, b: typeof x) => [new Map([["a", a]]), b],
  ];
  for (const form of forms) {
    const a = x.add(1), b = x.mul(a);
    realize(...form(a, b));
    assert(a.rawNode.storage !== null && b.rawNode.storage !== null);
    assertEquals([a.toArray(), b.toArray()], [[2, 3], [2, 6]]);
    const c = x.add(2), d = x.mul(c);
    await realizeAsync(...form(c, d));
    assert(c.rawNode.storage !== null && d.rawNode.storage !== null);
  }
  realize();
  realize([], {}, null);
});

Deno.test("realize() refuses what is no tensor", async () => {
  for (const wrong of [1, "x", true, () => 1, new Float32Array(2)]) {
    assertThrows(() => realize(wrong as never), TypeError, "realize: argument 0 is");
    await assertRejects(() => realizeAsync(tensor(1), wrong as never), TypeError, "argument 1 is");
  }
});
