/**
 * Every loss: its options, what it is given, and the loss of each element on plain numbers.
 *
 * @module
 */

import { nn, tensor } from "@torchopt/torchopt";
import { at, fill, indices, type Plain, softmax, sum } from "./plain.ts";

/** Losses of the elements, and the number that their sum is divided by for the mean. */
export interface Elements {
  readonly losses: Plain;
  readonly count: number;
}

/** One way of making a loss. */
export interface LossRow {
  readonly loss: keyof typeof nn;
  make(options: { reduction?: nn.Reduction }): nn.Module;
  /** What the input holds: any numbers, probabilities, or logarithms of such along dimension 1. */
  readonly input: "any" | "probabilities" | "log";
  /** What the target holds: numbers like the input, classes, or a distribution over them. */
  readonly target: "any" | "probabilities" | "classes" | "distribution";
  /** Shapes of the input; of classes there are as many as dimension 1 has elements. */
  readonly shapes: readonly (readonly number[])[];
  reference(input: Plain, target: Plain): Elements;
}

const shapes = [[], [4], [2, 3], [0, 3]];
const scores = [[2, 3], [2, 3, 2], [0, 3]];

const pairs =
  (f: (x: number, y: number, index: number[]) => number) => (x: Plain, y: Plain): Elements => {
    const losses = fill(x.shape, (i) => f(at(x, i), at(y, i), i));
    return { losses, count: losses.data.length };
  };

const classWeights = [0.5, 2, 1.25], weight = () => tensor(classWeights, { dtype: "float64" });

/** The negative logarithms of classes' probabilities; weighted, smoothed, some left out. */
function nll(
  logp: Plain,
  target: Plain,
  { weights = [1, 1, 1], ignore = -100, smoothing = 0 } = {},
): Elements {
  const [n, classes, ...rest] = logp.shape;
  const each = indices([n, ...rest]).map((i) => {
    const c = at(target, i), [first, ...others] = i;
    if (c === ignore) return { loss: 0, count: 0 };
    const score = (k: number) => weights[k] * at(logp, [first, k, ...others]);
    const even = sum(Array.from({ length: classes }, (_, k) => score(k))) / classes;
    return { loss: -(1 - smoothing) * score(c) - smoothing * even, count: weights[c] };
  });
  return {
    losses: { shape: [n, ...rest], data: each.map((e) => e.loss) },
    count: sum(each.map((e) => e.count)),
  };
}

const entropy = (x: Plain, target: Plain, options = {}): Elements =>
  nll(softmax(x, 1, true), target, options);

const binary = (p: number, y: number) => -(y * Math.log(p) + (1 - y) * Math.log1p(-p));

/** Every loss, in several ways of making it. */
export const losses: readonly LossRow[] = [
  {
    ...{ loss: "MSELoss", input: "any", target: "any", shapes },
    make: (o) => new nn.MSELoss(o),
    reference: pairs((x, y) => (x - y) ** 2),
  },
  {
    ...{ loss: "L1Loss", input: "any", target: "any", shapes },
    make: (o) => new nn.L1Loss(o),
    reference: pairs((x, y) => Math.abs(x - y)),
  },
  ...[1, 0.4].map((beta): LossRow => ({
    ...{ loss: "SmoothL1Loss", input: "any", target: "any", shapes },
    make: (o) => new nn.SmoothL1Loss(beta === 1 ? o : { ...o, beta }),
    reference: pairs((x, y) => {
      const d = Math.abs(x - y);
      return d < beta ? d * d / (2 * beta) : d - beta / 2;
    }),
  })),
  ...[1, 0.4].map((delta): LossRow => ({
    ...{ loss: "HuberLoss", input: "any", target: "any", shapes },
    make: (o) => new nn.HuberLoss(delta === 1 ? o : { ...o, delta }),
    reference: pairs((x, y) => {
      const d = Math.abs(x - y);
      return d < delta ? d * d / 2 : delta * (d - delta / 2);
    }),
  })),
  {
    ...{ loss: "CrossEntropyLoss", input: "any", target: "classes", shapes: scores },
    make: (o) => new nn.CrossEntropyLoss(o),
    reference: entropy,
  },
  {
    ...{ loss: "CrossEntropyLoss", input: "any", target: "classes", shapes: scores },
    make: (o) =>
      new nn.CrossEntropyLoss({ ...o, weight: weight(), ignoreIndex: 1, labelSmoothing: 0.2 }),
    reference: (x, y) => entropy(x, y, { weights: classWeights, ignore: 1, smoothing: 0.2 }),
  },
  {
    ...{ loss: "CrossEntropyLoss", input: "any", target: "distribution", shapes: scores },
    make: (o) => new nn.CrossEntropyLoss(o),
    reference(x, y) {
      const logp = softmax(x, 1, true), [n, classes, ...rest] = x.shape;
      const losses = fill(
        [n, ...rest],
        ([first, ...others]) =>
          -sum(
            Array.from({ length: classes }, (_, k) =>
              at(logp, [first, k, ...others]) * at(y, [first, k, ...others])),
          ),
      );
      return { losses, count: losses.data.length };
    },
  },
  {
    ...{ loss: "NLLLoss", input: "log", target: "classes", shapes: scores },
    make: (o) => new nn.NLLLoss(o),
    reference: nll,
  },
  {
    ...{ loss: "NLLLoss", input: "log", target: "classes", shapes: scores },
    make: (o) => new nn.NLLLoss({ ...o, weight: weight(), ignoreIndex: 2 }),
    reference: (x, y) => nll(x, y, { weights: classWeights, ignore: 2 }),
  },
  {
    ...{ loss: "BCELoss", input: "probabilities", target: "probabilities", shapes },
    make: (o) => new nn.BCELoss(o),
    reference: pairs(binary),
  },
  {
    ...{ loss: "BCELoss", input: "probabilities", target: "probabilities", shapes: [[2, 3]] },
    make: (o) => new nn.BCELoss({ ...o, weight: weight() }),
    reference: pairs((x, y, [, k]) => classWeights[k] * binary(x, y)),
  },
  {
    ...{ loss: "BCEWithLogitsLoss", input: "any", target: "probabilities", shapes },
    make: (o) => new nn.BCEWithLogitsLoss(o),
    reference: pairs((x, y) => binary(1 / (1 + Math.exp(-x)), y)),
  },
  {
    ...{ loss: "BCEWithLogitsLoss", input: "any", target: "probabilities", shapes: [[2, 3]] },
    make: (o) => new nn.BCEWithLogitsLoss({ ...o, posWeight: weight() }),
    reference: pairs((x, y, [, k]) =>
      y * classWeights[k] * Math.log1p(Math.exp(-x)) + (1 - y) * Math.log1p(Math.exp(x))
    ),
  },
];
