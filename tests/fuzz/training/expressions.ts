/** Random expressions of tensors of three shapes: matrices, vectors and scalars. */

import type { Side, Value } from "./value.ts";

/** What a side knows while a program runs. */
export interface World {
  readonly side: Side;
  // deno-lint-ignore no-explicit-any
  readonly vars: Map<string, any>;
}

/** The shapes: `[n, n]`, `[n]` and `[]`. */
export type Kind = "M" | "V" | "S";

/** An expression: its text, the variables in it, and how a side computes it. */
export interface Expression {
  readonly text: string;
  readonly needs: readonly string[];
  readonly of: (w: World) => Value;
}

/** Mulberry32 and what is made of it. */
export class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = Math.imul(seed + 1, 0x9e3779b1);
  }
  /** A number in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
  /** A whole number from 0 to below `n`. */
  below(n: number): number {
    return Math.floor(this.next() * n);
  }
  chance(p: number): boolean {
    return this.next() < p;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
  /** Some of a list, in its order; at least one. */
  some<T>(list: readonly T[], p = 0.6): T[] {
    const chosen = list.filter(() => this.chance(p));
    return chosen.length > 0 ? chosen : [this.pick(list)];
  }
  shuffled<T>(list: readonly T[]): T[] {
    return list.map((x) => [this.next(), x] as const).sort((a, b) => a[0] - b[0]).map((p) => p[1]);
  }
}

/** Names that an expression may use. */
export type Names = Readonly<Record<Kind, readonly string[]>>;

type Rule = {
  readonly kinds: readonly Kind[];
  readonly text: (...parts: string[]) => string;
  readonly of: (side: Side, ...xs: Value[]) => Value;
};

/** Smooth and bounded, so that rounding does not grow. `n` is the size. */
function rules(n: number): Record<Kind, readonly Rule[]> {
  const roll = (side: Side, x: Value) => side.cat([x.narrow(0, 1, n - 1), x.narrow(0, 0, 1)]);
  const same = (k: Kind): Rule[] => [
    { kinds: [k, k], text: (a, b) => `${a}.add(${b})`, of: (_, a, b) => a.add(b) },
    { kinds: [k, "S"], text: (a, b) => `${a}.sub(${b})`, of: (_, a, b) => a.sub(b) },
    { kinds: [k, k], text: (a, b) => `${a}.mul(${b}).tanh()`, of: (_, a, b) => a.mul(b).tanh() },
    { kinds: [k, "S"], text: (a, b) => `${a}.mul(${b}).tanh()`, of: (_, a, b) => a.mul(b).tanh() },
    { kinds: [k], text: (a) => `${a}.tanh()`, of: (_, a) => a.tanh() },
    { kinds: [k], text: (a) => `${a}.sigmoid()`, of: (_, a) => a.sigmoid() },
    { kinds: [k], text: (a) => `${a}.square().neg().exp()`, of: (_, a) => a.square().neg().exp() },
    {
      kinds: [k],
      text: (a) => `${a}.square().add(0.5).sqrt()`,
      of: (_, a) => a.square().add(0.5).sqrt(),
    },
    { kinds: [k, k], text: (a, b) => `${a}.lerp(${b}, 0.3)`, of: (_, a, b) => a.lerp(b, 0.3) },
    { kinds: [k], text: (a) => `${a}.mul(0.7)`, of: (_, a) => a.mul(0.7) },
    { kinds: [k], text: (a) => `${a}.detach()`, of: (_, a) => a.detach().mul(1.1) },
    {
      kinds: [k, k],
      text: (a, b) => `${a}.div(${b}.square().add(0.7))`,
      of: (_, a, b) => a.div(b.square().add(0.7)),
    },
  ];
  const choose: Rule = {
    kinds: [],
    text: (a, b) => `where(mask, ${a}, ${b})`,
    of: (side, a, b, mask) => side.where(mask, a, b),
  };
  return {
    M: [
      ...same("M"),
      { kinds: ["M", "V"], text: (a, b) => `${a}.add(${b})`, of: (_, a, b) => a.add(b) },
      { kinds: ["M", "V"], text: (a, b) => `${a}.mul(${b})`, of: (_, a, b) => a.mul(b.tanh()) },
      ...[1, 2, 3].map((): Rule => ({
        kinds: ["M", "M"],
        text: (a, b) => `${a}.matmul(${b}).mul(1/n).tanh()`,
        of: (_, a, b) => a.matmul(b).mul(1 / n).tanh(),
      })),
      { kinds: ["M"], text: (a) => `${a}.t()`, of: (_, a) => a.t().mul(0.9) },
      { kinds: ["M"], text: (a) => `roll(${a})`, of: (side, a) => roll(side, a) },
      { ...choose, kinds: ["M", "M", "M"] },
    ],
    V: [
      ...same("V"),
      { kinds: ["M"], text: (a) => `${a}.mean(0)`, of: (_, a) => a.mean(0) },
      {
        kinds: ["M"],
        text: (a) => `${a}.sum(1, keepdim).reshape(n).tanh()`,
        of: (_, a) => a.sum(1, { keepdim: true }).reshape(n).tanh(),
      },
      { kinds: ["M"], text: (a) => `${a}.select(0, 1)`, of: (_, a) => a.select(0, 1).mul(1.2) },
      { kinds: ["V"], text: (a) => `roll(${a})`, of: (side, a) => roll(side, a) },
      ...[1, 2].map((): Rule => ({
        kinds: ["V", "M"],
        text: (a, b) => `${a}.reshape(1, n).matmul(${b}).reshape(n).tanh()`,
        of: (_, a, b) => a.reshape(1, n).matmul(b).reshape(n).tanh(),
      })),
      { ...choose, kinds: ["V", "V", "V"] },
    ],
    S: [
      ...same("S").filter((_, i) => i !== 1 && i !== 3),
      { kinds: ["M"], text: (a) => `${a}.mean()`, of: (_, a) => a.mean() },
      { kinds: ["M"], text: (a) => `${a}.square().mean()`, of: (_, a) => a.square().mean() },
      { kinds: ["V"], text: (a) => `${a}.mean()`, of: (_, a) => a.mean() },
      {
        kinds: ["V", "V"],
        text: (a, b) => `${a}.mul(${b}).sum().tanh()`,
        of: (_, a, b) => a.mul(b).sum().tanh(),
      },
    ],
  };
}

/** Makes expressions. */
export class Expressions {
  readonly #dice: Dice;
  readonly #rules: Record<Kind, readonly Rule[]>;
  constructor(dice: Dice, n: number) {
    this.#dice = dice;
    this.#rules = rules(n);
  }

  /** A variable. */
  name(kind: Kind, names: Names): Expression {
    const name = this.#dice.pick(names[kind]);
    return { text: name, needs: [name], of: (w) => w.vars.get(name) };
  }

  /** An expression of at most `depth` operations in a row. */
  make(kind: Kind, names: Names, depth: number): Expression {
    const dice = this.#dice;
    if (depth === 0 && names[kind].length > 0) return this.name(kind, names);
    const fitting = this.#rules[kind].filter((r) =>
      depth > 0 || r.kinds.every((k) => names[k].length > 0)
    );
    const rule = dice.pick(fitting);
    const parts = rule.kinds.map((k) => this.make(k, names, dice.below(Math.max(depth, 1))));
    return {
      text: rule.text(...parts.map((p) => p.text)),
      needs: parts.flatMap((p) => p.needs),
      of: (w) => rule.of(w.side, ...parts.map((p) => p.of(w))),
    };
  }

  /** A scalar that depends on a variable in `on`. */
  loss(names: Names, on: readonly [Kind, string], depth: number): Expression {
    const [kind, name] = on;
    const other = this.make(kind, names, depth);
    const form = this.#dice.below(3);
    const join = (a: Value, b: Value) =>
      form === 0
        ? a.mul(b).tanh().square()
        : form === 1
        ? a.sub(b).square()
        : a.add(b).tanh().square();
    const text = ["mul(_).tanh().square()", "sub(_).square()", "add(_).tanh().square()"][form];
    return {
      text: `${name}.${text.replace("_", other.text)}.mean()`,
      needs: [name, ...other.needs],
      of: (w) => join(w.vars.get(name), other.of(w)).mean(),
    };
  }
}
