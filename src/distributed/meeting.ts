/**
 * Where ranks meet: a folder of Unix sockets on one host, or host and port of rank 0.
 *
 * @module
 */

import { type Cluster, environment } from "./cluster.ts";
import { RpcError } from "./errors.ts";

/** Where ranks meet. */
export type Meeting =
  | {
    readonly kind: "unix";
    readonly folder: string;
    /** Whether the layer chose the folder, and so removes it. */
    readonly chosen: boolean;
  }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "ports" };

/** Takes `unix:/folder` or `tcp:host:port` apart. */
export function parseMeeting(text: string): Meeting {
  const unix = /^unix:(.+)$/.exec(text), tcp = /^tcp:(.+):(\d+)$/.exec(text);
  if (unix !== null) return { kind: "unix", folder: unix[1], chosen: false };
  if (tcp !== null) {
    return { kind: "tcp", host: tcp[1].replace(/^\[(.*)\]$/, "$1"), port: Number(tcp[2]) };
  }
  throw new RpcError(
    `the meeting place is ${JSON.stringify(text)}, wants "unix:/folder" or "tcp:host:port".`,
  );
}

/** Whether a host is this one, and nobody else can connect. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

async function shortHash(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest, 0, 8)].map((b) => b.toString(16).padStart(2, "0")).join("");
}

/** A folder for a job whose name all its processes know. */
async function folderOf(job: string): Promise<string> {
  const base = environment("XDG_RUNTIME_DIR") ?? environment("TMPDIR") ?? "/tmp";
  return `${base.replace(/\/$/, "")}/torchopt-${Deno.uid()}/${await shortHash(job)}`;
}

/**
 * Where the ranks of a cluster meet.
 *
 * @param given what the user said; before `TORCHOPT_RENDEZVOUS`
 * @throws {RpcError} where nobody said where rank 0 is
 */
export async function meetingOf(cluster: Cluster, given: string | undefined): Promise<Meeting> {
  if (cluster.engine === "workers") return { kind: "ports" };
  const text = given ?? environment("TORCHOPT_RENDEZVOUS");
  if (text) return parseMeeting(text);
  const { engine, host, port, job, localSize, size } = cluster;
  const oneHost = localSize === size && Deno.build.os !== "windows";
  // Whoever sets names by hand may have several hosts in mind, and says so by MASTER_ADDR.
  if (oneHost && job !== null && !(engine === "env" && host !== null)) {
    return { kind: "unix", folder: await folderOf(job), chosen: true };
  }
  if (host !== null && port !== null) return { kind: "tcp", host, port };
  throw new RpcError(
    `${size} ranks by ${engine}, and nobody says where rank 0 is: set MASTER_ADDR and MASTER_PORT to its ` +
      "host and a free port, or TORCHOPT_RENDEZVOUS=unix:/folder on one host.",
  );
}

/**
 * Makes a folder that only its owner can enter, and checks that it is one.
 *
 * @throws {RpcError} where others could enter it, or put sockets of theirs there
 */
export function ownFolder(folder: string): void {
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { isDirectory, isSymlink, uid, mode } = Deno.lstatSync(folder);
  const own = uid === null || uid === Deno.uid();
  if (isDirectory && !isSymlink && own && ((mode ?? 0) & 0o77) === 0) return;
  throw new RpcError(
    `the folder ${folder} has to be one that only its owner can enter: chmod 700, no link, owned by ` +
      "the user who runs the ranks.",
  );
}

/** The secret of the job: given, or from `TORCHOPT_SECRET_FILE`; empty without one. */
export function secretOf(given: string | Uint8Array | undefined): Uint8Array {
  if (typeof given === "string") return new TextEncoder().encode(given);
  if (given !== undefined) return given;
  const file = environment("TORCHOPT_SECRET_FILE");
  if (!file) return new Uint8Array(0);
  const secret = Deno.readFileSync(file);
  if (secret.length >= 16) return secret;
  throw new RpcError(
    `the secret in ${file} has ${secret.length} bytes, wants at least 16: head -c 32 /dev/urandom > FILE`,
  );
}

/** Removes a file, or a folder that is empty; others may be there, or have done it. */
export function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // Others are still there, or it is gone.
  }
}
