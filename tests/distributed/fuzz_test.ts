/** Broken frames and data: each closes its link with a reason, or is one that nobody minds. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ones, randn, type Tensor, tensor } from "@torchopt/torchopt";
import { Agent } from "../../src/distributed/agent.ts";
import { checkData, decodeData, encodeData } from "../../src/distributed/envelope.ts";
import { RpcError } from "../../src/distributed/errors.ts";
import { encodeFrame, Kind, number } from "../../src/distributed/frame.ts";
import { greet, receive } from "../../src/distributed/handshake.ts";
import { Reader } from "../../src/distributed/links/reader.ts";
import { SocketLink } from "../../src/distributed/links/socket_link.ts";
import { encodeMessage } from "../../src/distributed/message.ts";
import "./functions.ts";
import "../helpers/seed.ts";
import { settle } from "../helpers/settle.ts";

/** How many broken frames are tried. */
const MANY = 10_000;

/** A connection on which bytes arrive, and then its end. */
function connectionOf(bytes: Uint8Array) {
  let at = 0;
  return {
    read: (into: Uint8Array): Promise<number | null> => {
      if (at >= bytes.length) return Promise.resolve(null);
      const n = Math.min(into.length, bytes.length - at);
      into.set(bytes.subarray(at, at += n));
      return Promise.resolve(n);
    },
    write: (given: Uint8Array) => Promise.resolve(given.length),
    close: () => {},
  };
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((n, chunk) => n + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** Right frames, numbered from 1. */
function frames(): Uint8Array[] {
  const call = (data: unknown) => ["echo", [data], null, 0, 0, 1000, false];
  const nowhere = { context: 0, message: 0, peer: 1 };
  const messages: [number, unknown][] = [
    [Kind.call, call({ a: [1, "x", null], b: new Map([[1, undefined]]) })],
    [Kind.call, call([ones([3, 4]), tensor([true, false]), randn([2], { requiresGrad: true })])],
    [Kind.call, call(new Uint8Array(40))],
    [Kind.result, [1, 2]],
    [Kind.error, { name: "E", message: "m", stack: "" }],
    [Kind.cancel, undefined],
    [Kind.call, call(ones([70, 80]))],
  ];
  return messages.map(([kind, data], i) => {
    const chunks = encodeMessage("test", kind, i + 1, data, nowhere, null);
    number(chunks[0], i + 1);
    return joined(chunks);
  });
}

/** What becomes of a link on which these bytes arrive. */
async function outcome(bytes: Uint8Array): Promise<string> {
  const agent = new Agent(0, 2, null), connection = connectionOf(bytes);
  const link = new SocketLink(connection, new Reader(connection), "test");
  const closed = Promise.withResolvers<string>();
  agent.onDeath.push((_, error) => closed.resolve((error as Error).message));
  agent.open();
  agent.attach(1, link, "test");
  const reason = await closed.promise;
  agent.close(new RpcError("done"));
  return reason;
}

/** Whole numbers below a bound, the same in each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const REASONS =
  /the connection ended|broke within a frame|frame: |message: |tensor|requiresGrad|dtype|shape/;

Deno.test("truncated, flipped, oversized, replayed and random frames close their link with a reason", async () => {
  const good = frames(), below = numbers(1), counts = new Map<string, number>();
  assertEquals(/the connection ended/.test(await outcome(joined(good))), true);
  await settle();
  const before = Deno.memoryUsage();
  for (let i = 0; i < MANY; i++) {
    let bytes = joined(good);
    switch (i % 5) {
      case 0:
        bytes = bytes.subarray(0, below(bytes.length));
        break;
      case 1:
        for (let k = 0; k <= below(3); k++) bytes[below(bytes.length)] ^= 1 << below(8);
        break;
      case 2: {
        // A length or count in a header says anything.
        const at = good.slice(0, below(good.length)).reduce((n, frame) => n + frame.length, 0);
        new DataView(bytes.buffer).setUint32(
          at + [4, 12, 16, 20, 24, 28][below(6)],
          below(2 ** 32),
        );
        break;
      }
      case 3:
        bytes = joined([...good, good[below(good.length)]]);
        break;
      default:
        bytes = Uint8Array.from({ length: below(400) }, () => below(256));
        // Half of them begin as a frame does.
        if (below(2) === 0) bytes.set(good[0].subarray(0, Math.min(12, bytes.length)));
    }
    const reason = await outcome(bytes);
    assert(REASONS.test(reason), reason);
    const key = REASONS.exec(reason)![0];
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  assert(counts.size >= 4, JSON.stringify([...counts]));
  await settle();
  const after = Deno.memoryUsage(),
    grown = after.heapUsed + after.external - before.heapUsed - before.external;
  assert(grown < 64 * 2 ** 20, `${grown} bytes`);
});

Deno.test("broken bytes before and within the handshake end it", async () => {
  const self = (rank: number) => ({
    job: "job",
    rank,
    size: 2,
    incarnation: "0123456789abcdef",
    secret: new Uint8Array(32),
  });
  const below = numbers(2);
  for (let i = 0; i < MANY / 5; i++) {
    const bytes = Uint8Array.from({ length: below(200) }, () => below(256));
    if (i % 3 > 0) bytes.set(new TextEncoder().encode("TOPTHELO").subarray(0, bytes.length));
    if (i % 3 > 1 && bytes.length > 18) bytes.set([0, 1, 0, 0, 0, 1, 0, 0, 0, 2], 8);
    const connection = connectionOf(bytes), reader = new Reader(connection);
    const run = i % 2 === 0
      ? receive(connection, reader, self(0), () => null)
      : greet(connection, reader, self(1), 0);
    const error = await run.then(() => null, (e) => e as Error);
    assert(error instanceof RpcError && error.message.startsWith("handshake:"), String(error));
  }
});

const plain: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, undefined, true, false, -0, NaN, Infinity),
    fc.double(),
    fc.integer(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.string({ unit: "grapheme" }),
    fc.uint8Array(),
    fc.array(tie("tree"), { maxLength: 5 }),
    fc.dictionary(fc.string().filter((key) => key !== "__proto__"), tie("tree"), { maxKeys: 5 })
      // The format makes objects with the usual prototype.
      .map((object) => ({ ...object })),
    fc.array(fc.tuple(fc.string(), tie("tree")), { maxLength: 4 }).map((pairs) => new Map(pairs)),
  ),
})).tree;

Deno.test("encodeData() and decodeData() bring back any plain tree", () => {
  fc.assert(
    fc.property(plain, (data) => {
      const tensors: Tensor[] = [];
      assertEquals(decodeData(encodeData("test", data, tensors), tensors), data);
    }),
    { numRuns: 500, seed: 1 },
  );
});

Deno.test("decodeData() takes no bytes that break its rules", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      try {
        decodeData(bytes, []);
      } catch (error) {
        assert(error instanceof RpcError, String(error));
      }
    }),
    { numRuns: 5000, seed: 1 },
  );
  const deep = new Uint8Array(1000).fill(0x91);
  deep[999] = 0xc0;
  assertThrows(() => checkData(deep), RpcError, "deeper than 64");
  // A list that announces four billion values.
  assertThrows(
    () => checkData(new Uint8Array([0xdd, 255, 255, 255, 255, 1])),
    RpcError,
    "announces",
  );
  assertThrows(() => checkData(new Uint8Array([0xc0, 0xc0])), RpcError, "behind its end");
  // A date, as other programs write them.
  assertThrows(() => checkData(new Uint8Array([0xd6, 0xff, 0, 0, 0, 0])), RpcError, "unknown kind");
  // A tensor that is not there.
  assertThrows(() => decodeData(new Uint8Array([0xd5, 1, 3, 0]), []), RpcError, "names a tensor");
});

Deno.test("encodeFrame() refuses tensors of too many dimensions", () => {
  const tensors = [{
    dtype: "float32" as const,
    shape: new Array(17).fill(1),
    requiresGrad: false,
    bytes: new Uint8Array(4),
    place: null,
  }];
  const data = new Uint8Array(0);
  assertThrows(
    () => encodeFrame("test", { kind: 1, id: 1, data, tensors }),
    RangeError,
    "at most 16",
  );
});
