/**
 * Work on several processes and hosts: calls of registered functions, functions that run in parallel,
 * gradients through calls.
 *
 * @module
 */

export * as autograd from "./autograd.ts";
export * from "./collectives.ts";
export * from "./current_call.ts";
export * from "./errors.ts";
export * from "./init.ts";
export * from "./partition.ts";
export * from "./ranks.ts";
export * from "./reducers.ts";
export * from "./register.ts";
export * from "./rpc.ts";
export * from "./synchronize.ts";
export * from "./world.ts";
