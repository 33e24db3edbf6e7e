import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  broadcastPrefix,
  type PyTree,
  treeAll,
  treeAny,
  treeFlatten,
  treeLeaves,
  treeMap,
  treeMapWithPath,
  treeReduce,
  treeStructure,
  treeTranspose,
  treeUnflatten,
} from "../../src/pytree/mod.ts";

/** Trees of integers without class nodes. */
const trees = fc.letrec<{ tree: PyTree<number> }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    fc.integer(),
    fc.constant(null),
    fc.array(tie("tree"), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 3 }), tie("tree"), { maxKeys: 4 }),
  ),
})).tree;

Deno.test("treeMap() keeps the structure and composes", () => {
  fc.assert(fc.property(trees, (tree) => {
    assertEquals(treeMap((x: number) => x, tree), tree);
    const twice = treeMap((x: number) => 2 * (x + 1), tree);
    assertEquals(twice, treeMap((x: number) => 2 * x, treeMap((x: number) => x + 1, tree)));
    assert(treeStructure(twice).equals(treeStructure(tree)));
  }));
});

Deno.test("treeMap() walks several trees together", () => {
  const a = { w: [1, 2], b: 3 };
  assertEquals(treeMap((x: number, y: number) => x * y, a, a), { w: [1, 4], b: 9 });
  const sum = treeMap((x: number, y: number, z: number) => x + y + z, a, a, a);
  assertEquals(sum, { w: [3, 6], b: 9 });
});

Deno.test("treeMap() hands over whole subtrees where the first tree has leaves", () => {
  const states = { w: { count: 5 }, b: [6, 7] };
  const seen = treeMap((x: number, state: unknown) => ({ x, state }), { w: 1, b: 2 }, states);
  assertEquals<unknown>(seen, { w: { x: 1, state: { count: 5 } }, b: { x: 2, state: [6, 7] } });
});

Deno.test("treeMap() takes options first and trees that look like options", () => {
  const filled = treeMap({ noneIsLeaf: true }, (x: number | null) => x ?? 0, { a: null, b: 1 });
  assertEquals(filled, { a: 0, b: 1 });
  const tree = { noneIsLeaf: 1 };
  assertEquals(treeMap((x: number, y: number) => x + y, tree, tree), { noneIsLeaf: 2 });
  // @ts-expect-error the function is missing
  assertThrows(() => treeMap({ a: 1 }), TypeError, "want (fn, tree, ...trees)");
});

Deno.test("treeMap() names path, got and want where trees differ", () => {
  const differ = (first: unknown, second: unknown) =>
    assertThrows(() => treeMap((x) => x, first, second), TypeError).message;
  const cases: [unknown, unknown, string][] = [
    [
      { l: [{ w: [1, 2] }] },
      { l: [{ w: [1] }] },
      "at l[0].w: got an array of 1, want an array of 2",
    ],
    [
      { a: 1, b: 2 },
      { a: 1, c: 2 },
      "at (root): got an object with key 'c', want one with key 'b'",
    ],
    [{ a: 1 }, { a: 1, c: 2 }, "at (root): got an object with key 'c', want one without"],
    [{ a: 1, b: 2 }, { a: 1 }, "at (root): got an object, want one with key 'b'"],
    [{ a: { b: 1 } }, { a: 5 }, "at a: got a number, want an object with key 'b'"],
    [{ a: [1] }, { a: new Date() }, "at a: got an instance of Date, want an array of 1"],
    [{ a: null }, { a: 1 }, "at a: got a number, want null or undefined"],
    [{ "a b": [1] }, { "a b": null }, `at ["a b"]: got null, want an array of 1`],
    [new Map([["k", 1]]), { k: 1 }, "got an object with key 'k', want a Map with key 'k'"],
    [new Map([["k", 1]]), new Map([["l", 1]]), "got a Map with key 'l', want one with key 'k'"],
    [{ k: [1] }, { k: new Map() }, "at k: got a Map with no keys, want an array of 1"],
  ];
  for (const [first, second, text] of cases) {
    const message = differ(first, second);
    assert(message.startsWith("treeMap(): the trees differ in structure at "), message);
    assert(message.includes(text), message);
  }
});

Deno.test("treeMapWithPath() hands over the path", () => {
  const tree = { b: [1, 2], a: 3 };
  const paths = treeMapWithPath((path, x: number, y: number) => [...path, x + y], tree, tree);
  assertEquals<unknown>(paths, { b: [["b", 0, 2], ["b", 1, 4]], a: ["a", 6] });
  const nones = treeMapWithPath({ noneIsLeaf: true }, (path, _x: unknown) => path[0], { a: null });
  assertEquals<unknown>(nones, { a: "a" });
});

Deno.test("treeReduce(), treeAll() and treeAny() go over the leaves", () => {
  const tree = { w: [1, 2], b: 3, none: null };
  assertEquals(treeReduce((text, x: number) => text + x, tree, ""), "312");
  assertEquals(treeAll(tree, (x: number) => x > 0), true);
  assertEquals(treeAll(tree, (x: number) => x > 1), false);
  assertEquals(treeAny(tree, (x: number) => x > 2), true);
  assertEquals(treeAny(tree, (x: number) => x > 3), false);
  assertEquals([treeAll({}), treeAny({})], [true, false]);
  assertEquals(treeAll([true, 1, ""]), false);
});

Deno.test("broadcastPrefix() spreads leaves over subtrees", () => {
  const full = { w: [1, { deep: 2 }], b: 3, none: null };
  const spread = broadcastPrefix({ w: "x", b: "y", none: null }, full);
  assertEquals<unknown>(spread, { w: ["x", { deep: "x" }], b: "y", none: null });
  assertEquals<unknown>(broadcastPrefix(true, full), {
    w: [true, { deep: true }],
    b: true,
    none: null,
  });
  assertThrows(
    () => broadcastPrefix({ w: [1, { deep: [2] }], b: 3, none: null }, full),
    TypeError,
    "broadcastPrefix(): the trees differ in structure at w[1].deep",
  );
});

Deno.test("treeTranspose() is its own inverse", () => {
  fc.assert(fc.property(trees, trees, (outerTree, innerTree) => {
    const outer = treeStructure(outerTree);
    const inner = treeStructure(innerTree);
    let next = 0;
    const row = () => treeMap((_: number) => next++, innerTree);
    const tree = treeUnflatten(outer, Array.from({ length: outer.numLeaves }, row)) as PyTree<
      number
    >;
    const turned = treeTranspose(outer, inner, tree);
    assertEquals(new Set(treeLeaves(turned)), new Set(outer.numLeaves ? treeLeaves(tree) : []));
    if (outer.numLeaves && inner.numLeaves) {
      assertEquals(treeTranspose(inner, outer, turned), tree);
    }
  }));
});

Deno.test("TreeDef.equals() tells structures apart", () => {
  const same = (a: unknown, b: unknown) => treeStructure(a).equals(treeStructure(b));
  assert(same({ a: 1, b: [2] }, { b: [3], a: 4 }));
  assert(same([null], [undefined]));
  assert(same(new Map([[1, 2]]), new Map([[1, 3]])));
  for (
    const [a, b] of [
      [[1], [[1]]],
      [[1], [1, 2]],
      [[1, []], [[], 1]],
      [{ a: 1 }, { b: 1 }],
      [{ a: 1 }, new Map([["a", 1]])],
      [{ 0: 1 }, [1]],
      [null, []],
      [null, 1],
    ]
  ) assert(!same(a, b), `${JSON.stringify(a)} and ${JSON.stringify(b)}`);
});

Deno.test("TreeDef.toString() shows the structure", () => {
  const text = treeFlatten({ b: [1, null], a: new Map([["k", 2]]) }).def.toString();
  assertEquals(text, "{a: Map(k => *), b: [*, null]}");
});
