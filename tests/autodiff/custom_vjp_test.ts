import { assertEquals } from "@std/assert";
import { customVjp, func, type Tensor, tensor } from "@torchopt/torchopt";

Deno.test("customVjp() of a function without results", () => {
  const nothing = customVjp((_: Tensor) => [], () => [null]);
  assertEquals(nothing(tensor(1, { requiresGrad: true })), []);
  const f = (x: Tensor) => x.square().add(nothing(x).length);
  assertEquals(func.grad(f)(tensor(3)).item(), 6);
});
