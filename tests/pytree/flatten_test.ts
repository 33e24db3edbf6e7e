import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  type PyTree,
  register,
  treeFlatten,
  treeLeaves,
  treePaths,
  treeStructure,
  treeUnflatten,
  unregister,
} from "../../src/pytree/mod.ts";

class Pair {
  constructor(readonly left: unknown, readonly right: unknown, readonly tag = "") {}
}

/** Runs `body` with `Pair` registered. */
function withPair(body: () => void): void {
  register(Pair, {
    flatten: (pair) => ({ children: [pair.left, pair.right], aux: [pair.tag], names: ["l", "r"] }),
    unflatten: ([left, right], [tag]) => new Pair(left, right, tag),
  });
  try {
    body();
  } finally {
    unregister(Pair);
  }
}

/** Trees of integers with every kind of node. */
const trees: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    fc.integer(),
    fc.constantFrom(null, undefined),
    fc.array(tie("tree"), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 3 }), tie("tree"), { maxKeys: 4 }),
    fc.array(fc.tuple(fc.oneof(fc.string({ maxLength: 2 }), fc.boolean()), tie("tree")), {
      maxLength: 3,
    }).map((entries) => new Map(entries)),
    fc.tuple(tie("tree"), tie("tree"), fc.string()).map(([l, r, tag]) => new Pair(l, r, tag)),
  ),
})).tree;

Deno.test("treeUnflatten() gives back every tree that treeFlatten() took apart", () => {
  withPair(() => {
    fc.assert(
      fc.property(trees, fc.boolean(), (tree, noneIsLeaf) => {
        const { leaves, def } = treeFlatten(tree, { noneIsLeaf });
        assertEquals(leaves.length, def.numLeaves);
        assertEquals(leaves.every((leaf) => noneIsLeaf || typeof leaf === "number"), true);
        const back = treeUnflatten(def, leaves);
        assertEquals(back, tree as PyTree<unknown>);
        assert(treeStructure(back, { noneIsLeaf }).equals(def));
        assertEquals(def.paths().length, def.numLeaves);
      }),
      { numRuns: 500 },
    );
  });
});

Deno.test("treeFlatten() orders keys by code unit, whatever their order in the object", () => {
  assertEquals(treeLeaves({ b: 1, a: 2, B: 3, 10: 4, 9: 5 }), [4, 5, 3, 2, 1]);
  const one = treeFlatten({ w: 1, b: 2 });
  const other = treeFlatten({ b: 2, w: 1 });
  assertEquals(one.leaves, other.leaves);
  assert(one.def.equals(other.def));
});

Deno.test("treeFlatten() sorts the keys of a Map where they can be compared", () => {
  assertEquals(treeLeaves(new Map([["b", 1], ["a", 2]])), [2, 1]);
  assertEquals(treeLeaves(new Map([[10, 1], [9, 2]])), [2, 1]);
  assertEquals(treeLeaves(new Map<unknown, number>([["b", 1], [9, 2], ["a", 3]])), [1, 2, 3]);
});

Deno.test("treeUnflatten() keeps the order in which keys were written", () => {
  const tree = { w: 1, b: { z: 2, a: 3 } };
  const { leaves, def } = treeFlatten(tree);
  assertEquals(JSON.stringify(treeUnflatten(def, leaves)), JSON.stringify(tree));
  const map = new Map([["w", 1], ["b", 2]]);
  const flat = treeFlatten(map);
  const back = treeUnflatten(flat.def, flat.leaves) as Map<string, number>;
  assertEquals([...back.keys()], ["w", "b"]);
});

Deno.test("treeFlatten() takes instances, functions and typed arrays for leaves", () => {
  const leaves = [new Pair(1, 2), new Float32Array(2), () => 1, new Date(0), new Set([1]), "s", 0n];
  assertEquals(treeFlatten(leaves).leaves, leaves);
  class MyArray extends Array {}
  class MyMap extends Map {}
  assertEquals(treeLeaves([new MyArray(), new MyMap()]).length, 2);
});

Deno.test("treeFlatten() takes objects without a prototype for nodes", () => {
  const tree = Object.assign(Object.create(null), { b: 1, a: 2 });
  assertEquals(treeLeaves(tree), [2, 1]);
});

Deno.test("treeUnflatten() does not take a key __proto__ for the prototype", () => {
  const tree = JSON.parse('{"z": 1, "__proto__": {"polluted": 2}}');
  const { leaves, def } = treeFlatten(tree);
  const back = treeUnflatten(def, leaves) as Record<string, unknown>;
  assertEquals(JSON.stringify(back), JSON.stringify(tree));
  assertStrictEquals(Object.getPrototypeOf(back), Object.prototype);
  assertEquals(back.polluted, undefined);
});

Deno.test("treeFlatten() passes over null and undefined, or takes them for leaves", () => {
  const tree = { a: null, b: [undefined, 1] };
  assertEquals(treeLeaves(tree), [1]);
  assertEquals(treeLeaves(tree, { noneIsLeaf: true }), [null, undefined, 1]);
  const { leaves, def } = treeFlatten(tree);
  assertEquals(treeUnflatten(def, leaves), tree);
  assertEquals(treeLeaves(null), []);
  assertEquals(treeLeaves(null, { noneIsLeaf: true }), [null]);
});

Deno.test("treeFlatten() asks isLeaf of every value, from the root", () => {
  const tree = { a: [1, 2], b: [[3], 4] };
  assertEquals(treeLeaves<unknown>(tree, { isLeaf: Array.isArray }), [[1, 2], [[3], 4]]);
  assertEquals(treeLeaves<unknown>(tree, { isLeaf: () => true }), [tree]);
  assertEquals(treeLeaves([null, 1], { isLeaf: (value) => value === null }), [null, 1]);
});

Deno.test("treeFlatten() refuses a tree that contains itself", () => {
  const tree: unknown[] = [];
  tree.push({ again: tree });
  assertThrows(() => treeFlatten(tree), RangeError, "does it contain itself?");
});

Deno.test("treeFlatten() and treeUnflatten() take empty trees", () => {
  for (const tree of [[], {}, new Map(), null, undefined, [[], {}]]) {
    const { leaves, def } = treeFlatten(tree);
    assertEquals(leaves, []);
    assertEquals(treeUnflatten(def, leaves), tree);
  }
});

Deno.test("treeUnflatten() names both numbers of leaves", () => {
  const def = treeStructure({ w: [0, 0] });
  assertThrows(() => treeUnflatten(def, [1]), TypeError, "got 1 leaves, want 2 for {w: [*, *]}");
});

Deno.test("treePaths() names the way to every leaf", () => {
  withPair(() => {
    const tree = { b: [1, null, 2], a: new Map([["k", 3]]), p: new Pair(4, [5]) };
    assertEquals(treePaths(tree), [["a", "k"], ["b", 0], ["b", 2], ["p", "l"], ["p", "r", 0]]);
  });
  assertEquals(treePaths(1), [[]]);
});
