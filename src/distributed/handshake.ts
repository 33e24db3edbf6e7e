/**
 * Who is there: before anything else is read, both sides of a connection prove that they know the
 * secret of the job.
 *
 * Each sends what it is and a random number; then the one that listens proves itself, then the one
 * that called. A proof is an HMAC-SHA256 over all that both said, and over who proves it.
 *
 * @module
 */

import { RpcError } from "./errors.ts";
import type { Reader } from "./links/reader.ts";
import type { Connection } from "./links/socket_link.ts";
import { VERSION } from "./limits.ts";

/** What a process says of itself. */
export interface Identity {
  /** Name of the job. */
  readonly job: string;
  /** Number in the world. */
  readonly rank: number;
  /** Size of the world. */
  readonly size: number;
  /** Random number of this start of the process, as 16 hexadecimal digits. */
  readonly incarnation: string;
  /** Secret of the job; empty where only the owner of the files can connect. */
  readonly secret: Uint8Array;
}

/** What is known of a peer after the handshake. */
export interface PeerIdentity {
  /** Its number in the world. */
  readonly rank: number;
  /** The start of its process. */
  readonly incarnation: string;
}

/** Seconds for the whole handshake. */
const HANDSHAKE_SECONDS = 5;

const MAGIC = "TOPTHELO", NONCE = 32, PROOF = 32, MAX_JOB = 256, MAX_REFUSAL = 512;
/** Magic, version, rank, size, incarnation, length of the job's name. */
const FIXED = 8 + 2 + 4 + 4 + 16 + NONCE + 2;

const encoder = new TextEncoder(), decoder = new TextDecoder();

function helloOf(identity: Identity, nonce: Uint8Array): Uint8Array {
  const job = encoder.encode(identity.job).subarray(0, MAX_JOB);
  const bytes = new Uint8Array(FIXED + job.length), view = new DataView(bytes.buffer);
  bytes.set(encoder.encode(MAGIC));
  view.setUint16(8, VERSION);
  view.setUint32(10, identity.rank);
  view.setUint32(14, identity.size);
  bytes.set(encoder.encode(identity.incarnation), 18);
  bytes.set(nonce, 34);
  view.setUint16(34 + NONCE, job.length);
  bytes.set(job, FIXED);
  return bytes;
}

interface Hello {
  readonly version: number;
  readonly rank: number;
  readonly size: number;
  readonly incarnation: string;
  readonly job: string;
  readonly bytes: Uint8Array;
}

async function readHello(reader: Reader): Promise<Hello> {
  const fixed = (await need(reader, FIXED)).slice(), view = new DataView(fixed.buffer);
  if (decoder.decode(fixed.subarray(0, 8)) !== MAGIC) {
    throw new RpcError("handshake: the other side does not speak this protocol.");
  }
  const length = view.getUint16(34 + NONCE);
  if (length > MAX_JOB) throw new RpcError("handshake: the name of the job is too long.");
  const job = length === 0 ? new Uint8Array(0) : (await need(reader, length)).slice();
  const bytes = new Uint8Array(FIXED + length);
  bytes.set(fixed);
  bytes.set(job, FIXED);
  return {
    version: view.getUint16(8),
    rank: view.getUint32(10),
    size: view.getUint32(14),
    incarnation: decoder.decode(fixed.subarray(18, 34)),
    job: decoder.decode(job),
    bytes,
  };
}

async function need(reader: Reader, n: number): Promise<Uint8Array> {
  const bytes = await reader.take(n);
  if (bytes === null) throw new RpcError("handshake: the other side closed the connection.");
  return bytes;
}

async function write(connection: Connection, ...parts: Uint8Array[]): Promise<void> {
  const size = parts.reduce((n, part) => n + part.length, 0), all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  for (at = 0; at < size;) at += await connection.write(all.subarray(at));
}

async function proofOf(
  secret: Uint8Array,
  role: string,
  caller: Uint8Array,
  listener: Uint8Array,
): Promise<Uint8Array> {
  // An empty key is none to the platform; one byte of 0 is the same to HMAC, which pads with them.
  const raw = secret.length === 0 ? new Uint8Array(1) : new Uint8Array(secret);
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", raw, algorithm, false, ["sign"]);
  const text = encoder.encode(role);
  const all = new Uint8Array(text.length + caller.length + listener.length);
  all.set(text);
  all.set(caller, text.length);
  all.set(listener, text.length + caller.length);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, all));
}

/** Whether two proofs are equal; takes as long whatever they are. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < PROOF; i++) difference |= a[i] ^ b[i];
  return difference === 0;
}

/** Why a peer cannot be one of ours; null where it may be. */
function objection(own: Identity, peer: Hello): string | null {
  if (peer.version !== VERSION) return `its version is ${peer.version}, ours ${VERSION}`;
  if (peer.job !== own.job) {
    return `it is of job ${JSON.stringify(peer.job)}, not ${JSON.stringify(own.job)}`;
  }
  if (peer.size !== own.size) return `its world has ${peer.size} ranks, ours ${own.size}`;
  if (peer.rank >= own.size) return `there is no rank ${peer.rank} in a world of ${own.size}`;
  if (peer.rank === own.rank) return `both are rank ${own.rank}`;
  if (!/^[0-9a-f]{16}$/.test(peer.incarnation)) return "its start has no number";
  return null;
}

const ACCEPTED = 1, REFUSED = 0;

async function refuse(connection: Connection, why: string): Promise<never> {
  const text = encoder.encode(why).subarray(0, MAX_REFUSAL), head = new Uint8Array(3);
  head[0] = REFUSED;
  new DataView(head.buffer).setUint16(1, text.length);
  await write(connection, head, text).catch(() => {});
  throw new RpcError(`handshake: a peer was refused: ${why}.`);
}

async function verdict(reader: Reader): Promise<void> {
  if ((await need(reader, 1))[0] === ACCEPTED) return;
  const length = new DataView((await need(reader, 2)).slice().buffer).getUint16(0);
  const why = decoder.decode(await need(reader, Math.min(length, MAX_REFUSAL)));
  throw new RpcError(`handshake: the other side refused: ${why}.`);
}

/** Ends a handshake that takes too long. */
async function limited<T>(
  connection: Connection,
  run: () => Promise<T>,
  seconds: number,
): Promise<T> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    try {
      connection.close();
    } catch {
      // It is closed.
    }
  }, seconds * 1000);
  try {
    return await run();
  } catch (cause) {
    if (!late) {
      if (cause instanceof RpcError) throw cause;
      throw new RpcError("handshake: the connection broke.", { cause });
    }
    throw new RpcError(`handshake: the other side said nothing for ${seconds} s.`);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The handshake of the side that called.
 *
 * @param rank rank that is to answer
 * @throws {RpcError} where the other side refuses, is another one, or does not know the secret
 */
export function greet(
  connection: Connection,
  reader: Reader,
  own: Identity,
  rank: number,
  seconds = HANDSHAKE_SECONDS,
): Promise<PeerIdentity> {
  return limited(connection, async () => {
    const mine = helloOf(own, crypto.getRandomValues(new Uint8Array(NONCE)));
    await write(connection, mine);
    await verdict(reader);
    const peer = await readHello(reader);
    const proof = (await need(reader, PROOF)).slice();
    const why = objection(own, peer) ??
      (peer.rank === rank ? null : `it is rank ${peer.rank}, not ${rank}`);
    if (why !== null) throw new RpcError(`handshake: the peer was refused: ${why}.`);
    if (!equal(proof, await proofOf(own.secret, "listener", mine, peer.bytes))) {
      throw new RpcError(`handshake: rank ${rank} does not know the secret of this job.`);
    }
    await write(connection, await proofOf(own.secret, "caller", mine, peer.bytes));
    await verdict(reader);
    return { rank: peer.rank, incarnation: peer.incarnation };
  }, seconds);
}

/**
 * The handshake of the side that listens.
 *
 * @param admit says why a peer that proved itself is not wanted; null where it is
 * @throws {RpcError} where the other side is no peer of ours
 */
export function receive(
  connection: Connection,
  reader: Reader,
  own: Identity,
  admit: (peer: PeerIdentity) => string | null,
  seconds = HANDSHAKE_SECONDS,
): Promise<PeerIdentity> {
  return limited(connection, async () => {
    const peer = await readHello(reader), why = objection(own, peer);
    if (why !== null) return refuse(connection, why);
    const mine = helloOf(own, crypto.getRandomValues(new Uint8Array(NONCE)));
    const proof = await proofOf(own.secret, "listener", peer.bytes, mine);
    await write(connection, new Uint8Array([ACCEPTED]), mine, proof);
    const answer = (await need(reader, PROOF)).slice();
    if (!equal(answer, await proofOf(own.secret, "caller", peer.bytes, mine))) {
      return refuse(connection, "it does not know the secret of this job");
    }
    const known = { rank: peer.rank, incarnation: peer.incarnation }, unwanted = admit(known);
    if (unwanted !== null) return refuse(connection, unwanted);
    await write(connection, new Uint8Array([ACCEPTED]));
    return known;
  }, seconds);
}
