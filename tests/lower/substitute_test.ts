/** What takes the place of nodes that a device lacks, computed by the CPU's kernels for the rest. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { constantNode, numberNode } from "../../src/graph/leaf.ts";
import type { Node, Target } from "../../src/graph/node.ts";
import { lower } from "../../src/lower/lower.ts";
import { walk } from "../../src/lower/walk.ts";
import * as e from "../../src/primitives/elementwise.ts";
import { gather, indexSelect } from "../../src/primitives/index.ts";
import * as m from "../../src/primitives/movement.ts";
import { topk } from "../../src/primitives/order.ts";
import { Executable } from "../../src/run/executable.ts";
import { BackendError, type DType, targetOf } from "../../src/runtime/mod.ts";
import { ints } from "../primitives/cases.ts";
import { node } from "../primitives/nodes.ts";

const cpu = targetOf("cpu", false);

/** Types that a device lacks an operator for. */
const LACKS: Readonly<Record<string, readonly DType[]>> = {
  ...Object.fromEntries(
    ["IsNaN", "Sign", "Round", "Relu", "Or", "Xor"].map((op) =>
      [op, ["float32", "int32", "int64", "bool"]] as const
    ),
  ),
  ...Object.fromEntries(
    ["Transpose", "Concat", "Slice", "Identity"].map((op) => [op, ["bool", "int64"]] as const),
  ),
  Slice: ["bool", "int32", "int64"],
  GatherElements: ["bool", "int32", "int64"],
  Equal: ["bool"],
  Abs: ["int32", "int64"],
  Neg: ["int32", "int64"],
  TopK: ["int32", "int64", "float64"],
};

/** The CPU without them, and without float64 where that is asked for. */
function few(float64: boolean): Target {
  return {
    kind: "few",
    branches: false,
    scattersSafely: false,
    sumsAnywhere: true,
    offsets: true,
    substitutes: true,
    has: (op, dtype) =>
      cpu.has(op, dtype) && !LACKS[op]?.includes(dtype) && (float64 || dtype !== "float64"),
  };
}

function values(nodes: readonly Node[], target: Target): (number | bigint)[][] {
  const walked = walk(nodes), lowered = lower(walked, nodes, [], target);
  const program = new Executable(walked.key, [], lowered, "cpu");
  try {
    const leaves = walked.leaves.map(({ storage }) => storage!);
    const numbers = walked.scalars.map(({ attrs }) => attrs.value as number);
    return program.run(leaves, numbers).map((s) => [...s.host()]);
  } finally {
    program.dispose();
  }
}

const specials = [NaN, Infinity, -Infinity, 0, -0, 0.5, -0.5, 1.5, 2.5, -2.5, -0.3, 7, -3e9, 3e38];
const x = node(specials, [2, 7], "float32"), y = node([...specials].reverse(), [2, 7], "float32");
const whole = e.cast(node([70000, -70001, 3, -4, 0, 5], [2, 3], "float32"), "int32");
const truth = e.lt(x, y);
const number = (n: Node) => e.cast(n, "float32");
const part = { starts: [1, 5], sizes: [2, 3], steps: [-1, -2] };
const places = e.cast(node([2, 0, 1, 1], [2, 2], "float32"), "int64");

const graphs: Record<string, Node> = {
  isNan: number(e.isNan(x)),
  sign: e.sign(x),
  round: e.round(x),
  relu: e.relu(x),
  or: number(e.logicalOr(truth, e.isNan(x))),
  equalTruths: number(e.eq(truth, e.lt(x, e.num(0, x)))),
  signOfWhole: number(e.sign(whole)),
  absOfWhole: number(e.abs(whole)),
  negOfWhole: number(e.neg(whole)),
  negOfWide: number(e.neg(e.cast(whole, "int64"))),
  truthsTurned: number(m.permute(truth, [1, 0])),
  truthsTogether: number(m.concat([truth, e.logicalNot(truth)], 1)),
  truthsOfPart: number(m.slice(truth, part)),
  wholeOfPart: number(m.slice(whole, { starts: [1, 2], sizes: [2, 2], steps: [-1, -2] })),
  wideOfPart: number(
    m.slice(e.cast(whole, "int64"), { starts: [0, 1], sizes: [2, 2], steps: [1, 1] }),
  ),
  wideTurned: number(m.permute(e.cast(whole, "int64"), [1, 0])),
  wholeGathered: number(gather(whole, 1, places)),
  truthsSelected: number(indexSelect(truth, 1, places)),
  ordered: topk(x, 5, 1, true)[0],
  orderedUp: topk(x, 5, 1, false)[0],
  placesInOrder: number(topk(x, 5, 1, true)[1]),
};

for (const [name, graph] of Object.entries(graphs)) {
  Deno.test(`substitute() gives the same without kernels: ${name}`, () => {
    assertEquals(values([graph], few(true)), values([graph], cpu));
  });
}

Deno.test("substitute() computes numbers of float64 in float32 where that is all there is", () => {
  const count = ints([3], []);
  const power = e.pow(numberNode(0.9, "float64"), e.cast(count, "float64"));
  const graph = e.cast(e.sub(constantNode(1, "float64"), power), "float32");
  const [[value]] = values([graph], few(false));
  assert(Math.abs(Number(value) - (1 - 0.9 ** 3)) < 1e-6, `${value}`);
});

Deno.test("substitute() says what a device lacks", () => {
  const wide = e.cast(x, "float64");
  for (
    const [graph, message] of [
      [number(e.exp(wide)), "Cast to float64"],
      [e.mul(numberNode(2, "float64"), numberNode(3, "float64")), "results of float64"],
      [
        number(e.add(numberNode(2, "float64"), constantNode(1e300, "float64"))),
        "1e+300 of float64",
      ],
      [e.exp(node([1], [1], "float64")), "Exp of float64"],
    ] as const
  ) {
    assertThrows(() => values([graph], few(false)), BackendError, message);
  }
});
