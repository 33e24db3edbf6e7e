/**
 * Messages: data with tensors in it, to frames and back.
 *
 * @module
 */

import { isGradEnabled } from "../graph/node.ts";
import { fromOwned } from "../tensor/build.ts";
import { realize } from "../tensor/realize.ts";
import { newArray } from "../tensor/core.ts";
import { valueOf } from "../tensor/methods/reading.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TypedArray } from "../runtime/mod.ts";
import { noteReceived, noteSent } from "./contexts.ts";
import { decodeData, encodeData } from "./envelope.ts";
import { RpcError } from "./errors.ts";
import { encodeFrame, type Frame, type FrameTensor } from "./frame.ts";
import type { Link, Memory } from "./links/link.ts";
import type { Sharing } from "./links/sharing.ts";

/** Where a message belongs in distributed autograd; context 0 for nowhere. */
export interface Belonging {
  /** Number of the context. */
  readonly context: number;
  /** Number of the message. */
  readonly message: number;
  /** Rank at the other end. */
  readonly peer: number;
}

/** Elements from this size on go through shared memory where there is some. */
const SHARE = 256 * 1024;

const empty = new Uint8Array(0);

/**
 * A message as buffers. All its tensors are computed in one run and copied. Those that require gradients
 * are noted in the context; outside of one, only leaves go on requiring gradients, since nothing could
 * bring gradients back to what others were made of.
 */
export function encodeMessage(
  op: string,
  kind: number,
  id: number,
  data: unknown,
  belonging: Belonging,
  sharing: Sharing | null,
): Uint8Array[] {
  const tensors: Tensor[] = [];
  const bytes = data === undefined ? empty : encodeData(op, data, tensors);
  if (tensors.length === 0) {
    if (belonging.context !== 0) noteSent(belonging.context, belonging.message, [], belonging.peer);
    return encodeFrame(op, { kind, id, data: bytes, tensors: [] });
  }
  const { context, message, peer } = belonging, grads = isGradEnabled();
  const nodes = tensors.map((x) => x.node);
  realize(tensors);
  const table = tensors.map((x, i): FrameTensor => {
    const memory = valueOf(x, op);
    const requiresGrad = grads && nodes[i].requiresGrad && (context !== 0 || x.isLeaf);
    const place = memory.byteLength >= SHARE ? sharing?.share(memory) ?? null : null;
    return {
      dtype: x.dtype,
      shape: x.shape,
      requiresGrad,
      bytes: place === null ? bytesOf(memory) : empty,
      place,
    };
  });
  const chunks = encodeFrame(op, { kind, id, data: bytes, tensors: table });
  if (context !== 0) {
    noteSent(context, message, nodes.filter((_, i) => table[i].requiresGrad), peer);
  }
  return chunks;
}

function bytesOf(memory: Memory): Uint8Array {
  const { buffer, byteOffset, byteLength } = memory.host();
  return new Uint8Array(buffer, byteOffset, byteLength);
}

type ViewClass = new (buffer: ArrayBufferLike, offset: number, length: number) => TypedArray;

/** The tensors of a frame. */
function tensorsOf(frame: Frame, link: Link | null): Tensor[] {
  return frame.tensors.map(({ dtype, shape, requiresGrad, bytes, place }) => {
    const { constructor, BYTES_PER_ELEMENT: each } = newArray(dtype, 0);
    const array = new (constructor as ViewClass)(
      bytes.buffer,
      bytes.byteOffset,
      bytes.length / each,
    );
    if (dtype === "bool" && bytes.some((b) => b > 1)) {
      throw new RpcError("message: a truth value is neither 0 nor 1.");
    }
    const x = fromOwned("message", array, shape, dtype, { requiresGrad }), memory = x.node.storage!;
    if (place !== null && memory.onHost) link?.received(memory, place);
    return x;
  });
}

/** The data of a frame, with its tensors; nothing is noted yet. */
export function decodeMessage(
  frame: Frame,
  link: Link | null,
): { data: unknown; tensors: Tensor[] } {
  const tensors = frame.tensors.length === 0 ? [] : tensorsOf(frame, link);
  return { data: frame.data.length === 0 ? undefined : decodeData(frame.data, tensors), tensors };
}

/** Notes the tensors of a message that arrived. */
export function noteArrival(
  tensors: readonly Tensor[],
  { context, message, peer }: Belonging,
): void {
  if (context === 0) return;
  const nodes = tensors.filter((x) => x.requiresGrad).map((x) => x.node);
  noteReceived(context, message, nodes, peer);
}
