/**
 * Faults on purpose, for tests: `TORCHOPT_FAULTS="fn=train:request=.1,reply=.1;seed=7"`.
 *
 * @module
 */

import { RpcError } from "./errors.ts";
import { environment } from "./cluster.ts";

/** What may happen to calls of a function. */
export interface Faults {
  /** How likely a request is lost. */
  readonly request: number;
  /** How likely an answer is lost, after the function ran. */
  readonly reply: number;
  /** How likely the function fails while it runs. */
  readonly running: number;
  /** Milliseconds that each frame waits. */
  readonly delay: number;
}

/** Draws what happens. */
export class FaultInjector {
  readonly #rules: { readonly name: RegExp; readonly faults: Faults }[] = [];
  /** Milliseconds until a request is sent again; null for the usual ones. */
  readonly pause: number | null = null;
  #state: number;

  /**
   * Rules of the form `fn=NAME:request=P,reply=P,running=P,delay=Nms`, separated by `;`, of which the
   * first that fits a name counts; `*` in a name stands for anything. `seed=N` is a rule, too, and
   * `pause=Nms`: when a request that may come twice is sent again.
   */
  constructor(text: string) {
    this.#state = 1;
    for (const rule of text.split(";").map((part) => part.trim()).filter((part) => part !== "")) {
      const seed = /^seed=(\d+)$/.exec(rule),
        pause = /^pause=(\d+)ms$/.exec(rule),
        named = /^fn=([^:]+):(.+)$/.exec(rule);
      if (seed !== null) this.#state = Number(seed[1]) || 1;
      else if (pause !== null) this.pause = Number(pause[1]);
      else if (named === null) throw new RpcError(`TORCHOPT_FAULTS: cannot read ${rule}.`);
      else this.#rules.push({ name: patternOf(named[1]), faults: faultsOf(named[2]) });
    }
  }

  /** The faults of a function; undefined where it has none. */
  of(name: string): Faults | undefined {
    return this.#rules.find((rule) => rule.name.test(name))?.faults;
  }

  /** Whether something of a likelihood happens now. */
  happens(likelihood: number): boolean {
    if (likelihood <= 0) return false;
    // Marsaglia, Xorshift RNGs, 2003.
    let x = this.#state | 0;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) / 2 ** 32 < likelihood;
  }
}

function patternOf(name: string): RegExp {
  return new RegExp(
    `^${name.split("*").map((s) => s.replace(/[.$/\\+?()[\]{}|^]/g, "\\$&")).join(".*")}$`,
  );
}

function faultsOf(text: string): Faults {
  const faults = { request: 0, reply: 0, running: 0, delay: 0 };
  for (const part of text.split(",")) {
    const [, key, value] = /^(\w+)=([\d.]+)(?:ms)?$/.exec(part.trim()) ?? [];
    if (key === undefined || !(key in faults)) {
      throw new RpcError(
        `TORCHOPT_FAULTS: cannot read ${part}; wants request, reply, running or delay.`,
      );
    }
    faults[key as keyof typeof faults] = Number(value);
  }
  return faults;
}

/** Faults that the variable asks for; null without it. */
export function faultsFromEnvironment(): FaultInjector | null {
  const text = environment("TORCHOPT_FAULTS");
  return text ? new FaultInjector(text) : null;
}
