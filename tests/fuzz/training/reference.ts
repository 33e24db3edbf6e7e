/** The reference's side: optimizers by their formulas, compiled functions that simply run. */

import type { Functional, Inner, Recipe, Side, Stepper, TensorOptions, Value } from "./value.ts";
import * as tape from "./tape.ts";
import { boxes, Cell, isRecording, leaf, rebound, withRecording } from "./cell.ts";
import { Ref, where } from "./tape.ts";

/** State of an optimizer: for each parameter its moments and its number of steps. */
interface State {
  moments: Record<string, Ref[]>;
  counts: number[];
}

const NAMES: Record<Recipe["kind"], (o: Recipe["options"]) => string[]> = {
  sgd: (o) => o.momentum ? ["trace"] : [],
  adam: () => ["mu", "nu"],
  adamw: () => ["mu", "nu"],
  rmsprop: (o) => [...(o.centered ? ["mu", "nu"] : ["nu"]), ...(o.momentum ? ["trace"] : [])],
  adagrad: () => ["sumOfSquares"],
};

function zeros(like: Ref): Ref {
  return new Ref(new Cell(new Float64Array(like.cell.data.length), like.shape));
}

function init({ kind, options }: Recipe, params: readonly Ref[]): State {
  const moments: State["moments"] = {};
  for (const name of NAMES[kind](options)) moments[name] = params.map(zeros);
  return { moments, counts: params.map(() => 0) };
}

/** One step of Adam's means; `count` is that of this step. */
function adam(g: Ref, m: Record<string, Ref>, count: number, o: Recipe["options"]): Ref {
  const [b1, b2] = o.betas ?? [0.9, 0.999];
  m.mu = m.mu.mul(b1).add(g.mul(1 - b1));
  m.nu = m.nu.mul(b2).add(g.square().mul(1 - b2));
  const root = m.nu.div(1 - b2 ** count).add(o.epsRoot ?? 0).sqrt();
  return m.mu.div(1 - b1 ** count).div(root.add(o.eps ?? 1e-8));
}

function momentum(g: Ref, m: Record<string, Ref>, first: boolean, o: Recipe["options"]): Ref {
  if (!o.momentum) return g;
  m.trace = first ? g : m.trace.mul(o.momentum).add(g.mul(1 - (o.dampening ?? 0)));
  return o.nesterov ? g.add(m.trace.mul(o.momentum)) : m.trace;
}

/** The update of one parameter; replaces the moments in `m`. */
function updateOf(g: Ref, p: Ref, m: Record<string, Ref>, count: number, recipe: Recipe): Ref {
  const { kind, options: o } = recipe;
  if (o.maximize) g = g.neg();
  if (o.weightDecay && kind !== "adamw") g = g.add(p.mul(o.weightDecay));
  switch (kind) {
    case "sgd":
      return momentum(g, m, count === 1, o).mul(-o.lr);
    case "adam":
      return adam(g, m, count, o).mul(-o.lr);
    case "adamw":
      return adam(g, m, count, o).add(p.mul(o.weightDecay ?? 1e-2)).mul(-o.lr);
    case "rmsprop": {
      const alpha = o.alpha ?? 0.99;
      m.nu = m.nu.mul(alpha).add(g.square().mul(1 - alpha));
      let square = m.nu;
      if (o.centered) {
        m.mu = m.mu.mul(alpha).add(g.mul(1 - alpha));
        square = square.sub(m.mu.square());
      }
      return momentum(g.div(square.sqrt().add(o.eps ?? 1e-8)), m, count === 1, o).mul(-o.lr);
    }
    case "adagrad": {
      m.sumOfSquares = m.sumOfSquares.add(g.square());
      const scaled = g.div(m.sumOfSquares.sqrt().add(o.eps ?? 1e-10));
      return scaled.mul(-o.lr / (1 + (o.lrDecay ?? 0) * (count - 1)));
    }
  }
}

function clipped(grads: readonly (Ref | null)[], clip: number | null): (Ref | null)[] {
  if (clip === null) return [...grads];
  let total = 0;
  for (const g of grads) g?.cell.data.forEach((v) => total += v * v);
  const factor = Math.min(1, clip / (Math.sqrt(total) + 1e-6));
  return grads.map((g) => g?.mul(factor) ?? null);
}

/** Updates of all parameters and the next state; null where there is no gradient. */
function update(
  recipe: Recipe,
  grads: readonly (Ref | null)[],
  state: State,
  params: readonly Ref[],
): [(Ref | null)[], State] {
  const next: State = { moments: {}, counts: [...state.counts] };
  for (const [name, list] of Object.entries(state.moments)) next.moments[name] = [...list];
  const updates = clipped(grads, recipe.clip).map((g, i) => {
    if (g === null) return null;
    const m: Record<string, Ref> = {};
    for (const name in next.moments) m[name] = next.moments[name][i];
    const result = updateOf(g, params[i], m, ++next.counts[i], recipe);
    for (const name in m) next.moments[name][i] = m[name];
    return result;
  });
  return [updates, next];
}

/** Writes a state into another, whose handles stay. */
function write(into: State, from: State): void {
  for (const name in into.moments) {
    into.moments[name].forEach((handle, i) => {
      const value = from.moments[name][i];
      if (handle !== value) handle.assign(value);
    });
  }
  into.counts = [...from.counts];
}

/** A classic optimizer of the reference. */
export class ReferenceStepper implements Stepper {
  readonly #params: readonly Ref[];
  readonly #recipe: Recipe;
  readonly #state: State;
  constructor(params: readonly Ref[], recipe: Recipe) {
    this.#params = params;
    this.#recipe = recipe;
    this.#state = init(recipe, params);
  }
  step(closure?: () => Value): Value | void {
    const loss = closure && withRecording(true, closure);
    withRecording(false, () => {
      const grads = this.#params.map((p) => p.grad);
      const [updates, state] = update(this.#recipe, grads, this.#state, this.#params);
      write(this.#state, state);
      updates.forEach((u, i) => u !== null && this.#params[i].add_(u));
    });
    this.refs().forEach((x) => x.data());
    return loss;
  }
  zeroGrad({ setToNone = false } = {}): void {
    for (const p of this.#params) if (p.grad !== null) p.grad = setToNone ? null : zeros(p);
  }
  save(): unknown {
    const moments = Object.entries(this.#state.moments)
      .map(([name, list]) => [name, list.map((x) => new Ref(x.cell))]);
    return { moments: Object.fromEntries(moments), counts: [...this.#state.counts] };
  }
  load(state: unknown): void {
    withRecording(false, () => write(this.#state, state as State));
  }
  /** Parameters and moments. */
  refs(): Ref[] {
    return [...this.#params, ...Object.values(this.#state.moments).flat()];
  }
  moments(): number[][] {
    return Object.values(this.#state.moments).flat().map((x) => Array.from(x.data()));
  }
}

function functional(recipe: Recipe): Functional {
  return {
    init: (params) => init(recipe, params as Ref[]),
    update(grads, state, params, inplace) {
      const run = () => update(recipe, grads as Ref[], state as State, params as Ref[]);
      const [updates, next] = inplace ? withRecording(false, run) : run();
      if (!inplace) return [updates as Ref[], next];
      withRecording(false, () => write(state as State, next));
      return [updates as Ref[], state];
    },
    apply(params, updates, inplace) {
      if (!inplace) return params.map((p, i) => updates[i] === null ? p : p.add(updates[i]));
      withRecording(
        false,
        () => params.forEach((p, i) => updates[i] !== null && p.add_(updates[i])),
      );
      params.forEach((p) => p.data());
      return params;
    },
    moments: (state) => Object.values((state as State).moments).flat(),
  };
}

class ReferenceInner implements Inner {
  #params: Ref[];
  #state: State;
  readonly #recipe: Recipe;
  constructor(params: Ref[], recipe: Recipe) {
    this.#params = params;
    this.#recipe = recipe;
    this.#state = init(recipe, params);
  }
  params(): Value[] {
    return this.#params;
  }
  step(loss: Value): void {
    const grads = tape.grad(loss as Ref, this.#params, true);
    const [updates, state] = update(this.#recipe, grads, this.#state, this.#params);
    this.#state = state;
    this.#params = this.#params.map((p, i) => updates[i] === null ? p : p.add(updates[i]!));
  }
  extract(): unknown {
    return { params: this.#params, state: this.#state };
  }
  recover(snapshot: unknown): void {
    const { params, state } = snapshot as { params: Ref[]; state: State };
    this.#params = params;
    this.#state = state;
  }
}

/** As documented: results and what is rebound have no history, and the tensor in `.grad` stays. */
function compile<F extends (...args: Value[]) => Value | Value[]>(fn: F): F {
  const call = (...args: Value[]): Value | Value[] => {
    if (isRecording() && args.some((x) => x.requiresGrad && !x.isLeaf)) return fn(...args);
    const before = new Map([...boxes].map((box) => [box, box.grad]));
    const list: Ref[] = rebound.list = [];
    const out = fn(...args);
    rebound.list = null;
    for (const handle of list) {
      if (!handle.isLeaf) handle.cell = handle.detach().cell;
      handle.data();
    }
    for (const box of boxes) {
      const old = before.get(box) ?? null;
      if (box.grad === old || box.grad === null) continue;
      const { cell } = box.grad.detach();
      cell.known = true;
      if (old === null) box.grad = new Ref(cell);
      else {
        old.cell.next = cell;
        old.cell = cell;
        box.grad = old;
      }
    }
    const cut = (x: Value) => {
      const y = x.detach();
      y.data();
      return y;
    };
    return Array.isArray(out) ? out.map(cut) : cut(out);
  };
  return call as F;
}

/** The reference's side. */
export function reference(): Side {
  boxes.clear();
  return {
    tensor(data, shape, { dtype, requiresGrad }: TensorOptions) {
      const array = dtype === "float32" ? Float64Array.from(Float32Array.from(data)) : data;
      const x = new Ref(leaf(Float64Array.from(array), shape, null));
      return requiresGrad ? x.requiresGrad_() : x;
    },
    cat: (xs) => tape.cat(xs as Ref[]),
    where: (mask, a, b) => where(mask as Ref, a as Ref, b as Ref),
    noGrad: (fn) => withRecording(false, fn),
    grad: (output, inputs, createGraph) => tape.grad(output as Ref, inputs as Ref[], createGraph),
    backward: (outputs) => tape.backward(outputs as Ref[], [], false),
    realize: (xs) => xs.forEach((x) => x.data()),
    later: (x) => Promise.resolve(x.data()),
    compile,
    vmap: (fn) => (x) =>
      tape.cat(Array.from({ length: x.shape[0] }, (_, i) => {
        const y = fn(x.select(0, i)) as Ref;
        return y.reshape(1, ...y.shape);
      })),
    stepper: (params, recipe) => new ReferenceStepper(params as Ref[], recipe),
    functional,
    holder(recipe) {
      const impl = functional(recipe);
      let state: unknown = null;
      return (loss, params, inplace) => {
        const grads = tape.grad(loss as Ref, params as Ref[], !inplace) as Value[];
        state ??= impl.init(params);
        const [updates, next] = impl.update(grads, state, params, inplace);
        state = next;
        return impl.apply(params, updates, inplace);
      };
    },
    inner: (params, recipe) => new ReferenceInner(params as Ref[], recipe),
  };
}
