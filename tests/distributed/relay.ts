/**
 * A network that is slow, and that breaks. As a program it is a slow way to a host:
 * `relay.ts HOST PORT MILLISECONDS`, at the same port of all addresses.
 *
 * @module
 */

interface Address {
  readonly hostname: string;
  readonly port: number;
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Passes bytes on, late; until it is cut. */
export class Relay {
  readonly port: number;
  /** Bytes that it still passes on from those that connect. */
  left = Infinity;
  readonly #listener: Deno.TcpListener;
  readonly #connections: Deno.Conn[] = [];
  readonly #done: Promise<unknown>;

  /** Passes on what comes to `at` so many milliseconds later. */
  constructor(to: Address, delay: number, at: Address = { hostname: "127.0.0.1", port: 0 }) {
    this.#listener = Deno.listen(at);
    this.port = this.#listener.addr.port;
    this.#done = this.#accept(to, delay);
  }

  async #accept(to: Address, delay: number): Promise<void> {
    const running: Promise<void>[] = [];
    for await (const near of this.#listener) {
      let far: Deno.Conn;
      try {
        far = await Deno.connect(to);
      } catch {
        near.close();
        continue;
      }
      this.#connections.push(near, far);
      running.push(this.#pass(near, far, delay, true), this.#pass(far, near, delay, false));
    }
    await Promise.all(running);
  }

  async #pass(from: Deno.Conn, to: Deno.Conn, delay: number, counts: boolean): Promise<void> {
    let last: Promise<unknown> = Promise.resolve();
    const buffer = new Uint8Array(1 << 16);
    try {
      for (let n; (n = await from.read(buffer)) !== null;) {
        let bytes = buffer.slice(0, n);
        if (counts) {
          bytes = bytes.subarray(0, Math.min(n, this.left));
          this.left -= bytes.length;
        }
        const before = last, due = sleep(delay);
        last = (async () => {
          await before;
          await due;
          for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
        })();
        last.catch(() => {});
        if (this.left <= 0) break;
      }
      await last;
    } catch {
      // One of them is closed.
    }
    for (const end of [from, to]) {
      try {
        end.close();
      } catch {
        // It is closed.
      }
    }
  }

  async close(): Promise<void> {
    this.#listener.close();
    await this.#done.catch(() => {});
  }
}

if (import.meta.main) {
  const [hostname, port, delay] = Deno.args;
  const to = { hostname, port: Number(port) };
  new Relay(to, Number(delay), { ...to, hostname: "0.0.0.0" });
}
