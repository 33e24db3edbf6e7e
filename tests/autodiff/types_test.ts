/** What type-checks and what does not; `deno check` reads each `@ts-expect-error` as an assertion. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  adam,
  checkpoint,
  compile,
  type Compiled,
  customVjp,
  func,
  gradientTransformation,
  nn,
  type OptState,
  type Tensor,
  tensor,
  type TensorTree,
} from "@torchopt/torchopt";

/** Whether two types are the same; `any` is the same as itself only. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

/** Takes what has exactly this type. */
function exactly<T>() {
  return <V>(_: V, __: Same<V, T>) => {};
}

type P = { w: Tensor; layers: readonly [Tensor, { b: Tensor }] };
const f = (x: Tensor) => x.pow(3).sum();
const tree = (p: P, x: Tensor) => p.w.mul(x).sum();
const x = tensor([1, 2]);
const p: P = { w: tensor([1, 2]), layers: [tensor(1), { b: tensor(1) }] };

/** Never called: what stands here is for the type checker. */
function types(): void {
  exactly<Tensor>()(func.grad(f)(x), true);
  exactly<{ w: Tensor; layers: [Tensor, { b: Tensor }] }>()(func.grad(tree)(p, x), true);
  exactly<Tensor>()(func.grad(tree, { argnums: 1 })(p, x), true);
  exactly<[{ w: Tensor; layers: [Tensor, { b: Tensor }] }, Tensor]>()(
    func.grad(tree, { argnums: [0, 1] })(p, x),
    true,
  );
  exactly<[Tensor, string]>()(
    func.grad((x: Tensor) => [x.sum(), "aux"], { hasAux: true })(x),
    true,
  );
  exactly<[[Tensor, number], Tensor]>()(
    func.valueAndGrad((x: Tensor) => [x.sum(), 1], { hasAux: true })(x),
    true,
  );
  exactly<Tensor>()(func.grad(func.grad((x) => x.pow(4)))(x), true);
  exactly<Tensor>()(func.hessian(f)(x), true);
  exactly<{ y: Tensor }>()(func.jacrev((x: Tensor) => ({ y: x }))(x), true);
  exactly<[Tensor, Tensor]>()(func.hvp(f, x, x), true);
  exactly<[Tensor, Tensor]>()(func.jvp(f, [x], [x]), true);
  exactly<Tensor>()(func.vmap(f)(x), true);
  exactly<Tensor>()(checkpoint((x) => x.mul(2))(x), true);
  exactly<Tensor>()(compile((x) => x.mul(2))(x), true);
  exactly<Tensor>()(customVjp((x: Tensor) => x, (g) => [g])(x), true);
  exactly<TensorTree>()(adam().init(p) satisfies OptState, true);
  exactly<P>()(adam().update(p, adam().init(p))[0], true);

  // @ts-expect-error: arguments are those of the function
  func.grad(f)("no", 3);
  // @ts-expect-error: one argument too many
  func.grad(f)(x, x);
  // @ts-expect-error: a function without types is one of tensors
  func.grad((x) => x.sum())("no");
  // @ts-expect-error: gradients of a string
  func.grad((x: Tensor) => x.toString());
  // @ts-expect-error: a tensor is no function
  func.grad(x);
  // @ts-expect-error: an option that does not exist
  func.grad(f, { argnum: 0 });
  // @ts-expect-error: only with hasAux
  func.grad((x: Tensor) => [x.sum(), 1] as const);
  // @ts-expect-error: hvp takes no arrays
  func.hvp(f, [x], [x]);
  // @ts-expect-error: the direction has the structure of the argument
  func.hvp(f, x, { x });
  // @ts-expect-error: jvp takes arrays
  func.jvp(f, x, x);
  // @ts-expect-error: one direction for each argument
  func.jvp(tree, [p, x], [x]);
  // @ts-expect-error: cotangents have the structure of the output
  func.vjp(f, x)[1]([x]);
  // @ts-expect-error: arguments are those of the function
  func.vjp(f, "no");
  // @ts-expect-error: arguments are those of the function
  func.vmap(f)(1);
  // @ts-expect-error: arguments are those of the function
  func.jacrev(f)(1);
  // @ts-expect-error: a matrix of second derivatives is one of a scalar
  func.hessian((x: Tensor) => ({ x }));
  // @ts-expect-error: arguments are those of the function
  checkpoint(f)(1);
  // @ts-expect-error: arguments are those of the function
  compile(f)(1);
  // @ts-expect-error: one gradient for each argument
  customVjp((a: Tensor, b: Tensor) => a.add(b), (g) => [g]);
  // @ts-expect-error: cotangents are tensors
  customVjp((x: Tensor) => x, (g) => [g.nothing()]);
  // @ts-expect-error: a state is a tree of tensors
  adam().update(p, "no");
  // @ts-expect-error: no tree of tensors
  adam().init("no");
  // @ts-expect-error: the state of one's own type
  gradientTransformation<{ m: Tensor }>({ init: () => 3, update: (g, s) => [g, s] });
  // @ts-expect-error: parameters are named tensors
  func.functionalCall(new nn.Linear(1, 1), { weight: 3 }, x);
  const compiled: Compiled<(x: Tensor) => Tensor> = compile(f);
  // @ts-expect-error: of another type
  const other: Compiled<(x: string) => Tensor> = compiled;
  void other;
}

Deno.test("types of func.grad and its like agree with what they give", () => {
  assert(typeof types === "function");
  const g = func.grad(tree, { argnums: [0, 1] })(p, x);
  assertEquals([g[0].w.toArray(), g[0].layers[1].b.toArray(), g[1].toArray()], [[1, 2], 0, [1, 2]]);
});

Deno.test("func.hvp() of arrays says how it is called", () => {
  const error = assertThrows(() => func.hvp(f as never, [x], [x] as never), TypeError);
  assert(error.message.includes("func.hvp(fn, x, direction)"), error.message);
  // A function of an array is one of a tree.
  const [g] = func.hvp(([a]: Tensor[]) => a.pow(3).sum(), [x], [x]);
  assertEquals(g[0].toArray(), [3, 12]);
});

Deno.test("func.grad() and its like say what they were given instead of a function or a tensor", () => {
  const { grad, valueAndGrad, vmap, jacrev, jacfwd, hessian } = func;
  for (const transform of [grad, valueAndGrad, vmap, jacrev, jacfwd, hessian]) {
    const make = transform as (...args: unknown[]) => unknown;
    for (const wrong of [null, undefined, 3, "x", {}, [], x]) {
      assertThrows(() => make(wrong), TypeError, "wants a function");
    }
    assertThrows(() => make(f, { nothing: 1 }), TypeError, "no option nothing");
  }
  for (const wrong of ["no", 3, true]) {
    assertThrows(() => func.grad(f)(wrong as never), TypeError, "trees of tensors, got");
    assertThrows(() => func.vjp(f, wrong as never), TypeError, "trees of tensors, got");
  }
  assertThrows(
    () => func.jvp(f, x as never, x as never),
    TypeError,
    "wants an array with an entry",
  );
  assertThrows(() => func.jvp(f, [x], [3] as never), TypeError, "wants a tensor");
  const [, pullback] = func.vjp((x: Tensor) => x.mul(2), x);
  assertThrows(() => pullback(3 as never), TypeError, "wants a tensor");
  assertThrows(() => func.grad((_: Tensor) => 3 as never)(x), TypeError, "got 3");
  assertThrows(() => func.vjp((_: Tensor) => 3 as never, x), TypeError, "wants a tensor");
});
