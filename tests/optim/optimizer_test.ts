/** Classic optimizers: all of the table, then the base class. */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  Adam,
  adam,
  AdamW,
  BackendError,
  chain,
  compile,
  gradientTransformation,
  memory,
  MetaSGD,
  nn,
  Optimizer,
  realize,
  type SavedTensor,
  SGD,
  sgd,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import { cases, table } from "../helpers/optimizer_table.ts";
import "../helpers/seed.ts";

const start = [[0.5, -1.5, 2], [0.25]];
const parameters = (dtype: "float32" | "float64" = "float64") =>
  start.map((p) => tensor(p, { dtype, requiresGrad: true }));
const lossOf = (params: Tensor[]) =>
  params.map((p, i) => p.sub(i).square().sum()).reduce((a, b) => a.add(b));
const numbers = (params: Tensor[]) => params.map((p) => Array.from(p.data(), Number));

function train(optimizer: Optimizer, params: Tensor[], steps: number): number[] {
  return Array.from({ length: steps }, () => {
    optimizer.zeroGrad();
    const loss = lossOf(params);
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}

for (const { name, Classic, variants, formulas } of table) {
  Deno.test(`${Classic.name} follows the formulas of ${name}()`, () => {
    for (const options of variants) {
      const params = parameters(), optimizer = new Classic(params, options);
      const steps = start.map((p) => p.map(() => formulas(options)));
      let expected = start;
      for (let t = 0; t < 7; t++) {
        train(optimizer, params, 1);
        expected = expected.map((ps, i) => ps.map((p, k) => steps[i][k](2 * (p - i), p)));
      }
      assertClose(numbers(params).flat(), expected.flat(), 1e-9);
    }
  });
}

Deno.test("classic defaults differ from the functional ones where PyTorch's do", () => {
  for (const { name, make, Classic, classicDefaults = {} } of table) {
    if (name === "sgd") continue;
    const after = [false, true].map((classic) => {
      const params = parameters();
      const functional = () => new Optimizer(params, make(classicDefaults));
      train(classic ? new Classic(params, {}) : functional(), params, 3);
      return numbers(params);
    });
    assertEquals(after[1], after[0], name);
  }
});

Deno.test("classic optimizers refuse what the functional ones refuse", () => {
  for (const { Classic, refused } of table) {
    for (const [options, error, message] of refused) {
      assertThrows(() => new Classic(parameters(), options), error, message);
    }
  }
});

Deno.test("a compiled step gives the same parameters, traced once", () => {
  for (const { label, entry: { Classic }, options } of cases) {
    const eager = parameters(), compiled = parameters();
    const one = new Classic(eager, options), other = new Classic(compiled, options);
    const step = compile(() => {
      const loss = lossOf(compiled);
      loss.backward();
      other.step();
      other.zeroGrad({ setToNone: true });
      return loss;
    });
    const losses = train(one, eager, 4);
    assertEquals(
      Array.from({ length: 4 }, () => step().item()).map((x) => x.toFixed(9)),
      losses.map((x) => x.toFixed(9)),
      label,
    );
    assertEquals(step.traces, 1, label);
    const expected = numbers(eager).flat();
    assertClose(numbers(compiled).flat(), expected, 1e-12, label);
  }
});

Deno.test("training goes on from a saved state to the last bit", () => {
  for (const { label, entry: { Classic }, options } of cases) {
    const params = parameters("float32"), optimizer = new Classic(params, options);
    train(optimizer, params, 3);
    const saved = structuredClone(optimizer.stateDict());
    const copies = params.map((p) => p.detach().clone().requiresGrad_());
    realize(...copies);
    const losses = train(optimizer, params, 3);

    const resumed = new Classic(copies, options);
    resumed.loadStateDict(saved);
    assertEquals(resumed.stateDict(), saved, label);
    assertEquals(train(resumed, copies, 3), losses, label);
    assertEquals(numbers(copies), numbers(params), label);
  }
});

Deno.test("loadStateDict() refuses the state of other parameters and changes nothing", () => {
  const params = parameters(), optimizer = new Adam(params);
  train(optimizer, params, 1);
  const before = optimizer.stateDict();
  const other = new Adam([zeros([5]).requiresGrad_(), zeros([1]).requiresGrad_()]).stateDict();
  const refuse = (states: unknown, message: string) => {
    assertThrows(() => optimizer.loadStateDict(states as never), TypeError, message);
    assertEquals(optimizer.stateDict(), before);
  };
  refuse(other, "holds float32 of shape [5] with 5 elements, wants float64 of shape [3]");
  refuse(new SGD(parameters(), { lr: 1 }).stateDict(), "belongs to other parameters or another");
  refuse([], "got an array of 0, wants an array of 1");
  refuse([[{ mu: [1, 2], nu: [1, 2], count: [1, 2] }, {}]], "the saved state holds 1");

  // The last tensor of a state is wrong: what comes before it is not written either.
  const widened = structuredClone(before) as unknown as [[{ count: SavedTensor[] }, unknown]];
  const { count } = widened[0][0];
  count[count.length - 1].data = Float64Array.of(7);
  refuse(widened, "holds int64 of shape [] with 1 elements in a Float64Array, wants int64");
});

/** A big parameter, its gradient ready in memory. */
function big(): Tensor {
  const p = zeros([1 << 16]).add(1), g = zeros([1 << 16]).add(0.5);
  realize(p, g);
  p.requiresGrad_();
  p.grad = g;
  return p;
}

/** Bytes allocated by a step, once everything is warm. */
function allocatedBy(step: () => void): number {
  for (let i = 0; i < 3; i++) step();
  const before = memory().storages.allocatedBytes;
  step();
  return memory().storages.allocatedBytes - before;
}

Deno.test("a step allocates no buffer of the size of a parameter", () => {
  for (const { label, entry: { Classic }, options } of cases) {
    const given = big(), optimizer = new Classic([given], options);
    assert(allocatedBy(() => optimizer.step()) < 4096, label);

    const trained = big(), other = new Classic([trained], options);
    const whole = () => {
      other.zeroGrad();
      trained.square().mean().sqrt().backward();
      other.step();
    };
    assert(allocatedBy(whole) < 4096, `${label}, with backward()`);
    assert(allocatedBy(compile(whole)) < 4096, `${label}, compiled`);
  }
});

/** Losses that read the parameter apart from what its gradient is computed with. */
const lossesApart: Record<string, (p: Tensor) => Tensor> = {
  "sum of squares": (p) => p.square().sum(),
  "sum of magnitudes": (p) => p.abs().sum(),
  "sum in another type": (p) => p.to("float64").sum(),
  "product with a vector": (p) => p.reshape([1, -1]).matmul(zeros([p.size, 1]).add(1)).sum(),
  "product of matrices": (p) => p.reshape([256, 256]).matmul(p.reshape([256, 256])).sum(),
  "vector": (p) => p.narrow(0, 5, 100).mul(3),
};

Deno.test("a step allocates no such buffer for a loss that reads the parameter elsewhere", () => {
  const accelerated = table.filter(({ Classic }) => Classic === Adam || Classic === AdamW)
    .map((entry) => ({ entry, options: { lr: 1e-3, useAcceleratedOp: true } }));
  const all = [...table.map((entry) => ({ entry, options: { lr: 1e-3 } })), ...accelerated];
  for (const { entry: { Classic }, options } of all) {
    for (const [name, lossOf] of Object.entries(lossesApart)) {
      const label = `${Classic.name} ${JSON.stringify(options)}, ${name}`;
      const p = big(), optimizer = new Classic([p], options);
      const step = () => {
        optimizer.zeroGrad();
        const loss = lossOf(p);
        loss.backward(zeros(loss.shape, { dtype: loss.dtype }).add(1));
        optimizer.step();
        return loss;
      };
      assert(allocatedBy(step) < 4096, label);
      const compiled = compile(step);
      assert(allocatedBy(compiled) < 4096, `${label}, compiled`);
      // The loss is that of the parameter before the step, which writes over it.
      for (const run of [step, compiled]) {
        const expected = lossOf(tensor(p.data().slice(), { dtype: p.dtype })).data().slice();
        assertEquals(run().data(), expected, label);
      }
    }
  }
});

Deno.test("the fused operation gives large tensors the same steps", () => {
  for (const Classic of [Adam, AdamW]) {
    for (const dtype of ["float32", "float64"] as const) {
      const results = [false, true].map((useAcceleratedOp) => {
        const wave = (n: number, scale: number) =>
          tensor(Array.from({ length: n }, (_, i) => Math.sin(i) * scale), { dtype });
        const params = [40_000, 17_003, 5].map((n) => wave(n, 1).requiresGrad_());
        const options = { lr: 0.1, weightDecay: 0.1, epsRoot: 1e-4, useAcceleratedOp };
        const optimizer = new Classic(params, options);
        for (let t = 0; t < 3; t++) {
          params.forEach((p) => p.grad = wave(p.size, t + 1));
          optimizer.step();
        }
        return params;
      });
      const tolerance = dtype === "float32" ? 1e-5 : 1e-12;
      results[0].forEach((p, i) => {
        assert(p.allclose(results[1][i], { rtol: tolerance, atol: tolerance }), Classic.name);
      });
    }
  }
});

Deno.test("Optimizer skips parameters without a gradient", () => {
  const [a, b] = parameters(), optimizer = new Adam([a, b], { lr: 0.1 });
  a.sum().backward();
  optimizer.step();
  assertEquals(b.toArray(), start[1]);
  assertEquals(numbers([a])[0].map((x, i) => Math.round((start[0][i] - x) * 1e6)), [1e5, 1e5, 1e5]);
  optimizer.zeroGrad();
  b.sum().backward();
  optimizer.step();
  assertAlmostEquals(b.item(), start[1][0] - 0.1, 1e-8);
});

Deno.test("zeroGrad() leaves zeros, or null", () => {
  const params = parameters(), optimizer = new SGD(params, { lr: 1 });
  optimizer.zeroGrad();
  assertEquals(params[0].grad, null);
  lossOf(params).backward();
  optimizer.zeroGrad();
  assertEquals(params[0].grad!.toArray(), [0, 0, 0]);
  optimizer.zeroGrad({ setToNone: true });
  assertEquals(params[0].grad, null);
});

Deno.test("step() calls a closure with recording on and returns its loss", () => {
  const params = parameters(), optimizer = new SGD(params, { lr: 0.25 });
  const loss = optimizer.step(() => {
    optimizer.zeroGrad();
    const loss = lossOf(params);
    loss.backward();
    return loss;
  });
  assertEquals(loss.item(), 0.25 + 2.25 + 4 + 0.5625);
  assertEquals(numbers(params), [[0.25, -0.75, 1], [0.625]]);
  optimizer.zeroGrad({ setToNone: true });
  assertEquals(optimizer.step(), undefined);
});

Deno.test("step() refuses an update of another shape and changes nothing", () => {
  const params = parameters();
  const flat = gradientTransformation({
    init: () => ({}),
    update: (updates, state) => [(updates as Tensor[]).map((u) => u.sum()), state],
  });
  // The first parameter has the shape of its update, the second has not.
  const optimizer = new Optimizer(
    [tensor(1, { dtype: "float64" }), params[0]],
    chain(sgd({ lr: 1, momentum: 0.5 }), flat),
  );
  const [[single, vector]] = optimizer.paramGroups, state = optimizer.stateDict();
  single.grad = tensor(1, { dtype: "float64" });
  vector.grad = tensor([1, 1, 1], { dtype: "float64" });
  assertThrows(
    () => optimizer.step(),
    ShapeError,
    "at [1] the update has shape [], the parameter [3]",
  );
  assertEquals(numbers([single, vector]), [[1], start[0]]);
  assertEquals(optimizer.stateDict(), state);
});

Deno.test("step() names a gradient that is gone, and changes nothing", () => {
  const params = parameters(), optimizer = new Adam(params, { lr: 0.1 });
  lossOf(params).backward();
  const before = numbers(params),
    state = optimizer.stateDict(),
    gone = tensor(1, { dtype: "float64" });
  params[0].grad = params[0].grad!.mul(gone);
  gone.dispose();
  assertThrows(
    () => optimizer.step(),
    BackendError,
    "the gradient of parameter 0, or its state, is gone",
  );
  assertEquals(numbers(params), before);
  assertEquals(optimizer.stateDict(), state);
  optimizer.zeroGrad();
  lossOf(params).backward();
  optimizer.step();
});

Deno.test("gradients go on adding up over steps, read or not", () => {
  for (const read of [false, true]) {
    const params = parameters(), optimizer = new SGD(params, { lr: 0.01 });
    let value = params[1].item(), sum = 0;
    for (let k = 0; k < 6; k++) {
      lossOf(params).backward();
      if (read) realize(...params.map((p) => p.grad!));
      optimizer.step();
      sum += 2 * (value - 1);
      value -= 0.01 * sum;
      assertAlmostEquals(params[1].item(), value, 1e-12);
    }
    assertAlmostEquals(params[1].grad!.item(), sum, 1e-12);
  }
});

Deno.test("groups have options of their own", () => {
  const [a, b] = parameters(), c = tensor(1, { dtype: "float64", requiresGrad: true });
  const optimizer = new SGD([{ params: [a] }, { params: [b], lr: 0.5 }], { lr: 0.25 });
  optimizer.addParamGroup({ params: [c], weightDecay: 1 });
  assertEquals(optimizer.paramGroups.map((g) => g.length), [1, 1, 1]);
  for (const p of [a, b, c]) p.sum().backward();
  optimizer.step();
  assertEquals(numbers([a, b, c]), [[0.25, -1.75, 1.75], [-0.25], [0.5]]);
  assertEquals(optimizer.stateDict().length, 3);
  assertThrows(
    () => optimizer.addParamGroup({ params: [zeros([1]).requiresGrad_()], lr: -1 }),
    RangeError,
    "lr is -1",
  );
  assertEquals(optimizer.paramGroups.length, 3);
  assertThrows(
    () => new Optimizer([{ params: [a], lr: 1 } as { params: Tensor[] }], sgd({ lr: 1 })),
    TypeError,
    "the group has options of its own (lr)",
  );
});

Deno.test("paramGroups are for reading: neither a rate nor parameters can be changed there", () => {
  const net = new nn.Linear(2, 1);
  for (const o of [new SGD(net.parameters(), { lr: 0.1 }), new MetaSGD(net, { lr: 0.1 })]) {
    const [group] = o.paramGroups as unknown as [Tensor[] & { lr?: number }];
    assertEquals(group.length, 2);
    assertThrows(() => group.lr = 0.01, TypeError);
    assertThrows(() => group.pop(), TypeError, "addParamGroup()");
    assertThrows(() => group[0] = group[1], TypeError, "addParamGroup()");
    const named = group as unknown as Record<string, unknown>;
    assertThrows(() => named.weightDecay = 0.1, TypeError, "next.loadStateDict(");
    assertThrows(() => named.lr, TypeError, "{ lr: () => rate }");
    assertEquals(named.params, group);
    const other = o as unknown as Record<string, unknown>;
    assertThrows(() => other.paramGroups = [], TypeError, "addParamGroup()");
    assertThrows(() => other.param_groups, TypeError, "written paramGroups");
    assertThrows(() => other.state = {}, TypeError, "loadStateDict()");
    assertThrows(() => other.defaults, TypeError, "options");
    assertEquals(o.paramGroups[0].length, 2);
  }
});

Deno.test("Optimizer refuses parameters that it cannot update", () => {
  const impl = adam(), [a] = parameters();
  const refuse = (params: unknown, error: ErrorConstructor, message: string) =>
    assertThrows(() => new Optimizer(params as Tensor[], impl), error, message);
  refuse([], RangeError, "params is empty");
  refuse(a, TypeError, "put a single tensor into an array");
  refuse([a, a], TypeError, "comes twice");
  refuse([a, 1], TypeError, "parameter 1 is 1, wants a tensor");
  refuse([tensor([1], { dtype: "int64" })], TypeError, "is int64, wants floating point");
  refuse([a.mul(2)], TypeError, "wants a leaf");
  // One of these is an iterable of modules.
  for (const net of [new nn.Linear(1, 1), new nn.Sequential(new nn.Linear(1, 1))]) {
    const said = `params is the module ${net.constructor.name}`;
    refuse(net, TypeError, said);
    refuse([{ params: net }], TypeError, said);
    refuse(net, TypeError, "pass its parameters()");
  }
  assertThrows(() => new Optimizer([a], {} as never), TypeError, "wants a gradient transformation");
});

Deno.test("the other names of the classes are the same classes, and each class has a row", async () => {
  const all = await import("@torchopt/torchopt");
  assert(all.Adadelta === all.AdaDelta && all.Adagrad === all.AdaGrad);
  assert(all.Adamax === all.AdaMax && all.RMSprop === all.RMSProp);
  const classes = Object.values(all).filter((value) =>
    typeof value === "function" && value.prototype instanceof Optimizer
  );
  assertEquals(new Set(table.map(({ Classic }) => Classic as unknown)), new Set<unknown>(classes));
});

Deno.test("parameters that start from one memory are updated apart", () => {
  for (const compiled of [false, true]) {
    const start = tensor([1, 2]);
    const a = start.clone().requiresGrad_(), b = start.clone().requiresGrad_();
    const optimizer = new SGD([a, b], { lr: 0.25 });
    const run = () => {
      optimizer.zeroGrad();
      a.square().sum().sub(b.sum()).backward();
      optimizer.step();
    };
    const step = compiled ? compile(run) : run;
    step();
    step();
    assertEquals([a.toArray(), b.toArray()], [[0.25, 0.5], [1.5, 2.5]]);
  }
});

Deno.test("assigning a learning rate to a group says what to write, which works", () => {
  const w = tensor([1]).requiresGrad_();
  let rate = 0.5;
  const optimizer = new SGD([w], { lr: () => rate });
  assertThrows(
    () => {
      (optimizer.paramGroups[0] as unknown as { lr: number }).lr = 0.1;
    },
    TypeError,
    "new SGD(params, { lr: () => rate })",
  );
  for (const wanted of [0.5, 0.25]) {
    optimizer.zeroGrad();
    w.sum().backward();
    const before = w.item();
    optimizer.step();
    assertEquals(before - w.item(), wanted);
    rate /= 2;
  }
});
