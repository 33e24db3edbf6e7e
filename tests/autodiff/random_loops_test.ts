/**
 * Random bodies: a scan is its unrolled loop, in value, gradient, Hessian product, batches and compiled.
 */

import "../helpers/seed.ts";
import { compile, func, Generator, randn, stack, type Tensor, where } from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import { many } from "../helpers/many.ts";

const f64 = { dtype: "float64" } as const;

/** What a body works on: two parts of a carry, an element, and tensors from outside. */
interface Carry {
  v: Tensor;
  s: Tensor;
}
type Body = (carry: Carry, x: Tensor, w: Tensor, p: Tensor) => [Carry, { y: Tensor; z: Tensor }];

/** A number from 0 to n - 1. */
function drawer(seed: number): (n: number) => number {
  const generator = new Generator(seed), one = new Int32Array(1);
  return (n) => (generator.fillInt(0, n, one), one[0]);
}

/** A body of random operations on vectors, with choices and loops inside. */
function randomBody(pick: (n: number) => number): Body {
  const steps = Array.from({ length: 3 + pick(4) }, () => ({
    kind: pick(11),
    a: pick(100),
    b: pick(100),
    n: pick(4),
  }));
  const [last, kept] = [pick(100), pick(100)];
  return ({ v, s }, x, w, p) => {
    const pool = [v, x];
    for (const { kind, a, b, n } of steps) {
      const [l, r] = [pool[a % pool.length], pool[b % pool.length]];
      const made = [
        () => l.mul(r).tanh(),
        () => w.matmul(l).add(r),
        () => l.sin().mul(p),
        () => l.sub(r.mean()),
        () => l.div(r.square().add(1.5)),
        () => where(l.gt(r), l, r.mul(0.5)),
        () => func.cond(l.sum().gt(0.1), () => l.cos().mul(s), () => r.mul(p)),
        () => func.foriLoop(0, n, (i, y) => y.mul(0.9).add(l.mul(i)).tanh(), r),
        () =>
          func.whileLoop(
            ({ y }) => y.square().sum().gt(0.3),
            ({ y }) => ({ y: y.mul(p.sigmoid().mul(0.6)) }),
            { y: l },
            { maxIterations: 12 },
          ).y,
        () => l.softmax(0).add(r.detach()),
        () => func.grad((z: Tensor) => z.mul(r).sin().sum().mul(s))(l),
      ][kind]();
      pool.push(made);
    }
    const next = pool[pool.length - 1].tanh().add(v.mul(0.3));
    const total = s.mul(0.7).add(pool[last % pool.length].sum().sin());
    return [{ v: next, s: total }, { y: pool[kept % pool.length], z: total }];
  };
}

type Outcome = Tensor[];
type Run = (v: Tensor, s: Tensor, xs: Tensor, w: Tensor, p: Tensor) => Outcome;

function unrolled(body: Body, reverse: boolean): Run {
  return (v, s, xs, w, p) => {
    let carry: Carry = { v, s };
    const ys: Tensor[] = [], zs: Tensor[] = [], length = xs.shape[0];
    for (let k = 0; k < length; k++) {
      const t = reverse ? length - 1 - k : k;
      const [next, { y, z }] = body(carry, xs.select(0, t), w, p);
      carry = next;
      [ys[t], zs[t]] = [y, z];
    }
    return [carry.v, carry.s, stack(ys, 0), stack(zs, 0)];
  };
}

for (let seed = 0; seed < many(14, 40); seed++) {
  Deno.test(`scan of random body ${seed} equals its unrolled loop`, () => {
    const pick = drawer(seed), body = randomBody(pick), reverse = pick(2) === 1;
    const length = 1 + pick(6), checkpoint = [undefined, "sqrt", 2][pick(3)] as "sqrt" | undefined;
    const generator = new Generator(seed + 1000);
    const draw = (...shape: number[]) => randn(shape, { ...f64, generator });
    const args = [draw(3), draw(), draw(length, 3), draw(3, 3), draw(3)] as const;
    const scanned: Run = (v, s, xs, w, p) => {
      const [carry, { y, z }] = func.scan(
        (carry: Carry, x: Tensor) => body(carry, x, w, p),
        { v, s },
        xs,
        { reverse, checkpoint },
      );
      return [carry.v, carry.s, y, z];
    };
    const plain = unrolled(body, reverse);
    const weights = plain(...args).map((x) => draw(...x.shape));
    const loss = (run: Run) => (...xs: Parameters<Run>) =>
      run(...xs).map((x, i) => x.mul(weights[i]).sum()).reduce((a, b) => a.add(b));
    const argnums = [0, 1, 2, 3, 4], directions = args.map((x) => draw(...x.shape));
    const gradient = (run: Run) => func.grad(loss(run), { argnums });
    const along = (run: Run) => (...xs: Parameters<Run>) =>
      gradient(run)(...xs).map((g, i) => g.mul(directions[i]).sum()).reduce((a, b) => a.add(b));
    const near = { rtol: 1e-8, atol: 1e-9 };
    const same = (what: string, got: readonly Tensor[], want: readonly Tensor[]) =>
      want.forEach((x, i) => assertClose(got[i], x, near, `${what} ${i}`));
    const wanted = plain(...args), grads = gradient(plain)(...args);
    const products = func.grad(along(plain), { argnums })(...args);
    same("value", scanned(...args), wanted);
    same("compiled", compile(scanned)(...args), wanted);
    same("gradient", gradient(scanned)(...args), grads);
    same("compiled gradient", compile(gradient(scanned))(...args), grads);
    same("product", func.grad(along(scanned), { argnums })(...args), products);
    const [, forward] = func.jvp(gradient(scanned), [...args] as never, directions as never);
    same("product, forward", forward as unknown as Tensor[], products);
    // A batch of two, the second with the sign of everything changed, for a choice of arguments.
    const which = args.map(() => pick(2) === 1);
    which[pick(5)] = true;
    const other = args.map((x, i) => which[i] ? x.neg() : x) as unknown as Parameters<Run>;
    const both = args.map((x, i) => which[i] ? stack([x, x.neg()], 0) : x);
    const options = { inAxes: which.map((w) => w ? 0 : null) };
    const pair = (fn: (...xs: Parameters<Run>) => Tensor[]) => {
      const [a, b] = [fn(...args), fn(...other)];
      return a.map((x, i) => stack([x, b[i]], 0));
    };
    const batch = both as unknown as Parameters<Run>;
    same("batch", func.vmap(scanned, options)(...batch), pair(plain));
    same(
      "batch of gradients",
      func.vmap(gradient(scanned), options)(...batch) as Tensor[],
      pair(gradient(plain) as never),
    );
    same(
      "batch of products",
      func.vmap(func.grad(along(scanned), { argnums }), options)(...batch) as Tensor[],
      pair(func.grad(along(plain), { argnums }) as never),
    );
  });
}
