/**
 * Every schedule: ways of making it from random numbers, and the value at a count.
 *
 * @module
 */

import { schedule } from "@torchopt/torchopt";

/** Numbers that a schedule is made of. */
export interface Drawn {
  readonly init: number;
  readonly end: number;
  /** Length of the transition; may be 0 or negative. */
  readonly steps: number;
  /** First step of the transition; may be negative. */
  readonly begin: number;
  /** From 0 to 2. */
  readonly rate: number;
  /** From 1 to 4. */
  readonly power: number;
}

/** One way of making a schedule. */
export interface ScheduleRow {
  readonly schedule: keyof typeof schedule;
  make(d: Drawn): schedule.StepSchedule;
  /** The value at a count, straight from the definition. */
  value(d: Drawn, count: number): number;
}

/** The share of a transition that is done, from 0 to 1. */
function done({ steps, begin }: Drawn, count: number): number {
  if (steps <= 0) return 0;
  return Math.min(Math.max((count - Math.max(begin, 0)) / steps, 0), 1);
}

const between = ({ init, end }: Drawn, share: number) => init + (end - init) * share;

/** Factors of an exponential decay that have come by then; a fraction of one where it is not whole. */
function factors({ steps, begin }: Drawn, count: number): number {
  return steps <= 0 ? 0 : Math.max(count - Math.max(begin, 0), 0) / steps;
}

const decayed = (d: Drawn, n: number) => d.rate === 0 ? d.init : d.init * d.rate ** n;

/** Every schedule. */
export const schedules: readonly ScheduleRow[] = [
  {
    schedule: "linearSchedule",
    make: ({ init, end, steps, begin }) => schedule.linearSchedule(init, end, steps, begin),
    value: (d, count) => between(d, done(d, count)),
  },
  {
    schedule: "cosineSchedule",
    make: ({ init, end, steps, begin }) => schedule.cosineSchedule(init, end, steps, begin),
    value: (d, count) => between(d, Math.sin(Math.PI / 2 * done(d, count)) ** 2),
  },
  {
    schedule: "polynomialSchedule",
    make: ({ init, end, power, steps, begin }) =>
      schedule.polynomialSchedule(init, end, power, steps, begin),
    value: (d, count) => between(d, 1 - (1 - done(d, count)) ** d.power),
  },
  {
    schedule: "exponentialDecay",
    make: ({ init, rate, steps, begin }) =>
      schedule.exponentialDecay(init, {
        ...{ decayRate: rate, transitionSteps: steps, transitionBegin: begin },
      }),
    value: (d, count) => decayed(d, factors(d, count)),
  },
  {
    schedule: "exponentialDecay",
    make: ({ init, end, rate, steps, begin }) =>
      schedule.exponentialDecay(init, {
        ...{ decayRate: rate, transitionSteps: steps, transitionBegin: begin },
        ...{ staircase: true, endValue: end },
      }),
    value(d, count) {
      const value = decayed(d, Math.floor(factors(d, count)));
      if (d.steps <= 0 || d.rate === 0) return value;
      return d.rate < 1 ? Math.max(value, d.end) : Math.min(value, d.end);
    },
  },
];
