import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  arange,
  autograd,
  compile,
  DTypeError,
  full,
  gradcheck,
  nn,
  ones,
  rand,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import "../helpers/seed.ts";

const F = nn.functional;
const f64 = { dtype: "float64" } as const;
const classes = (data: number[] | number[][]) => tensor(data, { dtype: "int64" });

Deno.test("functional layers and losses have derivatives of order 2", () => {
  const x = randn([4, 3], f64),
    y = rand([4, 3], f64).mul(0.8).add(0.1), // klDiv is singular at 0
    w = rand([3], f64),
    t = classes([0, 2, 1, 2]);
  const image = randn([2, 4, 5, 5], f64), signal = randn([1, 2, 6], f64);
  const cases: [(...xs: Tensor[]) => Tensor, Tensor[]][] = [
    [(x) => F.selu(x), [x]],
    [(x) => F.mish(x), [x]],
    [(x) => F.softsign(x), [x]],
    [(x) => F.glu(x, 0), [x]],
    [(x, w) => F.prelu(x, w), [x, w]],
    [(x, w) => F.crossEntropy(x, t, { weight: w, labelSmoothing: 0.1 }), [x, w]],
    [(x) => F.crossEntropy(x, t, { ignoreIndex: 2, labelSmoothing: 0.2 }), [x]],
    [(x, y) => F.crossEntropy(x, y.softmax(1), { labelSmoothing: 0.2 }), [x, y]],
    [(x, y) => F.huberLoss(x, y, { delta: 0.3 }), [x, y]],
    [(x, y) => F.smoothL1Loss(x, y, { beta: 0.3 }), [x, y]],
    [(x, y) => F.klDiv(x, y, { reduction: "batchmean" }), [x, y]],
    [(x, y) => F.klDiv(x, y, { logTarget: true }), [x, y]],
    [(x, y) => F.cosineSimilarity(x, y), [x, y]],
    [(x) => F.normalize(x), [x]],
    [(x, w) => F.binaryCrossEntropyWithLogits(x, y, { posWeight: w }), [x, w]],
    [(x, w) => F.rmsNorm(x, [3], { weight: w }), [x, w]],
    [(x) => F.embedding(t, x, { paddingIdx: null }), [x]],
    [(i, w) => F.conv2d(i, w, null, { padding: "same", groups: 2 }), [
      image,
      randn([2, 2, 3, 2], f64),
    ]],
    [(i, w) => F.convTranspose2d(i, w, null, { stride: 2, dilation: 2 }), [
      randn([1, 4, 2, 2], f64),
      randn([4, 1, 2, 2], f64),
    ]],
    [(s, w) => F.convTranspose1d(s, w, null, { stride: 2, groups: 2 }), [
      signal,
      randn([2, 2, 3], f64),
    ]],
    [(i) => F.adaptiveAvgPool2d(i, [2, 3]).square(), [image]],
    [(s) => F.avgPool1d(s, 3, { padding: 1, countIncludePad: false }).square(), [signal]],
    [(s) => F.maxPool1d(s, 2, { dilation: 2, stride: 1 }).square(), [signal]],
    [(x) => F.scaledDotProductAttention(x, x, x, { isCausal: true }), [x]],
  ];
  cases.forEach(([fn, inputs], i) => assert(gradcheck(fn, inputs, { order: 2 }), `case ${i}`));
});

Deno.test("functional.crossEntropy() accepts classes in further dimensions", () => {
  const x = randn([2, 3, 4], f64), t = classes([[0, 1, 2, 0], [2, 1, 0, 0]]);
  const all = F.crossEntropy(x, t, { reduction: "none" });
  assertEquals(all.shape, [2, 4]);
  const rows = x.permute(0, 2, 1).reshape(8, 3);
  assertAlmostEquals(F.crossEntropy(rows, t.flatten()).item(), all.mean().item(), 1e-12);
  const single = F.crossEntropy(rows.select(0, 0), classes([0]).squeeze());
  assertAlmostEquals(single.item(), all.data()[0] as number, 1e-12);
});

Deno.test("functional.crossEntropy() leaves ignored classes out", () => {
  const x = randn([3, 4], f64), t = classes([1, -100, 3]);
  const kept = F.crossEntropy(x.indexSelect(0, classes([0, 2])), classes([1, 3]));
  assertAlmostEquals(F.crossEntropy(x, t).item(), kept.item(), 1e-12);
});

Deno.test("functional.crossEntropy() refuses bad targets", () => {
  const x = randn([2, 3]);
  assertThrows(
    () => F.crossEntropy(x, classes([0, 3])),
    RangeError,
    "class number 3 for 3 classes",
  );
  assertThrows(
    () => F.crossEntropy(x, classes([0])),
    ShapeError,
    "wants class numbers of shape [2]",
  );
  assertThrows(() => F.crossEntropy(x, tensor([0, 1])), ShapeError, 'to("int64")');
  assertThrows(() => F.nllLoss(x, tensor([0, 1])), DTypeError, "nllLoss");
  assertThrows(
    () => F.crossEntropy(x, classes([0, 1]), { weight: ones([2]) }),
    ShapeError,
    "3 classes",
  );
  const compiled = compile((x: Tensor, t: Tensor) => F.crossEntropy(x, t));
  assert(Number.isNaN(compiled(x, classes([0, 3])).item()));
});

Deno.test("functional losses refuse unequal shapes and unknown reductions", () => {
  assertThrows(() => F.mseLoss(ones([2]), ones([2, 1])), ShapeError, "mseLoss: got input [2]");
  const reduction = "max" as "mean";
  assertThrows(() => F.mseLoss(ones([2]), ones([2]), { reduction }), TypeError, '"max"');
});

Deno.test("functional.batchNorm() updates running statistics in training only", () => {
  const x = tensor([[1], [3]]), mean = tensor([0]), variance = tensor([1]);
  F.batchNorm(x, mean, variance, { training: true, momentum: 0.5 });
  assertEquals(mean.toArray(), [1]);
  assertEquals(variance.toArray(), [1.5]);
  F.batchNorm(x, mean, variance);
  assertEquals(mean.toArray(), [1]);
  assertThrows(() => F.batchNorm(tensor([1]), null, null), ShapeError, "batchNorm");
});

Deno.test("functional.dropout() keeps the expectation and refuses bad rates", () => {
  const y = F.dropout(ones([10000]), { p: 0.25 });
  assertAlmostEquals(y.mean().item(), 1, 0.05);
  assertAlmostEquals(y.max().item(), 4 / 3, 1e-6);
  assertThrows(() => F.dropout(ones([1]), { p: 1.5 }), RangeError, "dropout");
});

Deno.test("functional.embedding() gives the padding row no gradient", () => {
  const table = ones([3, 2], { requiresGrad: true });
  F.embedding(classes([0, 1, 1]), table, { paddingIdx: 1 }).sum().backward();
  assertEquals(table.grad!.toArray(), [[1, 1], [0, 0], [0, 0]]);
});

Deno.test("functional convolutions accept images without a batch", () => {
  assertEquals(F.conv2d(ones([2, 4, 4]), ones([3, 2, 3, 3])).shape, [3, 2, 2]);
  assertEquals(F.maxPool2d(ones([2, 4, 4]), 2).shape, [2, 2, 2]);
  assertThrows(() => F.conv2d(ones([1, 2, 4, 4]), ones([3, 3, 3, 3])), ShapeError, "conv");
  assertThrows(
    () => F.conv2d(ones([1, 2, 4, 4]), ones([3, 2, 3, 3]), null, { stride: 0 }),
    RangeError,
    "stride",
  );
});

Deno.test("crossEntropy() and nllLoss() leave out an ignoreIndex that is a class", () => {
  const x = tensor([[1, 2], [3, 5], [0, 4]], { ...f64, requiresGrad: true }),
    t = classes([0, 1, 0]);
  const options = { ignoreIndex: 1 } as const;
  // Rows 0 and 2 count: (-1 + 0) / 2 of nllLoss; log(1 + e) and log(1 + e ** 4) of crossEntropy.
  const nll = F.nllLoss(x, t, options);
  assertEquals(nll.item(), -0.5);
  assertEquals(F.nllLoss(x, t, { ...options, reduction: "none" }).toArray(), [-1, 0, 0]);
  const both = (Math.log1p(Math.E) + Math.log1p(Math.exp(4))) / 2;
  assertAlmostEquals(F.crossEntropy(x, t, options).item(), both, 1e-14);
  assertEquals(autograd.grad(nll, [x])[0]!.toArray(), [[-0.5, 0], [0, 0], [-0.5, 0]]);
  // A weighted mean divides by the weights of the classes that count.
  const weight = tensor([2, 7], f64);
  assertEquals(F.nllLoss(x, t, { ...options, weight }).item(), -0.5);
  const smooth = F.crossEntropy(x, t, { ...options, labelSmoothing: 0.5, reduction: "none" });
  assertEquals(smooth.slice([1]).item(), 0);
});

Deno.test("cosineSimilarity() broadcasts along its dimension too", () => {
  // [1, 1] and 2 stand for [1, 1] and [2, 2], which point the same way.
  assertAlmostEquals(
    F.cosineSimilarity(tensor([[1, 1]], f64), tensor([[2]], f64)).item(),
    1,
    1e-14,
  );
  const b = tensor([3, 4], f64), a = tensor([[1, 1], [0, 1]], f64);
  // Along dimension 0, b stands for [[3, 4], [3, 4]]: columns (1, 0), (1, 1) against (3, 3), (4, 4).
  const y = F.cosineSimilarity(a, b, { dim: 0 }).data();
  assertAlmostEquals(Number(y[0]), Math.SQRT1_2, 1e-14);
  assertAlmostEquals(Number(y[1]), 1, 1e-14);
  assertEquals(F.cosineSimilarity(tensor(2, f64), tensor(-3, f64), { dim: 0 }).item(), -1);
});

Deno.test("binaryCrossEntropy() has finite derivatives at 0 and 1", () => {
  const x = tensor([0, 1, 0, 1, 0.5], { ...f64, requiresGrad: true });
  const t = tensor([0, 1, 1, 0, 1], f64);
  const y = F.binaryCrossEntropy(x, t, { reduction: "none" });
  assertEquals(y.toArray(), [0, 0, 100, 100, Math.LN2]);
  // (x - t) / max(x (1 - x), 1e-12), as PyTorch.
  assertEquals(autograd.grad(y.sum(), [x])[0]!.toArray(), [0, 0, -1e12, 1e12, -2]);
});

Deno.test("glu() wants an even dimension, prelu() slopes that fit", () => {
  assertThrows(() => F.glu(tensor([1, 2, 3])), ShapeError, "glu: dimension 0 of [3]");
  assertThrows(() => F.glu(tensor(1)), ShapeError, "glu: ");
  assertEquals(F.glu(zeros([2, 0])).shape, [2, 0]);
  assertThrows(() => F.prelu(ones([3, 1]), ones([5])), ShapeError, "prelu: got weight [5]");
  assertThrows(() => F.prelu(ones([3]), ones([3])), ShapeError, "prelu: got weight [3]");
  assertEquals(F.prelu(tensor(-2), tensor([0.25])).toArray(), -0.5);
});

Deno.test("convTranspose1d() takes an outputPadding below the dilation, and refuses more", () => {
  const x = tensor([[[1, 2]]], f64), w = tensor([[[1, 10]]], f64);
  // 1 and 2 each with 10 times themselves two places later, then one place more.
  const y = F.convTranspose1d(x, w, null, { dilation: 2, outputPadding: 1 });
  assertEquals(y.toArray(), [[[1, 2, 10, 20, 0]]]);
  assert(gradcheck(
    (x, w) => F.convTranspose1d(x, w, null, { dilation: 3, outputPadding: 2 }),
    [x, w],
    { order: 2 },
  ));
  assertThrows(
    () => F.convTranspose1d(x, w, null, { outputPadding: 1 }),
    RangeError,
    "convTranspose1d: got outputPadding 1",
  );
  assertThrows(() => F.convTranspose1d(x, w, null, { padding: 2 }), ShapeError, "sizes [-1]");
});

Deno.test("maxPool1d() refuses dilated windows that see padding only", () => {
  assertThrows(
    () => F.maxPool1d(ones([1, 1, 1]), 2, { padding: 1, dilation: 2 }),
    ShapeError,
    "window 0 meets padding only",
  );
  const y = F.maxPool1d(tensor([[[1, 2, 3]]]), 2, { padding: 1, dilation: 2 });
  assertEquals(y.toArray(), [[[2, 2]]]);
});

Deno.test("scaledDotProductAttention() gives 0 where the mask allows nothing", () => {
  const x = tensor([[1, 2], [3, 4]], { ...f64, requiresGrad: true });
  const mask = tensor([[true, false], [false, false]]);
  const y = F.scaledDotProductAttention(x, x, x, { mask });
  assertEquals(y.toArray(), [[1, 2], [0, 0]]);
  const sums = tensor([[0, -Infinity], [-Infinity, -Infinity]], f64);
  assertEquals(F.scaledDotProductAttention(x, x, x, { mask: sums }).toArray(), [[1, 2], [0, 0]]);
  // Only the value of position 0 takes part.
  assertEquals(autograd.grad(y.sum(), [x])[0]!.toArray(), [[1, 1], [0, 0]]);
});

Deno.test("functional layers and losses check what would broadcast or wrap around", () => {
  const x = tensor([[1, 2]]);
  assertThrows(
    () => F.linear(x, ones([1, 2]), ones([1, 1])),
    ShapeError,
    "linear: got bias [1, 1]",
  );
  assertThrows(
    () => F.rmsNorm(x, [2], { weight: ones([2, 1]) }),
    ShapeError,
    "rmsNorm: got weight",
  );
  const running = zeros([3]);
  assertThrows(() => F.batchNorm(x, running, running), ShapeError, "batchNorm: got running");
  assertThrows(
    () => F.crossEntropy(x, classes([0]), { labelSmoothing: 2 }),
    RangeError,
    "labelSmoothing is from 0 to 1",
  );
  assertThrows(() => F.nllLoss(x, classes([0]), { weight: ones([3]) }), ShapeError, "nllLoss: ");
  assertThrows(() => F.gelu(x, { approximate: "erf" as "tanh" }), TypeError, "gelu: got");
  assertThrows(() => x.pad([1, 1], { mode: "mirror" as "reflect" }), TypeError, "pad: got mode");
});

Deno.test("normalisations of equal or far numbers have no rounding error of the mean", () => {
  const { batchNorm, groupNorm, layerNorm } = F;
  const normalisations: [string, (x: Tensor) => Tensor][] = [
    ["layerNorm", (x) => layerNorm(x, [10])],
    ["batchNorm", (x) => batchNorm(x.reshape(10, 1), null, null, { training: true })],
    ["groupNorm", (x) => groupNorm(x.reshape(1, 10), 1)],
  ];
  for (const [name, normalise] of normalisations) {
    for (const value of [0.1, 1000.1, 1e5 + 0.3, 1e8]) {
      const x = full([10], value, { requiresGrad: true }), y = normalise(x);
      const [g] = autograd.grad(y.reshape(10).mul(arange(10)).sum(), [x]);
      assertEquals(y.abs().amax().item(), 0, `${name} of ${value}`);
      assert(g!.isFinite().all().item(), `${name} of ${value}`);
    }
    // The same numbers in float64, which has digits to spare.
    const far = tensor(Array.from({ length: 10 }, (_, i) => 4096 + Math.sin(i)));
    const got = normalise(far).reshape(10), want = normalise(far.double()).reshape(10);
    assert(got.double().allclose(want, { rtol: 0, atol: 1e-3 }), `${name}: ${got}, want ${want}`);
  }
});
