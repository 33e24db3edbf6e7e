import { pytree, type Tensor, tensor } from "@torchopt/torchopt";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";

type Tree = { a: Tensor; b: [Tensor, { c: Tensor | null }] };
const make = (k: number): Tree => ({
  a: tensor([1, 2]).mul(k),
  b: [tensor([[1, 2], [3, 4]]).mul(k), { c: null }],
});
const plain = (t: Tree) => [t.a.toArray(), t.b[0].toArray(), t.b[1].c];

Deno.test("arithmetic of trees is that of their leaves; null stays", () => {
  const x = make(1), y = make(3);
  const want = (
    f: (v: number) => number,
  ) => [[1, 2].map(f), [[1, 2], [3, 4]].map((r) => r.map(f)), null];
  assertEquals(plain(pytree.treePos(x)), want((v) => v));
  assertEquals(plain(pytree.treeNeg(x)), want((v) => -v));
  assertEquals(plain(pytree.treeAdd(x)), want((v) => v));
  assertEquals(plain(pytree.treeAdd(x, y, y)), want((v) => 7 * v));
  assertEquals(plain(pytree.treeSub(x, y)), want((v) => -2 * v));
  assertEquals(plain(pytree.treeMul(x, y)), want((v) => 3 * v * v));
  assertEquals(plain(pytree.treeTruediv(y, x)), want(() => 3));
  assertEquals(plain(pytree.treeScalarMul(0.5, x)), want((v) => v / 2));
  assertEquals(plain(pytree.treeScalarMul(tensor(0.5), x)), want((v) => v / 2));
  assertEquals(plain(pytree.treeAddScalarMul(x, y, 2)), want((v) => 7 * v));
  assertEquals(plain(pytree.treeAddScalarMul(x, y)), want((v) => 4 * v));
  assertEquals(plain(pytree.treeSubScalarMul(x, y, 2)), want((v) => -5 * v));
  assertEquals(plain(pytree.treeSubScalarMul(x, y)), want((v) => -2 * v));
  assertEquals(pytree.treeMatmul([x.b[0]], [x.b[0]])[0].toArray(), [[7, 10], [15, 22]]);
  assertEquals(pytree.treeVdotReal<Tensor | null>(x, y)!.item(), 3 * (5 + 30));
});

Deno.test("numbers are leaves, alone and beside tensors", () => {
  assertEquals(pytree.treeAdd({ n: 1 }, { n: 2 }), { n: 3 });
  const mixed = pytree.treeSub<(number | Tensor)[]>([5, tensor(5)], [tensor(2), 2]);
  assertEquals(mixed.map((x) => (x as Tensor).item()), [3, 3]);
  assertEquals(pytree.treeVdotReal([1, 2], [3, 4]), 11);
  assertEquals(pytree.treeVdotReal({}, {}), 0);
});

Deno.test("derivatives pass through trees", () => {
  const w = tensor([1, 2], { requiresGrad: true });
  pytree.treeVdotReal<Tensor>({ w }, { w }).backward();
  assertEquals(w.grad!.toArray(), [2, 4]);
});

Deno.test("treeFlattenAsTuple() freezes the leaves; treeWait() waits for all", async () => {
  assertThrows(() => (pytree.treeFlattenAsTuple([1]).leaves as number[]).push(2), TypeError);
  const slow = new Promise((resolve) => setTimeout(() => resolve(2), 5));
  assertEquals(await pytree.treeWait([1, { x: slow }]), [1, { x: 2 }]);
  await assertRejects(() => pytree.treeWait([Promise.reject(new Error("no"))]), Error, "no");
});

Deno.test("what cannot be computed says so", () => {
  assertThrows(() => pytree.treeAdd(), TypeError, "treeAdd: got no trees");
  assertThrows(() => pytree.treeAdd(["x"], ["y"]), TypeError, "treeAdd: a leaf is of type string");
  assertThrows(
    () => pytree.treeMatmul([1], [2]),
    TypeError,
    "treeMatmul: a leaf is of type number",
  );
  assertThrows(() => pytree.treeAdd([1], { a: 1 } as never));
});
