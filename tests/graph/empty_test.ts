import { assertEquals } from "@std/assert";
import { autograd, compile, concat, nn, type Tensor, tensor, zeros } from "@torchopt/torchopt";
import "../helpers/seed.ts";

const F = nn.functional;

/** Functions that some kernel, or some decomposition, computes element by element. */
const functions: Record<string, (x: Tensor) => Tensor> = {
  expm1: (x) => x.expm1(),
  log1p: (x) => x.log1p(),
  erf: (x) => x.erf(),
  sinh: (x) => x.sinh(),
  tan: (x) => x.tan(),
  acos: (x) => x.acos(),
  atan2: (x) => x.atan2(x),
  acosh: (x) => x.acosh(),
  rsqrt: (x) => x.rsqrt(),
  square: (x) => x.square(),
  sigmoid: (x) => x.sigmoid(),
  softplus: (x) => x.softplus(),
  elu: (x) => x.elu(),
  gelu: (x) => x.gelu(),
  selu: (x) => F.selu(x),
  remainder: (x) => x.remainder(2),
  softmax: (x) => x.softmax(-1),
  logSoftmax: (x) => x.logSoftmax(0),
  cumsum: (x) => x.cumsum(0),
  sort: (x) => x.sort(0).values,
  concat: (x) => concat([x, x], 0),
};

for (const dtype of ["float32", "float64"] as const) {
  for (const shape of [[0], [2, 0, 3]]) {
    Deno.test(`functions of tensors without elements, with derivatives: ${dtype} [${shape}]`, () => {
      for (const [name, fn] of Object.entries(functions)) {
        const x = zeros(shape, { dtype, requiresGrad: true });
        // One list of two is as long as both.
        const want = name === "concat" ? [2 * shape[0], ...shape.slice(1)] : shape;
        for (const y of [fn(x), compile(fn)(x)]) {
          assertEquals([y.shape, y.dtype, y.data().length], [want, dtype, 0], name);
        }
        const [g] = autograd.grad(fn(x).sum(), [x], { createGraph: true });
        const [h] = autograd.grad(g!.square().sum().add(x.sum()), [x]);
        for (const d of [g!, h!]) {
          assertEquals([d.shape, d.dtype, d.data().length], [shape, dtype, 0], name);
        }
      }
    });
  }
}

Deno.test("what tensors without elements are reduced to is not empty", () => {
  const x = zeros([2, 0]);
  assertEquals(x.exp().sum(1).toArray(), [0, 0]);
  assertEquals(x.matmul(zeros([0, 3])).toArray(), [[0, 0, 0], [0, 0, 0]]);
  assertEquals(x.logsumexp(1).toArray(), [-Infinity, -Infinity]);
  assertEquals(x.expm1().norm(2, 1).toArray(), [0, 0]);
  assertEquals(concat([x.erf(), tensor([[1], [2]])], 1).toArray(), [[1], [2]]);
});

Deno.test("values without elements that were read are operands like others", () => {
  const start = zeros([0, 3]);
  let x: Tensor = start;
  for (let k = 0; k < 3; k++) {
    x = x.mul(2);
    assertEquals(x.data().length, 0);
    assertEquals(concat([start, x, zeros([1, 3])]).data(), new Float32Array(3));
    assertEquals([x.sum().item(), x.add(start).prod().item()], [0, 1]);
  }
});
