import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  AdamOp,
  compile,
  DTypeError,
  func,
  gradcheck,
  ShapeError,
  type Tensor,
  tensor,
  transform,
  zeros,
} from "@torchopt/torchopt";

for (const dtype of ["float32", "float64"] as const) {
  Deno.test(`AdamOp takes the steps of scaleByAdam(), in place and not, in ${dtype}`, () => {
    const options = { b1: 0.8, b2: 0.95, eps: 1e-3, epsRoot: 1e-2 };
    const scaler = transform.scaleByAdam(options), gradients = [[0.5, -3, 0], [1, 2, 3]];
    const state = scaler.init([zeros([3], { dtype })]);
    const op = new AdamOp(options), pure = new AdamOp({ ...options, inplace: false });
    const mu = zeros([3], { dtype }), nu = zeros([3], { dtype });
    let [m, v] = [zeros([3], { dtype }), zeros([3], { dtype })];
    gradients.forEach((values, i) => {
      const [[want]] = scaler.update([tensor(values, { dtype })], state) as unknown as [Tensor[]];
      const g = tensor(values, { dtype }), results = op.call(mu, nu, g, i + 1);
      assert(results[0] === mu && results[1] === nu && results[2] === g);
      const [m1, v1, u1] = pure.call(m, v, tensor(values, { dtype }), tensor(i + 1));
      [m, v] = [m1, v1];
      for (const got of [g, u1!]) assert(got.allclose(want, { rtol: 1e-6 }));
      assert(m.allclose(mu) && v.allclose(nu));
    });
  });
}

Deno.test("AdamOp has derivatives of order 2, also with epsRoot", () => {
  const f64 = { dtype: "float64", requiresGrad: true } as const;
  const op = new AdamOp({ epsRoot: 1e-2, inplace: false });
  const ok = gradcheck(
    (m: Tensor, v: Tensor, g: Tensor) => op.call(m, v, g, 2)[2]!,
    [tensor([0.1, -0.2], f64), tensor([0.3, 0.5], f64), tensor([0.7, -1], f64)],
    { order: 2 },
  );
  assert(ok);
});

Deno.test("AdamOp in place leaves no history, and works in compiled and batched functions", () => {
  const op = new AdamOp(), g = tensor([1, 2], { requiresGrad: true });
  const [m, v, u] = op.call(zeros([2]), zeros([2]), g.mul(2).detach(), 1);
  assert(![m, v, u!].some((x) => x.requiresGrad));
  const pure = new AdamOp({ inplace: false });
  const update = (g: Tensor) => pure.call(zeros([2]), zeros([2]), g, 1)[2]!;
  const rows = tensor([[1, 2], [3, 4]]);
  assert(func.vmap(update)(rows).allclose(tensor([[1, 1], [1, 1]])));
  const mu = zeros([2]), nu = zeros([2]);
  const step = compile((g: Tensor) => op.call(mu, nu, g.mul(1), 1)[2]!);
  assert(step(tensor([1, 2])).allclose(tensor([1, 1])));
  assert(mu.allclose(tensor([0.1, 0.2])));
  assertEquals(op.call(mu, nu, null, 2), [mu, nu, null]);
});

Deno.test("AdamOp says what it wants", () => {
  const op = new AdamOp({ inplace: false }), x = zeros([2]);
  assertThrows(() => new AdamOp({ b1: 1 }), RangeError, "b1");
  assertThrows(() => new AdamOp({ beta: 1 } as object), TypeError, "there is no option beta");
  assertThrows(
    () => op.call(x, x, zeros([2], { dtype: "float64" }), 1),
    DTypeError,
    "one floating",
  );
  assertThrows(() => op.call(x, x, zeros([3]), 1), ShapeError);
  assertThrows(() => op.call(x, x, x, 0), RangeError, "count is 0");
  assertThrows(() => op.call(x, x, x, x), RangeError, "0-d tensor");
  assertThrows(() => op.call(1 as unknown as Tensor, x, x, 1), TypeError, "mu is 1");
});
