import { assertEquals } from "@std/assert";
import { func, type Tensor, tensor } from "@torchopt/torchopt";

Deno.test("loops through which nothing goes end with nothing", () => {
  const xs = tensor([1, 2]);
  for (const carry of [null, {}, []]) {
    assertEquals(func.foriLoop(0, 3, (_, c) => c, carry), carry);
    assertEquals(func.foriLoop(0, 3, (_, c) => c, carry, { checkpoint: 1 }), carry);
    assertEquals(func.scan((c, _x: Tensor) => [c, null], carry, xs), [carry, null]);
  }
  const [, twice] = func.scan((c, x: Tensor) => [c, x.mul(2)], null, xs);
  assertEquals(twice.toArray(), [2, 4]);
});
