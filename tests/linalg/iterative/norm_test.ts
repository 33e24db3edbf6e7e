/** The norm of lists of tensors: that of one vector, in range and beyond. */

import { assert, assertEquals } from "@std/assert";
import { gradcheck, type Tensor, tensor, zeros } from "@torchopt/torchopt";
import { norm } from "../../../src/linalg/iterative/vectors.ts";
import { assertClose } from "../../helpers/close.ts";

Deno.test("norm() of a list is that of one vector, where squares leave the range, too", () => {
  for (
    const [dtype, scales] of [
      ["float32", [1, 1e-30, 1e30, 1e-40]],
      ["float64", [1, 1e-200, 1e250, 1e-310]],
    ] as const
  ) {
    for (const s of scales) {
      const parts = [[3 * s, 4 * s], [12 * s], []].map((data) => tensor(data, { dtype }));
      const found = norm([...parts, tensor(84 * s, { dtype })]).item() / s;
      assertClose(found, 85, s === scales[3] ? 1e-3 : 1e-5);
    }
    // One part is large, another vanishes beside it.
    const both = [tensor([3e-30, 0], { dtype }), tensor([[5]], { dtype })];
    assertEquals(norm(both).item(), 5);
    assertEquals(norm([zeros([2], { dtype }), zeros([], { dtype })]).item(), 0);
    assertEquals(norm([tensor([NaN], { dtype }), tensor([1], { dtype })]).item(), NaN);
    assertEquals(norm([tensor([Infinity], { dtype }), tensor([1], { dtype })]).item(), Infinity);
  }
  assertEquals([norm([]).item(), norm([tensor([])]).item()], [0, 0]);
  const mixed = norm([tensor([3], { dtype: "float32" }), tensor([4], { dtype: "float64" })]);
  assertEquals([mixed.item(), mixed.dtype], [5, "float64"]);
});

Deno.test("norm() of a list has derivatives of order 2, and 0 where all is 0", () => {
  const f64 = { dtype: "float64" } as const;
  const a = tensor([1, -2], { ...f64, requiresGrad: true });
  const b = tensor([[0.5], [3]], { ...f64, requiresGrad: true });
  assert(gradcheck((a: Tensor, b: Tensor) => norm([a, b]), [a, b], { order: 2 }));
  const x = zeros([2], f64).requiresGrad_(), y = zeros([], f64).requiresGrad_();
  norm([x, y]).backward();
  assertEquals([x.grad!.toArray(), y.grad!.item()], [[0, 0], 0]);
});
