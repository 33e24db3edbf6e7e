/**
 * What programs of the training fuzz are written against: the library and the reference both offer it.
 */

/** A tensor of either side. */
export interface Value {
  readonly shape: readonly number[];
  readonly requiresGrad: boolean;
  readonly isLeaf: boolean;
  grad: Value | null;
  data(): ArrayLike<number | bigint>;
  add(x: Value | number): Value;
  sub(x: Value | number): Value;
  mul(x: Value | number): Value;
  div(x: Value | number): Value;
  neg(): Value;
  tanh(): Value;
  exp(): Value;
  sigmoid(): Value;
  square(): Value;
  sqrt(): Value;
  lerp(end: Value, weight: number): Value;
  matmul(x: Value): Value;
  t(): Value;
  sum(dim?: number, options?: { keepdim?: boolean }): Value;
  mean(dim?: number, options?: { keepdim?: boolean }): Value;
  reshape(...shape: number[]): Value;
  narrow(dim: number, start: number, length: number): Value;
  select(dim: number, at: number): Value;
  clone(): Value;
  detach(): Value;
  add_(x: Value | number, options?: { alpha?: number }): Value;
  sub_(x: Value | number, options?: { alpha?: number }): Value;
  mul_(x: Value | number): Value;
  lerp_(end: Value, weight: number): Value;
  copy_(x: Value | number): Value;
  zero_(): Value;
  tanh_(): Value;
  requiresGrad_(flag?: boolean): Value;
  retainGrad(): Value;
  registerHook(fn: (g: Value) => Value): unknown;
  backward(gradient?: Value | null, options?: BackwardOptions): void;
}

/** Options of `backward()`. */
export interface BackwardOptions {
  retainGraph?: boolean;
  createGraph?: boolean;
}

/** An optimizer by its kind and options, which both sides understand. */
export interface Recipe {
  readonly kind: "sgd" | "adam" | "adamw" | "rmsprop" | "adagrad";
  readonly options: {
    lr: number;
    momentum?: number;
    dampening?: number;
    nesterov?: boolean;
    weightDecay?: number;
    betas?: readonly [number, number];
    eps?: number;
    epsRoot?: number;
    alpha?: number;
    lrDecay?: number;
    centered?: boolean;
    maximize?: boolean;
    useAcceleratedOp?: boolean;
  };
  /** Norm to which gradients are clipped; null for no clipping. */
  readonly clip: number | null;
}

/** A classic optimizer. */
export interface Stepper {
  step(closure?: () => Value): Value | void;
  zeroGrad(options?: { setToNone?: boolean }): void;
  /** A copy of the state, for `load`. */
  save(): unknown;
  load(state: unknown): void;
  /** The moments of the state as numbers. */
  moments(): number[][];
}

/** A functional optimizer with its state. */
export interface Functional {
  init(params: Value[]): unknown;
  update(grads: Value[], state: unknown, params: Value[], inplace: boolean): [Value[], unknown];
  apply(params: Value[], updates: Value[], inplace: boolean): Value[];
  moments(state: unknown): Value[];
}

/** A module with two parameters and a differentiable optimizer of them. */
export interface Inner {
  params(): Value[];
  step(loss: Value): void;
  extract(): unknown;
  recover(state: unknown): void;
}

/** One side: the library or the reference. */
export interface Side {
  tensor(data: readonly number[], shape: readonly number[], options: TensorOptions): Value;
  cat(xs: Value[]): Value;
  /** `a` where the elements of `mask` are above 0.1, else `b`. */
  where(mask: Value, a: Value, b: Value): Value;
  noGrad<T>(fn: () => T): T;
  grad(outputs: Value, inputs: Value[], createGraph: boolean): (Value | null)[];
  backward(outputs: Value[]): void;
  realize(xs: Value[]): void;
  later(x: Value): Promise<ArrayLike<number | bigint>>;
  compile<F extends (...args: Value[]) => Value | Value[]>(fn: F): F;
  vmap(fn: (x: Value) => Value): (x: Value) => Value;
  stepper(params: Value[], recipe: Recipe): Stepper;
  functional(recipe: Recipe): Functional;
  /** `FuncOptimizer`: a step gives the next parameters. */
  holder(recipe: Recipe): (loss: Value, params: Value[], inplace: boolean) => Value[];
  inner(params: Value[], recipe: Recipe): Inner;
}

/** What `Side.tensor` is told. */
export interface TensorOptions {
  dtype: "float32" | "float64";
  requiresGrad?: boolean;
}
