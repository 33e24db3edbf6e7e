/** What is written into whole numbers loses no fraction silently, and truth values are 0 and 1. */

import {
  arange,
  compile,
  type DType,
  DTypeError,
  full,
  fullLike,
  func,
  linspace,
  logspace,
  nn,
  ones,
  randint,
  randperm,
  stack,
  type Tensor,
  tensor,
  where,
  zeros,
} from "@torchopt/torchopt";
import { assertEquals, assertThrows } from "@std/assert";
import "../helpers/seed.ts";

const wholes: DType[] = ["int64", "int32", "uint8"];
const first = tensor([0], { dtype: "int64" });
const half = () => tensor([0.5, 0.5]);

/** Changes in place that would write fractions, or what is no whole number by its type. */
const fractions: Record<string, (x: Tensor) => Tensor> = {
  mul_: (x) => x.mul_(1.5),
  "mul_ by a tensor": (x) => x.mul_(half()),
  add_: (x) => x.add_(0.5),
  sub_: (x) => x.sub_(0.5),
  "add_ of a tensor": (x) => x.add_(half()),
  div_: (x) => x.div_(2),
  "div_ by a tensor": (x) => x.div_(x),
  pow_: (x) => x.pow_(0.5),
  "pow_ below 0": (x) => x.pow_(-1),
  clamp_: (x) => x.clamp_(0.5),
  "clamp_ to a tensor": (x) => x.clamp_(null, half()),
  lerp_: (x) => x.lerp_(x, 0.5),
  addcmul_: (x) => x.addcmul_(half(), half()),
  addcdiv_: (x) => x.addcdiv_(x, x),
  sqrt_: (x) => x.sqrt_(),
  rsqrt_: (x) => x.rsqrt_(),
  reciprocal_: (x) => x.reciprocal_(),
  exp_: (x) => x.exp_(),
  log_: (x) => x.log_(),
  tanh_: (x) => x.tanh_(),
  sigmoid_: (x) => x.sigmoid_(),
  copy_: (x) => x.copy_(half()),
  fill_: (x) => x.fill_(tensor(0.5)),
  maskedFill_: (x) => x.maskedFill_(x.gt(0), tensor(0.5)),
  maskedFill: (x) => x.maskedFill(x.gt(0), tensor(0.5)),
  scatter_: (x) => x.scatter_(0, first, half()),
  scatter: (x) => x.scatter(0, first, half()),
  scatterAdd_: (x) => x.scatterAdd_(0, first, half()),
  scatterAdd: (x) => x.scatterAdd(0, first, half()),
  indexAdd: (x) => x.indexAdd(0, first, tensor([0.5])),
};

/** The same with a number, which says by its value that it does not fit. */
const numbers: Record<string, (x: Tensor) => Tensor> = {
  fill_: (x) => x.fill_(0.5),
  copy_: (x) => x.copy_(0.5),
  maskedFill: (x) => x.maskedFill(x.gt(0), 0.5),
  scatter: (x) => x.scatter(0, first, 0.5),
  scatterAdd: (x) => x.scatterAdd(0, first, NaN),
  "add with alpha": (x) => x.add(x, { alpha: 0.5 }),
  "sub_ with alpha": (x) => x.sub_(x, { alpha: 0.5 }),
  "addcmul with value": (x) => x.addcmul(x, x, { value: 0.5 }),
  constant_: (x) => nn.init.constant_(x, 0.5),
};

Deno.test("fractions do not go into whole numbers: the error names the way out", () => {
  for (const dtype of wholes) {
    for (const [name, change] of Object.entries(fractions)) {
      const x = tensor([2, 3], { dtype });
      const { message } = assertThrows(() => change(x), DTypeError, undefined, name);
      assertEquals(message.includes(`to("${dtype}")`), true, message);
      assertEquals(x.toArray(), [2, 3], name);
      assertThrows(() => compile((x: Tensor) => change(x))(x), DTypeError, undefined, name);
    }
    for (const [name, change] of Object.entries(numbers)) {
      const x = tensor([2, 3], { dtype });
      const error = assertThrows(() => change(x), RangeError, `${dtype} cannot hold`, name);
      assertEquals(error.message.includes('to("float32")'), true, name);
      assertEquals(x.toArray(), [2, 3], name);
    }
  }
});

for (const dtype of wholes) {
  Deno.test(`whole numbers change in place as whole numbers, ${dtype}`, () => {
    const x = () => tensor([5, 3], { dtype });
    const kept: Record<string, [Tensor, unknown]> = {
      add_: [x().add_(2), [7, 5]],
      mul_: [x().mul_(2), [10, 6]],
      div_: [x().div_(2, { roundingMode: "floor" }), [2, 1]],
      pow_: [x().pow_(2), [25, 9]],
      clamp_: [x().clamp_(4), [5, 4]],
      relu_: [x().relu_(), [5, 3]],
      floor_: [x().floor_(), [5, 3]],
      copy_: [x().copy_(tensor([true, false])), [1, 0]],
      scatter_: [x().scatter_(0, first, tensor([1], { dtype })), [1, 3]],
    };
    for (const [name, [y, want]] of Object.entries(kept)) {
      assertEquals([y.dtype, y.toArray()], [dtype, want], name);
    }
    assertEquals(x().addcdiv(x(), x(), { value: 0.5 }).toArray(), [5.5, 3.5]);
  });

  Deno.test(`sequences of ${dtype} hold what they are asked for, or refuse`, () => {
    assertEquals(arange(0, 6, 2, { dtype }).toArray(), [0, 2, 4]);
    assertEquals(linspace(0, 4, 3, { dtype }).toArray(), [0, 2, 4]);
    assertEquals(logspace(0, 2, 3, { dtype }).toArray(), [1, 10, 100]);
    // Spread over a range, as PyTorch cuts them off.
    assertEquals(linspace(0, 1, 3, { dtype }).toArray(), [0, 0, 1]);
    assertEquals(linspace(0, 5, 4, { dtype }).toArray(), [0, 1, 3, 5]);
    assertEquals(linspace(0.9, 4.9, 3, { dtype }).toArray(), [0, 2, 4]);
    assertEquals(logspace(0, 1, 3, { dtype }).toArray(), [1, 3, 10]);
    assertEquals(arange(0.1, 5.1, 2, { dtype }).toArray(), [0, 2, 4]);
    assertEquals(arange(3.1, { dtype }).toArray(), dtype === "int64" ? [0, 1, 2] : [0, 1, 2, 3]);
    assertThrows(() => arange(0, 2, 0.5, { dtype }), RangeError, "in steps of 0");
    assertThrows(() => full([2], 0.5, { dtype }), RangeError, `${dtype} cannot hold`);
  });
}

Deno.test("a source is scattered into a tensor of its own type only", () => {
  const at = first;
  const dtypes: DType[] = ["float32", "float64", "float16", "int64", "int32", "uint8"];
  for (const op of ["scatter", "scatterAdd", "indexAdd"] as const) {
    for (const dtype of dtypes) {
      for (const from of dtypes) {
        const run = () => zeros([2], { dtype })[op](0, at, ones([1], { dtype: from }));
        if (from === dtype) assertEquals(run().toArray(), [1, 0]);
        else assertThrows(run, DTypeError, `y.to("${dtype}")`);
      }
    }
  }
});

const truths: Record<string, () => Tensor> = {
  full: () => full([2], 6, { dtype: "bool" }),
  "full of a fraction": () => full([2], 0.5, { dtype: "bool" }),
  "full of NaN": () => full([2], NaN, { dtype: "bool" }),
  fullLike: () => fullLike(tensor([true, false]), 6),
  fill_: () => zeros([2], { dtype: "bool" }).fill_(6),
  "fill_ of a tensor": () => zeros([2], { dtype: "bool" }).fill_(tensor(0.5)),
  copy_: () => zeros([2], { dtype: "bool" }).copy_(tensor([6, -0.5])),
  "copy_ of a number": () => zeros([2], { dtype: "bool" }).copy_(6),
  scatter: () => zeros([2], { dtype: "bool" }).scatter(0, tensor([0, 1], { dtype: "int64" }), 6),
  maskedFill: () => zeros([2], { dtype: "bool" }).maskedFill(tensor([true, true]), 6),
  "to bool": () => tensor([6, 0.5]).to("bool"),
  "to bool from bytes": () => tensor([6, 255], { dtype: "uint8" }).to("bool"),
  "to bool from float16": () => tensor([NaN, -0.5], { dtype: "float16" }).to("bool"),
  "a typed array": () => tensor(new Uint8Array([6, 255]), { dtype: "bool" }),
  "an array of numbers": () => tensor([6, NaN], { dtype: "bool" }),
  constant_: () => nn.init.constant_(zeros([2], { dtype: "bool" }), 6),
  randint: () => randint([2], { low: 1, high: 2, dtype: "bool" }),
};

Deno.test("truth values are 0 and 1, wherever they come from", () => {
  const yes = tensor([true, true]);
  for (const [name, make] of Object.entries(truths)) {
    assertEquals(Array.from(make().data(), Number), [1, 1], name);
    const checks = (x: Tensor) =>
      stack([x.eq(yes), x.all().expand(2), where(x, yes, x.logicalNot()), x.to("int64").eq(1)]);
    assertEquals(checks(make()).all().item(), 1, name);
    assertEquals(compile(() => checks(make()).all())().item(), 1, `${name}, compiled`);
    assertEquals(func.vmap(checks)(stack([make(), yes])).all().item(), 1, `${name}, vmapped`);
    assertEquals(make().to("int64").sum().item(), 2, name);
    assertEquals(make().eq(true).toArray(), [true, true], name);
  }
});

Deno.test("numbers do not become truth values by arithmetic, by places or by rule", () => {
  const x = () => zeros([2], { dtype: "bool" });
  const at = first;
  assertThrows(() => x().add_(1), DTypeError, "y.ne(0)");
  assertThrows(() => x().mul_(6), DTypeError, "y.ne(0)");
  assertThrows(() => x().scatter(0, at, tensor([6], { dtype: "int64" })), DTypeError, "y.ne(0)");
  assertThrows(() => x().maskedFill(x(), tensor(6)), DTypeError, "y.ne(0)");
  assertThrows(() => arange(2, { dtype: "bool" }), DTypeError, "arange: got dtype bool");
  assertThrows(() => linspace(0, 1, 2, { dtype: "bool" }), DTypeError, "linspace: got dtype bool");
  assertThrows(() => linspace(0, 300, 2, { dtype: "uint8" }), RangeError, "uint8 cannot hold 300");
  assertThrows(() => randint([2], { high: 7, dtype: "bool" }), RangeError, "bool does not hold");
  assertThrows(() => randperm(3, { dtype: "bool" }), RangeError, "bool does not hold");
});

Deno.test("loadStateDict() puts no fractions into whole numbers, and 0 and 1 into truth values", () => {
  class Counter extends nn.Module {
    seen = zeros([2], { dtype: "int64" });
    on = zeros([2], { dtype: "bool" });
    override forward(): Tensor {
      return this.seen;
    }
  }
  const counter = new Counter(), on = { shape: [2], dtype: "bool" as const, data: [6, 0] };
  const seen = counter.stateDict().seen;
  assertThrows(
    () => counter.loadStateDict({ seen: half(), on }),
    DTypeError,
    "loadStateDict: seen: float32 values do not go into a tensor of int64",
  );
  for (const data of [on.data, new Uint8Array(on.data)]) {
    counter.loadStateDict({ seen, on: { ...on, data } as typeof on });
    assertEquals(Array.from(counter.on.data(), Number), [1, 0]);
  }
  const broken = { shape: [2], dtype: "int32" as const, data: [1.5, 2] };
  assertThrows(() => counter.loadStateDict({ seen: broken, on }), TypeError, "seen is object");
});

Deno.test("views of whole numbers take no fractions, and views of truth values 0 and 1", () => {
  const x = tensor([1, 2, 3], { dtype: "int64" });
  for (const [name, change] of Object.entries(fractions)) {
    assertThrows(() => change(x.narrow(0, 0, 2)), DTypeError, undefined, name);
  }
  assertEquals(x.toArray(), [1, 2, 3]);
  x.narrow(0, 1, 2).mul_(2);
  assertEquals(x.toArray(), [1, 4, 6]);
  const y = zeros([3], { dtype: "bool" });
  y.narrow(0, 0, 2).fill_(6);
  assertEquals(Array.from(y.data(), Number), [1, 1, 0]);
});

Deno.test("typed arrays keep their numbers, also where there is no such dtype", () => {
  type Data = Parameters<typeof tensor>[0];
  const kinds: [unknown, DType][] = [
    [new Uint8ClampedArray([1, 200]), "uint8"],
    [new Int8Array([1, -2]), "int32"],
    [new Int16Array([1, -32768]), "int32"],
    [new Uint16Array([1, 65535]), "int32"],
    [new Uint32Array([1, 2 ** 32 - 1]), "int64"],
    [new BigUint64Array([1n, 2n ** 62n]), "int64"],
    [new Float16Array([1.5, -0.25]), "float16"],
    [new Float64Array([1e300, 2]), "float64"],
  ];
  for (const [data, dtype] of kinds) {
    const x = tensor(data as Data);
    assertEquals([x.dtype, Array.from(x.data(), Number)], [
      dtype,
      Array.from(data as ArrayLike<number>, Number),
    ]);
  }
  assertThrows(
    () => tensor(new BigUint64Array([2n ** 63n]) as unknown as Data),
    RangeError,
    "int64",
  );
  assertThrows(
    () => tensor(new DataView(new ArrayBuffer(2)) as unknown as Data),
    TypeError,
    "DataView",
  );
});

Deno.test("tensor() refuses elements of a kind that its dtype was not chosen for", () => {
  assertThrows(
    () => tensor([true, 2]),
    TypeError,
    "data[1] is 2 among elements of the kind boolean",
  );
  assertThrows(() => tensor([[1n], [2.5]]), TypeError, "data[1][0] is 2.5 among");
  assertEquals(tensor([true, 2], { dtype: "int64" }).toArray(), [1, 2]);
  assertEquals(tensor([1n, 2]).toArray(), [1, 2]);
  assertEquals(tensor([1, true]).toArray(), [1, 1]);
});

Deno.test("lerp() of whole numbers is floating point: differences of bytes do not wrap", () => {
  for (const dtype of wholes) {
    const y = tensor([5, 0], { dtype }).lerp(tensor([2, 4], { dtype }), 0.5);
    assertEquals([y.dtype, y.toArray()], ["float32", [3.5, 2]]);
  }
});
