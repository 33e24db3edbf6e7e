/** The programs of `tests/golden/control_flow.json`, by their description there. */

import { func, ones, type Tensor, tensor, where, zeros } from "@torchopt/torchopt";

type Tensors = Record<string, Tensor>;

/** Options of a case. */
export interface ProgramOptions {
  readonly reverse?: boolean;
  readonly length?: number;
  readonly lower?: number;
  readonly upper?: number;
  readonly detach_every?: number;
}

type Program = (inputs: Tensors, options: ProgramOptions) => Tensors;

const f64 = { dtype: "float64" } as const;
const int = (n: number) => tensor(n, { dtype: "int64" });
const num = (x: number) => tensor(x, f64);

function rnn({ W, U, b, h0, xs }: Tensors, { reverse, detach_every: every }: ProgramOptions) {
  const start = { h: h0, t: int(0) };
  const [{ h }, ys] = func.scan(
    ({ h, t }, x) => {
      // The gradient stops where it is said.
      const from = every === undefined ? h : where(t.remainder(every).eq(0), h.detach(), h);
      const next = W.matmul(from).add(U.matmul(x)).add(b).tanh();
      return [{ h: next, t: t.add(1) }, next];
    },
    start,
    xs,
    { reverse },
  );
  return { carry: h, ys };
}

const shrink: Program = ({ x }) => {
  const last = func.whileLoop(
    ({ x }) => x.abs().amax().gt(0.5),
    ({ x, k }) => ({ x: x.mul(0.7).sub(x.square().mul(0.01)), k: k.add(1) }),
    { x, k: int(0) },
    { maxIterations: 40 },
  );
  return { x: last.x, iterations: last.k };
};

const power: Program = ({ S, v0 }) => {
  const start = {
    v: v0.div(v0.square().sum().sqrt()),
    lam: num(0),
    k: int(0),
    done: tensor(false),
  };
  const { lam, v, k } = func.whileLoop(
    ({ k, done }) => k.lt(200).logicalAnd(done.logicalNot()),
    ({ v, lam, k }) => {
      const u = S.matmul(v), l = v.mul(u).sum();
      const done = l.sub(lam).abs().lt(1e-6);
      return { v: u.div(u.square().sum().sqrt()), lam: l, k: k.add(1), done };
    },
    start,
    { maxIterations: 200 },
  );
  return { lam, v, iterations: k };
};

const newton2: Program = ({ a, x0 }) => {
  const F = (x: Tensor) => {
    const [p, q] = [x.select(0, 0), x.select(0, 1)];
    const [a0, a1, a2] = [0, 1, 2].map((i) => a.select(0, i));
    const first = p.square().add(a0.mul(q)).sub(3);
    const second = a1.mul(p.sin()).add(q.pow(3)).sub(a2);
    return [first, second];
  };
  const { x, k } = func.whileLoop(
    ({ x, k }) => {
      const [first, second] = F(x);
      return k.lt(30).logicalAnd(first.abs().maximum(second.abs()).ge(1e-9));
    },
    ({ x, k }) => {
      const [first, second] = F(x), [p, q] = [x.select(0, 0), x.select(0, 1)];
      const [a0, a1] = [0, 1].map((i) => a.select(0, i));
      const [j00, j01, j10, j11] = [p.mul(2), a0, a1.mul(p.cos()), q.square().mul(3)];
      const det = j00.mul(j11).sub(j01.mul(j10));
      const d0 = j11.mul(first).sub(j01.mul(second)).div(det);
      const d1 = j00.mul(second).sub(j10.mul(first)).div(det);
      const step = d0.unsqueeze(0).mul(tensor([1, 0], f64)).add(
        d1.unsqueeze(0).mul(tensor([0, 1], f64)),
      );
      return { x: x.sub(step), k: k.add(1) };
    },
    { x: x0, k: int(0) },
    { maxIterations: 30 },
  );
  return { x, iterations: k };
};

const fixedPoint: Program = ({ theta, C }) => {
  const { x, k } = func.whileLoop(
    ({ k, d }) => k.lt(100).logicalAnd(d.ge(1e-8)),
    ({ x, k }) => {
      const y = C.matmul(x).add(theta).tanh();
      return { x: y, k: k.add(1), d: y.sub(x).abs().amax().detach() };
    },
    { x: theta.mul(0), k: int(0), d: num(1) },
    { maxIterations: 100 },
  );
  return { x, iterations: k };
};

/** Programs by the beginning of their description. */
export const programs: readonly (readonly [string, Program])[] = [
  ["scan over xs with carry h", rnn],
  ["as scan/rnn", (inputs, options) => ({ ys: rnn(inputs, options).ys })],
  ["carry {c,h}", ({ W, b, c0, h0, xs }) => {
    const n = c0.shape[0];
    const [{ c, h }, ys] = func.scan(
      ({ c, h }, x) => {
        // [x; h] by the columns of W that belong to each.
        const inputs = xs.shape[1];
        const z = W.narrow(1, 0, inputs).matmul(x).add(W.narrow(1, inputs, n).matmul(h)).add(b);
        const [i, f, g, o] = [0, 1, 2, 3].map((k) => z.narrow(0, k * n, n));
        const next = f.add(1).sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()));
        const out = o.sigmoid().mul(next.tanh());
        return [{ c: next, h: out }, out.sum()];
      },
      { c: c0, h: h0 },
      xs,
    );
    return { c, h, ys };
  }],
  ["s = 0.9 s", ({ xs, s0 }) => {
    const [carry, ys] = func.scan(
      (s, x) => {
        const next = s.mul(0.9).add(x.sin().mul(s));
        return [next, next];
      },
      s0,
      xs,
    );
    return { carry, ys };
  }],
  ["no xs, length", ({ x0, a }, { length }) => {
    const [{ i, x }, ys] = func.scan(
      ({ i, x }) => {
        const next = x.mul(a).add(i);
        return [{ i: i.add(1), x: next }, next.square()];
      },
      { i: int(0), x: x0 },
      null,
      { length },
    );
    return { x, i, ys };
  }],
  ["carry {c: zeros, m", ({ xs, w }) => {
    const [{ c, m }, { sums, maxima }] = func.scan(
      ({ c, m }, x) => {
        const next = { c: c.add(w.mul(x)), m: m.maximum(x.amax()) };
        return [next, { sums: next.c, maxima: next.m }];
      },
      { c: zeros([w.shape[0]], f64), m: num(-Infinity) },
      xs,
    );
    return { carry_sum: c, carry_max: m, sums, maxima };
  }],
  ["outer scan length 3", ({ x, A }) => {
    const [carry, ys] = func.scan(
      (c) => {
        const v = func.foriLoop(0, 4, (j, v) => A.matmul(v).sin().add(j.to("float64").mul(0.1)), c);
        return [c.add(v.mul(0.5)), v.sum()];
      },
      x,
      null,
      { length: 3 },
    );
    return { carry, ys };
  }],
  ["c = cond(flag", ({ xs, flags, w }) => {
    const [carry, ys] = func.scan(
      (c, { x, flag }) => {
        const next = func.cond(flag, () => x.mul(w), () => c.mul(w).add(x));
        return [next, next];
      },
      num(0),
      { x: xs, flag: flags },
    );
    return { carry, ys };
  }],
  ["w from 0, 15 steps", ({ theta, lr, X, y }) => {
    const m = X.shape[0];
    const [w, losses] = func.scan(
      (w) => {
        const e = X.matmul(w).sub(y);
        const g = X.t().matmul(e).mul(2 / m).add(theta.mul(w));
        return [w.sub(lr.mul(g)), e.square().mean()];
      },
      theta.mul(0),
      null,
      { length: 15 },
    );
    return { w, losses };
  }],
  ["state x = [q,p]", ({ g, x0 }) => {
    const [{ q, p }, ys] = func.scan(
      ({ q, p }) => {
        const v = p.sub(g.mul(q.sin()).mul(0.1)), at = q.add(v.mul(0.1));
        return [{ q: at, p: v }, { q: at, p: v }];
      },
      { q: x0.select(0, 0), p: x0.select(0, 1) },
      null,
      { length: 25 },
    );
    const both = (a: Tensor, b: Tensor) =>
      a.unsqueeze(-1).mul(tensor([1, 0], f64)).add(b.unsqueeze(-1).mul(tensor([0, 1], f64)));
    return { carry: both(q, p), ys: both(ys.q, ys.p) };
  }],
  ["x = 1, k = 0; while |x^2 - a|", ({ a }) => {
    const { x, k } = func.whileLoop(
      ({ x, k }) => x.square().sub(a).abs().gt(1e-10).logicalAnd(k.lt(50)),
      ({ x, k }) => ({ x: x.add(a.div(x)).div(2), k: k.add(1) }),
      { x: num(1), k: int(0) },
      { maxIterations: 50 },
    );
    return { x, iterations: k };
  }],
  ["v = v0/|v0|", power],
  ["x = x0, k = 0; while k < 30", newton2],
  ["while max|x| > 0.5", shrink],
  ["int64: while n != 1", ({ n0 }) => {
    const { k } = func.whileLoop(
      ({ n }) => n.ne(1),
      ({ n, k }) => {
        const even = n.remainder(2).eq(0);
        const next = func.cond(even, () => n.div(2).to("int64"), () => n.mul(3).add(1));
        return { n: next, k: k.add(1) };
      },
      { n: n0, k: int(0) },
    );
    return { steps: k };
  }],
  ["x = 0, k = 0; do y", fixedPoint],
  ["cond(p, sin(x)*y", ({ p, x, y }) => ({
    out: func.cond(p, (x) => x.sin().mul(y), (x) => x.square().add(x.mul(3)), x),
  })],
  ["cond(x > 0, sqrt(x)", ({ x }) => ({
    out: func.cond(x.gt(0), (x) => x.sqrt(), (x) => x.exp(), x),
  })],
  ["sum(x) > 0 ?", ({ x, y }) => ({
    out: func.cond(
      x.sum().gt(0),
      () => func.cond(y.gt(0), () => x.mul(y), () => x.sub(y)),
      () => func.cond(y.gt(0), () => x.pow(3), () => x.cos().mul(y)),
    ),
  })],
  ["switch(i", ({ i, x }) => ({
    out: func.cond(
      i.le(0),
      () => x.add(1),
      () => func.cond(i.eq(1), () => x.square(), () => x.sin().mul(2)),
    ),
  })],
  ["for i in [lower", ({ x, a }, { lower, upper }) => ({
    x: func.foriLoop(lower!, upper!, (i, x) => x.mul(a).add(x.mul(i.to("float64")).sin()), x),
  })],
  ["carry (a,b) = (x0,x1)", ({ n_, x0, x1 }) => {
    const [a, b] = func.foriLoop(0, n_, (_i, [a, b]) => [b, a.add(b)], [x0, x1], {
      maxIterations: 64,
    });
    return { a, b };
  }],
  ["P = I; 6 times", ({ A }) => {
    const n = A.shape[0], I = ones([n], f64).diag();
    return { P: func.foriLoop(0, 6, (_i, P) => P.matmul(A), I) };
  }],
  ["buf = zeros(6)", ({ x, w }) => {
    const places = tensor([0, 1, 2, 3, 4, 5], { dtype: "int64" });
    const { buf } = func.foriLoop(0, 6, (i, { acc, buf }) => {
      const next = acc.mul(w).add(i.to("float64").mul(0.1));
      return { acc: next, buf: where(places.eq(i), next.square(), buf) };
    }, { acc: x, buf: zeros([6], f64) });
    return { buf };
  }],
  ["s = 0; for i in 0..4", ({ c, x }) => {
    const s = func.foriLoop(0, 5, (i, s) => {
      const at = i.neg().add(4).unsqueeze(0);
      return s.mul(x).add(c.indexSelect(0, at).squeeze(0));
    }, num(0));
    return { s };
  }],
  ["scan over xs without carry", ({ xs }) => {
    const [, ys] = func.scan(
      (_c, x) => {
        const { y, k } = func.whileLoop(
          ({ y }) => y.abs().gt(1),
          ({ y, k }) => ({ y: y.div(2), k: k.add(1) }),
          { y: x, k: int(0) },
          { maxIterations: 60 },
        );
        return [null, y.mul(k.add(1).to("float64"))];
      },
      null,
      xs,
    );
    return { ys };
  }],
];
