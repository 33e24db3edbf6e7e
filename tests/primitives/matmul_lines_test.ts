/** Products of rows u + s * d, with few directions d and several factors s of each. */

import { assert, assertEquals } from "@std/assert";
import {
  autograd,
  explain,
  func,
  Generator,
  nn,
  randn,
  stack,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import "../helpers/seed.ts";

const generator = new Generator(6);

for (const dtype of ["float64", "float32"] as const) {
  const draw = (...shape: number[]) => randn(shape, { generator, dtype });
  const tolerance = dtype === "float64" ? 1e-11 : 2e-4;

  Deno.test(`dot() along lines is that of each point, ${dtype}`, () => {
    const x = draw(48, 16), w = draw(32, 16), steps = tensor([-0.5, 0, 1e-3, 2], { dtype });
    const directions = draw(6, 32, 16);
    const layer = (p: Tensor) => nn.functional.linear(x, p).tanh();
    const along = func.vmap(
      (d: Tensor) => func.vmap((s: Tensor) => layer(w.add(d.mul(s))))(steps),
    );
    const got = along(directions);
    // The products are those of the directions and of the point.
    const rows = explain(got).steps.filter((s) => /^dot/.test(s) && s.includes("768"));
    assertEquals(rows, []);
    const each = stack(
      directions.unbind(0).map((d) => stack(steps.unbind(0).map((s) => layer(w.add(d.mul(s)))))),
    );
    assertClose(got, each, tolerance);
  });

  Deno.test(`dot() along lines in other orders and shapes, ${dtype}`, () => {
    const b = draw(16, 24), u = draw(20, 16), d = draw(5, 20, 16), s = draw(3, 1, 1, 1);
    const own = (f: (u: Tensor, d: Tensor, s: Tensor) => Tensor) => {
      const sum = f(u, d.unsqueeze(0), s);
      // A value of its own, so that nothing is known of how it was made.
      const plain = tensor(sum.data(), { shape: sum.shape, dtype });
      assertClose(f(u, d.unsqueeze(0), s).matmul(b), plain.matmul(b), tolerance);
      const flat = f(u, d.unsqueeze(0), s).reshape(-1, 16);
      assertClose(flat.matmul(b), plain.reshape(-1, 16).matmul(b), tolerance);
      assertClose(b.t().matmul(flat.t()), b.t().matmul(plain.reshape(-1, 16).t()), tolerance);
    };
    own((u, d, s) => u.add(d.mul(s)));
    own((u, d, s) => s.mul(d).add(u));
    own((u, d, s) => u.mul(s).add(d));
    own((u, d, s) => u.mul(s).add(d.mul(s)));
    own((_, d, s) => d.mul(s).add(d));
  });

  Deno.test(`dot() along lines has the derivatives of each point, ${dtype}`, () => {
    const x = draw(30, 12), u = draw(20, 12).requiresGrad_(), d = draw(4, 20, 12).requiresGrad_();
    const s = tensor([[[[0.5]]], [[[-2]]], [[[0.1]]]], { dtype, requiresGrad: true });
    const at = (u: Tensor, d: Tensor, s: Tensor) => u.add(d.unsqueeze(0).mul(s)).reshape(-1, 12);
    const loss = (rows: Tensor) => rows.matmul(x.t()).tanh().sum();
    const rows = at(u, d, s),
      plain = tensor(rows.data(), { shape: rows.shape, dtype, requiresGrad: true });
    const [g] = autograd.grad(loss(plain), [plain]);
    const wanted = autograd.grad(at(u, d, s), [u, d, s], { gradOutputs: [g!] });
    const got = autograd.grad(loss(at(u, d, s)), [u, d, s]);
    got.forEach((x, i) => assertClose(x!, wanted[i]!, 20 * tolerance));
    assert(got.length === 3);
  });
}
