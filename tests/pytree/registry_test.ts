import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import {
  flattenUpTo,
  register,
  treeFlatten,
  treeLeaves,
  treeStructure,
  treeUnflatten,
  unregister,
} from "../../src/pytree/mod.ts";

class Box {
  constructor(readonly value: unknown, readonly unit: Record<string, unknown> = {}) {}
}

function registerBox(): void {
  register(Box, {
    flatten: (box) => ({ children: [box.value], aux: box.unit }),
    unflatten: ([value], unit) => new Box(value, unit),
  });
}

Deno.test("register() makes instances nodes, unregister() leaves again", () => {
  assertEquals(treeLeaves<unknown>(new Box(1)), [new Box(1)]);
  registerBox();
  try {
    const { leaves, def } = treeFlatten<unknown>({ box: new Box([1, 2], { name: "m" }) });
    assertEquals(leaves, [1, 2]);
    assertEquals(def.toString(), "{box: Box([*, *])}");
    assertEquals(def.paths(), [["box", 0, 0], ["box", 0, 1]]);
    const back = treeUnflatten(def, [3, 4]) as unknown as { box: Box };
    assertInstanceOf(back.box, Box);
    assertEquals(back.box, new Box([3, 4], { name: "m" }));
  } finally {
    assertEquals(unregister(Box), true);
  }
  assertEquals(unregister(Box), false);
  assertEquals(treeLeaves<unknown>(new Box(1)), [new Box(1)]);
});

Deno.test("register() compares what a class keeps beside its children", () => {
  registerBox();
  try {
    const unit = (value: Record<string, unknown>) => treeStructure(new Box(0, value));
    assert(unit({ a: [1, NaN] }).equals(unit({ a: [1, NaN] })));
    assert(!unit({ a: [1] }).equals(unit({ a: [2] })));
    assert(!unit({ a: 1 }).equals(unit({ b: 1 })));
    assert(!unit({ a: new Date(0) }).equals(unit({ a: new Date(0) })));
    assertThrows(
      () => flattenUpTo(unit({ a: 1 }), new Box(0, { a: 2 })),
      TypeError,
      "want an instance of Box",
    );
  } finally {
    unregister(Box);
  }
});

Deno.test("register() leaves subclasses alone", () => {
  class Crate extends Box {}
  registerBox();
  try {
    assertEquals(treeLeaves<unknown>(new Crate(1)), [new Crate(1)]);
  } finally {
    unregister(Box);
  }
});

Deno.test("register() refuses a class twice and the classes that are nodes anyway", () => {
  registerBox();
  try {
    assertThrows(registerBox, TypeError, "class Box is registered already");
  } finally {
    unregister(Box);
  }
  const handler = { flatten: () => ({ children: [] }), unflatten: () => ({}) };
  for (const cls of [Object, Array, Map]) {
    assertThrows(() => register<unknown>(cls, handler), TypeError, `got ${cls.name}`);
  }
});
