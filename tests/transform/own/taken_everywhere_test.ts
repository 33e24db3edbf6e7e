/** What takes a transformation takes one that a user wrote, and an object of two functions. */

import { assertEquals } from "@std/assert";
import {
  applyUpdates,
  autograd,
  chain,
  compile,
  FuncOptimizer,
  type GradientTransformation,
  MetaOptimizer,
  nn,
  Optimizer,
  type Tensor,
  type TensorTree,
  transform,
} from "@torchopt/torchopt";
import "../../helpers/seed.ts";
import {
  descending,
  expected,
  f64,
  grad,
  leaf,
  list,
  momentum,
  plain,
  walked,
} from "./transformations.ts";

for (
  const [name, make] of [["momentum", momentum], [
    "trace",
    () => transform.trace({ momentum: 0.5 }),
  ]] as const
) {
  Deno.test(`update() of ${name} keeps the state, whatever is taken of its result`, () => {
    const t = make() as GradientTransformation;
    const kept = t.init(grad());
    const updates = expected.map(() => {
      const [u] = t.update(grad(), kept);
      return u.w;
    });
    assertEquals(updates.map(list), expected);

    let state = t.init(grad());
    for (const values of expected) {
      const [u, next] = t.update(grad(), state);
      assertEquals(list(u.w), values);
      state = next;
    }

    let pure = t.init(grad());
    const first = pure;
    for (const values of expected) {
      const [u, next] = t.update(grad(), pure, { inplace: false });
      assertEquals(list(u.w), values);
      pure = next;
    }
    assertEquals(list(t.update(grad(), first, { inplace: false })[0].w), expected[0]);
  });
}

for (
  const [name, make] of [["gradientTransformation()", momentum], ["a plain object", plain]] as const
) {
  Deno.test(`Optimizer takes ${name}, eager and compiled`, () => {
    for (const compiled of [false, true]) {
      const w = leaf([0, 0]), c = f64([1, 2]);
      const optimizer = new Optimizer([w], descending(make()));
      const body = () => {
        optimizer.zeroGrad();
        w.mul(c).sum().backward();
        optimizer.step();
      };
      const step = compiled ? compile(body) : body;
      for (let t = 1; t <= 4; t++) {
        step();
        assertEquals(list(w), walked(t), `step ${t}, ${compiled}`);
      }
      if (compiled) assertEquals((step as unknown as { traces: number }).traces <= 2, true);
    }
  });

  Deno.test(`FuncOptimizer takes ${name}`, () => {
    for (const inplace of [false, true]) {
      const optimizer = new FuncOptimizer(descending(make()), { inplace });
      let p = { w: leaf([0, 0]) };
      for (let t = 1; t <= 4; t++) {
        p = optimizer.step(p.w.mul(f64([1, 2])).sum(), p);
        assertEquals(list(p.w), walked(t));
      }
    }
  });

  Deno.test(`chains, flat chains and masks take ${name}`, () => {
    for (const inplace of [true, false]) {
      const wraps = [
        (t: GradientTransformation) => chain(t),
        (t: GradientTransformation) => chain(transform.scale(1), t),
        (t: GradientTransformation) => chain.flat(t),
        (t: GradientTransformation) => transform.scale(1).chain(t),
        (t: GradientTransformation) =>
          transform.masked(t, () => ({ w: true })) as GradientTransformation,
      ];
      for (const wrap of wraps) {
        const t = wrap(make());
        let state = t.init(grad());
        for (const values of expected) {
          const [u, next] = t.update(grad(), state, { inplace });
          assertEquals(list(u.w), values);
          if (!inplace) state = next;
        }
      }
    }
  });

  Deno.test(`MetaOptimizer takes ${name}; its steps can be differentiated`, () => {
    class Net extends nn.Module {
      w: Tensor = new nn.Parameter(f64([0, 0]));
      forward(c: Tensor): Tensor {
        return this.w.mul(c).sum();
      }
    }
    const results = [make(), transform.trace({ momentum: 0.5 }) as GradientTransformation].map(
      (t) => {
        const net = new Net(), c = leaf([1, 2]);
        const optimizer = new MetaOptimizer(net, descending(t));
        for (let i = 0; i < 3; i++) optimizer.step(net.call(c));
        assertEquals(list(net.w), walked(3));
        return list(autograd.grad(net.w.square().sum(), [c])[0]!);
      },
    );
    assertEquals(results[0], results[1]);
  });

  Deno.test(`a compiled function updates the state of ${name}`, () => {
    for (const keep of [true, false]) {
      const t = chain(make()), params = { w: f64([0, 0]) };
      let state = t.init(params);
      const step = compile((g: { w: Tensor }) => {
        if (keep) return t.update(g, state)[0].w;
        let u: { w: Tensor };
        [u, state] = t.update(g, state);
        return u.w;
      });
      assertEquals(expected.map(() => list(step(grad()))), expected);
      assertEquals(step.traces, 1);
    }
    const t = chain(make());
    let state = t.init(grad());
    const pure = compile((g: { w: Tensor }, s: TensorTree) => t.update(g, s, { inplace: false }));
    for (const values of expected) {
      const [u, next] = pure(grad(), state);
      assertEquals(list(u.w), values);
      state = next;
    }
  });
}

Deno.test("README's idiom keeps the state of an own transformation, compiled and not", () => {
  for (const compiled of [false, true]) {
    const params = { w: leaf([0, 0]) }, optimizer = descending(momentum());
    const state = optimizer.init(params);
    const body = (c: Tensor) => {
      const [w] = autograd.grad(params.w.mul(c).sum(), [params.w]);
      const [updates] = optimizer.update({ w: w! }, state, { params });
      applyUpdates(params, updates);
    };
    const step = compiled ? compile(body) : body;
    for (let t = 1; t <= 4; t++) step(f64([1, 2]));
    assertEquals(list(params.w), walked(4));
  }
});
