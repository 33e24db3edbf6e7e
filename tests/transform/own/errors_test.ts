/** Transformations of users that fail, and saved states. */

import { assertEquals, assertThrows } from "@std/assert";
import {
  chain,
  gradientTransformation,
  Optimizer,
  sgd,
  type Tensor,
  type TensorTree,
  transform,
  zerosLike,
} from "@torchopt/torchopt";
import { treeMap } from "@torchopt/torchopt/pytree";
import "../../helpers/seed.ts";
import { f64, leaf, momentum } from "./transformations.ts";

Deno.test("an own transformation that fails, or returns no pair, changes nothing", () => {
  let fail = false;
  const t = gradientTransformation<Tensor>({
    init: () => f64(0),
    update: (g, n) => {
      if (fail) throw new RangeError("no");
      return [g, n.add(1)];
    },
  });
  const later = gradientTransformation<TensorTree>({
    init: () => ({}),
    update: (g, s) =>
      fail
        ? (() => {
          throw new RangeError("later");
        })()
        : [g, s],
  });
  const w = leaf([1]), optimizer = new Optimizer([w], chain(momentum(), t, later, sgd({ lr: 1 })));
  const step = () => {
    optimizer.zeroGrad();
    w.sum().backward();
    optimizer.step();
  };
  step();
  const saved = JSON.stringify(optimizer.stateDict());
  fail = true;
  assertThrows(step, RangeError);
  assertEquals(JSON.stringify(optimizer.stateDict()), saved);
  const bad = gradientTransformation({ init: () => null, update: (g) => g as never });
  assertThrows(() => bad.update([f64(1)], null), TypeError, "wants [updates, state]");
  assertThrows(
    () => gradientTransformation({ init: () => null } as never),
    TypeError,
    "gradientTransformation: got an object with init",
  );
  assertThrows(
    () => t.update([f64(1)], f64(0), { params: [], inPlace: false } as never),
    TypeError,
    "there is no option inPlace",
  );
});

Deno.test("states with numbers are saved, loaded and go through JSON", () => {
  const t = () =>
    gradientTransformation<{ t: number; m: TensorTree }>({
      init: (params) => ({ t: 1, m: treeMap((p: Tensor) => zerosLike(p), params) }),
      update: (g, { t, m }) => {
        const next = treeMap((x: Tensor, o: Tensor) => o.mul(0.5).add(x.mul(t)), g, m);
        return [next, { t: t + 1, m: next }];
      },
    });
  const make = () => {
    const w = leaf([0]), optimizer = new Optimizer([w], chain(t(), transform.scale(-1)));
    const step = () => {
      optimizer.zeroGrad();
      w.sum().backward();
      optimizer.step();
      return w.item();
    };
    return { w, optimizer, step };
  };
  const a = make(), b = make();
  a.step();
  a.step();
  b.optimizer.loadStateDict(JSON.parse(JSON.stringify(a.optimizer.stateDict())));
  const before = a.w.item();
  assertEquals(a.step() - before, b.step());
});
