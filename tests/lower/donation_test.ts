import { assert, assertEquals } from "@std/assert";
import { bufferNode, constantNode, scalarNode } from "../../src/graph/leaf.ts";
import { type Node, unobserved } from "../../src/graph/node.ts";
import { realizeNodes } from "../../src/run/execute.ts";
import * as e from "../../src/primitives/elementwise.ts";
import { dot } from "../../src/primitives/matmul.ts";
import { alias, flip, permute, reshape } from "../../src/primitives/movement.ts";
import { sum } from "../../src/primitives/reduce.ts";
import { Storage } from "../../src/runtime/mod.ts";
import { compile, tensor } from "../../mod.ts";
import { assertClose } from "../helpers/close.ts";

const N = 64;

function matrix(seed: number): Node {
  const data = Float64Array.from({ length: N * N }, (_, i) => Math.sin(seed + i));
  return bufferNode(Storage.from(data, "float64"), [N, N]);
}

/**
 * Checks that a new value of `w` and another result are the same over `w`'s memory and apart from it;
 * whether the memory was taken.
 */
function inPlace(build: (w: Node) => [Node, Node]): boolean {
  const apart = build(matrix(1));
  realizeNodes(apart);
  const w = matrix(1);
  const over = unobserved(() => build(w));
  const program = realizeNodes(over, [w])!;
  over.forEach((n, i) => assertClose(n.storage!.host(), apart[i].storage!.host(), 1e-9));
  return program.donor[0] >= 0;
}

const step = (w: Node, g: Node): Node => e.sub(w, e.mul(g, scalarNode(0.1, "float64")));

Deno.test("an update takes the old memory where all other readers come before it", () => {
  const over = inPlace((w) => {
    const y = dot(w, w);
    return [step(w, dot(y, w, true, false)), sum(y, [0, 1], false)];
  });
  assert(over);
});

Deno.test("an update never disturbs a reader, whatever the reader is", () => {
  const readers: ((w: Node) => Node)[] = [
    (w) => dot(w, w),
    (w) => dot(permute(w, [1, 0]), w),
    (w) => dot(reshape(w, [N * N, 1]), reshape(w, [1, N * N])),
    (w) => sum(e.exp(w), [0], false),
    (w) => flip(w, [0, 1]),
    (w) => e.add(permute(w, [1, 0]), constantNode(1, "float64")),
    (w) => e.tanh(sum(e.tanh(dot(e.tanh(w), w)), [1], false)),
    (w) => alias(w),
    (w) => reshape(w, [N * N]),
  ];
  for (const read of readers) {
    inPlace((w) => [step(w, e.sin(w)), read(w)]);
    inPlace((w) => [step(w, e.sin(permute(w, [1, 0]))), read(w)]);
    inPlace((w) => [step(w, dot(e.sin(w), w)), read(w)]);
  }
});

Deno.test("an update leaves memory alone that values outside of its run need", () => {
  const w = matrix(1), reader = sum(w, [0, 1], false);
  const next = unobserved(() => step(w, w));
  const program = realizeNodes([next], [w])!;
  assertEquals(program.donor[0], -1);
  realizeNodes([reader]);
  assertEquals(reader.storage!.host(), evaluated(sum(matrix(1), [0, 1], false)));
});

function evaluated(node: Node): unknown {
  realizeNodes([node]);
  return node.storage!.host();
}

Deno.test("an update that reads other elements than it writes is not done in place", () => {
  assertEquals(inPlace((w) => [e.add(flip(w, [0]), w), constantNode(0, "float64")]), false);
});

Deno.test("updates wait for readers, unless these need them, and never disturb them", () => {
  const size = 104; // so that ONNX Runtime computes the products, not Program
  const leaf = (seed: number) => {
    const data = Float64Array.from({ length: size * size }, (_, i) => Math.sin(seed + i) / 9);
    return bufferNode(Storage.from(data, "float64"), [size, size]);
  };
  const parts: ((a: Node, b: Node) => Node)[] = [
    (a, b) => dot(a, b),
    (a) => e.sin(a),
    (_a, b) => permute(b, [1, 0]),
    (a, b) => e.add(e.tanh(dot(b, e.exp(b))), a),
  ];
  const readers: ((a: Node, b: Node, nextA: Node, nextB: Node) => Node)[] = [
    (a, b) => dot(b, a),
    (a, b) => sum(e.mul(a, b), [0, 1], false),
    (a, b, nextA, nextB) => dot(dot(a, nextB), dot(nextA, b)),
    (a, _b, nextA) => e.cast(sum(e.cast(dot(nextA, a), "float32"), [0], false), "float64"),
  ];
  let inPlace = 0;
  for (const x of parts) {
    for (const y of parts) {
      for (const read of readers) {
        const build = (a: Node, b: Node) => {
          const nextA = step(a, x(a, b)), nextB = step(b, y(b, a));
          return [nextA, nextB, read(a, b, nextA, nextB)];
        };
        const apart = build(leaf(1), leaf(2));
        realizeNodes(apart);
        const a = leaf(1), b = leaf(2), over = unobserved(() => build(a, b));
        const program = realizeNodes(over, [a, b])!;
        over.forEach((n, i) => {
          assertClose(n.storage!.host(), apart[i].storage!.host(), 1e-6);
        });
        for (const output of [0, 1]) if (program.donor[output] >= 0) inPlace++;
      }
    }
  }
  assert(inPlace >= 32, `${inPlace} updates in place`);
});

Deno.test("an update does not disturb a conversion that comes back to the type it was of", () => {
  const pairs = [
    ["float16", "float32"],
    ["float32", "float64"],
    ["float64", "float32"],
    ["bool", "float32"],
    ["uint8", "int32"],
    ["int32", "int64"],
    ["int32", "float32"],
    ["int64", "float64"],
  ] as const;
  for (const [dtype, other] of pairs) {
    const x = tensor([1, 0], { dtype });
    const f = compile(() => {
      const converted = x.to(other), back = converted.to(dtype);
      x.copy_(dtype === "bool" ? back.logicalNot() : back.add(x).add(back));
      return converted.to("float64");
    });
    assertEquals(f().toArray(), [1, 0], `${dtype} by way of ${other}`);
    assertEquals(x.to("float64").toArray(), dtype === "bool" ? [0, 1] : [3, 0]);
  }
});
