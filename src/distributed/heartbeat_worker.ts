/**
 * The Worker that gives and asks for signs of life.
 *
 * @module
 */

import { greet, type Identity, receive } from "./handshake.ts";
import { type FromHeartbeat, MISSES, type ToHeartbeat } from "./heartbeat_messages.ts";
import { Reader } from "./links/reader.ts";

const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<ToHeartbeat>) => void) | null;
  postMessage(message: FromHeartbeat): void;
};

let own: Identity, seconds = 1;

const MAX_ASKING = 4096;
let asking = 0;

const watched = new Map<number, { connection: Deno.Conn | null; over: boolean }>();

function close(connection: { close(): void } | null): void {
  try {
    connection?.close();
  } catch {
    // It is closed.
  }
}

/** Answers each byte with itself. */
async function answer(connection: Deno.Conn): Promise<void> {
  if (asking >= MAX_ASKING) return close(connection);
  asking++;
  const reader = new Reader(connection);
  try {
    await receive(connection, reader, own, () => null);
    for (let byte; (byte = await reader.take(1)) !== null;) await connection.write(byte.slice());
  } catch {
    // Whoever asked is gone, or no peer.
  } finally {
    asking--;
    close(connection);
  }
}

function listen(folder: string | null, host: string): string {
  let listener: Deno.Listener, address: string;
  if (folder !== null) {
    const path = `${folder}/${own.rank}.life`;
    try {
      Deno.removeSync(path);
    } catch {
      // Nothing was left there.
    }
    listener = Deno.listen({ transport: "unix", path }) as unknown as Deno.Listener;
    address = `unix:${path}`;
  } else {
    const loopback = /^(localhost|::1|127\..*)$/.test(host);
    const tcp = Deno.listen({ hostname: loopback ? host : "0.0.0.0", port: 0 });
    listener = tcp;
    address = `tcp:${tcp.addr.port}:${host}`;
  }
  (async () => {
    for await (const connection of listener) answer(connection);
  })().catch(() => {});
  return address;
}

function connect(address: string): Promise<Deno.Conn> {
  const [, port, hostname] = /^tcp:(\d+):(.+)$/.exec(address) ?? [];
  if (port !== undefined) return Deno.connect({ hostname, port: Number(port) });
  return Deno.connect({ transport: "unix", path: address.slice("unix:".length) });
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * Asks a rank for signs of life, until nobody waits for it any more. Silence is counted in looks of this
 * thread, which come late where the processor is: what stops or starves it may do so to all ranks of a host.
 */
async function watch(rank: number, address: string): Promise<void> {
  const state = { connection: null as Deno.Conn | null, over: false };
  watched.set(rank, state);
  const limit = MISSES * seconds * 1000, period = seconds * 250;
  let silence = 0, looked = performance.now(), reader: Reader | null = null, waits = false;
  // Asking may hang itself, where packets to a host are lost.
  const timer = setInterval(() => {
    const now = performance.now();
    silence += Math.min(now - looked, period);
    looked = now;
    if (silence <= limit || state.over) return;
    state.over = true;
    close(state.connection);
    const text = (limit / 1000).toFixed(limit < 1000 ? 1 : 0);
    scope.postMessage({ kind: "dead", rank, reason: `it gave no sign of life for ${text} s` });
  }, period);
  while (!state.over) {
    try {
      if (state.connection === null) {
        state.connection = await connect(address);
        if (state.over) break;
        reader = new Reader(state.connection);
        await greet(state.connection, reader, own, rank, limit / 1000);
        waits = false;
      }
      if (!waits) await state.connection.write(new Uint8Array([1]));
      waits = true;
      if (await reader!.take(1) === null) throw new Error("closed");
      waits = false;
      silence = 0;
    } catch {
      close(state.connection);
      state.connection = null;
    }
    if (!state.over) await sleep(seconds * (state.connection === null ? 200 : 1000));
  }
  clearInterval(timer);
  close(state.connection);
  if (watched.get(rank) === state) watched.delete(rank);
}

scope.onmessage = ({ data }) => {
  if (data.kind === "start") {
    ({ own, seconds } = data);
    try {
      scope.postMessage({ kind: "ready", address: listen(data.folder, data.host) });
    } catch (error) {
      scope.postMessage({ kind: "failed", message: (error as Error).message });
    }
  } else if (data.kind === "watch") watch(data.rank, data.address);
  else {
    const state = watched.get(data.rank);
    if (state === undefined) return;
    state.over = true;
    watched.delete(data.rank);
    close(state.connection);
  }
};
