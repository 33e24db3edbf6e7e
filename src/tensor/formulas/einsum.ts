/**
 * Einstein's summation convention.
 *
 * @module
 */

import { ShapeError } from "../../graph/errors.ts";
import type { Node } from "../../graph/node.ts";
import { type Shape, showShape, sizeOf } from "../../graph/shape.ts";
import { mul } from "../../primitives/elementwise.ts";
import { dot } from "../../primitives/matmul.ts";
import { expand, permute, reshape } from "../../primitives/movement.ts";
import { sum } from "../../primitives/reduce.ts";
import { diagonal } from "./rearrange.ts";

/** A tensor whose dimensions carry labels. */
interface Labelled {
  readonly x: Node;
  readonly labels: readonly string[];
}

/** What an equation says: labels of each operand and of the result. */
interface Equation {
  readonly operands: string[][];
  readonly output: string[];
}

/**
 * Labels of the dimensions that "..." stands for, counted from the right so that they broadcast.
 */
const dots = (n: number) => Array.from({ length: n }, (_, i) => `.${n - i}`);

function labelsOf(term: string, equation: string, wide: string[]): string[] {
  const parts = term.split("...");
  const plain = parts.join("");
  if (parts.length > 2 || !/^[A-Za-z]*$/.test(plain)) {
    throw new TypeError(
      `einsum: "${term}" in "${equation}" is not a list of letters with at most one "...".`,
    );
  }
  return parts.length === 1 ? [...plain] : [...parts[0], ...wide, ...parts[1]];
}

function parse(equation: string, shapes: readonly Shape[]): Equation {
  const sides = equation.replaceAll(" ", "").split("->");
  const terms = sides[0].split(",");
  if (sides.length > 2 || terms.length !== shapes.length) {
    throw new TypeError(
      `einsum: "${equation}" describes ${terms.length} operand(s), got ${shapes.length}; write one ` +
        `list of letters for each, separated by commas, and the result after "->".`,
    );
  }
  let widest = 0;
  const operands = terms.map((term, i) => {
    const letters = term.replace("...", "").length;
    const extra = shapes[i].length - letters;
    if (term.includes("...") ? extra < 0 : extra !== 0) {
      throw new ShapeError(
        `einsum: operand ${i} has shape ${showShape(shapes[i])}, but "${term}" in "${equation}" ` +
          `names ${letters} dimension(s).`,
      );
    }
    widest = Math.max(widest, extra);
    return labelsOf(term, equation, dots(extra));
  });
  if (sides.length === 2) {
    const output = labelsOf(sides[1], equation, dots(widest));
    const known = new Set(operands.flat());
    if (new Set(output).size !== output.length || output.some((l) => !known.has(l))) {
      throw new TypeError(
        `einsum: the result "${sides[1]}" of "${equation}" must name dimensions of the operands, ` +
          `each once.`,
      );
    }
    return { operands, output };
  }
  // Without "->" the result has what "..." stands for, and then each letter that occurs once, sorted.
  const all = operands.flat();
  const once = [...new Set(all)].filter((l) =>
    l[0] !== "." && all.indexOf(l) === all.lastIndexOf(l)
  );
  return { operands, output: [...dots(widest), ...once.sort()] };
}

/** Sizes of the labels; a dimension of size 1 broadcasts. */
function sizesOf(
  equation: string,
  { operands }: Equation,
  nodes: readonly Node[],
): Map<string, number> {
  const sizes = new Map<string, number>();
  operands.forEach((labels, i) =>
    labels.forEach((label, d) => {
      const size = nodes[i].shape[d], known = sizes.get(label) ?? 1;
      if (size !== known && size !== 1 && known !== 1) {
        throw new ShapeError(
          `einsum: "${
            label.replace(/^\..*/, "...")
          }" in "${equation}" is ${known} and ${size} for ` +
            `operands of shapes ${nodes.map((n) => showShape(n.shape)).join(", ")}; ` +
            `sizes of one letter must be equal or 1.`,
        );
      }
      sizes.set(label, known === 1 ? size : known);
    })
  );
  return sizes;
}

/** An operand without repeated letters and without dimensions that broadcast. */
function prepare(x: Node, labels: readonly string[], sizes: Map<string, number>): Labelled {
  let left = [...labels];
  const repeated = () => left.findIndex((l, i) => left.indexOf(l) < i);
  for (let j = repeated(); j >= 0; j = repeated()) {
    const i = left.indexOf(left[j]);
    const rest = left.map((_, k) => k).filter((k) => k !== i && k !== j);
    x = diagonal(permute(x, [...rest, i, j]), 0);
    left = [...rest.map((k) => left[k]), left[j]];
  }
  const kept = left.map((_, i) => i).filter((i) => x.shape[i] === sizes.get(left[i]));
  return { x: reshape(x, kept.map((i) => x.shape[i])), labels: kept.map((i) => left[i]) };
}

/** Sums over labels that nothing else needs. */
function drop({ x, labels }: Labelled, needed: ReadonlySet<string>): Labelled {
  const axes = labels.map((_, i) => i).filter((i) => !needed.has(labels[i]));
  if (axes.length === 0) return { x, labels };
  return { x: sum(x, axes, false), labels: labels.filter((l) => needed.has(l)) };
}

/** Dimensions in the order of `labels`, which are all those of `t`. */
function arrange(t: Labelled, labels: readonly string[]): Node {
  const perm = labels.map((l) => t.labels.indexOf(l));
  return perm.every((p, i) => p === i) ? t.x : permute(t.x, perm);
}

/** Product of two operands, summed over the labels that nothing after it needs. */
function contract(a: Labelled, b: Labelled, needed: ReadonlySet<string>): Labelled {
  a = drop(a, new Set([...needed, ...b.labels]));
  b = drop(b, new Set([...needed, ...a.labels]));
  const shared = a.labels.filter((l) => b.labels.includes(l));
  const batch = shared.filter((l) => needed.has(l)), summed = shared.filter((l) => !needed.has(l));
  const onlyA = a.labels.filter((l) => !shared.includes(l));
  const onlyB = b.labels.filter((l) => !shared.includes(l));
  const sizes = (t: Labelled, list: readonly string[]) =>
    list.map((l) => t.x.shape[t.labels.indexOf(l)]);
  const shape = [...sizes(a, batch), ...sizes(a, onlyA), ...sizes(b, onlyB)];
  const labels = [...batch, ...onlyA, ...onlyB];
  const lead = batch.length === 0 ? [] : [sizeOf(sizes(a, batch))];
  const m = sizeOf(sizes(a, onlyA)), n = sizeOf(sizes(b, onlyB)), k = sizeOf(sizes(a, summed));
  if (summed.length === 0) {
    const left = reshape(arrange(a, [...batch, ...onlyA]), [...lead, m, 1]);
    const right = reshape(arrange(b, [...batch, ...onlyB]), [...lead, 1, n]);
    return { x: reshape(mul(left, right), shape), labels };
  }
  const left = reshape(arrange(a, [...batch, ...onlyA, ...summed]), [...lead, m, k]);
  const right = reshape(arrange(b, [...batch, ...summed, ...onlyB]), [...lead, k, n]);
  return { x: reshape(dot(left, right), shape), labels };
}

/** The sum of products that an equation describes, taken two operands at a time from the left. */
export function einsum(equation: string, nodes: readonly Node[]): Node {
  const parsed = parse(equation, nodes.map((n) => n.shape));
  const sizes = sizesOf(equation, parsed, nodes);
  const terms = nodes.map((x, i) => prepare(x, parsed.operands[i], sizes));
  let result = terms[0];
  for (let i = 1; i < terms.length; i++) {
    const later = terms.slice(i + 1).flatMap((t) => t.labels);
    result = contract(result, terms[i], new Set([...parsed.output, ...later]));
  }
  result = drop(result, new Set(parsed.output));
  // A letter whose dimensions were all of size 1 is still there; one that only broadcast is not.
  const present = parsed.output.filter((l) => result.labels.includes(l));
  const ordered = arrange(result, present);
  const full = parsed.output.map((l) => present.includes(l) ? sizes.get(l)! : 1);
  return expand(reshape(ordered, full), parsed.output.map((l) => sizes.get(l)!));
}
