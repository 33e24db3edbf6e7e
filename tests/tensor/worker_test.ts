import { assert, assertEquals } from "@std/assert";
import { tensor } from "../../mod.ts";

Deno.test("several Workers train at once, and stop", async () => {
  const runs = Array.from({ length: 3 }, () => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    return new Promise<number>((resolve, reject) => {
      worker.onmessage = ({ data }) => {
        worker.terminate();
        resolve(data);
      };
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      worker.postMessage(300);
    });
  });
  const here = tensor([1, 2]).mul(2).toArray();
  const losses = await Promise.all(runs);
  assertEquals(here, [2, 4]);
  assert(losses.every((l) => l < 1e-2), `${losses}`);
  assertEquals(new Set(losses).size, 1);
});
