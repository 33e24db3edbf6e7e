/**
 * Plain data as bytes: what may travel besides tensors, and how it is checked on arrival.
 *
 * @module
 */

// Projects that map the package to a checkout do not see the import map of that.
// deno-lint-ignore no-import-prefix
import { Decoder, Encoder, ExtensionCodec } from "npm:@msgpack/msgpack@3.1.3";
import { TensorCore } from "../tensor/core.ts";
import { describe } from "../tensor/describe.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { RpcError } from "./errors.ts";
import { MAX_DEPTH, MAX_ENVELOPE } from "./limits.ts";

const TENSOR = 1, SPECIAL = 2, MAP = 3;

/** A place in the table of tensors. */
class TensorReference {
  constructor(readonly index: number) {}
}

/** What the format has no word for. */
class Special {
  constructor(readonly code: number) {}
}

/** A map, as keys and values in turn. */
class Pairs {
  constructor(readonly items: unknown[]) {}
}

const UNDEFINED = new Special(0), NEGATIVE_ZERO = new Special(1);

let table: readonly Tensor[] = [];

const extensions = new ExtensionCodec<undefined>();
extensions.register({
  type: TENSOR,
  encode: (x) => {
    if (!(x instanceof TensorReference)) return null;
    const bytes = new Uint8Array(2);
    bytes[0] = x.index & 255;
    bytes[1] = x.index >> 8;
    return bytes;
  },
  decode: (bytes) => {
    const found = bytes.length === 2 ? table[bytes[0] | bytes[1] << 8] : undefined;
    if (found === undefined) {
      throw new RpcError("message: it names a tensor that it does not have.");
    }
    return found;
  },
});
extensions.register({
  type: SPECIAL,
  encode: (x) => x instanceof Special ? new Uint8Array([x.code]) : null,
  decode: (bytes) => bytes[0] === 1 ? -0 : undefined,
});
extensions.register({
  type: MAP,
  encode: (x) => x instanceof Pairs ? encoder.encode(x.items) : null,
  decode: (bytes) => {
    const items = decoder.decode(bytes) as unknown[], map = new Map<unknown, unknown>();
    for (let i = 0; i + 1 < items.length; i += 2) map.set(items[i], items[i + 1]);
    return map;
  },
});

const encoder = new Encoder<undefined>({
  extensionCodec: extensions,
  useBigInt64: true,
  maxDepth: MAX_DEPTH + 2,
});
const decoder = new Decoder<undefined>({ extensionCodec: extensions, useBigInt64: true });

/** The value with what the format cannot say replaced; itself where there is nothing of the kind. */
function prepared(op: string, x: unknown, tensors: Tensor[], depth: number): unknown {
  switch (typeof x) {
    case "number":
      return Object.is(x, -0) ? NEGATIVE_ZERO : x;
    case "string":
    case "boolean":
      return x;
    case "undefined":
      return UNDEFINED;
    case "bigint":
      if (BigInt.asIntN(64, x) === x) return x;
      throw new RangeError(`${op}: ${x}n does not fit into 64 bits.`);
    case "object":
      break;
    default:
      throw new TypeError(
        `${op}: got ${
          describe(x)
        } in the data, which cannot travel; send plain data and tensors, ` +
          "and functions by their registered name.",
      );
  }
  if (x === null) return x;
  if (x instanceof TensorCore) {
    const known = tensors.indexOf(x as Tensor);
    if (known >= 0) return new TensorReference(known);
    if (tensors.length > 0xffff) {
      throw new RangeError(`${op}: a message has at most 65536 tensors.`);
    }
    return new TensorReference(tensors.push(x as Tensor) - 1);
  }
  if (depth > MAX_DEPTH) {
    throw new RangeError(
      `${op}: the data are nested deeper than ${MAX_DEPTH} levels; do they contain themselves?`,
    );
  }
  if (Array.isArray(x)) {
    let copy: unknown[] | null = null;
    for (let i = 0; i < x.length; i++) {
      const item = prepared(op, x[i], tensors, depth + 1);
      if (item !== x[i] && !(typeof item === "number")) (copy ??= [...x])[i] = item;
    }
    return copy ?? x;
  }
  const prototype = Object.getPrototypeOf(x);
  if (prototype === Object.prototype || prototype === null) {
    let copy: Record<string, unknown> | null = null;
    for (const [key, value] of Object.entries(x)) {
      if (key === "__proto__") {
        throw new TypeError(`${op}: a key is __proto__, which cannot travel.`);
      }
      const item = prepared(op, value, tensors, depth + 1);
      if (item !== value && !(typeof item === "number")) (copy ??= { ...x })[key] = item;
    }
    return copy ?? x;
  }
  if (prototype === Map.prototype) {
    const items = [...x as Map<unknown, unknown>].flat(1);
    return new Pairs(items.map((item) => prepared(op, item, tensors, depth + 2)));
  }
  if (prototype === Uint8Array.prototype) return x;
  const { name } = (x as object).constructor ?? {};
  throw new TypeError(
    `${op}: got an object of class ${name}, which cannot travel; send plain data and tensors ` +
      (ArrayBuffer.isView(x)
        ? "(tensor() makes one of a typed array)."
        : "(the state of a module is module.stateDict())."),
  );
}

/**
 * Plain data as bytes: null, undefined, booleans, numbers, big integers of 64 bits, texts, bytes,
 * arrays, plain objects and `Map`s of them. Tensors are replaced by their place in `tensors`.
 *
 * @throws {TypeError} where there is something else, such as a function or an object of a class
 * @throws {RangeError} where the data are too deep or too large
 */
export function encodeData(op: string, data: unknown, tensors: Tensor[]): Uint8Array {
  const bytes = encoder.encode(prepared(op, data, tensors, 0));
  if (bytes.length <= MAX_ENVELOPE) return bytes;
  throw new RangeError(
    `${op}: the data take ${bytes.length} bytes besides tensors, at most ${MAX_ENVELOPE} may travel ` +
      "in one message; put many numbers into a tensor.",
  );
}

function broken(what: string): never {
  throw new RpcError(`message: ${what}.`);
}

/**
 * Throws unless bytes are exactly one value, nested at most `MAX_DEPTH` deep, of the kinds that may
 * travel, in which no length exceeds what is there: nothing is allocated before.
 */
export function checkData(bytes: Uint8Array, depth = 0): void {
  const { length } = bytes, view = new DataView(bytes.buffer, bytes.byteOffset, length);
  // Values that are still to come, in each container that is open; all together are `due`.
  const open: number[] = [];
  let at = 0, due = 1;
  const need = (n: number) => {
    if (n > length - at) broken("it ends within a value");
  };
  const complete = () => {
    while (open.length > 0) {
      if (--open[open.length - 1] > 0) return;
      open.pop();
    }
  };
  const container = (n: number) => {
    // A value takes a byte at least.
    if (n > length - at - due) broken("it announces more values than it has bytes for");
    if (n === 0) return complete();
    if (depth + open.length > MAX_DEPTH) broken(`it is nested deeper than ${MAX_DEPTH} levels`);
    open.push(n);
    due += n;
  };
  const skip = (n: number) => {
    need(n);
    at += n;
    complete();
  };
  const size = (n: 1 | 2 | 4) => {
    need(n);
    const value = n === 1 ? bytes[at] : n === 2 ? view.getUint16(at) : view.getUint32(at);
    at += n;
    return value;
  };
  const extension = (n: number) => {
    need(n + 1);
    const type = bytes[at++], kind = bytes[at];
    if (type === MAP) {
      // Its contents are one value: an array.
      if ((kind & 0xf0) !== 0x90 && kind !== 0xdc && kind !== 0xdd) broken("a map is no list");
      if (depth + open.length > MAX_DEPTH) broken(`it is nested deeper than ${MAX_DEPTH} levels`);
      checkData(bytes.subarray(at, at + n), depth + open.length + 1);
    } else if (!(type === TENSOR && n === 2) && !(type === SPECIAL && n === 1)) {
      broken("it has a value of an unknown kind");
    }
    skip(n);
  };
  while (due > 0) {
    need(1);
    const b = bytes[at++];
    due--;
    if (b < 0x80 || b >= 0xe0 || b === 0xc0 || b === 0xc2 || b === 0xc3) complete();
    else if (b < 0x90) container(2 * (b & 15));
    else if (b < 0xa0) container(b & 15);
    else if (b < 0xc0) skip(b & 31);
    else if (b === 0xc4 || b === 0xd9) skip(size(1));
    else if (b === 0xc5 || b === 0xda) skip(size(2));
    else if (b === 0xc6 || b === 0xdb) skip(size(4));
    else if (b >= 0xc7 && b <= 0xc9) extension(size(b === 0xc7 ? 1 : b === 0xc8 ? 2 : 4));
    else if (b === 0xca || b === 0xce || b === 0xd2) skip(4);
    else if (b === 0xcb || b === 0xcf || b === 0xd3) skip(8);
    else if (b === 0xcc || b === 0xd0) skip(1);
    else if (b === 0xcd || b === 0xd1) skip(2);
    else if (b >= 0xd4 && b <= 0xd8) extension(1 << (b - 0xd4));
    else if (b === 0xdc) container(size(2));
    else if (b === 0xdd) container(size(4));
    else if (b === 0xde) container(2 * size(2));
    else if (b === 0xdf) container(2 * size(4));
    else broken("it has a value of an unknown kind");
  }
  if (at !== length) broken("there is more behind its end");
}

/**
 * The data that bytes stand for, with the tensors of a message in their places.
 *
 * @throws {RpcError} where the bytes break the rules of {@linkcode checkData}
 */
export function decodeData(bytes: Uint8Array, tensors: readonly Tensor[]): unknown {
  checkData(bytes);
  table = tensors;
  try {
    // Bytes in the data are views: of memory that is theirs.
    return decoder.decode(bytes.slice());
  } catch (cause) {
    if (cause instanceof RpcError) throw cause;
    throw new RpcError("message: its data cannot be read.", { cause });
  } finally {
    table = [];
  }
}
