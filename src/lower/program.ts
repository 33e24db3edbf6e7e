/**
 * Assembly of a region into the code of the Program kernel (its format: `ops/README.md`).
 *
 * A region becomes a few steps: loops over elements, reductions, small matrix products. Each loop
 * computes all members that run over the same number of elements and do not wait for another step.
 *
 * @module
 */

import { DTYPES } from "../runtime/mod.ts";
import { constant, constantNode, scalar } from "../graph/leaf.ts";
import { ArenaPlan } from "./arena.ts";
import type { Node } from "../graph/node.ts";
import { LoopAssembler } from "./program_loop.ts";
import type { NodeTable } from "../graph/order.ts";
import type { Partition, Region } from "./partition.ts";
import { sizeOf } from "../graph/shape.ts";
import {
  collapse,
  isView,
  isWhole,
  type Operand,
  type OperandOf,
  wholeView,
} from "../graph/views.ts";

/** Code of one region. */
export interface ProgramCode {
  /** Values that it reads, in order; null stands for the packed numbers. */
  readonly inputs: (Node | null)[];
  /** Values that it writes, in order. */
  readonly outputs: Node[];
  /** The code. */
  readonly code: number[];
  /** Constants, as numbers. */
  readonly constants: number[];
  /** Number of steps. */
  readonly steps: number;
  /** Whether output `out` may be written over the memory of input `root`. */
  canAlias(root: Node, out: Node): boolean;
}

/** A step before it is assembled. */
interface Step {
  kind: "loop" | "reduce" | "matmul";
  level: number;
  elements: number;
  nodes: Node[];
}

const OPCODE = { loop: 1, reduce: 2, matmul: 3 };

/**
 * Most members of one loop. Each takes registers, and the time to decode a loop grows faster than the
 * loop, so that a longer one becomes several, which hand values on in memory.
 */
const LOOP_MEMBERS = 1024;

/** The operand of a view node that is written out: the view of what lies below it. */
function copyOperand(node: Node, operand: (n: Node) => Operand): Operand {
  const below = operand(node.inputs[0]);
  const rule = node.prim.program;
  const view = rule?.kind === "view" ? rule.view(node, below.view) : below.view;
  return { root: below.root, view: view ?? wholeView(node.shape) };
}

/**
 * Assigns members to steps, as late as possible, so that a value is made where it is used. `place`
 * numbers the members, and gives -1 for other nodes.
 */
function planSteps(region: Region, place: (n: Node) => number, operandOf: OperandOf): Step[] {
  const kindOf = (n: Node): Step["kind"] => {
    const kind = n.prim.program?.kind;
    return kind === "reduce" || kind === "matmul" ? kind : "loop";
  };
  const height = new Int32Array(region.nodes.length);
  for (let i = region.nodes.length - 1; i >= 0; i--) {
    const node = region.nodes[i], h = height[i];
    const kind = kindOf(node), n = sizeOf(node.shape);
    for (let k = 0; k < node.inputs.length; k++) {
      const { root, view } = operandOf(node, k);
      const below = place(root);
      if (below < 0) continue;
      const together = kind === "loop" && kindOf(root) === "loop" && sizeOf(root.shape) === n &&
        isWhole(collapse(view), root);
      height[below] = Math.max(height[below], together ? h : h + 1);
    }
  }
  const steps: Step[] = [];
  // The loop of each level and number of elements that takes further members.
  const open = new Map<string, Step>();
  region.nodes.forEach((node, i) => {
    const kind = kindOf(node), level = height[i], elements = sizeOf(node.shape);
    const key = `${level}:${elements}`;
    let step = kind === "loop" ? open.get(key) : undefined;
    if (step === undefined || step.nodes.length === LOOP_MEMBERS) {
      steps.push(step = { kind, level, elements, nodes: [] });
      if (kind === "loop") open.set(key, step);
    }
    step.nodes.push(node);
  });
  // Steps of one level do not need each other. Large loops come last: an update is one, and it may be
  // written over its operand once all other readers are through.
  const weight = (s: Step) => s.kind === "loop" ? s.elements : 0;
  return steps.sort((a, b) => b.level - a.level || weight(a) - weight(b));
}

/** Assembles a region. `external` holds members whose value is needed outside. */
export function assemble(
  region: Region,
  parts: Partition,
  external: NodeTable<true>,
  slotOf: (node: Node) => number,
): ProgramCode {
  const { nodes } = region;
  const place = (n: Node) => parts.regionOf.get(n) === region ? parts.placeOf.get(n)! : -1;
  const operandOf: OperandOf = (node, k) =>
    isView(node) ? copyOperand(node, parts.operand) : parts.operand(node.inputs[k]);
  const steps = planSteps(region, place, operandOf);
  const stepAt = new Int32Array(nodes.length);
  steps.forEach((s, i) => s.nodes.forEach((n) => stepAt[place(n)] = i));

  // Which values live in memory: those used outside, and those that another step reads.
  const inputs: (Node | null)[] = [], inputIndex = new Map<Node | null, number>();
  // The last step that reads each member from memory; -1 where none does.
  const lastUse = new Int32Array(nodes.length).fill(-1);
  // The place in that step of the last member that reads it; -1 where one reads not all of it, as it lies.
  const lastReader = new Int32Array(nodes.length).fill(-1);
  const constants: number[] = [], places = new Map<number | "-0", number>();
  const constantAt = (value: number) => {
    const key = Object.is(value, -0) ? "-0" : value;
    const known = places.get(key);
    if (known !== undefined) return known;
    places.set(key, constants.length);
    return constants.push(value) - 1;
  };
  const readers = new Map<Node, { step: number; whole: boolean }[]>();
  const input = (node: Node | null) => {
    if (!inputIndex.has(node)) {
      inputIndex.set(node, inputs.length);
      inputs.push(node);
    }
  };
  steps.forEach((step, at) => {
    step.nodes.forEach((node, position) => {
      for (let k = 0; k < node.inputs.length; k++) {
        const { root, view } = operandOf(node, k);
        if (root.prim === constant) {
          if (step.kind !== "loop") input(root);
        } else if (root.prim === scalar) input(null);
        else if (place(root) >= 0) {
          const i = place(root), inLoop = step.kind === "loop" && stepAt[i] === at;
          if (inLoop) continue;
          const inPlace = step.kind === "loop" && sizeOf(root.shape) === step.elements &&
            isWhole(collapse(view), root) && (lastUse[i] !== at || lastReader[i] >= 0);
          lastUse[i] = at;
          lastReader[i] = inPlace ? position : -1;
        } else {
          input(root);
          const list = readers.get(root) ?? [];
          list.push({ step: at, whole: step.kind === "loop" && isWhole(collapse(view), root) });
          readers.set(root, list);
        }
      }
    });
  });
  // A region of constants alone: ONNX Runtime wants one input all the same.
  if (inputs.length === 0) input(constantNode(0, region.type));
  const outputs = nodes.filter((n) => external.has(n));
  const arena = new ArenaPlan(64 / DTYPES[region.type].bytes);
  // Place of each member in memory; -1 where it has none.
  const buffers = new Int32Array(nodes.length).fill(-1);
  outputs.forEach((n, i) => buffers[place(n)] = inputs.length + i);
  const firstArena = inputs.length + outputs.length;
  // Members that a loop may write over: none reads them afterwards. What goes through less memory stays in
  // nearer caches.
  const over: number[][] = steps.map(() => []);
  for (let i = 0; i < nodes.length; i++) if (lastReader[i] >= 0) over[lastUse[i]].push(i);
  steps.forEach((step, at) => {
    step.nodes.forEach((node, position) => {
      const i = place(node);
      if (lastUse[i] < 0 || buffers[i] >= 0) return;
      const free = over[at].findIndex((x) => buffers[x] >= firstArena && lastReader[x] <= position);
      buffers[i] = firstArena +
        (free < 0
          ? arena.add(sizeOf(node.shape), at, lastUse[i])
          : arena.addOver(buffers[over[at].splice(free, 1)[0]] - firstArena, lastUse[i]));
    });
  });
  const bufferOf = (node: Node): number => {
    const i = place(node);
    return i >= 0 ? buffers[i] : inputIndex.get(node)!;
  };

  const body: number[] = [];
  for (let at = 0; at < steps.length; at++) {
    const step = steps[at];
    const payload = step.kind === "loop"
      ? new LoopAssembler({
        step,
        operandOf,
        inStep: (n) => place(n) >= 0 && stepAt[place(n)] === at,
        isStored: (n) => buffers[place(n)] >= 0,
        bufferOf,
        numbers: inputIndex.get(null) ?? -1,
        slotOf,
        constantAt,
      }).assemble()
      : step.kind === "reduce"
      ? reduceStep(
        step.nodes[0],
        operandOf(step.nodes[0], 0),
        bufferOf,
        inputIndex.get(null),
        slotOf,
      )
      : matmulStep(step.nodes[0], operandOf, bufferOf);
    body.push(OPCODE[step.kind], payload.length);
    for (const value of payload) body.push(value);
  }
  const code = [1, inputs.length, outputs.length, arena.count];
  for (const out of outputs) code.push(out.shape.length, ...out.shape);
  // A large region has more numbers than a call takes arguments.
  for (const list of [arena.offsets(), [steps.length], body]) {
    for (const value of list) code.push(value);
  }
  return {
    inputs,
    outputs,
    code,
    constants,
    steps: steps.length,
    canAlias(root, out) {
      const i = place(out), written = stepAt[i];
      if (i < 0 || steps[written].kind !== "loop") return false;
      return (readers.get(root) ?? []).every((r) =>
        r.step < written || (r.step === written && r.whole)
      );
    },
  };
}

function reduceStep(
  node: Node,
  { root, view }: Operand,
  bufferOf: (n: Node) => number,
  numbers: number | undefined,
  slotOf: (n: Node) => number,
): number[] {
  const rule = node.prim.program;
  if (rule?.kind !== "reduce") throw new Error("internal: not a reduction");
  const axes = rule.axes(node.attrs);
  // Neighbouring dimensions that are kept (or reduced) together count as one.
  const dims: number[] = [], strides: number[] = [], keep: number[] = [];
  view.dims.forEach((d, i) => {
    if (d === 1) return;
    const kept = axes.includes(i) ? 0 : 1, last = dims.length - 1;
    if (last >= 0 && keep[last] === kept && strides[last] === view.strides[i] * d) {
      dims[last] *= d;
      strides[last] = view.strides[i];
    } else {
      dims.push(d);
      strides.push(view.strides[i]);
      keep.push(kept);
    }
  });
  const isNumber = root.prim === scalar;
  const buffer = isNumber ? numbers! : bufferOf(root);
  const offset = isNumber ? slotOf(root) : view.offset;
  return [
    rule.code,
    buffer,
    offset,
    bufferOf(node),
    dims.length,
    ...dims,
    ...strides,
    ...keep,
  ];
}

function matmulStep(node: Node, operandOf: OperandOf, bufferOf: (n: Node) => number): number[] {
  const a = operandOf(node, 0), b = operandOf(node, 1), { ta, tb } = node.attrs;
  const rank = node.shape.length;
  const m = node.shape[rank - 2], n = node.shape[rank - 1];
  const k = a.view.dims[a.view.dims.length - (ta ? 2 : 1)];
  const batch = sizeOf(node.shape.slice(0, -2));
  // A factor without the batch is the same for all of it.
  const stride = (of: Operand, size: number) => sizeOf(of.view.dims) === size ? 0 : size;
  return [
    ...[bufferOf(a.root), a.view.offset, bufferOf(b.root), b.view.offset, bufferOf(node)],
    ...[batch, stride(a, m * k), stride(b, k * n), m, n, k, ta ? 1 : 0, tb ? 1 : 0],
  ];
}
