/** Statements of which random training programs consist. */

import type { Kind } from "./expressions.ts";
import type { Setup } from "./setup.ts";
import * as s from "./statements.ts";
import type { Statement } from "./statements.ts";
import type { Stepper, Value } from "./value.ts";

/** Any statement. */
export function other(g: Setup): Statement {
  const { dice } = g, kind = g.kind();
  const [paramKind, param] = dice.pick(g.params);
  const every: [number, () => Statement | null][] = [
    [10, () => {
      const name = g.target(kind);
      return s.set(name, g.make(kind));
    }],
    [2, () => s.set(g.target(kind), g.make(kind), (w, fn) => w.side.noGrad(fn))],
    [4, () => s.read([g.target(kind)])],
    [2, () => s.read([param])],
    [2, () => s.readGrad(param)],
    [1, () => s.readGrad(dice.pick(["x0", "y0"]))],
    [2, () => s.read([dice.pick(["L", "L2"])])],
    [2, () =>
      s.onGrad(`${g.target(paramKind)} = ${param}.grad`, [param], (g, w) => {
        w.vars.set(`g${paramKind}`, g);
      }, [`g${paramKind}`])],
    [2, () => s.read([`g${paramKind}`])],
    [2, () => {
      // The norm of a gradient, to be read at any time.
      return s.onGrad(`s0 = ${param}.grad.square().sum()`, [param], (g, w) => {
        w.vars.set("s0", g.square().sum());
      }, ["s0"]);
    }],
    [5, () => metric(g)],
    [4, () => hidden(g)],
    [3, () => edit(g, paramKind, param)],
    [2, () => editGrad(g, paramKind, param)],
    [1, () => {
      const name = g.target(kind);
      return s.act(`drop ${name}`, [], (w) => void w.vars.delete(name));
    }],
    [2, () => s.backwardLate(g.target(kind), g.make(kind))],
    [1, () => {
      const on = dice.chance(0.6);
      return s.act(
        `${param}.requiresGrad_(${on})`,
        [param],
        (w) => void w.vars.get(param).requiresGrad_(on),
      );
    }],
    [
      1,
      () => s.act(`${param}.grad = null`, [param], (w) => void (w.vars.get(param).grad = null)),
    ],
    [3, () => taken(g, paramKind, param)],
    [3, () => editPart(g, paramKind, param)],
    [2, () => {
      const e = g.make(kind);
      return s.act(`list.push(${e.text})`, e.needs, (w) => {
        if (!w.vars.has("list")) w.vars.set("list", []);
        w.vars.get("list").push(e.of(w));
      });
    }],
    [1, () => {
      const name = g.target(kind);
      return s.act(`promises.push(${name}.dataAsync())`, [name], (w) => {
        if (!w.vars.has("promises")) w.vars.set("promises", []);
        const copy = w.side.later(w.vars.get(name)).then((d) => Array.from(d, Number));
        copy.catch(() => {});
        w.vars.get("promises").push(copy);
      });
    }],
    [1, () => {
      const names = [g.target("M"), g.target("V"), g.target("S")];
      return s.act(
        `realize(${names})`,
        names,
        (w) => w.side.realize(names.map((x) => w.vars.get(x))),
      );
    }],
    [2, () => s.gradientOf(g.target(paramKind), g.loss(), param, dice.chance(0.5))],
    [1, () => s.retained(g.target(kind), g.make(kind), dice.chance(0.5))],
    [2, () => vmap(g)],
    [5, () => call(g)],
    [4, () => functionalStep(g)],
    [5, () => meta(g)],
    [1, () => s.step(dice.pick(g.optimizers))],
    [1, () => state(g, dice.pick(g.optimizers))],
  ];
  let total = 0;
  for (const [weight] of every) total += weight;
  for (;;) {
    let at = dice.below(total);
    const made = every.find(([weight]) => (at -= weight) < 0)![1]();
    if (made !== null) return made;
  }
}

function metric(g: Setup): Statement {
  const { dice } = g, [kind, q] = dice.pick(g.metrics), e = g.make(kind);
  const ways: [string, (q: Value, x: Value) => void][] = [
    ["lerp_(_, 0.1)", (q, x) => q.lerp_(x, 0.1)],
    ["add_(_, { alpha: 0.1 })", (q, x) => q.add_(x, { alpha: 0.1 })],
    ["copy_(_)", (q, x) => q.copy_(x)],
    ["mul_(0.9).add_(_, { alpha: 0.1 })", (q, x) => q.mul_(0.9).add_(x, { alpha: 0.1 })],
    ["sub_(_, { alpha: 0.05 })", (q, x) => q.sub_(x, { alpha: 0.05 })],
    ["tanh_()", (q) => q.tanh_()],
    ["zero_()", (q) => q.zero_()],
  ];
  const [text, change] = ways[dice.chance(0.85) ? dice.below(5) : dice.below(ways.length)];
  const mode = dice.below(4);
  const name = mode < 2 ? "noGrad " : mode === 2 ? "detached " : "";
  return s.act(`${name}${q}.${text.replace("_)", `${e.text})`).replace("_,", `${e.text},`)}`, [
    q,
    ...e.needs,
  ], (w) => {
    const buffer = w.vars.get(q) as Value;
    if (mode < 2) w.side.noGrad(() => change(buffer, e.of(w)));
    else change(buffer, mode === 2 ? e.of(w).detach() : e.of(w));
  });
}

/** A hidden state that goes on from iteration to iteration. */
function hidden(g: Setup): Statement {
  const { dice } = g, e = g.make("M"), cut = dice.chance(0.6);
  return s.act(
    `h = h.mul(0.5).add(${e.text}).tanh()${cut ? ".detach()" : ""}`,
    ["h", ...e.needs],
    (w) => {
      const next = (w.vars.get("h") as Value).mul(0.5).add(e.of(w)).tanh();
      w.vars.set("h", cut ? next.detach() : next);
    },
    ["h"],
  );
}

function edit(g: Setup, kind: Kind, param: string): Statement {
  const { dice } = g, e = g.make(kind), way = dice.below(5);
  const others = g.params.filter(([k, name]) => k === kind && name !== param);
  if (way === 0) {
    return s.onGrad(`noGrad ${param}.sub_(${param}.grad.mul(0.1))`, [param], (g, w) => {
      w.vars.get(param).sub_(g.mul(0.1));
    });
  }
  const other = others.length > 0 ? dice.pick(others)[1] : param;
  const texts = [
    "",
    `add_(${e.text}, { alpha: 0.1 })`,
    "mul_(0.95)",
    `copy_(${e.text})`,
    `lerp_(${other}, 0.1)`,
  ];
  return s.act(
    `noGrad ${param}.${texts[way]}`,
    [param, other, ...e.needs],
    (w) =>
      w.side.noGrad(() => {
        const p = w.vars.get(param) as Value;
        if (way === 1) p.add_(e.of(w), { alpha: 0.1 });
        else if (way === 2) p.mul_(0.95);
        else if (way === 3) p.copy_(e.of(w));
        else p.lerp_(w.vars.get(other), 0.1);
      }),
  );
}

/** A copy or a view of a parameter; a view follows its changes in place. */
function taken(g: Setup, kind: Kind, param: string): Statement {
  const row = g.dice.below(2), name = g.target(kind);
  const ways: [string, string, (p: Value) => Value][] = [
    [name, "clone()", (p) => p.clone()],
    [name, "detach()", (p) => p.detach()],
    [name, "detach().clone()", (p) => p.detach().clone()],
  ];
  if (kind === "M") {
    ways.push(
      [name, "t()", (p) => p.t()],
      [name, "t().detach()", (p) => p.t().detach()],
      [g.target("V"), `select(0, ${row})`, (p) => p.select(0, row)],
    );
  }
  const [to, text, take] = g.dice.pick(ways);
  return s.act(`${to} = ${param}.${text}`, [param], (w) => {
    w.vars.set(to, take(w.vars.get(param)));
  }, [to]);
}

/** A change in place of a part of a parameter, its gradient or a metric. */
function editPart(g: Setup, kind: Kind, param: string): Statement {
  const { dice, n } = g, metric = dice.pick(g.metrics), place = dice.below(3);
  const [of, name] = place === 0 ? metric : [kind, param];
  const views: [string, (x: Value) => Value][] = [["detach()", (x) => x.detach()]];
  if (of !== "S") views.push(["narrow(0, 1, n - 1)", (x) => x.narrow(0, 1, n - 1)]);
  if (of === "M") {
    views.push(
      ["t()", (x) => x.t()],
      ["select(0, 1)", (x) => x.select(0, 1)],
      ["t().narrow(0, 0, 2)", (x) => x.t().narrow(0, 0, 2)],
      ["reshape(n * n).narrow(0, 1, 3)", (x) => x.reshape(n * n).narrow(0, 1, 3)],
    );
  }
  const changes: [string, (x: Value) => Value][] = [
    ["mul_(0.5)", (x) => x.mul_(0.5)],
    ["zero_()", (x) => x.zero_()],
    ["add_(0.1)", (x) => x.add_(0.1)],
    ["copy_(z0)", (x) => x],
  ];
  const [view, take] = dice.pick(views), [text, change] = dice.pick(changes);
  const run = (x: Value, z: Value) => {
    const part = take(x);
    if (text.startsWith("copy_")) part.copy_(z);
    else change(part);
  };
  if (place === 1) {
    return s.onGrad(`noGrad ${param}.grad.${view}.${text}`, [param, "z0"], (grad, w) => {
      run(grad, w.vars.get("z0"));
    });
  }
  return s.act(`noGrad ${name}.${view}.${text}`, [name, "z0"], (w) => {
    w.side.noGrad(() => run(w.vars.get(name), w.vars.get("z0")));
  });
}

function editGrad(g: Setup, kind: Kind, param: string): Statement {
  const way = g.dice.below(4), e = g.make(kind);
  if (way === 0) return s.onGrad(`${param}.grad.mul_(0.5)`, [param], (g) => void g.mul_(0.5));
  if (way === 1) return s.onGrad(`${param}.grad.zero_()`, [param], (g) => void g.zero_());
  if (way === 2) {
    return s.onGrad(`${param}.grad.add_(${param}, { alpha: 0.01 })`, [param], (g, w) => {
      g.add_(w.vars.get(param), { alpha: 0.01 });
    });
  }
  return s.act(`${param}.grad = noGrad(${e.text}).mul(0.1)`, [param, ...e.needs], (w) => {
    const p = w.vars.get(param) as Value, g = w.side.noGrad(() => e.of(w).mul(0.1));
    // A gradient has the type of its parameter.
    p.grad = w.side.noGrad(() => p.mul(0).clone().copy_(g));
  });
}

function vmap(g: Setup): Statement | null {
  const { dice } = g, form = dice.below(3);
  const names = { ...g.names, V: [...g.names.V, "row", "row", "row"] };
  const kind = form === 1 ? "S" : "V", e = g.make(kind, names);
  const batch = g.make("M"), target = g.target(form === 1 ? "V" : "M");
  const vectors = g.params.filter(([k]) => k === "V");
  const needs = [...e.needs.filter((x) => x !== "row"), ...batch.needs];
  if (form < 2) {
    return s.act(`${target} = vmap((row) => ${e.text})(${batch.text})`, needs, (w) => {
      const fn = w.side.vmap((row) => {
        w.vars.set("row", row);
        return e.of(w).add(row.mean().mul(0.1));
      });
      w.vars.set(target, fn(batch.of(w)));
      w.vars.delete("row");
    }, [target]);
  }
  if (vectors.length === 0) return null;
  const [, p] = dice.pick(vectors), createGraph = dice.chance(0.5);
  const text =
    `${target} = vmap((row) => grad(mean(square(${p}.mul(${e.text}))), ${p}))(${batch.text})`;
  return s.act(text, [p, ...needs], (w) => {
    if (!w.vars.get(p).requiresGrad) return false;
    const fn = w.side.vmap((row) => {
      w.vars.set("row", row);
      const loss = (w.vars.get(p) as Value).mul(e.of(w).add(row)).square().mean();
      return w.side.grad(loss, [w.vars.get(p)], createGraph)[0]!;
    });
    // Inside, the rows depend on nothing.
    const rows = fn(batch.of(w).detach());
    w.vars.set(target, createGraph ? s.spent(rows) : rows);
    w.vars.delete("row");
    return true;
  }, [target]);
}

function call(g: Setup): Statement | null {
  if (g.compiled.length === 0) return null;
  const name = g.dice.pick(g.compiled), e = g.make("V"), cut = g.dice.chance(0.8);
  return s.act(`[out] = ${name}(${e.text}${cut ? ".detach()" : ""})`, [name, ...e.needs], (w) => {
    const arg = cut ? e.of(w).detach() : e.of(w);
    const out = w.vars.get(name)(arg) as Value | Value[];
    (Array.isArray(out) ? out : [out]).forEach((x, i) => {
      const kind = x.shape.length === 0 ? "s" : "v";
      w.vars.set(`${kind}${i}`, x);
    });
  });
}

function functionalStep(g: Setup): Statement | null {
  if (!g.names.M.includes("f0")) return null;
  const { dice } = g;
  const loss = g.expressions.loss(g.names, dice.chance(0.5) ? ["M", "f0"] : ["V", "f1"], 2);
  if (dice.chance(0.4)) return s.holderStep(loss, dice.chance(0.5));
  return s.functionalStep(loss, dice.chance(0.5), dice.chance(0.4), dice.chance(0.4));
}

function meta(g: Setup): Statement | null {
  if (!g.setup.some((x) => x.text.startsWith("inner"))) return null;
  const names = {
    ...g.names,
    M: [...g.names.M, "i0", "i0"],
    V: [...g.names.V, "i1", "i1"],
  };
  const loss = () => g.expressions.loss(names, g.dice.chance(0.7) ? ["M", "i0"] : ["V", "i1"], 2);
  const made = loss();
  const { dice } = g;
  return s.metaLoss(
    dice.chance(0.5) ? "s0" : "s1",
    "inner",
    1 + dice.below(2),
    () => made,
    dice.chance(0.8),
  );
}

function state(g: Setup, optimizer: string): Statement {
  const way = g.dice.below(3);
  if (way === 0) {
    return {
      text: `read the state of ${optimizer}`,
      needs: [optimizer],
      read: (w) => (w.vars.get(optimizer) as Stepper).moments(),
    };
  }
  if (way === 1) {
    return s.act(
      `saved = ${optimizer}.stateDict()`,
      [optimizer],
      (w) => void w.vars.set(`saved ${optimizer}`, w.vars.get(optimizer).save()),
      [`saved ${optimizer}`],
    );
  }
  return s.act(
    `${optimizer}.loadStateDict(saved)`,
    [optimizer, `saved ${optimizer}`],
    (w) => w.vars.get(optimizer).load(w.vars.get(`saved ${optimizer}`)),
  );
}
