/**
 * A model of iterations of distributed MAML on many ranks, by constants measured on two.
 *
 * @module
 */

/** What a number of tasks takes, in milliseconds. */
export interface Point {
  readonly tasks: number;
  readonly ms: number;
}

/** Work of two ranks of a host in one run, over the median of all runs. */
export type Pair = readonly [first: number, second: number];

/** What a simulation needs to know; times in milliseconds. Tables are in order of tasks. */
export interface Machine {
  /** Work of a rank that has its host for itself. */
  readonly alone: readonly Point[];
  /** Work of each of two ranks of a host, which share its memory. */
  readonly beside: readonly Point[];
  /** How much the two ranks of a host were slowed down together; in the order of `beside`. */
  readonly slowdowns: readonly (readonly Pair[])[];
  /**
   * What rank 0 takes besides work and messages, by tasks of a rank: it divides them, hands itself its own,
   * waits for others to wake up, and averages. It depends on the work, which empties the caches.
   */
  readonly once: readonly Point[];
  /** Time of rank 0 for a message to another rank and its answer. */
  readonly message: number;
  /** On the way from host to host. */
  readonly latency: number;
  /** Bytes in a millisecond that rank 0's host sends, and that it receives. */
  readonly bandwidth: number;
  /** Deviation of a further slowdown of each rank, `1 + |x|` with normal `x`; 0 for none. */
  readonly stragglers: number;
}

/** Ranks of a host. */
const PER_HOST = 2;
/** Bytes of the parameters, which go there and come back as gradients. */
const PARAMETERS = 4 * (64 + 64 + 64 * 64 + 64 + 64 + 1);
/** Bytes of a task: ten known points and ten to predict, of two numbers. */
const TASK = 4 * 40;

/** Between two points on the line through them; beyond all, as long a task as at the last one. */
export function at(table: readonly Point[], tasks: number): number {
  const last = table[table.length - 1];
  if (tasks >= last.tasks) return last.ms * tasks / last.tasks;
  const i = Math.max(1, table.findIndex((point) => point.tasks > tasks));
  const [a, b] = [table[i - 1], table[i]];
  return Math.max(0, a.ms + (b.ms - a.ms) * (tasks - a.tasks) / (b.tasks - a.tasks));
}

/** Runs with the number of tasks that is nearest. */
function pairsFor(m: Machine, tasks: number): readonly Pair[] {
  const off = m.beside.map((point) => Math.abs(point.tasks - tasks));
  return m.slowdowns[off.indexOf(Math.min(...off))];
}

/** Numbers from 0 to 1, the same at each run. */
export function uniforms(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
}

/** Tasks of each rank: as `batchPartitioner` divides them, the last rank has what remains. */
export function divide(tasks: number, ranks: number): number[] {
  if (tasks <= ranks) return new Array(tasks).fill(1);
  const each = Math.floor(tasks / ranks);
  return Array.from({ length: ranks }, (_, r) => r < ranks - 1 ? each : tasks - each * (ranks - 1));
}

/** Milliseconds of one iteration on some ranks, the slowdowns drawn from `draw`. */
export function simulate(ranks: number, tasks: number, m: Machine, draw: () => number): number {
  const parts = divide(tasks, ranks);
  if (parts.length === 1) return at(m.alone, tasks);
  // Hosts fill up one after the other, and each repeats one of the runs.
  const runs = pairsFor(m, parts[0]);
  const pairs = Array.from(
    { length: Math.ceil(parts.length / PER_HOST) },
    () => runs[Math.floor(draw() * runs.length)],
  );
  const works = parts.map((count, rank) => {
    const shared = rank % PER_HOST > 0 || rank + 1 < parts.length;
    const slowdown = shared ? pairs[Math.floor(rank / PER_HOST)][rank % PER_HOST] : 1;
    // Box and Muller, 1958.
    const normal = Math.sqrt(-2 * Math.log(draw())) * Math.cos(2 * Math.PI * draw());
    return at(shared ? m.beside : m.alone, count) * slowdown *
      (1 + Math.abs(m.stragglers * normal));
  });
  const half = { once: at(m.once, parts[0]) / 2, message: m.message / 2 };
  const isFar = (rank: number) => rank >= PER_HOST;
  let now = half.once, line = 0;
  const answers: { there: number; far: boolean }[] = [];
  for (let rank = 1; rank < parts.length; rank++) {
    now += half.message;
    let there = now;
    if (isFar(rank)) {
      // One message after the other goes out of the host of rank 0.
      line = Math.max(line, now) + (PARAMETERS + TASK * parts[rank]) / m.bandwidth;
      there = line + m.latency;
    }
    answers.push({ there: there + works[rank] + (isFar(rank) ? m.latency : 0), far: isFar(rank) });
  }
  now += works[0];
  line = 0;
  for (const { there, far } of answers.sort((a, b) => a.there - b.there)) {
    line = far ? Math.max(line, there) + PARAMETERS / m.bandwidth : line;
    now = Math.max(now, far ? line : there) + half.message;
  }
  return now + half.once;
}
