/**
 * Types of derivatives: trees in the structure of what they are derivatives of.
 *
 * @module
 */

import type { Tensor } from "../tensor/tensor.ts";

/** A tree of the structure of `T`, with an `X` in the place of each tensor. */
export type WithLeaves<T, X> = T extends Tensor ? X
  : T extends ReadonlyMap<infer K, infer V> ? Map<K, WithLeaves<V, X>>
  : T extends object ? { -readonly [K in keyof T]: WithLeaves<T[K], X> }
  : T;

/** The gradient with respect to a value, or a direction of it: a tensor for each of its tensors. */
export type Gradient<T> = WithLeaves<T, Tensor>;

/** Which arguments a function is differentiated in: the number of one, or an array of them. */
export type ArgumentNumbers = number | readonly number[];

/** The gradient with respect to the arguments `N` of a function with arguments `A`. */
export type GradientAt<A extends readonly unknown[], N extends ArgumentNumbers> = N extends number
  ? Gradient<A[N]>
  : N extends readonly number[] ? { -readonly [K in keyof N]: Gradient<A[N[K] & number]> }
  : never;

/** The gradient with respect to each of the arguments. */
export type Gradients<A extends readonly unknown[]> = { [K in keyof A]: Gradient<A[K]> };
