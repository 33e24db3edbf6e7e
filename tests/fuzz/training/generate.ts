/** Random training programs. */

import { other } from "./choices.ts";
import { Setup } from "./setup.ts";
import * as s from "./statements.ts";
import type { Statement } from "./statements.ts";

/** A program: statements in order. */
export interface Program {
  readonly seed: number;
  readonly head: string;
  /** Whether some tensors hold more than 1 KiB: steps may take the memory of what was not read. */
  readonly large: boolean;
  /** Largest relative difference. */
  readonly tolerance: number;
  readonly statements: readonly Statement[];
}

/** A training iteration, with other statements between its parts. */
function iteration(g: Setup): Statement[] {
  const { dice } = g, list: Statement[] = [];
  const others = (p: number) => {
    while (dice.chance(p)) list.push(other(g));
  };
  const order = dice.shuffled(g.optimizers);
  const setToNone = dice.chance(0.3);
  const first = dice.chance(0.5);
  const clear = () => {
    if (dice.chance(0.85)) { for (const o of order) list.push(s.zeroGrad(o, setToNone)); }
  };
  others(0.5);
  if (first) clear();
  const losses = dice.chance(0.25) ? 2 : 1;
  for (let i = 0; i < losses; i++) {
    const kind = dice.below(10), name = i === 0 ? "L" : "L2";
    if (kind === 0) list.push(s.backwardBoth(["L", "L2"], g.loss(), g.loss()));
    else if (kind === 1) list.push(s.penalty(name, g.loss(), g.someParams()));
    else list.push(s.backward(name, g.loss()));
    others(0.2);
  }
  for (const o of order) {
    if (dice.chance(0.15)) continue;
    list.push(dice.chance(0.1) ? s.step(o, g.loss()) : s.step(o));
    others(0.3);
  }
  if (!first) clear();
  others(0.4);
  return list;
}

/** Reads what is left. */
function tail(g: Setup): Statement[] {
  const { dice } = g, all = new Set(Object.values(g.names).flat());
  for (const g of ["gM", "gV", "gS"]) all.add(g);
  const list = dice.shuffled([...all]).filter(() => dice.chance(0.7)).map((x) => s.read([x]));
  for (const [, p] of [...g.params, ["M", "x0"], ["V", "y0"]]) {
    list.push(s.readGrad(p), s.read([p]));
  }
  list.push(s.read(["list"]), {
    text: "await promises",
    needs: ["promises"],
    read: (w) => Promise.all(w.vars.get("promises")),
  });
  for (const o of g.optimizers) {
    list.push({
      text: `read the state of ${o}`,
      needs: [o],
      read: (w) => w.vars.get(o).moments(),
    });
  }
  return list;
}
/** The program of a seed. */
export function generate(seed: number): Program {
  const g = new Setup(seed), { dice } = g;
  const statements = [...g.setup];
  if (dice.chance(0.6)) {
    const body = iteration(g), repeats = 3 + dice.below(4);
    for (let i = 0; i < repeats; i++) statements.push(...body);
  } else for (let i = 2 + dice.below(3); i > 0; i--) statements.push(...iteration(g));
  statements.push(...tail(g));
  return {
    seed,
    head: `n = ${g.n}, ${g.types.join(" and ")}`,
    large: g.large,
    tolerance: g.types.includes("float32") ? 2e-3 : 1e-7,
    statements,
  };
}
