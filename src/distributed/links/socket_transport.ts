/**
 * Links over sockets: listening, connecting, shaking hands.
 *
 * @module
 */

import { RpcError } from "../errors.ts";
import { greet, type Identity, type PeerIdentity, receive } from "../handshake.ts";
import type { TlsFiles } from "../init.ts";
import { isLoopback, type Meeting, ownFolder, remove } from "../meeting.ts";
import type { Link } from "./link.ts";
import { Reader } from "./reader.ts";
import { SharedLane } from "./shared_lane.ts";
import { type Connection, SocketLink } from "./socket_link.ts";

/** What a transport tells. */
export interface TransportEvents {
  /** A rank connected. */
  accepted(peer: PeerIdentity, link: Link): void;
  /** Why a rank that proved itself is not wanted; null where it is. */
  admit(peer: PeerIdentity): string | null;
  /** Somebody was refused. */
  refused(error: Error): void;
}

/** Connections that may shake hands at once, beyond the ranks of the world. */
const STRANGERS = 64;

/** Connections that are made at once. */
const MAX_CONNECTING = 8;

type Listener = Deno.UnixListener | Deno.TcpListener | Deno.TlsListener;

/** Listens for other ranks, and connects to them. */
export class SocketTransport {
  /** Where other ranks reach this one. */
  address = "";
  readonly #own: Identity;
  readonly #meeting: Meeting & { kind: "unix" | "tcp" };
  readonly #tls: TlsFiles | null;
  readonly #events: TransportEvents;
  #listener: Listener | null = null;
  #greeting = new Set<Connection>();
  #connecting = 0;
  #waiting: (() => void)[] = [];
  #closed = false;

  /** A transport that does not listen yet. */
  constructor(
    own: Identity,
    meeting: Meeting & { kind: "unix" | "tcp" },
    tls: TlsFiles | null,
    events: TransportEvents,
  ) {
    if (meeting.kind === "tcp" && !isLoopback(meeting.host) && own.secret.length === 0) {
      throw new RpcError(
        `the ranks meet at ${meeting.host}, where others may connect, and there is no secret. Make one ` +
          "(head -c 32 /dev/urandom > FILE, chmod 600 FILE), copy it to all hosts, and set " +
          "TORCHOPT_SECRET_FILE=FILE for all ranks.",
      );
    }
    this.#own = own;
    this.#meeting = meeting;
    this.#tls = tls;
    this.#events = events;
  }

  /** Where rank 0 listens. */
  get first(): string {
    const meeting = this.#meeting;
    if (meeting.kind === "unix") return `unix:${meeting.folder}/0`;
    return `tcp:${meeting.port}:${meeting.host}`;
  }

  /** Begins to listen. `host` is where others reach this rank, where that is not the meeting place. */
  listen(host: string | null = null): void {
    const meeting = this.#meeting, { rank } = this.#own;
    if (meeting.kind === "unix") {
      ownFolder(meeting.folder);
      const path = `${meeting.folder}/${rank}`;
      if (path.length > 100) throw new RpcError(`the path ${path} is too long for a socket.`);
      this.#listener = listenUnix(path);
      this.address = `unix:${path}`;
    } else {
      const at = rank === 0 ? meeting.port : 0;
      const name = isLoopback(meeting.host) ? meeting.host : rank === 0 ? "0.0.0.0" : host!;
      this.#listener = this.#listenTcp(name, at);
      const { port } = this.#listener.addr as Deno.NetAddr;
      this.address = `tcp:${port}:${rank === 0 ? meeting.host : host ?? name}`;
    }
    this.#accept(this.#listener);
  }

  #listenTcp(hostname: string, port: number): Listener {
    try {
      if (this.#tls === null) return Deno.listen({ hostname, port });
      return Deno.listenTls({ hostname, port, cert: this.#tls.cert, key: this.#tls.key });
    } catch (cause) {
      if (!(cause instanceof Deno.errors.AddrInUse)) throw cause;
      throw new RpcError(
        `port ${port} of ${hostname} is in use; give another one with MASTER_PORT or TORCHOPT_PORT, the ` +
          "same on all ranks.",
        { cause },
      );
    }
  }

  async #accept(listener: Listener): Promise<void> {
    while (!this.#closed) {
      let connection: Deno.Conn;
      try {
        connection = await listener.accept();
      } catch (error) {
        if (this.#closed) return;
        // A connection that broke before it was accepted, or an unfinished TLS handshake.
        if (error instanceof Deno.errors.BadResource) return;
        continue;
      }
      if (this.#greeting.size >= this.#own.size + STRANGERS) connection.close();
      else this.#receive(connection);
    }
  }

  async #receive(connection: Deno.Conn): Promise<void> {
    this.#greeting.add(connection);
    const reader = new Reader(connection);
    try {
      const admit = this.#events.admit;
      const peer = await receive(connection, reader, this.#own, admit);
      this.#greeting.delete(connection);
      if (this.#closed) return connection.close();
      this.#events.accepted(peer, this.#linkOf(connection, reader));
    } catch (error) {
      this.#greeting.delete(connection);
      close(connection);
      if (!this.#closed) this.#events.refused(error as Error);
    }
  }

  /**
   * A link to a rank.
   *
   * @param address what {@linkcode SocketTransport.address} is there
   */
  async connect(
    rank: number,
    address: string,
  ): Promise<{ link: Link; incarnation: string; host: string | null }> {
    while (this.#connecting >= MAX_CONNECTING) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#connecting++;
    try {
      const connection = await this.#dial(address);
      this.#greeting.add(connection);
      const reader = new Reader(connection);
      try {
        const peer = await greet(connection, reader, this.#own, rank);
        const local = connection.localAddr;
        const host = local.transport === "tcp" ? local.hostname : null;
        const link = this.#linkOf(connection, reader);
        return { link, incarnation: peer.incarnation, host };
      } catch (error) {
        close(connection);
        throw error;
      } finally {
        this.#greeting.delete(connection);
      }
    } finally {
      this.#connecting--;
      this.#waiting.shift()?.();
    }
  }

  async #dial(address: string): Promise<Deno.Conn> {
    const unix = /^unix:(.+)$/.exec(address), tcp = /^tcp:(\d+):(.+)$/.exec(address);
    if (unix !== null) return await Deno.connect({ transport: "unix", path: unix[1] });
    if (tcp === null) throw new RpcError(`${address} is no address of a rank.`);
    const port = Number(tcp[1]), hostname = tcp[2];
    if (this.#tls === null) return await Deno.connect({ hostname, port });
    const { ca } = this.#tls;
    return await Deno.connectTls({ hostname, port, caCerts: ca === undefined ? [] : [ca] });
  }

  #linkOf(connection: Deno.Conn, reader: Reader): Link {
    const unix = connection.localAddr.transport === "unix";
    if (!unix) (connection as Deno.TcpConn).setNoDelay?.(true);
    const carrier = unix ? "a Unix socket" : this.#tls === null ? "TCP" : "TLS";
    return new SocketLink(connection, reader, carrier, unix ? new SharedLane() : null);
  }

  /** Stops listening. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const connection of this.#greeting) close(connection);
    if (this.#listener !== null) close(this.#listener);
    const meeting = this.#meeting;
    if (meeting.kind !== "unix" || this.#listener === null) return;
    remove(`${meeting.folder}/${this.#own.rank}`);
    // The last one to leave finds it empty.
    if (meeting.chosen) remove(meeting.folder);
  }
}

function close(resource: { close(): void }): void {
  try {
    resource.close();
  } catch {
    // It is closed.
  }
}

/** Listens on a path; what a process that is gone left there makes room. */
function listenUnix(path: string): Deno.UnixListener {
  try {
    return Deno.listen({ transport: "unix", path });
  } catch (cause) {
    if (!(cause instanceof Deno.errors.AddrInUse) || isAnswered(path)) {
      throw new RpcError(
        `another process listens at ${path}: is the same job running twice, or the rank given twice?`,
        { cause },
      );
    }
    remove(path);
    return Deno.listen({ transport: "unix", path });
  }
}

/** Whether a process listens at a path. */
function isAnswered(path: string): boolean {
  // The kernel lists sockets that are bound; a file without one was left behind.
  try {
    return Deno.readTextFileSync("/proc/net/unix").split("\n").some((line) =>
      line.endsWith(` ${path}`)
    );
  } catch {
    return false;
  }
}
