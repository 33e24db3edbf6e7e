import { assertEquals, assertThrows } from "@std/assert";
import * as torchopt from "@torchopt/torchopt";
import { nn, tensor } from "@torchopt/torchopt";
import { overlay, withDefaults } from "../../src/transform/options.ts";
import "../helpers/seed.ts";

Deno.test("overlay() lets later options win, unless they are undefined", () => {
  const own: { a?: number; b?: number } = { a: undefined, b: 3 };
  assertEquals(overlay<{ a?: number; b?: number }>("op", { a: 1, b: 2 }, own), { a: 1, b: 3 });
});

Deno.test("withDefaults() names the option that does not exist, and those that do", () => {
  assertEquals(withDefaults<{ a?: number }>("op", { a: 1 }, { a: undefined }), { a: 1 });
  assertThrows(
    () => withDefaults<{ a?: number }>("op", { a: 1 }, { a: 2, b: 3 } as { a: number }),
    TypeError,
    "op: there is no option b; the options are a.",
  );
});

// Deno runs programs without checking types, so a slip must not train with the defaults.
type Loose = (...args: unknown[]) => unknown;

Deno.test("adam() and its like refuse options that are no object or do not exist", () => {
  const { transform, schedule } = torchopt;
  const makers: Record<string, Loose> = {};
  for (
    const name of ["adadelta", "adagrad", "adam", "adamw", "adamax", "radam", "rmsprop", "sgd"]
  ) {
    makers[name] = (torchopt as unknown as Record<string, Loose>)[name];
  }
  for (const [name, make] of Object.entries(transform)) {
    if (/^(scaleBy(Adam|Acc|Ada|Ra|Rs|Rm|St)|trace|addDec|nanToNum)/.test(name)) {
      makers[name] = make as Loose;
    }
  }
  makers.clipGradNorm = (options) => torchopt.clipGradNorm(1, options as object);
  const decay = (options: unknown) => schedule.exponentialDecay(1, options as never);
  assertThrows(
    () => decay(0.1),
    TypeError,
    "exponentialDecay: the options are 0.1, wants an object",
  );
  for (const [name, make] of Object.entries(makers)) {
    assertThrows(() => make(0.1), TypeError, `${name}: the options are 0.1, wants an object`);
    const slip = { lr: 0.1, weight_decay: 1 };
    assertThrows(() => make(slip), TypeError, `${name}: there is no option `);
  }
});

Deno.test("Adam and MetaAdam and their like refuse the same", () => {
  const classes = torchopt as unknown as Record<string, new (...args: unknown[]) => unknown>;
  for (
    const name of ["AdaDelta", "AdaGrad", "Adam", "AdamW", "AdaMax", "RAdam", "RMSProp", "SGD"]
  ) {
    const params = () => [tensor([1], { requiresGrad: true })];
    const net = () => new nn.Linear(1, 1);
    const slip = { lr: 0.1, weight_decay: 1 };
    for (const [kind, target] of [[name, params], [`Meta${name}`, net]] as const) {
      const make = (options: unknown) => new classes[kind](target(), options);
      assertThrows(() => make(0.1), TypeError, `${kind}: the options are 0.1`);
      assertThrows(() => make(slip), TypeError, "there is no option weight_decay");
    }
    const groups = [{ params: params(), lr: 0.1, weight_decay: 1 }];
    assertThrows(() => new classes[name](groups, { lr: 1 }), TypeError, "no option weight_decay");
  }
});

Deno.test("AdaDelta, AdaMax and RAdam keep their defaults where an option is undefined", () => {
  const stepped = (
    make: (w: torchopt.Tensor[], options: { lr?: number; eps?: number }) => {
      step(): void;
    },
    options: { lr?: number; eps?: number },
  ) => {
    const w = tensor([1], { requiresGrad: true, dtype: "float64" });
    const optimizer = make([w], options);
    w.square().sum().backward();
    optimizer.step();
    return w.item();
  };
  const { AdaDelta, AdaMax, RAdam } = torchopt;
  for (const Class of [AdaDelta, AdaMax, RAdam]) {
    const make = (w: torchopt.Tensor[], options: object) => new Class(w, options);
    const absent = { lr: undefined, eps: undefined };
    assertEquals(stepped(make, absent), stepped(make, {}));
  }
});

Deno.test("extractStateDict(), moduleClone(), makeDot() and zeroGrad() refuse other options", () => {
  const net = new nn.Linear(1, 1);
  const loss = net.call(tensor([[1]])).sum();
  const optimizer = new torchopt.SGD(net.parameters(), { lr: 1 });
  const calls: Record<string, (options: never) => unknown> = {
    extractStateDict: (options) => torchopt.extractStateDict(net, options),
    moduleClone: (options) => torchopt.moduleClone(net, options),
    makeDot: (options) => torchopt.visual.makeDot(loss, options),
    applyUpdates: (options) => torchopt.applyUpdates([loss], [loss], options),
    "SGD.zeroGrad": (options) => optimizer.zeroGrad(options),
    FuncOptimizer: (options) => new torchopt.FuncOptimizer(torchopt.adam(), options),
  };
  for (const [name, call] of Object.entries(calls)) {
    assertThrows(() => call("copy" as never), TypeError, `${name}: the options are "copy"`);
    assertThrows(
      () => call({ set_to: 1 } as never),
      TypeError,
      `${name}: there is no option set_to`,
    );
  }
  const nothing = 3 as never;
  assertThrows(() => torchopt.visual.makeDot(nothing), TypeError, "makeDot: output 0 is 3");
});
