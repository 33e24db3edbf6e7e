import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { compile, Optimizer, schedule, SGD, sgd, tensor } from "@torchopt/torchopt";
import fc from "fast-check";

const { exponentialDecay, linearSchedule, polynomialSchedule } = schedule;

Deno.test("schedules give the same for numbers and for tensors", () => {
  const small = fc.double({ min: -2, max: 2, noNaN: true });
  const rate = fc.double({ min: 0, max: 2, noNaN: true });
  const steps = fc.integer({ min: -2, max: 9 }), counts = [0, 1, 2, 3, 5, 8, 13];
  const check = (s: schedule.StepSchedule) => {
    const values = s(tensor(counts, { dtype: "int64" })).data();
    counts.forEach((count, i) => assertAlmostEquals(Number(values[i]), s(count), 1e-9));
  };
  fc.assert(
    fc.property(
      small,
      small,
      steps,
      steps,
      fc.integer({ min: 1, max: 4 }),
      (a, b, n, begin, power) => {
        check(linearSchedule(a, b, n, begin));
        check(polynomialSchedule(a, b, power, n, begin));
      },
    ),
    { numRuns: 20 },
  );
  fc.assert(
    fc.property(
      small,
      rate,
      steps,
      steps,
      fc.boolean(),
      fc.option(small),
      (a, decayRate, n, begin, staircase, endValue) => {
        check(exponentialDecay(a, {
          decayRate,
          transitionSteps: n,
          transitionBegin: begin,
          staircase,
          endValue,
        }));
      },
    ),
    { numRuns: 20 },
  );
});

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
