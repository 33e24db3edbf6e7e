/** Gradients through calls between four real processes are those of one process. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  autograd,
  distributed,
  GradientError,
  randn,
  stack,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { many } from "../helpers/many.ts";
import { assertClose } from "../helpers/close.ts";
import { errorOf, inWorld } from "./world.ts";
import * as fns from "./functions.ts";
import "../helpers/seed.ts";

const { on } = fns, { add, mul } = fns;
const { backward, context, getGradients, grad } = distributed.autograd;

/** Repetitions of tests that look for growth. */
const MANY = many(200, 10_000);

const leaf = (shape: number[]) => randn(shape, { dtype: "float64", requiresGrad: true });

interface Program {
  readonly inputs: () => Tensor[];
  readonly there: (...inputs: Tensor[]) => Promise<Tensor>;
  readonly here: (...inputs: Tensor[]) => Tensor;
}

const two = () => [leaf([2, 2]), leaf([2, 2])];

const programs: Record<string, Program> = {
  "a sum on the next rank": {
    inputs: two,
    there: async (a, b) => (await on(1, add, a, b)).sum(),
    here: (a, b) => a.add(b).sum(),
  },
  "a call to itself": {
    inputs: two,
    there: async (a, b) => (await on(0, fns.matmul, a, b)).sum(),
    here: (a, b) => a.matmul(b).sum(),
  },
  "several steps: add, mul, stack twice, batched product, product": {
    inputs: two,
    there: async (a, b) => {
      const s = await on(1, add, a, b), p = await on(2, mul, s, b);
      const x = await on(3, fns.stackUp, [s, p]), y = await on(1, fns.stackUp, [p, s]);
      const z = await on(2, fns.bmm, x, y);
      return (await on(3, fns.matmul, z.select(0, 0), z.select(0, 1))).sum();
    },
    here: (a, b) => {
      const s = a.add(b), p = s.mul(b), z = stack([s, p]).matmul(stack([p, s]));
      return z.select(0, 0).matmul(z.select(0, 1)).sum();
    },
  },
  "products of which two of four factors need gradients": {
    inputs: () => [leaf([4, 6]), leaf([5, 7])],
    there: async (a, c) => {
      const [b, d] = constants(),
        x = await on(1, fns.matmul, a, b),
        y = await on(2, fns.matmul, c, d);
      return (await on(3, fns.matmul, x, y)).sum();
    },
    here: (a, c) => {
      const [b, d] = constants();
      return a.matmul(b).matmul(c.matmul(d)).sum();
    },
  },
  "rows 0 and 2 of a stack of three": {
    inputs: () => [leaf([3]), leaf([3]), leaf([3])],
    there: async (a, b, c) => {
      const s = await on(1, fns.stackUp, [a, b, c]);
      return (await on(2, mul, s.select(0, 0), s.select(0, 2))).sum();
    },
    here: (a, b, c) => {
      const s = stack([a, b, c]);
      return s.select(0, 0).mul(s.select(0, 2)).sum();
    },
  },
  "three of five pieces": {
    inputs: () => [leaf([10, 2])],
    there: async (x) => {
      const [a, , b, , c] = await on<Tensor[]>(1, fns.pieces, x);
      return a.mul(b).add(c).sum();
    },
    here: (x) => {
      const [a, , b, , c] = x.split(2);
      return a.mul(b).add(c).sum();
    },
  },
  "five layers, each on another rank": {
    inputs: () => [leaf([3, 2])],
    there: async (x) => {
      for (const rank of [1, 2, 3, 0, 1]) x = await on(rank, fns.layer, x);
      return x.sum();
    },
    here: (x) => {
      for (const rank of [1, 2, 3, 0, 1]) x = x.matmul(fns.weights[rank]).tanh();
      return x.sum();
    },
  },
  "a nested call": {
    inputs: two,
    there: async (a, b) => (await on(1, fns.nested, a, b)).sum(),
    here: (a, b) => {
      const t3 = a.mul(b), t4 = a.add(b);
      return a.mul(b).mul(t3).mul(t4).mul(t3.add(t4)).sum();
    },
  },
  "six calls deep, around the ring": {
    inputs: () => [leaf([2, 2])],
    there: async (x) => (await on(1, fns.deep, x, 6)).sum(),
    here: (x) => {
      const go = (y: Tensor, n: number): Tensor => n <= 0 ? y.mul(y) : go(y.mul(1.5), n - 1).add(y);
      return go(x, 6).sum();
    },
  },
  "a function that calls its caller back": {
    inputs: two,
    there: async (a, b) => (await on(2, fns.callBack, a)).mul(b).sum(),
    here: (a, b) => a.mul(a).add(a).mul(b).sum(),
  },
  "several results, one of them unused": {
    inputs: two,
    there: async (a, b) => {
      const [p, , q] = await on<Tensor[]>(3, fns.fan, a);
      return p.mul(q).mul(b).sum();
    },
    here: (a, b) => a.mul(2).mul(a.exp()).mul(b).sum(),
  },
  "a result that nobody uses": {
    inputs: two,
    there: async (a, b) => {
      await on(1, add, a, b);
      return a.mul(b).sum();
    },
    here: (a, b) => a.mul(b).sum(),
  },
  "three calls at once": {
    inputs: two,
    there: async (a, b) => {
      const [x, y, z] = await Promise.all([1, 2, 3].map((rank) => on(rank, mul, a, b)));
      return x.add(y).add(z).sum();
    },
    here: (a, b) => a.mul(b).mul(3).sum(),
  },
  "what one call keeps and another one uses": {
    inputs: two,
    there: async (a, b) => {
      const z = await on(1, fns.put, a);
      return (await on(1, fns.useHeld, b)).sum().add(z);
    },
    here: (a, b) => a.exp().mul(b).sum().add(a.mul(0).sum()),
  },
  "the same where the first result is unused": {
    inputs: two,
    there: async (a, b) => {
      await on(1, fns.put, a);
      return (await on(1, fns.useHeld, b)).sum();
    },
    here: (a, b) => a.exp().mul(b).sum(),
  },
  "float32 with float64": {
    inputs: () => [leaf([2]), randn([2], { requiresGrad: true })],
    there: async (a, b) => (await on(1, mul, a, b)).sum(),
    here: (a, b) => a.mul(b).sum(),
  },
  "an input without elements": {
    inputs: () => [leaf([0, 2]), leaf([2])],
    there: async (a, b) => (await on(1, add, a, b)).sum().add(b.sum()),
    here: (a, b) => a.add(b).sum().add(b.sum()),
  },
  "a result as the root": {
    inputs: () => [leaf([1]), leaf([])],
    there: async (a, b) => await on(1, mul, a, b),
    here: (a, b) => a.mul(b),
  },
  "a parallelized function": {
    inputs: () => [leaf([6])],
    there: async (x) => await fns.batchMean(x.square()) as Tensor,
    here: (x) => stack(x.square().split([1, 1, 1, 3]).map((part) => part.mean())).mean(),
  },
};

const constants = () => {
  const range = (shape: number[]) =>
    tensor(Float64Array.from({ length: shape[0] * shape[1] }, (_, i) => Math.sin(i)), { shape });
  return [range([6, 5]), range([7, 9])];
};

Deno.test("distributed gradients in a world of four processes", async (t) => {
  await inWorld(4, async () => {
    for (const [name, { inputs, there, here }] of Object.entries(programs)) {
      await t.step(`${name}: as in one process`, async () => {
        const x = inputs(), want = autograd.grad(here(...x), x, { allowUnused: true });
        await context(async (id) => {
          await backward(id, await there(...x));
          const gradients = getGradients(id);
          x.forEach((y, i) => {
            if (want[i] === null) assertEquals(gradients.get(y), undefined);
            else assertClose(gradients.get(y)!, want[i]!, 1e-9, name);
          });
        });
      });
    }
    await t.step("second order through calls", async () => {
      for (const name of Object.keys(programs)) {
        const { inputs, there, here } = programs[name], x = inputs();
        const twice = (g: (Tensor | null)[]) => {
          let sum = tensor(0, { dtype: "float64" });
          for (const y of g) if (y !== null) sum = sum.add(y.square().sum());
          return sum;
        };
        const first = autograd.grad(here(...x), x, { createGraph: true, allowUnused: true });
        const energy = twice(first);
        if (!energy.requiresGrad) continue;
        const want = autograd.grad(energy, x, { allowUnused: true });
        await context(async (id) => {
          const g = await grad(id, await there(...x), x, { createGraph: true, allowUnused: true });
          const got = await grad(id, twice(g), x, { allowUnused: true });
          x.forEach((_, i) => {
            if (want[i] === null) return;
            assertClose(got[i] ?? want[i]!.mul(0), want[i]!, 1e-8, name);
          });
        });
      }
    });
    await t.step("third order through a call", async () => {
      const x = leaf([2]);
      const f = async (y: Tensor) => (await on(1, mul, y.square(), y.square())).sum();
      await context(async (id) => {
        const [g] = await grad(id, await f(x), x, { createGraph: true });
        const [h] = await grad(id, g!.sum(), x, { createGraph: true });
        const [k] = await grad(id, h!.sum(), x);
        assertClose(k!, x.mul(24).detach(), 1e-9);
      });
    });
    await t.step("a parameter's gradient stays on its rank, and adds up over passes", async () => {
      const x = leaf([2, 2]), w = fns.weights[2];
      const [wantX, wantW] = autograd.grad(x.matmul(w).tanh().sum(), [x, w]);
      await context(async (id) => {
        const y = (await on(2, fns.layer, x)).sum();
        await backward(id, y, { retainGraph: true });
        const [g, entries, own] = await on<[Tensor, number, null]>(2, fns.weightGradient, id);
        assertClose(g, wantW!, 1e-9);
        assertEquals([entries, own], [1, null]);
        assertClose(getGradients(id).get(x)!, wantX!, 1e-9);
        await backward(id, y, { retainGraph: true });
        assertClose((await on<[Tensor]>(2, fns.weightGradient, id))[0], wantW!.mul(2), 1e-9);
        assertClose(getGradients(id).get(x)!, wantX!.mul(2), 1e-9);
        // The gradient that a tensor has is the sum of both, too.
        assertClose(x.grad!, wantX!.mul(2), 1e-9);
      });
    });
    await t.step("a leaf that a function returns gets ones", async () => {
      await context(async (id) => {
        const w = await on(3, fns.ownWeight);
        await backward(id, w.sum());
        const [g] = await on<[Tensor]>(3, fns.weightGradient, id);
        assertEquals(g.toArray(), [[1, 1], [1, 1]]);
      });
    });
    await t.step("three trainers at once have their own gradients of one parameter", async () => {
      const all = await Promise.all(
        [1, 2, 3].flatMap((rank) =>
          Array.from(
            { length: 5 },
            async (_, k) => [rank, k, await on<Tensor[]>(rank, fns.train, rank + k)] as const,
          )
        ),
      );
      for (const [rank, k, [g, entries, own]] of all) {
        const x = tensor([[rank + k, 0.1], [0.2, 0.3]], { dtype: "float64", requiresGrad: true });
        const want = autograd.grad(x.matmul(fns.weights[0]).tanh().sum(), [fns.weights[0], x]);
        assertClose(g, want[0]!, 1e-9);
        assertClose(own, want[1]!, 1e-9);
        assertEquals(entries as unknown, 1);
      }
    });
    await t.step("twenty contexts at once", async () => {
      await Promise.all(Array.from({ length: 20 }, (_, i) => {
        const x = tensor([[0.1 * i + 0.1, 0.2], [0.3, 0.4]], {
          dtype: "float64",
          requiresGrad: true,
        });
        const y = leaf([2, 2]), t3 = x.mul(y), t4 = x.add(y);
        const here = x.mul(y).mul(t3).mul(t4).mul(t3.add(t4)).mul(x).sum();
        const want = autograd.grad(here, [x, y]);
        return context(async (id) => {
          const v = await on(1 + (i + 1) % 3, mul, await on(1 + i % 3, fns.nested, x, y), x);
          const got = await grad(id, v.sum(), [x, y]);
          got.forEach((g, k) => assertClose(g!, want[k]!, 1e-9));
          assertEquals([x.grad, y.grad], [null, null]);
        });
      }));
    });
    await t.step("local graphs, several roots, hooks, mixed requirements", async () => {
      await context(async (id) => {
        const a = leaf([2]), b = leaf([2]), c = randn([2], { dtype: "float64" });
        await backward(id, [a.add(b).sum(), (await on(1, mul, a, c)).sum()]);
        const gradients = getGradients(id);
        assertEquals(gradients.size, 2);
        assertEquals([...gradients.keys()].map((x) => x.shape), [[2], [2]]);
        assertClose(gradients.get(a)!, c.add(1), 1e-9);
        assertEquals(gradients.get(b)!.toArray(), [1, 1]);
        assertEquals(gradients.has(c), false);
      });
      await context(async (id) => {
        const a = leaf([2]);
        a.registerHook((g) => g.mul(2));
        await backward(id, (await on(1, mul, a, 3)).sum());
        assertEquals(getGradients(id).get(a)!.toArray(), [6, 6]);
      });
    });
    await t.step(
      "backward() adds to the grad of inputs that are chosen, and of all else",
      async () => {
        const a = leaf([2]), b = leaf([2]);
        await context(async (id) => {
          const y = (await on(1, mul, a, b)).sum();
          await backward(id, y, { inputs: a, retainGraph: true });
          assertClose(a.grad!, b.detach(), 1e-9);
          assertEquals(b.grad, null);
          await backward(id, y);
          assertClose(a.grad!, b.detach().mul(2), 1e-9);
          await assertRejects(() => backward(id, y), GradientError, "retainGraph");
        });
      },
    );
    await t.step("grad() of results that are no leaves", async () => {
      const a = leaf([2]);
      await context(async (id) => {
        const h = a.mul(3), y = await on(1, mul, h, h);
        const [g, gy] = await grad(id, y.sum(), [h, y]);
        assertClose(g!, h.detach().mul(2), 1e-9);
        assertEquals(gy!.toArray(), [1, 1]);
      });
    });
    await t.step("arguments that cannot be: each error says what is wrong", async () => {
      const a = leaf([2]), other = leaf([2]);
      await assertRejects(() => backward(7, a.sum()), distributed.RpcError, "no context 7");
      await context(async (id) => {
        assertEquals(id % 2 ** 36 > 0, true);
        const y = (await on(1, mul, a, a)).sum();
        await assertRejects(() => backward(null as never, y), TypeError, "the context is null");
        await assertRejects(() => backward(id, null as never), TypeError, "tensors");
        await assertRejects(() => backward(id, []), RangeError, "no tensors");
        await assertRejects(() => backward(id, tensor(1)), GradientError, "does not depend");
        await assertRejects(() => backward(id, a.mul(2)), GradientError, "one element");
        await assertRejects(() => backward(id, leaf([1])), GradientError, "is a leaf");
        await assertRejects(() => backward(id, y, { inputs: [] }), RangeError, "inputs");
        await assertRejects(() => backward(id, y, { inputs: tensor(1) }), GradientError, "input 0");
        await assertRejects(
          () => backward(id, y, { input: a } as never),
          TypeError,
          "no option input",
        );
        await assertRejects(
          () => grad(id, y, [a, other]),
          GradientError,
          "do not depend on input 1",
        );
        const [, unused] = await grad(id, y, [a, other], { allowUnused: true });
        assertEquals(unused, null);
        await assertRejects(() => context(() => {}), distributed.RpcError, "within context");
      });
    });
    await t.step("an error in a remote backward names its rank, at each depth", async () => {
      const x = leaf([2]);
      for (const hops of [0, 1, 5]) {
        const error = await errorOf(context(async (id) => {
          await backward(id, (await on(1, fns.badDeep, x, hops)).sum());
        }));
        assert(error instanceof distributed.RemoteError);
        assertStringIncludes(error.message, `rank ${(1 + hops) % 4}, backward: Error: simulated`);
      }
      await context(async (id) => {
        await on(2, fns.setFailing, true);
        const y = (await on(2, fns.bad, x)).sum();
        for (let i = 0; i < 10; i++) await assertRejects(() => grad(id, y, x), Error, "simulated");
        await on(2, fns.setFailing, false);
        for (let i = 0; i < 10; i++) assertEquals((await grad(id, y, x))[0]!.toArray(), [2, 2]);
        assertEquals(new distributed.autograd.DistAutogradContext(id).passes, 0);
      });
    });
    await t.step("a context that ends while its pass runs is an error of the pass", async () => {
      let pass: Promise<unknown> | null = null;
      const x = leaf([2]);
      await context(async (id) => {
        const y = (await on(1, fns.deep, x, 40)).sum();
        pass = errorOf(backward(id, y));
      });
      assertStringIncludes((await pass! as Error).message, "no context");
    });
    await t.step("an error within a context ends it everywhere", async () => {
      let number = 0;
      await assertRejects(
        () =>
          context(async (id) => {
            number = id;
            await on(1, fns.nested, leaf([2]), leaf([2]));
            throw new RangeError("mine");
          }),
        RangeError,
        "mine",
      );
      assertThrows(() => getGradients(number), distributed.RpcError, `no context ${number}`);
    });
    await t.step("contexts leave nothing behind", async () => {
      const x = leaf([2, 2]), y = leaf([2, 2]);
      const round = () =>
        context(async (id) => {
          // Not waited for: what comes after the end must not bring the context back.
          on(3, mul, x, y).catch(() => {});
          return await grad(id, (await on(1, fns.nested, x, y)).sum(), [x, y]);
        });
      for (let i = 0; i < 50; i++) await round();
      const before = await Promise.all([1, 2, 3].map((rank) => on<number>(rank, fns.collect)));
      for (let i = 0; i < MANY; i++) await round();
      const after = await Promise.all([1, 2, 3].map((rank) => on<number>(rank, fns.collect)));
      after.forEach((n, i) => assert(n - before[i] < 8 * 2 ** 20, `${before[i]} -> ${n} bytes`));
      for (const rank of [1, 2, 3]) {
        const there = await on<distributed.DistributedStats>(rank, fns.statsThere);
        assertEquals([there.contexts, there.running, there.pending], [0, 1, 0]);
      }
      assertEquals(distributed.stats().contexts, 0);
    });
  });
});
