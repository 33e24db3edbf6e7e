/** Digests of what a seed gives, made in a Worker that stops cooperatively. */

import { shutdown } from "@torchopt/torchopt";
import { numbers } from "./numbers.ts";

const scope = self as unknown as {
  onmessage: () => void;
  postMessage(message: unknown): void;
};

scope.onmessage = async () => {
  const found = numbers();
  await shutdown();
  scope.postMessage(found);
};
