import { assertEquals } from "@std/assert";
import { autograd, compile, ones, stack, type Tensor, zeros } from "../../mod.ts";

Deno.test("values without elements need no kernel", () => {
  const operations: ((x: Tensor) => Tensor)[] = [
    (x) => x.square(),
    (x) => x.tanh().sigmoid().erf(),
    (x) => x.median(-1, { keepdim: true }).values.add(x.sort(-1).values),
    (x) => x.topk(1, { dim: -1 }).values.expand([1, 0, 2]).clone(),
    (x) => x.cumsum(0).gt(0).where(x.isNan(), x.ge(x)).to(x.dtype),
    (x) => x.to("int64").add(1).to(x.dtype).mul(x.sum()),
  ];
  for (const dtype of ["float32", "float64"] as const) {
    for (const run of operations) {
      const x = zeros([1, 0, 2], { dtype }).requiresGrad_();
      const y = run(x);
      assertEquals([y.shape, y.toArray(), y.dtype], [[1, 0, 2], [[]], dtype]);
      assertEquals(compile(run)(x).toArray(), [[]]);
      const all = y.sum().add(stack([y, y]).mul(2).sum()).add(ones([], { dtype }));
      assertEquals(all.item(), 1);
      if (!y.requiresGrad) continue;
      assertEquals(autograd.grad(all, [x], { allowUnused: true })[0]!.toArray(), [[]]);
    }
  }
});
