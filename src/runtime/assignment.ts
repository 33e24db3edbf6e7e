/**
 * Where ONNX Runtime put the nodes of a model.
 *
 * @module
 */

import { check, ort } from "./api.ts";
import { cString, outPointer, pointerTo, readCString } from "./ffi.ts";

/** Name of ONNX Runtime's provider for the host. */
export const HOST_PROVIDER = "CPUExecutionProvider";

/** A node and who runs it. */
export interface AssignedNode {
  /** Type of the node, such as `"MatMul"`. */
  readonly opType: string;
  /** Name of the node; empty where it has none. */
  readonly name: string;
  /** Name of the provider, such as `"CUDAExecutionProvider"`. */
  readonly provider: string;
}

/** Makes sessions with these options remember what {@linkcode assignmentOf} tells. */
export function recordAssignment(options: Deno.PointerValue): void {
  const key = cString("session.record_ep_graph_assignment_info");
  check(ort().fn.AddSessionConfigEntry(options, key, cString("1")), "recording the assignment");
}

/**
 * The nodes of a session and who runs each of them, copies between devices not among them.
 *
 * @param session `OrtSession*` of options that went through {@linkcode recordAssignment}
 */
export function assignmentOf(session: Deno.PointerValue): AssignedNode[] {
  const { fn } = ort();
  const nodes: AssignedNode[] = [];
  const parts = list((out, count) => fn.Session_GetEpGraphAssignmentInfo(session, out, count));
  for (const part of parts) {
    const provider = text((out) => fn.EpAssignedSubgraph_GetEpName(part, out));
    for (const node of list((out, count) => fn.EpAssignedSubgraph_GetNodes(part, out, count))) {
      const opType = text((out) => fn.EpAssignedNode_GetOperatorType(node, out));
      const name = text((out) => fn.EpAssignedNode_GetName(node, out));
      nodes.push({ opType, name, provider });
    }
  }
  return nodes;
}

type Out = BigUint64Array<ArrayBuffer>;

function list(get: (out: Out, count: Out) => Deno.PointerValue): Deno.PointerValue[] {
  const count = new BigUint64Array(1);
  const first = outPointer((out) => check(get(out, count), "reading the assignment"));
  if (first === null) return [];
  const view = new Deno.UnsafePointerView(first);
  return Array.from(
    { length: Number(count[0]) },
    (_, i) => pointerTo(view.getBigUint64(8 * i)),
  );
}

function text(get: (out: Out) => Deno.PointerValue): string {
  return readCString(outPointer((out) => check(get(out), "reading the assignment")));
}
