/**
 * Links between Workers of one process: the thread that made them introduces them to each other.
 *
 * @module
 */

import type { Link } from "./link.ts";
import { PortLink } from "./port_link.ts";

/** What Workers and the thread that made them say to each other. */
export interface HubMessage {
  /** Marks messages of this layer. */
  readonly torchopt: "connect" | "port" | "died";
  /** The other rank. */
  readonly rank: number;
  /** One end of a channel to it. */
  readonly port?: MessagePort;
  /** Whether this side asked for it. */
  readonly asked?: boolean;
  /** How its end was noticed. */
  readonly reason?: string;
}

/** What a transport tells. */
export interface PortEvents {
  /** A rank connected. */
  accepted(rank: number, link: Link): void;
  /** A rank is gone. */
  died(rank: number, reason: string): void;
}

interface WorkerScope {
  postMessage(message: HubMessage): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  removeEventListener(type: "message", listener: (event: MessageEvent) => void): void;
}

/** Whether a message is one of this layer. */
export function isHubMessage(data: unknown): data is HubMessage {
  return typeof data === "object" && data !== null &&
    ["connect", "port", "died"].includes((data as HubMessage).torchopt);
}

/** Links of a Worker that is a rank. */
export class PortTransport {
  readonly #events: PortEvents;
  readonly #scope = globalThis as unknown as WorkerScope;
  readonly #asked = new Map<number, (port: MessagePort) => void>();

  /** A transport that listens to the thread that made the Worker. */
  constructor(events: PortEvents) {
    this.#events = events;
    this.#scope.addEventListener("message", this.#heard);
  }

  readonly #heard = ({ data }: MessageEvent) => {
    if (!isHubMessage(data)) return;
    if (data.torchopt === "died") this.#events.died(data.rank, data.reason ?? "its Worker ended");
    if (data.torchopt !== "port" || data.port === undefined) return;
    if (data.asked !== true) return this.#events.accepted(data.rank, new PortLink(data.port));
    this.#asked.get(data.rank)?.(data.port);
    this.#asked.delete(data.rank);
  };

  /** A link to a rank. */
  connect(rank: number): Promise<Link> {
    return new Promise((resolve) => {
      this.#asked.set(rank, (port) => resolve(new PortLink(port)));
      this.#scope.postMessage({ torchopt: "connect", rank });
    });
  }

  /** Listens no more. */
  close(): void {
    this.#scope.removeEventListener("message", this.#heard);
  }
}
