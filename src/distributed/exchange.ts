/**
 * Exchanges that all ranks take part in: through rank 0, or around a ring.
 *
 * @module
 */

import { cat } from "../tensor/functions.ts";
import { TensorCore } from "../tensor/core.ts";
import { realize } from "../tensor/realize.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Agent } from "./agent.ts";
import { RpcError, RpcTimeoutError } from "./errors.ts";

/** What rank 0 makes of what all ranks gave, for each of them. */
export type Combine = (given: readonly Tensor[][]) => Tensor[][];

interface Round {
  /** What the ranks do; all have to do the same. */
  readonly what: string;
  readonly given: (Tensor[] | undefined)[];
  readonly results: PromiseWithResolvers<Tensor[][]>;
  combine: Combine | null;
}

/** Exchanges of one rank with all others. */
export class Exchange {
  readonly #agent: Agent;
  readonly #rounds = new Map<number, Round>();
  readonly #mail = new Map<string, PromiseWithResolvers<Tensor>>();
  #dead: Error | null = null;
  #next = 0;

  /** Exchanges over the links of an agent. */
  constructor(agent: Agent) {
    this.#agent = agent;
    agent.system.set("exchange", async (from, number, what, tensors) => {
      if (typeof number !== "number" || typeof what !== "string" || !areTensors(tensors)) {
        throw new RpcError("exchange: it is none.");
      }
      return (await this.#give(from, number, what, tensors).results.promise)[from];
    });
    agent.system.set("exchange/ring", (_, key, tensor) => {
      if (typeof key !== "string" || !(tensor instanceof TensorCore)) {
        throw new RpcError("exchange: no part.");
      }
      this.#letter(key).resolve(tensor as Tensor);
    });
    agent.onDeath.push((_, error) => {
      // Who waits for all cannot be served any more.
      this.#dead = error;
      for (const round of this.#rounds.values()) round.results.reject(error);
      for (const letter of this.#mail.values()) letter.reject(error);
      this.#rounds.clear();
      this.#mail.clear();
    });
  }

  /** Number of the next exchange; all ranks count alike. */
  number(): number {
    return this.#next++;
  }

  /** Gives tensors to rank 0 and gets what it made for this rank; `combine` runs there. */
  async throughFirst(
    what: string,
    tensors: readonly Tensor[],
    combine: Combine,
    seconds: number,
    number = this.number(),
  ): Promise<Tensor[]> {
    const { rank } = this.#agent;
    if (rank !== 0) {
      return await this.#agent.ask(0, "exchange", [number, what, tensors], { seconds }) as Tensor[];
    }
    const round = this.#give(0, number, what, [...tensors], combine), { promise } = round.results;
    if (seconds <= 0) return (await promise)[0];
    const timer = setTimeout(() => {
      const late = round.given.flatMap((x, r) => x === undefined ? [r] : []);
      round.results.reject(
        new RpcError(`${what}: rank ${late.join(", ")} did not come within ${seconds} s.`),
      );
    }, seconds * 1000);
    try {
      return (await promise)[0];
    } finally {
      clearTimeout(timer);
    }
  }

  #give(from: number, number: number, what: string, tensors: Tensor[], combine?: Combine): Round {
    let round = this.#rounds.get(number);
    if (round === undefined) {
      const { size } = this.#agent;
      round = {
        what,
        given: new Array(size).fill(undefined),
        results: Promise.withResolvers(),
        combine: null,
      };
      round.results.promise.catch(() => {});
      if (this.#dead !== null) round.results.reject(this.#dead);
      else this.#rounds.set(number, round);
    }
    if (round.what !== what) {
      round.results.reject(
        new RpcError(
          `${what} on rank ${from} meets ${round.what}: all ranks have to call the same, in the same ` +
            "order, with trees of the same structure, shapes and dtypes.",
        ),
      );
    }
    round.given[from] = tensors;
    if (combine !== undefined) round.combine = combine;
    if (round.combine !== null && !round.given.includes(undefined)) {
      this.#rounds.delete(number);
      try {
        round.results.resolve(round.combine(round.given as Tensor[][]));
      } catch (error) {
        round.results.reject(error);
      }
    }
    return round;
  }

  #letter(key: string): PromiseWithResolvers<Tensor> {
    let letter = this.#mail.get(key);
    if (letter === undefined) {
      letter = Promise.withResolvers();
      letter.promise.catch(() => {});
      if (this.#dead !== null) letter.reject(this.#dead);
      this.#mail.set(key, letter);
    }
    return letter;
  }

  /** What a rank sends, if it does so in time. */
  async #within(seconds: number, from: number, key: string): Promise<Tensor> {
    const letter = this.#letter(key);
    if (seconds <= 0) return await letter.promise;
    const timer = setTimeout(
      () => letter.reject(new RpcTimeoutError(from, "allReduce", seconds)),
      seconds * 1000,
    );
    try {
      return await letter.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * The sum of a vector of at least one element for each rank: parts of it go around the ring, first adding up, then as they are
   * (Patarasuk and Yuan, Bandwidth optimal all-reduce algorithms for clusters of workstations, 2009).
   */
  async aroundRing(x: Tensor, seconds: number, number = this.number()): Promise<Tensor> {
    const { rank, size } = this.#agent, next = (rank + 1) % size;
    const startOf = (part: number) => Math.floor(part * x.size / size);
    const parts = Array.from(
      { length: size },
      (_, i) => x.narrow(0, startOf(i), startOf(i + 1) - startOf(i)),
    );
    for (let step = 0; step < 2 * (size - 1); step++) {
      const adds = step < size - 1;
      const out = (rank - step + 2 * size) % size, into = (out - 1 + size) % size;
      const key = `${number}#${step}`;
      const sent = this.#agent.ask(next, "exchange/ring", [key, parts[out]], { seconds });
      sent.catch(() => {});
      const got = await this.#within(seconds, (rank - 1 + size) % size, key);
      this.#mail.delete(key);
      parts[into] = adds ? parts[into].add(got) : got;
      if (adds) realize(parts[into]);
      await sent;
    }
    return cat(parts);
  }
}

function areTensors(x: unknown): x is Tensor[] {
  return Array.isArray(x) && x.every((y) => y instanceof TensorCore);
}
