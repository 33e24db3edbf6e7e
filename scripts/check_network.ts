/**
 * Three ranks in three network namespaces (on Linux, as root, with `ip` and `iptables`), with the
 * variables and host names of pods of Kubernetes. They lose one packet in a hundred, and the way to rank 0
 * takes 20 ms: the results have to be the same. Then rank 2 is cut off without a word: it has to count as
 * gone, and all ranks have to end.
 *
 * `sudo deno run -A scripts/check_network.ts`
 *
 * @module
 */

import { PROGRAM } from "./engines/engines.ts";
import { Pods } from "./engines/pods.ts";

const seconds = (since: number) => ((performance.now() - since) / 1000).toFixed(1);
const pods = new Pods(3);
try {
  await pods.build(0.01, 20);
  let begin = performance.now();
  const lossy = await pods.startAll(1, PROGRAM);
  const good = lossy.filter(({ code, text }, rank) => {
    const slope = 8 * ((rank + 1) % 3 + 1);
    return code === 0 && text.includes(`rank ${rank} of 3: ${slope},${slope}`);
  }).length;
  console.log(`1 % loss, 20 ms: ${good} of 3 ranks right, ${seconds(begin)} s`);
  if (good < 3) console.log(lossy);

  const meeting = pods.startAll(1, PROGRAM, "meet");
  while (!pods.haveMet) await new Promise((resolve) => setTimeout(resolve, 50));
  await new Promise((resolve) => setTimeout(resolve, 2000));
  begin = performance.now();
  await pods.cut(2);
  const ends = await meeting;
  const told = ends.filter(({ code, text }) =>
    code !== 0 && /is gone|no sign of life/.test(text)
  ).length;
  console.log(`cut off: ${told} of 3 ranks ended with an error, ${seconds(begin)} s`);
  if (told < 3) console.log(ends);
  Deno.exitCode = good === 3 && told === 3 ? 0 : 1;
} finally {
  await pods.remove();
}
