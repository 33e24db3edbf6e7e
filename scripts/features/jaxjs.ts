/**
 * The answers of jax-js.
 *
 * @module
 */

// deno-lint-ignore-file no-explicit-any
// Only this script needs it.
// deno-lint-ignore no-import-prefix
import * as jax from "npm:@jax-js/jax@0.1.25";
import { close } from "./close.ts";

const { numpy: np } = jax as any;
const { grad, jit, jvp, vmap, lax } = jax as any;
await (jax as any).init("wasm");
(jax as any).defaultDevice("wasm");
const number = async (x: any) => Number((await x.data())[0]);

export const third_order = async () => {
  const f = grad(grad(grad((x: any) => x.ref.mul(x.ref).mul(x.ref).mul(x))));
  close(await number(f(np.array(2))), 48);
};
export const forward_mode = async () =>
  close(await number(jvp((x: any) => np.sin(x), [np.array(0)], [np.array(2)])[1]), 2);
export const hessian = async () => {
  const f = (jax as any).hessian((x: any) => x.ref.mul(x.ref).mul(x).sum());
  close(await number(f(np.array([2])).ravel()), 12);
};
export const per_example = async () => {
  const g = vmap(grad((x: any) => x.ref.mul(x)))(np.array([3, 1]));
  close(await number(g), 6);
};
const absent = (space: any, ...names: string[]) => {
  if (names.every((name) => space?.[name] === undefined)) {
    throw new Error(`there is no ${names[0]}`);
  }
};
export const custom_rule = () => absent(jax, "customVjp", "custom_vjp", "customJvp");
export const checkpoint = () => absent(jax, "checkpoint", "remat");
const noOptax = async () => {
  const name: string = "npm:@jax-js/optax";
  await import(name);
};
export const adam_differentiable = noOptax;
export const inplace_module = () => absent(jax.nn, "Module");
export const optimizer_chain = noOptax;
export const learned_schedule = noOptax;
export const implicit_root = () => absent(lax, "customRoot");
export const implicit_second = implicit_root;
export const zero_order = () => absent(jax, "zeroOrder");
export const linear_solver = () => absent((jax as any).scipy?.sparse?.linalg, "cg");
export const minimize = () => absent((jax as any).scipy?.optimize, "minimize");
export const scan = () => absent(lax, "scan");
export const while_gradient = () => absent(lax, "whileLoop");
export const compiled_step = async () => {
  const step = jit((w: any) => w.ref.sub(grad((w: any) => w.ref.mul(w))(w).mul(0.05)));
  close(await number(step(np.array(1))), 0.9);
  await noOptax(); // the optimizer is the other half
};
export const float64 = async () => {
  const x = np.array([1e-12], { dtype: np.float64 });
  close(await number(np.expm1(x).div(1e-12)), 1, 1e-11);
};
export const complex = () => absent(np, "complex64");
export const sparse = () => absent((jax as any).experimental, "sparse");
export const recurrent_layer = () => absent(jax.nn, "LSTM", "lstm");
export const distributions = () => absent((jax as any).scipy, "stats");
export const remote_gradient = () => absent(jax, "rpc", "distributed");
export const graph_picture = () => absent(jax, "makeDot", "visual");
export const without_python = () => close(typeof Deno === "object" ? 1 : 0, 1);
