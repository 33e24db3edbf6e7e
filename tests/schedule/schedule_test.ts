import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  applyUpdates,
  autograd,
  compile,
  func,
  gradcheck,
  Optimizer,
  schedule,
  SGD,
  sgd,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import fc from "fast-check";
import { assertClose } from "../helpers/close.ts";
import { type Drawn, schedules } from "./schedule_table.ts";

const { cosineSchedule, exponentialDecay, linearSchedule, polynomialSchedule } = schedule;

const EDGE: Drawn = { init: 1, end: 0.5, steps: 3, begin: 1, rate: 0.5, power: 2 };

Deno.test("every schedule has a row", () => {
  const rows: string[] = schedules.map((row) => row.schedule);
  assertEquals(Object.keys(schedule).filter((name) => !rows.includes(name)), []);
});

const drawn: fc.Arbitrary<Drawn> = fc.record({
  init: fc.double({ min: -2, max: 2, noNaN: true }),
  end: fc.double({ min: -2, max: 2, noNaN: true }),
  steps: fc.integer({ min: -2, max: 9 }),
  begin: fc.integer({ min: -2, max: 9 }),
  rate: fc.oneof(fc.constant(0), fc.double({ min: 0.1, max: 2, noNaN: true })),
  power: fc.integer({ min: 1, max: 4 }),
});

for (const [k, row] of schedules.entries()) {
  Deno.test(`${row.schedule}() (row ${k}) is its formula, for numbers and for tensors`, () => {
    const counts = [0, 1, 2, 3, 5, 8, 13], whole = tensor(counts, { dtype: "int64" });
    fc.assert(
      fc.property(drawn, (d) => {
        const s = row.make(d), want = counts.map((count) => row.value(d, count));
        assertClose(counts.map((count) => s(count)), want, 1e-12, "numbers");
        assertClose(s(whole), tensor(want, { dtype: "float64" }), 1e-12, "int64");
        const single = whole.to("float32");
        assertClose(s(single), tensor(want, { dtype: "float32" }), 1e-5, "float32");
        assertClose(compile((count: Tensor) => s(count))(whole), want, 1e-12, "compiled");
        assertClose(func.vmap((count: Tensor) => s(count))(whole), want, 1e-12, "vmapped");
        assertEquals(s(tensor(3)).shape, []);
      }),
      { numRuns: 20, seed: 5, examples: [[{ ...EDGE, steps: 0 }], [{ ...EDGE, rate: 0 }]] },
    );
  });
}

Deno.test("schedules refuse numbers that are not finite and negative rates", () => {
  assertThrows(() => linearSchedule(1, NaN, 3), RangeError, "linearSchedule: end is NaN");
  assertThrows(() => polynomialSchedule(1, 0, Infinity, 3), RangeError, "power is Infinity");
  assertThrows(() => exponentialDecay(1, { decayRate: -1 }), RangeError, "decayRate is -1");
  assertThrows(() => exponentialDecay(1, {} as never), TypeError, "decayRate is undefined");
});

Deno.test("a schedule does not retrace a compiled step", () => {
  const w = tensor(10, { dtype: "float64", requiresGrad: true });
  const optimizer = new SGD([w], { lr: linearSchedule(1, 0, 4) });
  const step = compile(() => {
    w.backward();
    optimizer.step();
    optimizer.zeroGrad({ setToNone: true });
  });
  const seen = [0, 1, 2, 3, 4, 5].map(() => {
    step();
    return w.item();
  });
  assertEquals(seen, [9, 8.25, 7.75, 7.5, 7.5, 7.5]);
  assertEquals(step.traces, 1);
});

Deno.test("a schedule may be any function of the count", () => {
  const w = tensor(0, { dtype: "float64", requiresGrad: true });
  const optimizer = new Optimizer([w], sgd({ lr: (count) => count.mul(2).add(1) }));
  for (let t = 0; t < 3; t++) {
    optimizer.zeroGrad();
    w.backward();
    optimizer.step();
  }
  assertEquals(w.item(), -9);
});

Deno.test("polynomialSchedule() takes tensors, and has derivatives with respect to them", () => {
  const f64 = (value: number) => tensor(value, { dtype: "float64" });
  for (const steps of [4, 0]) {
    const wanted = polynomialSchedule(0.7, 0.2, 1.5, steps, 1);
    const got = polynomialSchedule(f64(0.7), f64(0.2), f64(1.5), steps, 1);
    const mixed = polynomialSchedule(0.7, f64(0.2), 1.5, steps, 1);
    for (const count of [0, 1, 2, 4, 5, 9]) {
      assertAlmostEquals(got(count).item(), wanted(count), 1e-12);
      assertAlmostEquals(mixed(count).item(), wanted(count), 1e-12);
      const counted = tensor(count, { dtype: "int64" });
      assertAlmostEquals(got(counted).item(), wanted(count), 1e-12);
      const value = (init: Tensor, end: Tensor, power: Tensor) =>
        polynomialSchedule(init, end, power, steps, 1)(count);
      gradcheck(value, [f64(0.7), f64(0.2), f64(1.5)], { order: 2 });
    }
  }
  assertAlmostEquals(linearSchedule(f64(1), 0, 4)(1).item(), 0.75, 1e-12);
  assertAlmostEquals(cosineSchedule(f64(1), 0, 3)(1).item(), 0.75, 1e-12);
  gradcheck((a, b) => cosineSchedule(a, b, 5)(2), [f64(1), f64(0.1)], { order: 2 });
});

Deno.test("linearSchedule() of tensors is a learning rate that can be learned", () => {
  const start = tensor(0.5, { requiresGrad: true });
  const optimizer = sgd({ lr: linearSchedule(start, 0, 2) });
  let params = { w: tensor(2) }, state = optimizer.init(params);
  for (let i = 0; i < 2; i++) {
    const grads = { w: tensor(3) };
    const [updates, next] = optimizer.update(grads, state, { params, inplace: false });
    params = applyUpdates(params, updates, { inplace: false });
    state = next;
  }
  assertEquals(params.w.item(), 2 - 3 * 0.5 - 3 * 0.25);
  const [slope] = autograd.grad(params.w, [start]);
  assertEquals(slope!.item(), -3 - 1.5);
});

Deno.test("linearSchedule() wants tensors that are 0-d and floating point", () => {
  assertThrows(
    () => linearSchedule(tensor([1, 2]), 0, 4),
    RangeError,
    "init is a float32 tensor of",
  );
  const whole = tensor(1, { dtype: "int64" });
  assertThrows(() => linearSchedule(1, whole, 4), RangeError, "end is a int64 tensor of shape []");
});
