/** Arguments that make no sense are refused where they are given, and nothing dies inside. */

import {
  broadcastTensors,
  cat,
  concat,
  einsum,
  eye,
  fullLike,
  linspace,
  logspace,
  logsumexp,
  matmul,
  maximum,
  meshgrid,
  minimum,
  nn,
  oneHot,
  ones,
  outer,
  rand,
  randperm,
  stack,
  type Tensor,
  tensor,
  tensordot,
  where,
  zeros,
  zerosLike,
} from "@torchopt/torchopt";
import { assertEquals, assertThrows } from "@std/assert";
import "../helpers/seed.ts";

const F = nn.functional;
const x = tensor([1, 2, 3]), at = tensor([0], { dtype: "int64" });
// What a program without types may pass.
const none = null as unknown as Tensor, array = [1, 2] as unknown as Tensor;

Deno.test("tolerances below 0, or none, are refused", () => {
  for (const bad of [-1, -1e-9, NaN]) {
    for (const options of [{ rtol: bad }, { atol: bad }]) {
      assertThrows(() => x.isClose(x, options), RangeError, "wants a number >= 0");
      assertThrows(() => x.allclose(x, options), RangeError, "wants a number >= 0");
    }
  }
  assertEquals(x.allclose(x, { rtol: 0, atol: 0 }), true);
});

Deno.test("bounds the wrong way round: hardtanh() refuses, clamp() gives the upper one", () => {
  assertThrows(() => F.hardtanh(x, { min: 1, max: -1 }), RangeError, "min 1 and max -1");
  assertThrows(() => F.hardtanh(x, { min: NaN }), RangeError, "wants min <= max");
  assertEquals(F.hardtanh(x, { min: 2, max: 2 }).toArray(), [2, 2, 2]);
  assertEquals(x.clamp(3, 1).toArray(), [1, 1, 1]);
  assertEquals(x.clamp(NaN, 1).isNan().all().item(), 1);
});

Deno.test("numbers of elements are whole and not negative", () => {
  for (const n of [2.5, -1, NaN, Infinity]) {
    const makers = [
      () => logspace(0, 1, n),
      () => linspace(0, 1, n),
      () => eye(n),
      () => randperm(n),
      () => rand([n]),
      () => zeros([n]),
      () => oneHot(at, n),
      () => x.repeat(n),
      () => x.tile(n),
      () => x.repeatInterleave(n),
      () => x.narrow(0, 0, n),
      () => x.topk(n),
      () => x.split(n),
      () => x.chunk(n),
    ];
    for (const make of makers) {
      const error = assertThrows(make, Error, undefined, `${make} with ${n}`);
      assertEquals(/BigInt|typed array|read prop/.test(error.message), false, error.message);
    }
  }
});

Deno.test("an extremum of a tensor without elements, and its norms, say that they want some", () => {
  const empty = zeros([0]);
  for (const p of [Infinity, -Infinity, -1]) {
    assertThrows(() => empty.norm(p), Error, "at least one");
    assertThrows(() => zeros([2, 0]).norm(p, 1), Error, "at least one");
  }
  assertEquals([empty.norm().item(), empty.norm(0).item(), empty.norm(3).item()], [0, 0, 0]);
});

Deno.test("reductions over no dimension give each element its own, of every order", () => {
  const y = tensor([[3, -4, 0]]), size = [[3, 4, 0]];
  for (const p of [1, 2, 3, 0.5, -1, Infinity, -Infinity, "fro"] as const) {
    assertEquals(y.norm(p, []).toArray(), size, String(p));
    assertEquals(y.norm(p, [], { keepdim: true }).toArray(), size, String(p));
    assertEquals(tensor(-3).norm(p).item(), 3, String(p));
  }
  assertEquals(y.norm(0, []).toArray(), [[1, 1, 0]]);
  // Nothing runs over on the way.
  assertEquals(tensor([2 ** 100]).norm(2, []).item(), 2 ** 100);
  for (const name of ["sum", "mean", "prod", "amax", "amin", "logsumexp"] as const) {
    assertEquals(y[name]([]).toArray(), y.toArray(), name);
  }
  assertEquals(y.var([], { correction: 0 }).toArray(), [[0, 0, 0]]);
  assertEquals([y.all([]).toArray(), y.any([]).toArray()], [[[true, true, false]], [[
    true,
    true,
    false,
  ]]]);
  assertEquals(y.countNonzero([]).toArray(), [[1, 1, 0]]);
});

Deno.test("pooling and convolutions of an empty batch are empty; pooling wants channels", () => {
  const signals = zeros([0, 3, 4]), images = zeros([0, 3, 4, 4]);
  assertEquals(F.maxPool1d(signals, 2).shape, [0, 3, 2]);
  assertEquals(F.avgPool1d(signals, 2).shape, [0, 3, 2]);
  assertEquals(F.maxPool2d(images, 2).shape, [0, 3, 2, 2]);
  assertEquals(F.avgPool2d(images, 2).shape, [0, 3, 2, 2]);
  assertEquals(F.adaptiveAvgPool2d(images, 1).shape, [0, 3, 1, 1]);
  assertEquals(F.conv1d(signals, zeros([2, 3, 2])).data().length, 0);
  assertEquals(F.conv2d(images, zeros([2, 3, 2, 2])).data().length, 0);
  assertEquals(F.convTranspose2d(images, zeros([3, 2, 2, 2])).data().length, 0);
  for (const shape of [[0, 4], [2, 0, 4]]) {
    assertThrows(() => F.maxPool1d(zeros(shape), 2), Error, "maxPool1d: got");
    assertThrows(() => F.avgPool1d(zeros(shape), 2), Error, "wants at least one channel");
  }
  assertThrows(() => F.maxPool2d(zeros([2, 0, 4, 4]), 2), Error, "wants at least one channel");
  assertThrows(() => F.avgPool2d(zeros([0, 4, 4]), 2), Error, "wants at least one channel");
});

Deno.test("normalisation wants a dimension", () => {
  const y = ones([2, 3]);
  assertThrows(() => F.layerNorm(y, []), Error, "layerNorm: got normalizedShape []");
  assertThrows(() => F.rmsNorm(y, []), Error, "rmsNorm: got normalizedShape []");
  // A negative eps is a number as any other, as in PyTorch.
  assertEquals(F.rmsNorm(y, [3], { eps: -0.75 }).toArray(), [[2, 2, 2], [2, 2, 2]]);
});

Deno.test("softmax() wants one dimension", () => {
  for (const dim of [undefined, null, [0, 1], 0.5]) {
    assertThrows(() => ones([2, 2]).softmax(dim as unknown as number), RangeError, "softmax: dim");
    assertThrows(() => ones([2, 2]).logSoftmax(dim as unknown as number), RangeError, "dim");
  }
  assertEquals(tensor(2).softmax(0).item(), 1);
});

Deno.test("what is no tensor among operands is named", () => {
  const list = none as unknown as Tensor[];
  const calls: Record<string, () => unknown> = {
    cat: () => cat(list),
    "cat, inside": () => cat([x, none]),
    "cat of a tensor": () => cat(x as unknown as Tensor[]),
    concat: () => concat([x, array]),
    stack: () => stack([none]),
    "stack of null": () => stack(list),
    einsum: () => einsum("i->", none),
    meshgrid: () => meshgrid([none]),
    "meshgrid of null": () => meshgrid(list),
    broadcastTensors: () => broadcastTensors([x, none]),
    matmul: () => matmul(none, x),
    outer: () => outer(x, none),
    tensordot: () => tensordot(x, none, 1),
    maximum: () => maximum(none, x),
    minimum: () => minimum(x, array),
    where: () => where(none, 1, 2),
    "where, inside": () => where(x.gt(0), x, none),
    logsumexp: () => logsumexp(none),
    oneHot: () => oneHot(none),
    zerosLike: () => zerosLike(none),
    fullLike: () => fullLike(array, 1),
    "conv2d, options as bias": () =>
      F.conv2d(ones([1, 1, 2, 2]), ones([1, 1, 1, 1]), { stride: 2 } as unknown as Tensor),
    add: () => x.add(none),
    "add of an array": () => x.add(array),
    mv: () => ones([2, 3]).mv(none),
    mm: () => ones([2, 3]).mm(none),
    dot: () => x.dot(none),
    gather: () => x.gather(0, none),
    scatter: () => x.scatter(0, none, 1),
    "scatter, source": () => x.scatter(0, at, none),
    scatterAdd: () => x.scatterAdd(0, at, none),
    indexAdd: () => x.indexAdd(0, at, none),
    indexSelect: () => x.indexSelect(0, none),
    take: () => x.take(none),
    index: () => x.index(none),
    takeAlongDim: () => x.takeAlongDim(none),
    maskedFill: () => x.maskedFill(none, 1),
    maskedSelect: () => x.maskedSelect(none),
    equal: () => x.equal(none),
    allclose: () => x.allclose(none),
    copy_: () => zeros([3]).copy_(none),
    typeAs: () => x.typeAs(none),
    expandAs: () => x.expandAs(none),
    logicalAnd: () => x.logicalAnd(none),
    slice: () => x.slice(1 as unknown as []),
  };
  for (const [name, call] of Object.entries(calls)) {
    const { message } = assertThrows(call, TypeError, undefined, name);
    assertEquals(
      /wants a(n array of)? tensors?|wants an array/.test(message),
      true,
      `${name}: ${message}`,
    );
  }
});

Deno.test("nanToNum() takes null for its default, as it takes nothing", () => {
  const y = tensor([Infinity, -Infinity, NaN]);
  const options = { posinf: null, neginf: null, nan: null } as unknown as { posinf: number };
  assertEquals(y.nanToNum(options).toArray(), y.nanToNum().toArray());
});

Deno.test("takeAlongDim() wants an index of as many dimensions", () => {
  assertThrows(() => ones([2, 3]).takeAlongDim(at, 1), Error, "takeAlongDim: the index [1] needs");
  assertThrows(() => x.takeAlongDim(at.unsqueeze(0), 0), Error, "takeAlongDim: the index [1, 1]");
});
