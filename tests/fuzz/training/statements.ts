/** Statements of training programs, each for both sides. */

import type { Expression, World } from "./expressions.ts";
import type { Functional, Inner, Stepper, Value } from "./value.ts";

/** What a program consists of. */
export interface Statement {
  readonly text: string;
  /** Variables without which it is left out. */
  readonly needs: readonly string[];
  /** Variables that it sets. */
  readonly writes?: readonly string[];
  /** Does it; false where it does not apply, so that nothing is set. */
  run?(w: World): void | boolean | Promise<void>;
  /** What both sides have to agree on. */
  read?(w: World): (Value | ArrayLike<number>)[] | Promise<ArrayLike<number>[]>;
}

/** Sets a variable. */
export function set(
  name: string,
  e: Expression,
  wrap?: (w: World, fn: () => Value) => Value,
): Statement {
  return {
    text: `${name} = ${wrap === undefined ? e.text : `noGrad(() => ${e.text})`}`,
    needs: e.needs,
    writes: [name],
    run: (w) => void w.vars.set(name, wrap === undefined ? e.of(w) : wrap(w, () => e.of(w))),
  };
}

/** Something with variables. */
export function act(
  text: string,
  needs: readonly string[],
  run: (w: World) => void | boolean,
  writes: readonly string[] = [],
): Statement {
  return { text, needs, run, writes };
}

/** Reads variables. */
export function read(names: readonly string[], text = `read ${names}`): Statement {
  return { text, needs: names, read: (w) => names.map((name) => w.vars.get(name)) };
}

/** Reads the gradient of a variable, where it has one. */
export function readGrad(name: string): Statement {
  const read = (w: World) => {
    const grad = w.vars.get(name).grad as Value | null;
    return grad === null ? [] : [grad];
  };
  return { text: `read ${name}.grad`, needs: [name], read };
}

/** Makes a loss and leaves its gradients. */
export function backward(name: string, loss: Expression): Statement {
  const run = (w: World) => {
    const value = loss.of(w);
    if (!value.requiresGrad) return false;
    w.vars.set(name, value);
    value.backward();
    return true;
  };
  return act(`${name} = ${loss.text}; ${name}.backward()`, loss.needs, run, [name]);
}

/** Two losses at once. */
export function backwardBoth(
  names: readonly [string, string],
  a: Expression,
  b: Expression,
): Statement {
  const run = (w: World) => {
    const values = [a.of(w), b.of(w)];
    if (!values.every((x) => x.requiresGrad)) return false;
    values.forEach((x, i) => w.vars.set(names[i], x));
    w.side.backward(values);
    return true;
  };
  const text = `${names} = ${a.text}, ${b.text}; autograd.backward([${names}])`;
  return act(text, [...a.needs, ...b.needs], run, names);
}

/** Leaves gradients of a value that was built before, with a gradient given. */
export function backwardLate(name: string, gradient: Expression): Statement {
  const run = (w: World) => {
    const value = w.vars.get(name) as Value;
    if (!value.requiresGrad) return false;
    // It has the type of the value.
    const g = w.side.noGrad(() => value.mul(0).clone().copy_(gradient.of(w)));
    value.backward(g, { retainGraph: true });
    return true;
  };
  return act(`${name}.backward(${gradient.text}.detach(), retain)`, [name, ...gradient.needs], run);
}

/** A loss with a penalty on its own gradient. */
export function penalty(name: string, loss: Expression, params: readonly string[]): Statement {
  const run = (w: World) => {
    const value = loss.of(w);
    if (!value.requiresGrad) return false;
    const grads = w.side.grad(value, params.map((p) => w.vars.get(p)), true);
    let total = value;
    for (const g of grads) if (g !== null) total = total.add(g.square().mean());
    if (!total.requiresGrad) return false;
    total.backward();
    w.vars.set(name, total.detach());
    return true;
  };
  const text =
    `${name} = ${loss.text} + mean(square(grad(loss, [${params}], createGraph))); backward()`;
  return act(text, [...loss.needs, ...params], run, [name]);
}

/**
 * A gradient that was differentiated itself, cut off: carried on from iteration to iteration, its
 * history would grow by a factor each time.
 */
export function spent(g: Value): Value {
  if (g.requiresGrad) g.square().mean().backward();
  return g.detach();
}

/** A gradient as a value, perhaps differentiated. */
export function gradientOf(
  name: string,
  loss: Expression,
  param: string,
  createGraph: boolean,
): Statement {
  const run = (w: World) => {
    const value = loss.of(w);
    if (!value.requiresGrad || !w.vars.get(param).requiresGrad) return false;
    const [g] = w.side.grad(value, [w.vars.get(param)], createGraph);
    if (g === null) return false;
    w.vars.set(name, createGraph ? spent(g) : g);
    return true;
  };
  const text = `[${name}] = grad(${loss.text}, [${param}]${createGraph ? ", createGraph" : ""})`;
  return act(text, [...loss.needs, param], run, [name]);
}

/** Keeps a gradient of a value that is no leaf, which a hook changes. */
export function retained(name: string, e: Expression, hook: boolean): Statement {
  const run = (w: World) => {
    const value = e.of(w);
    if (!value.requiresGrad || value.isLeaf) return false;
    value.retainGrad();
    if (hook) value.registerHook((g) => g.mul(0.5));
    value.square().mean().backward();
    w.vars.set(name, value.grad);
    return true;
  };
  const text =
    `x = ${e.text}; retainGrad${hook ? ", hook 0.5" : ""}; x.square().mean().backward(); ` +
    `${name} = x.grad`;
  return act(text, e.needs, run, [name]);
}

const stepper = (w: World, name: string) => w.vars.get(name) as Stepper;

/** A step; with a loss, by a closure. */
export function step(optimizer: string, loss?: Expression): Statement {
  if (loss === undefined) {
    return act(`${optimizer}.step()`, [optimizer], (w) => void stepper(w, optimizer).step());
  }
  const run = (w: World) => {
    const closure = () => {
      stepper(w, optimizer).zeroGrad();
      const value = loss.of(w);
      if (value.requiresGrad) value.backward();
      return value;
    };
    w.vars.set("L", stepper(w, optimizer).step(closure));
  };
  return act(
    `L = ${optimizer}.step(() => zeroGrad, ${loss.text}, backward)`,
    [
      optimizer,
      ...loss.needs,
    ],
    run,
    ["L"],
  );
}

/** Clears gradients. */
export function zeroGrad(optimizer: string, setToNone: boolean): Statement {
  const text = `${optimizer}.zeroGrad({ setToNone: ${setToNone} })`;
  return act(text, [optimizer], (w) => stepper(w, optimizer).zeroGrad({ setToNone }));
}

/** Something with the gradient of a parameter, where there is one. */
export function onGrad(
  text: string,
  needs: readonly string[],
  run: (grad: Value, w: World) => void,
  writes: readonly string[] = [],
): Statement {
  const [param] = needs;
  return act(text, needs, (w) => {
    const { grad } = w.vars.get(param) as Value;
    if (grad === null) return false;
    w.side.noGrad(() => run(grad, w));
    return true;
  }, writes);
}

/** Inner steps of a differentiable optimizer, and the loss behind them. */
export function metaLoss(
  name: string,
  inner: string,
  steps: number,
  loss: (params: readonly string[]) => Expression,
  recover: boolean,
): Statement {
  const e = loss(["i0", "i1"]);
  const run = (w: World) => {
    const optimizer = w.vars.get(inner) as Inner;
    const evaluate = () => {
      optimizer.params().forEach((p, i) => w.vars.set(`i${i}`, p));
      return e.of(w);
    };
    const snapshot = optimizer.extract();
    for (let k = 0; k < steps; k++) {
      const value = evaluate();
      if (value.requiresGrad) optimizer.step(value);
    }
    w.vars.set(name, evaluate());
    if (recover) optimizer.recover(snapshot);
    w.vars.delete("i0");
    w.vars.delete("i1");
  };
  const text = `${name} = ${steps} inner steps of ${inner} on ${e.text}, and its value` +
    (recover ? "; recover" : "");
  return act(text, [inner, ...e.needs.filter((x) => !/^i\d/.test(x))], run, [name]);
}

/** A step of a functional optimizer on `f0` and `f1`, whose state is `fs`. */
export function functionalStep(
  loss: Expression,
  inplace: boolean,
  createGraph: boolean,
  cut: boolean,
): Statement {
  const run = (w: World) => {
    const impl = w.vars.get("fo") as Functional, params = [w.vars.get("f0"), w.vars.get("f1")];
    const value = loss.of(w);
    if (!value.requiresGrad) return false;
    const grads = w.side.grad(value, params, createGraph) as Value[];
    const [updates, state] = impl.update(grads, w.vars.get("fs"), params, inplace);
    const next = impl.apply(params, updates, inplace);
    w.vars.set("fs", state);
    next.forEach((p, i) => {
      w.vars.set(`f${i}`, cut && !inplace ? p.detach().requiresGrad_() : p);
    });
    return true;
  };
  const text = `g = grad(${loss.text}, [f0, f1]${createGraph ? ", createGraph" : ""}); [u, fs] = ` +
    `fo.update(g, fs, inplace ${inplace}); f = applyUpdates(f, u)${cut ? ".detach()" : ""}`;
  return act(text, ["fo", "fs", "f0", "f1", ...loss.needs], run);
}

/** A step of a `FuncOptimizer` on `f0` and `f1`. */
export function holderStep(loss: Expression, inplace: boolean): Statement {
  const run = (w: World) => {
    const value = loss.of(w);
    if (!value.requiresGrad) return false;
    const params = [w.vars.get("f0"), w.vars.get("f1")];
    const next = w.vars.get("fh")(value, params, inplace) as Value[];
    next.forEach((p, i) => w.vars.set(`f${i}`, p));
    return true;
  };
  const text = `f = FuncOptimizer.step(${loss.text}, f, inplace ${inplace})`;
  return act(text, ["fh", "f0", "f1", ...loss.needs], run);
}
