/**
 * Links of a process to other ranks, by the carrier of its world.
 *
 * @module
 */

import { Agent } from "./agent.ts";
import { RpcError } from "./errors.ts";
import { faultsFromEnvironment } from "./faults.ts";
import type { Identity } from "./handshake.ts";
import type { TlsFiles } from "./init.ts";
import type { Link } from "./links/link.ts";
import { PortTransport } from "./links/port_transport.ts";
import { SocketTransport } from "./links/socket_transport.ts";
import { isLoopback, type Meeting } from "./meeting.ts";

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Links of this process. */
export interface Links {
  readonly agent: Agent;
  /** Addresses of all ranks, once they have met. */
  addresses: readonly string[];
  /** Where this rank is reached. */
  readonly address: string;
  /** Connects to rank 0. */
  first(deadline: number): Promise<void>;
  close(): void;
}

/** Links between Workers. */
export function portLinks(rank: number, size: number, pause: number): Links {
  const transport = new PortTransport({
    accepted: (from, link) => agent.attach(from, link, "worker"),
    died: (from, reason) => agent.died(from, reason),
  });
  const connector = {
    connect: async (to: number) => ({ link: await transport.connect(to), incarnation: "worker" }),
  };
  const agent: Agent = new Agent(rank, size, connector, faultsFromEnvironment(), pause);
  return {
    agent,
    addresses: [],
    address: "port",
    first: async () => agent.attach(0, await transport.connect(0), "worker"),
    close: () => transport.close(),
  };
}

/** Links between processes. */
export function socketLinks(
  own: Identity,
  meeting: Meeting & { kind: "unix" | "tcp" },
  tls: TlsFiles | null,
  pause: number,
): Links {
  const agent: Agent = new Agent(
    own.rank,
    own.size,
    {
      connect: (rank) => {
        const address = rank === 0 ? transport.first : links.addresses[rank];
        if (address === undefined) throw new RpcError("the ranks have not met yet");
        return transport.connect(rank, address);
      },
    },
    faultsFromEnvironment(),
    pause,
  );
  const transport = new SocketTransport(own, meeting, tls, {
    accepted: (peer, link: Link) => agent.attach(peer.rank, link, peer.incarnation),
    admit: ({ rank, incarnation }) => {
      const peer = agent.peers[rank];
      if (peer.dead !== null) return `rank ${rank} counts as gone here`;
      if (peer.incarnation === null || peer.incarnation === incarnation) return null;
      return `rank ${rank} is another process already`;
    },
    refused: () => {
      agent.refused++;
    },
  });
  // Sockets of one host are there before anybody knows where they are.
  const here = meeting.kind === "unix" || own.rank === 0 || isLoopback(meeting.host);
  if (here) transport.listen();
  const links: Links = {
    agent,
    addresses: [],
    get address() {
      return transport.address;
    },
    first: async (deadline) => {
      let pause = 10;
      for (;;) {
        try {
          const { link, incarnation, host } = await transport.connect(0, transport.first);
          if (!here) transport.listen(host);
          return agent.attach(0, link, incarnation);
        } catch (error) {
          const refusal = error instanceof RpcError && /refuse|secret/.test(error.message);
          if (refusal) throw error;
          if (performance.now() + pause > deadline) {
            throw new RpcError(
              `initRpc: rank 0 cannot be reached at ${transport.first}: ${
                (error as Error).message
              }`,
              { cause: error },
            );
          }
          await sleep(pause);
          pause = Math.min(2 * pause, 200);
        }
      }
    },
    close: () => transport.close(),
  };
  return links;
}
