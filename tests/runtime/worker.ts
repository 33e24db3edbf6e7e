/** A Worker that runs a session until it is told to stop, for `lifecycle_test.ts`. */

import { Session, shutdown, Storage } from "../../src/runtime/mod.ts";
import { bind, chain, floats, spec } from "./models.ts";

declare const self: {
  onmessage: ((event: MessageEvent<"stop">) => void) | null;
  postMessage(message: unknown): void;
};

const NODES = 50;
let stopped = false;
let runs = 0;

self.onmessage = async () => {
  stopped = true;
  await shutdown();
  self.postMessage({ kind: "done", runs });
};

const session = new Session(spec(chain("Neg", NODES, 4)));
const y = Storage.alloc("float32", 4);
bind(session, floats(1, 2, 3, 4), y);

while (!stopped) {
  // Two at once, and the stop message may come while they are under way.
  await Promise.all([session.runAsync(y), session.runAsync(y)]);
  if (!stopped) session.run();
  runs++;
  if (runs === 1) self.postMessage({ kind: "started", result: [...y.host()] });
}
