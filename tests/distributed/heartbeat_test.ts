/** How often ranks send signs of life where nobody says. */

import { assertEquals } from "@std/assert";
import { defaultHeartbeat } from "../../src/distributed/heartbeat.ts";

Deno.test("signs of life come once a second, and more rarely where one host is crowded", () => {
  assertEquals(defaultHeartbeat(4, 4, 2), 1);
  assertEquals(defaultHeartbeat(20, 20, 2), 1);
  assertEquals(defaultHeartbeat(64, 64, 2), 3.2);
  assertEquals(defaultHeartbeat(64, 64, 16), 1);
});

Deno.test("ranks of several hosts agree on one second, however many each has", () => {
  assertEquals([64, 1].map((local) => defaultHeartbeat(local, 65, 2)), [1, 1]);
});
