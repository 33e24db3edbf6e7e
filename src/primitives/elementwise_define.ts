/**
 * How elementwise primitives are defined: type rule, ONNX operator, Program instruction and derivative
 * in one entry. Operands broadcast as in NumPy.
 *
 * @module
 */

import type { DType } from "../runtime/mod.ts";
import { DTypeError } from "../graph/errors.ts";
import { constantNode } from "../graph/leaf.ts";
import {
  apply,
  type Aval,
  definePrimitive,
  isFloat,
  type Node,
  type Primitive,
} from "../graph/node.ts";
import type { ProgramRule } from "../graph/program_rule.ts";
import { broadcastShapes } from "../graph/shape.ts";
import { reshape } from "./movement.ts";

/** A primitive of one operand. */
export type Unary = Primitive<null>;
/** A derivative rule. */
export type Vjp = Primitive<null>["vjp"];

/** The number `value` in the type of `like`. */
export function num(value: number, like: Aval): Node {
  return constantNode(value, like.dtype);
}

/** What makes a unary primitive. */
export interface UnarySpec {
  /** Its code in `ops/program/opcodes.inc`; without one it decomposes for Program, too. */
  opcode?: number;
  /** ONNX operator; `ops` without one decompose instead. */
  onnx?: string;
  vjp: Vjp;
  /** Result type; the operand's by default. */
  result?: DType;
  /** Accepted operands; floating point by default. */
  accepts?: (d: DType) => boolean;
  /**
   * Equal graph where the target has no kernel for the ONNX operator, or there is none; null leaves it
   * to what the target puts in the place of the operator.
   */
  decompose?: (x: Node) => Node | null;
  simplify?: Primitive<null>["simplify"];
}

// What follows are function declarations throughout: modules that define primitives import each
// other, and declarations are there whichever is loaded first.

/** Whether a type holds numbers. */
export function anyNumber(d: DType): boolean {
  return d !== "bool";
}

/** Batches of operands broadcast once their ranks agree: sizes of 1 come in behind the batch. */
export function batchElementwise<A>(
  node: Node<A>,
  xs: readonly Node[],
  batched: readonly boolean[],
): Node {
  const rank = node.shape.length;
  const aligned = xs.map((x, i) => {
    if (!batched[i]) return x;
    const [size, ...own] = x.shape;
    return reshape(x, [size, ...new Array<number>(rank - own.length).fill(1), ...own]);
  });
  return apply(node.prim, aligned, node.attrs);
}

/** The instruction of Program with a code. */
function instruction(opcode: number | undefined): ProgramRule<null> | undefined {
  return opcode === undefined ? undefined : { kind: "elementwise", opcode };
}

/** Defines a unary primitive. */
export function unary(name: string, spec: UnarySpec): Unary {
  const accepts = spec.accepts ?? isFloat;
  return definePrimitive<null>({
    name,
    infer([x]) {
      if (!accepts(x.dtype)) {
        throw new DTypeError(
          `${name}: got ${x.dtype}, wants ${
            accepts === isFloat ? "a floating-point tensor" : "a number tensor"
          }; convert it first, as in x.to("float32").`,
        );
      }
      // The operand itself has the type of the result.
      return spec.result === undefined ? x : { shape: x.shape, dtype: spec.result };
    },
    lower: (c, [x]) => c.op(spec.onnx!, [x]),
    vjp: spec.vjp,
    batch: batchElementwise,
    simplify: spec.simplify,
    decompose: spec.decompose === undefined
      ? undefined
      : ({ inputs: [x] }, target) =>
        spec.onnx !== undefined && target.has(spec.onnx, x.dtype) ? null : spec.decompose!(x),
    program: instruction(spec.opcode),
  });
}

/** Refuses operands of different types. */
export function checkSame(name: string, a: Node, b: Node): void {
  if (a.dtype !== b.dtype) {
    throw new DTypeError(
      `${name}: operands are ${a.dtype} and ${b.dtype}; convert one with to("${a.dtype}").`,
    );
  }
}

/** What makes a binary primitive. */
export interface BinarySpec {
  /** Its code in `ops/program/opcodes.inc`; without one it decomposes for Program, too. */
  opcode?: number;
  onnx?: string;
  vjp: Vjp;
  result?: DType;
  accepts?: (d: DType) => boolean;
  decompose?: (a: Node, b: Node) => Node;
  simplify?: Primitive<null>["simplify"];
  lower?: Primitive<null>["lower"];
  reads?: Primitive<null>["reads"];
}

/** Defines a binary primitive. */
export function binary(name: string, spec: BinarySpec): Primitive<null> {
  const accepts = spec.accepts ?? anyNumber;
  return definePrimitive<null>({
    name,
    infer([a, b]) {
      checkSame(name, a, b);
      if (!accepts(a.dtype)) {
        throw new DTypeError(
          a.dtype === "bool"
            ? `${name}: got bool operands, wants numbers; use logicalAnd(), logicalOr() or ` +
              `logicalXor() for truth values, or convert them with to("int64").`
            : `${name}: got ${a.dtype} operands, wants ${
              accepts === isFloat
                ? `floating point; convert them with to("float32")`
                : `bool; compare first, as in x.ne(0)`
            }.`,
        );
      }
      return { shape: broadcastShapes(name, a.shape, b.shape), dtype: spec.result ?? a.dtype };
    },
    lower: spec.lower ?? ((c, inputs) => c.op(spec.onnx!, inputs)),
    vjp: spec.vjp,
    reads: spec.reads,
    batch: batchElementwise,
    simplify: spec.simplify,
    decompose: spec.decompose === undefined
      ? undefined
      : (node) => spec.decompose!(node.inputs[0], node.inputs[1]),
    program: instruction(spec.opcode),
  });
}

/** Whether replacing `node` by `by` keeps the shape. */
export function keeps(node: Node, by: Node): boolean {
  return by.shape.length === node.shape.length && by.shape.every((d, i) => d === node.shape[i]);
}

/** The function that makes nodes of a unary primitive. */
export function build1(p: Unary): (x: Node) => Node {
  return (x) => apply(p, [x], null);
}
/** The function that makes nodes of a binary primitive. */
export function build2(p: Primitive<null>): (a: Node, b: Node) => Node {
  return (a, b) => apply(p, [a, b], null);
}
