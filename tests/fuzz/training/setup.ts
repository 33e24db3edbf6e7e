/** What random training programs begin with: tensors, optimizers, compiled functions. */

import {
  Dice,
  type Expression,
  Expressions,
  type Kind,
  type Names,
  type World,
} from "./expressions.ts";
import * as s from "./statements.ts";
import type { Statement } from "./statements.ts";
import type { Recipe, Stepper, Value } from "./value.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const LR = [0.3, 0.1, 0.05];

function recipe(dice: Dice, differentiable: boolean): Recipe {
  const kind = dice.pick(["sgd", "sgd", "adam", "adam", "adamw", "rmsprop", "adagrad"] as const);
  const options: Mutable<Recipe["options"]> = { lr: dice.pick(LR) };
  const clip = dice.chance(0.2) ? 0.2 : null;
  if (kind !== "sgd") options.eps = 1e-3;
  if (dice.chance(0.2)) options.weightDecay = 0.01;
  if (kind === "sgd" && dice.chance(0.6)) {
    options.momentum = 0.9;
    if (dice.chance(0.3)) options.nesterov = true;
    else if (dice.chance(0.2)) options.dampening = 0.3;
  }
  if (kind === "rmsprop" && dice.chance(0.3)) options.momentum = 0.5;
  if (kind === "adagrad" && dice.chance(0.3)) options.lrDecay = 0.1;
  if (kind.startsWith("adam")) {
    if (differentiable || dice.chance(0.2)) options.epsRoot = 1e-3;
    if (dice.chance(0.25)) options.useAcceleratedOp = true;
  }
  if (differentiable && (kind === "rmsprop" || kind === "adagrad")) {
    return { kind: "sgd", options: { lr: options.lr, momentum: 0.9 }, clip: null };
  }
  return { kind, options, clip: differentiable ? null : clip };
}

const show = ({ kind, options, clip }: Recipe) =>
  `${kind}(${JSON.stringify(options).replaceAll('"', "")}${clip === null ? "" : `, clip ${clip}`})`;

/** The beginning of one program, and expressions of what it defines. */
export class Setup {
  readonly dice: Dice;
  readonly n: number;
  readonly large: boolean;
  readonly types: ("float32" | "float64")[];
  readonly expressions: Expressions;
  readonly params: [Kind, string][] = [];
  readonly optimizers: string[] = [];
  readonly metrics: [Kind, string][] = [];
  /** Names that always stand for the same handle: compiled functions may use them. */
  readonly fixed: Record<Kind, string[]> = { M: ["x0"], V: ["y0"], S: ["z0"] };
  readonly names: Record<Kind, string[]>;
  readonly compiled: string[] = [];
  readonly setup: Statement[] = [];
  #serial = 0;

  constructor(seed: number) {
    const dice = this.dice = new Dice(seed);
    this.large = dice.chance(0.35);
    const type = dice.below(10);
    this.types = type < 6 ? ["float64"] : type < 9 ? ["float32"] : ["float32", "float64"];
    // Matrices of 34 by 34 are too large for what steps compute of their own accord.
    this.n = !this.large ? 3 : dice.chance(0.35) ? 34 : this.types[0] === "float64" ? 12 : 17;
    this.expressions = new Expressions(dice, this.n);
    this.names = {
      M: ["x0", "x0", "m0", "m1", "m2", "h"],
      V: ["y0", "v0", "v1", "v2"],
      S: ["z0", "s0", "s1", "L", "L2"],
    };
    this.#make();
  }

  loss(names: Names = this.names): Expression {
    const params = this.params.filter(([, p]) => !p.startsWith("f"));
    return this.expressions.loss(names, this.dice.pick(params), 1 + this.dice.below(3));
  }
  make(kind: Kind, names: Names = this.names): Expression {
    return this.expressions.make(kind, names, 1 + this.dice.below(3));
  }
  kind(): Kind {
    return this.dice.pick(["M", "M", "V", "V", "S"] as const);
  }
  /** A name for a value of its kind. */
  target(kind: Kind): string {
    return kind.toLowerCase().replace("M", "m") + this.dice.below(kind === "S" ? 2 : 3);
  }

  #tensor(kind: Kind, name: string, requiresGrad: boolean, fixed = true): void {
    const { n, dice } = this, shape = kind === "M" ? [n, n] : kind === "V" ? [n] : [];
    const k = this.#serial++, dtype = dice.pick(this.types);
    const size = shape.reduce((a, b) => a * b, 1);
    const data = Array.from({ length: size }, (_, i) => Math.sin(1.7 * i + 2.3 * k + 0.4));
    if (fixed) this.fixed[kind].push(name);
    const text = `${name} = tensor [${shape}] ${dtype}${requiresGrad ? " requiresGrad" : ""}`;
    this.setup.push(
      s.act(
        text,
        [],
        (w) => void w.vars.set(name, w.side.tensor(data, shape, { dtype, requiresGrad })),
        [name],
      ),
    );
  }

  #make(): void {
    const { dice, setup, fixed, names } = this;
    fixed.M = [];
    fixed.V = [];
    fixed.S = [];
    this.#tensor("M", "x0", dice.chance(0.15));
    this.#tensor("V", "y0", dice.chance(0.15));
    this.#tensor("S", "z0", false);
    const count = 2 + dice.below(3);
    for (let i = 0; i < count; i++) {
      const kind = dice.pick(["M", "M", "V", "V", "S"] as const), name = `p${i}`;
      this.#tensor(kind, name, true);
      this.params.push([kind, name]);
      names[kind].push(name, name, name);
      if (!dice.chance(0.05)) continue;
      setup.push(
        s.act(
          `${name}.registerHook((g) => g.mul(0.7))`,
          [name],
          (w) => void w.vars.get(name).registerHook((g: Value) => g.mul(0.7)),
        ),
      );
    }
    for (const kind of dice.some(["V", "S"] as const)) {
      const name = `q${this.metrics.length}`;
      this.#tensor(kind, name, false);
      this.metrics.push([kind, name]);
      names[kind].push(name);
    }
    for (const name of ["h", "m0", "m1", "m2"]) this.#tensor("M", name, false, false);
    for (const name of ["v0", "v1", "v2"]) this.#tensor("V", name, false, false);
    for (const name of ["s0", "s1", "L", "L2"]) this.#tensor("S", name, false, false);
    // Disjoint subsets; some parameters belong to no optimizer, now and then one to two.
    let rest = dice.shuffled(this.params.map(([, name]) => name));
    if (rest.length > 1 && dice.chance(0.5)) rest = rest.slice(1);
    while (rest.length > 0 && this.optimizers.length < 4) {
      const size = 1 + dice.below(rest.length),
        subset = rest.slice(0, size),
        r = recipe(dice, false);
      rest = dice.chance(0.05) ? rest.slice(size - 1) : rest.slice(size);
      if (size === 1 && dice.chance(0.05)) rest = [];
      const name = `o${this.optimizers.length}`;
      this.optimizers.push(name);
      setup.push(
        s.act(
          `${name} = ${show(r)} of [${subset}]`,
          subset,
          (w) => void w.vars.set(name, w.side.stepper(subset.map((p) => w.vars.get(p)), r)),
          [name],
        ),
      );
    }
    if (dice.chance(0.25)) this.#functional();
    if (dice.chance(0.3)) this.#inner();
    for (let i = dice.below(3); i > 0; i--) this.#compile();
  }

  #functional(): void {
    const { dice, setup } = this;
    this.#tensor("M", "f0", true, false);
    this.#tensor("V", "f1", true, false);
    this.names.M.push("f0");
    this.names.V.push("f1");
    const r = recipe(dice, true);
    setup.push(
      s.act(`fo = ${show(r)}; fs = init([f0, f1]); fh = FuncOptimizer`, ["f0", "f1"], (w) => {
        const impl = w.side.functional(r);
        w.vars.set("fo", impl);
        w.vars.set("fs", impl.init([w.vars.get("f0"), w.vars.get("f1")]));
        w.vars.set("fh", w.side.holder(r));
      }),
    );
  }

  #inner(): void {
    const matrices = this.params.filter(([k]) => k === "M"),
      vectors = this.params.filter(([k]) => k === "V");
    if (matrices.length === 0 || vectors.length === 0) return;
    const [, a] = this.dice.pick(matrices),
      [, b] = this.dice.pick(vectors),
      r = recipe(this.dice, true);
    this.setup.push(
      s.act(
        `inner = MetaOptimizer ${show(r)} of [${a}, ${b}]`,
        [a, b],
        (w) => void w.vars.set("inner", w.side.inner([w.vars.get(a), w.vars.get(b)], r)),
        ["inner"],
      ),
    );
  }

  /** A compiled function of a vector. */
  #compile(): void {
    const { dice, fixed, setup } = this, name = `c${this.compiled.length}`;
    const names = { ...fixed, V: [...fixed.V, "arg", "arg", "arg"] };
    const loss = this.loss(names), needs = loss.needs.filter((x) => x !== "arg");
    const other = this.make("V", names), more = other.needs.filter((x) => x !== "arg");
    const clear = dice.below(3), [optimizer] = dice.shuffled(this.optimizers);
    const metric = this.metrics.find(([k]) => k === "V");
    const form = dice.below(metric === undefined ? 3 : 4);
    const define = (
      text: string,
      needs: string[],
      fn: (w: World, arg: Value) => Value | Value[],
    ) => {
      setup.push(s.act(`${name} = compile((arg) => ${text})`, needs, (w) => {
        const compiled = w.side.compile((arg: Value) => {
          w.vars.set("arg", arg);
          const out = fn(w, arg);
          w.vars.delete("arg");
          return out;
        });
        w.vars.set(name, compiled);
      }, [name]));
    };
    this.compiled.push(name);
    if (form === 0) {
      const zero =
        ["", `${optimizer}.zeroGrad(); `, `${optimizer}.zeroGrad({ setToNone: true }); `][clear];
      const text = `${zero}L = ${loss.text}; L.backward(); ${optimizer}.step(); return L.detach()`;
      define(text, [optimizer, ...needs], (w) => {
        const o = w.vars.get(optimizer) as Stepper;
        if (clear > 0) o.zeroGrad({ setToNone: clear === 2 });
        const value = loss.of(w);
        if (value.requiresGrad) {
          value.backward();
          o.step();
        }
        return value.detach();
      });
    } else if (form === 1) define(other.text, more, (w) => other.of(w));
    else if (form === 2) {
      define(`noGrad(() => ${loss.text})`, needs, (w) => w.side.noGrad(() => loss.of(w)));
    } else {
      const [, q] = metric!;
      define(
        `${q}.lerp_(arg, 0.2); return [${q}.mul(2), ${other.text}]`,
        [q, ...more],
        (w, arg) => {
          const buffer = w.vars.get(q) as Value;
          w.side.noGrad(() => buffer.lerp_(arg, 0.2));
          return [buffer.mul(2), other.of(w)];
        },
      );
    }
  }

  /** Some of the parameters. */
  someParams(): string[] {
    return this.dice.some(this.params).map(([, name]) => name);
  }
}
