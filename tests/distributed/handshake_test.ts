import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { greet, type Identity, receive } from "../../src/distributed/handshake.ts";
import { Reader } from "../../src/distributed/links/reader.ts";
import { RpcError } from "../../src/distributed/errors.ts";
import { VERSION } from "../../src/distributed/limits.ts";
import { errorOf } from "./world.ts";

const secret = new TextEncoder().encode("a secret of this test");
const self = (rank: number, more: Partial<Identity> = {}): Identity => ({
  job: "job",
  rank,
  size: 3,
  incarnation: `${rank}`.repeat(16),
  secret,
  ...more,
});

/** Both ends of a connection. */
async function connected(
  run: (caller: Deno.Conn, listener: Deno.Conn) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir(), path = `${folder}/s`;
  const listening = Deno.listen({ transport: "unix", path });
  const [listener, caller] = await Promise.all([
    listening.accept(),
    Deno.connect({ transport: "unix", path }),
  ]);
  try {
    await run(caller as unknown as Deno.Conn, listener as unknown as Deno.Conn);
  } finally {
    for (const end of [caller, listener, listening]) {
      try {
        end.close();
      } catch {
        // It was closed by the other side of the test.
      }
    }
    await Deno.remove(folder, { recursive: true });
  }
}

/** What both sides say of a handshake. */
async function handshake(
  caller: Identity,
  listener: Identity,
  wanted = listener.rank,
  admit: () => string | null = () => null,
): Promise<[string, string]> {
  let said: [string, string] = ["", ""];
  await connected(async (a, b) => {
    const tell = (promise: Promise<{ rank: number }>, end: Deno.Conn) =>
      promise.then(({ rank }) => `rank ${rank}`, (error) => {
        end.close();
        return (error as Error).message;
      });
    said = await Promise.all([
      tell(greet(a, new Reader(a), caller, wanted, 2), a),
      tell(receive(b, new Reader(b), listener, admit, 2), b),
    ]);
  });
  return said;
}

Deno.test("both sides of a handshake know the other one", async () => {
  assertEquals(await handshake(self(1), self(0)), ["rank 0", "rank 1"]);
  const none = { secret: new Uint8Array(0) };
  assertEquals(await handshake(self(2, none), self(1, none)), ["rank 1", "rank 2"]);
});

const refusals: Record<string, [Partial<Identity>, string]> = {
  "another secret": [{ secret: new TextEncoder().encode("another secret") }, "secret"],
  "no secret": [{ secret: new Uint8Array(0) }, "secret"],
  "another job": [{ job: "other" }, "job"],
  "another size of the world": [{ size: 4 }, "4 ranks"],
  "a rank beyond the world": [{ rank: 3 }, "no rank 3"],
  "the same rank": [{ rank: 0 }, "both are rank 0"],
  "a start without a number": [{ incarnation: "x".repeat(16) }, "no number"],
};

for (const [name, [difference, reason]] of Object.entries(refusals)) {
  Deno.test(`a handshake refuses ${name}, and both sides say so`, async () => {
    const [there, here] = await handshake(self(1, difference), self(0));
    assertStringIncludes(there, "handshake:");
    assertStringIncludes(here, "handshake:");
    assertStringIncludes(there + here, reason);
    for (const text of [there, here]) assertEquals(/a secret of|another secret/.test(text), false);
  });
}

Deno.test("a handshake refuses a rank that counts as gone", async () => {
  const [there, here] = await handshake(self(1), self(0), 0, () => "rank 1 counts as gone here");
  assertStringIncludes(there, "counts as gone");
  assertStringIncludes(here, "counts as gone");
});

Deno.test("a handshake refuses another rank than the one that was called", async () => {
  const [there] = await handshake(self(1), self(0), 2);
  assertStringIncludes(there, "it is rank 0, not 2");
});

Deno.test("a handshake refuses another version, other protocols, and silence", async () => {
  await connected(async (a, b) => {
    const other = receive(b, new Reader(b), self(0), () => null, 2);
    const hello = new Uint8Array(68);
    hello.set(new TextEncoder().encode("TOPTHELO"));
    new DataView(hello.buffer).setUint16(8, VERSION + 1);
    await a.write(hello);
    assertStringIncludes((await errorOf(other)).message, `its version is ${VERSION + 1}`);
  });
  await connected(async (a, b) => {
    const other = receive(b, new Reader(b), self(0), () => null, 2);
    await a.write(new TextEncoder().encode(`GET / HTTP/1.1\r\nHost: ${"x".repeat(100)}\r\n\r\n`));
    await assertRejects(() => other, RpcError, "does not speak this protocol");
  });
  await connected(async (a, b) => {
    void a;
    await assertRejects(
      () => receive(b, new Reader(b), self(0), () => null, 0.1),
      RpcError,
      "said nothing for 0.1 s",
    );
  });
});

Deno.test("what a handshake says cannot be used again", async () => {
  // A caller's bytes, as somebody who listens in would have them.
  const bytes: Uint8Array[] = [];
  await connected(async (a, b) => {
    const recorded = {
      read: (into: Uint8Array) => a.read(into),
      write: (given: Uint8Array) => {
        bytes.push(given.slice());
        return a.write(given);
      },
      close: () => a.close(),
    };
    await Promise.all([
      greet(recorded, new Reader(a), self(1), 0, 2),
      receive(b, new Reader(b), self(0), () => null, 2),
    ]);
  });
  await connected(async (a, b) => {
    const other = receive(b, new Reader(b), self(0), () => null, 2);
    for (const part of bytes) await a.write(part);
    await assertRejects(() => other, RpcError, "does not know the secret");
  });
});
