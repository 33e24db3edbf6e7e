/** The optimizers with options to test them at, plain formulas to test them against, and bad options. */

import * as torchopt from "@torchopt/torchopt";
import type { GradientTransformation, Optimizer, Tensor } from "@torchopt/torchopt";

/** Options of any optimizer. */
// deno-lint-ignore no-explicit-any
export type Options = Record<string, any>;

/** One scalar parameter under an optimizer: from gradient and parameter to the next parameter. */
export type ScalarStep = (g: number, p: number) => number;

/** An optimizer in all its forms. */
export interface Entry {
  readonly name: string;
  /** The functional form. */
  readonly make: (options: Options) => GradientTransformation;
  /** The classic form. */
  readonly Classic: new (params: Tensor[], options: Options) => Optimizer;
  /** Whether moments of a new state can require gradients. */
  readonly moments: readonly string[];
  /** Defaults of the classic form that are others than those of the functional one. */
  readonly classicDefaults?: Options;
  /** Whether one count of steps serves all parameters, also those without a gradient. */
  readonly oneCount?: boolean;
  /** Options to test at. */
  readonly variants: readonly Options[];
  /** Options that are refused: with the error, and words of its message. */
  readonly refused: readonly (readonly [Options, ErrorConstructor, string])[];
  /** The formulas, written out once more for one number. */
  readonly formulas: (options: Options) => ScalarStep;
}

const negative = (name: string, key: string): [Options, ErrorConstructor, string] => [
  { lr: 0.1, [key]: -1 },
  RangeError,
  `${name}: ${key} is -1, wants a number >= 0.`,
];

const badLr = (name: string): [Options, ErrorConstructor, string][] => [
  [{ lr: -0.5 }, RangeError, `${name}: lr is -0.5, wants a number >= 0`],
  [{ lr: NaN }, RangeError, `${name}: lr is NaN, wants a number >= 0`],
  [{ lr: "fast" }, TypeError, `${name}: lr is "fast", wants a number >= 0`],
  [{ lr: torchopt.zeros([2]) }, RangeError, `${name}: lr is a float32 tensor of shape [2], wants`],
];

const badBetas = (name: string): [Options, ErrorConstructor, string][] => [
  [{ betas: [1, 0.9] }, RangeError, `${name}: betas[0] is 1, wants a number in [0, 1).`],
  [{ betas: [0.9, -0.1] }, RangeError, `${name}: betas[1] is -0.1, wants a number in [0, 1).`],
  [{ betas: 0.9 }, TypeError, `${name}: betas is 0.9, wants two numbers in [0, 1).`],
];

const gradientOf = (g: number, p: number, { maximize = false, weightDecay = 0 }: Options) =>
  (maximize ? -g : g) + weightDecay * p;

function momentum(options: Options): (g: number) => number {
  const { momentum = 0, dampening = 0, nesterov = false } = options;
  let sum: number | null = null;
  return (g) => {
    if (momentum === 0) return g;
    sum = sum === null ? g : momentum * sum + (1 - dampening) * g;
    return nesterov ? g + momentum * sum : sum;
  };
}

function adamFormulas(options: Options, decoupled: boolean): ScalarStep {
  const { lr = 1e-3, betas: [b1, b2] = [0.9, 0.999], eps = 1e-8, epsRoot = 0 } = options;
  const { weightDecay = decoupled ? 0.01 : 0, maximize = false } = options;
  let m = 0, v = 0, t = 0;
  return (g, p) => {
    g = gradientOf(g, p, { maximize, weightDecay: decoupled ? 0 : weightDecay });
    t++;
    m = b1 * m + (1 - b1) * g;
    v = b2 * v + (1 - b2) * g * g;
    const u = m / (1 - b1 ** t) / (Math.sqrt(v / (1 - b2 ** t) + epsRoot) + eps);
    return p - lr * (u + (decoupled ? weightDecay * p : 0));
  };
}

/** Makes a table entry; the classes take their options as the second argument. */
function entry(e: Omit<Entry, "make" | "Classic"> & { make: unknown; Classic: unknown }): Entry {
  return e as Entry;
}

/** The table. */
export const table: readonly Entry[] = [
  entry({
    name: "adadelta",
    make: torchopt.adadelta,
    Classic: torchopt.AdaDelta,
    classicDefaults: { lr: 1 },
    moments: ["mu", "nu"],
    variants: [{ lr: 1, eps: 1e-3 }, { lr: 0.5, rho: 0.6, eps: 1e-2, weightDecay: 0.1 }],
    refused: [
      ...badLr("adadelta"),
      negative("adadelta", "eps"),
      negative("adadelta", "weightDecay"),
      [{ rho: 1 }, RangeError, "adadelta: rho is 1, wants a number in [0, 1)."],
    ],
    formulas(options) {
      const { lr = 1e-3, rho = 0.9, eps = 1e-6 } = options;
      let mu = 0, nu = 0;
      return (g, p) => {
        g = gradientOf(g, p, options);
        mu = rho * mu + (1 - rho) * g * g;
        const u = g * Math.sqrt((nu + eps) / (mu + eps));
        nu = rho * nu + (1 - rho) * u * u;
        return p - lr * u;
      };
    },
  }),
  entry({
    name: "adagrad",
    make: torchopt.adagrad,
    Classic: torchopt.AdaGrad,
    moments: [],
    variants: [{ lr: 0.1 }, {
      lr: 0.2,
      lrDecay: 0.3,
      weightDecay: 0.1,
      initialAccumulatorValue: 0.5,
      eps: 1e-2,
      maximize: true,
    }],
    refused: [
      ...badLr("adagrad"),
      negative("adagrad", "lrDecay"),
      negative("adagrad", "initialAccumulatorValue"),
      negative("adagrad", "eps"),
      negative("adagrad", "weightDecay"),
    ],
    formulas(options) {
      const { lr = 1e-2, lrDecay = 0, initialAccumulatorValue = 0, eps = 1e-10 } = options;
      let sum = initialAccumulatorValue, count = 0;
      return (g, p) => {
        g = gradientOf(g, p, options);
        sum += g * g;
        const u = sum > 0 ? g / (Math.sqrt(sum) + eps) : 0;
        return p - lr / (1 + lrDecay * count++) * u;
      };
    },
  }),
  entry({
    name: "adam",
    make: torchopt.adam,
    Classic: torchopt.Adam,
    moments: ["mu", "nu"],
    variants: [
      { lr: 0.1 },
      { lr: 0.1, betas: [0.7, 0.8], eps: 1e-2, epsRoot: 1e-2, weightDecay: 0.1, maximize: true },
      { lr: 0.1, epsRoot: 1e-2, useAcceleratedOp: true },
    ],
    refused: [
      ...badLr("adam"),
      ...badBetas("adam"),
      negative("adam", "eps"),
      negative("adam", "epsRoot"),
      negative("adam", "weightDecay"),
    ],
    formulas: (options) => adamFormulas(options, false),
  }),
  entry({
    name: "adamw",
    make: torchopt.adamw,
    Classic: torchopt.AdamW,
    moments: ["mu", "nu"],
    variants: [
      { lr: 0.1 },
      { lr: 0.1, betas: [0.7, 0.8], epsRoot: 1e-2, weightDecay: 0.2, maximize: true },
      { lr: 0.1, weightDecay: 0.2, useAcceleratedOp: true },
    ],
    refused: [
      ...badLr("adamw"),
      ...badBetas("adamw"),
      negative("adamw", "eps"),
      negative("adamw", "epsRoot"),
      negative("adamw", "weightDecay"),
    ],
    formulas: (options) => adamFormulas(options, true),
  }),
  entry({
    name: "adamax",
    make: torchopt.adamax,
    Classic: torchopt.AdaMax,
    classicDefaults: { lr: 2e-3, eps: 1e-8 },
    oneCount: true,
    moments: ["mu", "nu"],
    variants: [{ lr: 0.1, eps: 1e-6 }, {
      lr: 0.1,
      betas: [0.6, 0.7],
      eps: 1e-2,
      weightDecay: 0.1,
    }],
    refused: [
      ...badLr("adamax"),
      ...badBetas("adamax"),
      negative("adamax", "eps"),
      negative("adamax", "weightDecay"),
    ],
    formulas(options) {
      const { lr = 1e-3, betas: [b1, b2] = [0.9, 0.999], eps = 1e-6 } = options;
      let m = 0, n = 0, t = 0;
      return (g, p) => {
        g = gradientOf(g, p, options);
        t++;
        m = b1 * m + (1 - b1) * g;
        n = Math.max(b2 * n, Math.abs(g) + eps);
        return p - lr * m / n / (1 - b1 ** t);
      };
    },
  }),
  entry({
    name: "radam",
    make: torchopt.radam,
    Classic: torchopt.RAdam,
    classicDefaults: { lr: 1e-3, eps: 1e-8 },
    oneCount: true,
    moments: ["mu", "nu"],
    // With b2 = 0.97 the sixth step is the first that is rectified.
    variants: [{ lr: 0.1, eps: 1e-6 }, {
      lr: 0.1,
      betas: [0.6, 0.97],
      eps: 1e-2,
      weightDecay: 0.1,
    }],
    refused: [
      ...badLr("radam"),
      ...badBetas("radam"),
      negative("radam", "eps"),
      negative("radam", "weightDecay"),
    ],
    formulas(options) {
      const { lr = 1e-3, betas: [b1, b2] = [0.9, 0.999], eps = 1e-6 } = options;
      const longest = 2 / (1 - b2) - 1;
      let m = 0, v = 0, t = 0;
      return (g, p) => {
        g = gradientOf(g, p, options);
        t++;
        m = b1 * m + (1 - b1) * g;
        v = b2 * v + (1 - b2) * g * g;
        const rho = longest - 2 * t * b2 ** t / (1 - b2 ** t);
        const mean = m / (1 - b1 ** t);
        if (rho <= 5) return p - lr * mean;
        const r = (1 - b2 ** t) * (rho - 4) * (rho - 2) * longest /
          ((longest - 4) * (longest - 2) * rho);
        return p - lr * mean * Math.sqrt(r) / (Math.sqrt(v) + eps);
      };
    },
  }),
  entry({
    name: "rmsprop",
    make: torchopt.rmsprop,
    Classic: torchopt.RMSProp,
    moments: [],
    variants: [
      { lr: 0.1 },
      { lr: 0.1, alpha: 0.7, eps: 1e-2, momentum: 0.5, nesterov: true, maximize: true },
      { lr: 0.1, alpha: 0.7, momentum: 0.5, centered: true, initialScale: 1, weightDecay: 0.1 },
    ],
    refused: [
      ...badLr("rmsprop"),
      negative("rmsprop", "alpha"),
      negative("rmsprop", "eps"),
      negative("rmsprop", "momentum"),
      negative("rmsprop", "initialScale"),
      negative("rmsprop", "weightDecay"),
      [{ nesterov: true }, RangeError, "rmsprop: nesterov is true with momentum 0"],
    ],
    formulas(options) {
      const { lr = 1e-2, alpha = 0.99, eps = 1e-8, centered = false, initialScale = 0 } = options;
      const sum = momentum(options);
      let m = 0, v = initialScale;
      return (g, p) => {
        g = gradientOf(g, p, options);
        m = alpha * m + (1 - alpha) * g;
        v = alpha * v + (1 - alpha) * g * g;
        return p - lr * sum(g / (Math.sqrt(centered ? v - m * m : v) + eps));
      };
    },
  }),
  entry({
    name: "sgd",
    make: torchopt.sgd,
    Classic: torchopt.SGD,
    moments: ["trace"],
    variants: [
      { lr: 0.1 },
      { lr: 0.1, momentum: 0.9, dampening: 0.3, weightDecay: 0.1 },
      { lr: 0.1, momentum: 0.9, nesterov: true, maximize: true },
    ],
    refused: [
      ...badLr("sgd"),
      [{}, TypeError, "sgd: lr is undefined, wants a number >= 0"],
      negative("sgd", "momentum"),
      negative("sgd", "dampening"),
      negative("sgd", "weightDecay"),
      [{ lr: 1, nesterov: true }, RangeError, "sgd: nesterov is true with momentum 0"],
      [
        { lr: 1, nesterov: true, momentum: 0.9, dampening: 0.5 },
        RangeError,
        "dampening 0.5, wants momentum > 0 and dampening = 0.",
      ],
    ],
    formulas(options) {
      const sum = momentum(options);
      return (g, p) => p - options.lr * sum(gradientOf(g, p, options));
    },
  }),
];

/** All pairs of an optimizer and options to test it at. */
export const cases: readonly { label: string; entry: Entry; options: Options }[] = table.flatMap((
  entry,
) =>
  entry.variants.map((options, i) => ({ label: `${entry.name}, options ${i}`, entry, options }))
);
