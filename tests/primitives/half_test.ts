import { assertEquals } from "@std/assert";
import { autograd, nn, type Tensor, tensor } from "@torchopt/torchopt";
import "../helpers/seed.ts";

const index = (...data: number[]) => tensor(data, { dtype: "int64" });

/** Functions with their gradients at [1, 4, 2, 3], all of them exact in float16. */
const cases: Record<string, [(x: Tensor) => Tensor, number[]]> = {
  gather: [(x) => x.gather(0, index(1, 1, 0)), [1, 2, 0, 0]],
  index: [(x) => x.index(index(3, 3)), [0, 0, 0, 2]],
  max: [(x) => x.max(0).values, [0, 1, 0, 0]],
  sort: [(x) => x.sort().values.mul(tensor([1, 2, 4, 8])), [1, 8, 2, 4]],
  topk: [(x) => x.topk(2).values, [0, 1, 0, 1]],
  scatterAdd: [(x) => x.scatterAdd(0, index(0, 0), x.narrow(0, 0, 2)), [2, 2, 1, 1]],
  // x0 x0 + x1 x1, x1 x0 + x2 x1 and x2 x0 + x3 x1 with the kernel [x0, x1].
  conv1d: [
    (x) => nn.functional.conv1d(x.reshape([1, 1, 4]), x.reshape([1, 1, 4]).narrow(2, 0, 2)),
    [1 + 1 + 4 + 2, 4 + 4 + 1 + 2 + 3, 1 + 4, 4],
  ],
};

for (const [name, [fn, wanted]] of Object.entries(cases)) {
  Deno.test(`${name}: float16 has a gradient`, () => {
    const x = tensor([1, 4, 2, 3], { dtype: "float16", requiresGrad: true });
    const [g] = autograd.grad(fn(x).sum(), [x]);
    assertEquals([g!.dtype, g!.toArray()], ["float16", wanted]);
  });
}
