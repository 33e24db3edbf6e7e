/**
 * Copies between devices in a run of a graph, as `explain()` lists them: the graph's numbers, which go to
 * the device in one piece, tensors of one element that lie elsewhere, and the nodes that ONNX Runtime
 * puts in where a node runs on the host.
 *
 * @module
 */

import {
  BackendError,
  type Device,
  driverOf,
  type DType,
  isOnHost,
  modelAsRun,
  opsLibrary,
  type SessionSpec,
} from "../runtime/mod.ts";
import { decodeModel, type GraphDef, type NodeDef } from "../onnx/mod.ts";
import type { Lowered } from "../lower/lower.ts";

/** Bytes written in a run up to which one block of memory holds them all. */
const PATTERN_BYTES = 1 << 24;

/** How sessions of a graph are made, whatever the model. */
export type Settings = Omit<SessionSpec, "model" | "inputs" | "outputs">;

/** How sessions of a lowered graph are made. */
export function settingsOf(lowered: Lowered, device: Device, threads: number): Settings {
  return {
    device,
    threads,
    useOps: driverOf(device).compiledOps && opsLibrary().loaded,
    memoryPattern: lowered.bytes <= PATTERN_BYTES,
  };
}

/** Nodes of ONNX Runtime that copy, and where to. */
const WAYS: ReadonlyMap<string, string> = new Map([
  ["MemcpyFromHost", "from the host"],
  ["MemcpyToHost", "to the host"],
]);

/**
 * The copy nodes of a graph and of the graphs inside its nodes, a line each.
 *
 * @param graph as ONNX Runtime runs it
 * @param within what to say of where it is
 */
export function copyNodes(graph: GraphDef, within: string = ""): string[] {
  const types = new Map(
    [...graph.inputs, ...(graph.valueInfos ?? []), ...graph.outputs].map((v) => [
      v.name,
      `${v.dtype}[${(v.shape ?? []).join(",")}]`,
    ]),
  );
  const lines: string[] = [];
  for (const node of graph.nodes) {
    const way = WAYS.get(node.opType);
    if (way !== undefined) {
      const [from] = node.inputs, [to] = node.outputs;
      const type = types.get(from) ?? types.get(to) ?? "a value";
      const maker = graph.nodes.find(({ outputs }) => outputs.includes(from));
      const made = maker === undefined ? "an input" : `a result of ${maker.opType}`;
      const readers = readersOf(graph, to);
      const goal = readers.length === 0 ? "as a result" : `for ${readers.join(", ")}`;
      lines.push(`${type}, ${made}, ${way} ${goal}${within} (${node.opType})`);
    }
    for (const value of Object.values(node.attributes ?? {})) {
      if (value.kind !== "graph") continue;
      lines.push(...copyNodes(value.value, `, inside of ${node.opType}`));
    }
  }
  return lines;
}

/** Types of the nodes that read a value, those inside of others too. */
function readersOf(graph: GraphDef, name: string): string[] {
  const reads = (node: NodeDef): boolean =>
    node.inputs.includes(name) ||
    Object.values(node.attributes ?? {}).some((value) =>
      value.kind === "graph" && value.value.nodes.some(reads)
    );
  return [...new Set(graph.nodes.filter(reads).map(({ opType }) => opType))];
}

/**
 * All copies between devices in a run, a line each; none on the host. Compiles the models once more.
 *
 * @param elsewhere how many tensors of one element lie on another device
 */
export function copiesOf(lowered: Lowered, settings: Settings, elsewhere: number): string[] {
  const { device } = settings, lines: string[] = [];
  if (isOnHost(device)) return lines;
  const numbers = new Map<DType, number>();
  for (const { dtype } of lowered.places) numbers.set(dtype, (numbers.get(dtype) ?? 0) + 1);
  if (numbers.size > 0) {
    const counts = [...numbers].map(([dtype, n]) => `${n} of ${dtype}`).join(", ");
    lines.push(`numbers (${counts}) to ${device}, in one piece, where one of them has changed`);
  }
  if (elsewhere > 0) lines.push(`${elsewhere} tensor(s) of one element to ${device}`);
  const models = new Map<Uint8Array, number>();
  for (const { model } of lowered.segments) models.set(model, (models.get(model) ?? 0) + 1);
  for (const [model, times] of models) {
    const { inputs, outputs } = lowered.segments.find((segment) => segment.model === model)!;
    const again = times > 1 ? `, in each of ${times} equal segments` : "";
    try {
      const { graph } = decodeModel(modelAsRun({ ...settings, model, inputs, outputs }));
      lines.push(...copyNodes(graph).map((line) => line + again));
    } catch (error) {
      if (!(error instanceof BackendError)) throw error;
      lines.push(`not known, since the graph does not compile: ${error.message}`);
    }
  }
  return lines;
}
