/**
 * A Worker that is a rank: runs the program, then says that it is done.
 *
 * @module
 */

import type { RankProgram } from "./workers.ts";

const scope = globalThis as unknown as {
  addEventListener(type: "message", listener: (event: MessageEvent) => void, o: object): void;
  postMessage(message: unknown): void;
  close(): void;
};

async function run({ data }: MessageEvent<RankProgram>): Promise<void> {
  Object.defineProperty(Deno, "args", { value: data.args, configurable: true });
  // In a Worker it would end this one without a word.
  const exit = (code = 0) => {
    scope.postMessage({ exit: code });
    scope.close();
    throw new Error("the rank has ended");
  };
  Object.defineProperty(Deno, "exit", { value: exit, configurable: true });
  try {
    await import(data.program);
    scope.postMessage({ done: true });
  } catch (error) {
    scope.postMessage({ failed: (error as Error).stack ?? String(error) });
  }
}

scope.addEventListener("message", run as unknown as (event: MessageEvent) => void, { once: true });
