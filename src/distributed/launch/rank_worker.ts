/**
 * A Worker that is a rank: runs the program, then says that it is done.
 *
 * @module
 */

import type { RankProgram } from "./workers.ts";

const scope = globalThis as unknown as {
  addEventListener(type: "message", listener: (event: MessageEvent) => void, o: object): void;
  postMessage(message: unknown): void;
};

async function run({ data }: MessageEvent<RankProgram>): Promise<void> {
  Object.defineProperty(Deno, "args", { value: data.args, configurable: true });
  try {
    await import(data.program);
    scope.postMessage({ done: true });
  } catch (error) {
    scope.postMessage({ failed: (error as Error).stack ?? String(error) });
  }
}

scope.addEventListener("message", run as unknown as (event: MessageEvent) => void, { once: true });
