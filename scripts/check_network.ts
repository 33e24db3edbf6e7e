/**
 * Three ranks in three network namespaces (on Linux, as root, with `ip` and `iptables`), which lose one
 * packet in a hundred: the results have to be the same. Then rank 2 is cut off
 * without a word: it has to count as gone, and all ranks have to end.
 *
 * `sudo deno run -A scripts/check_network.ts`
 *
 * @module
 */

const root = new URL("../", import.meta.url).pathname;
const program = `${root}tests/distributed/programs/four.ts`;
const NAMES = [0, 1, 2].map((rank) => `torchopt${rank}`), HUB = "torchopthub";

async function sh(line: string): Promise<void> {
  const [name, ...args] = line.split(" ");
  const { success, stderr } = await new Deno.Command(name, { args, stderr: "piped" }).output();
  if (!success) throw new Error(`${line}: ${new TextDecoder().decode(stderr)}`);
}

async function build(): Promise<void> {
  await sh(`ip netns add ${HUB}`);
  await sh(`ip -n ${HUB} link add bridge type bridge`);
  await sh(`ip -n ${HUB} link set bridge up`);
  for (const [rank, name] of NAMES.entries()) {
    await sh(`ip netns add ${name}`);
    await sh(`ip -n ${HUB} link add v${rank} type veth peer name eth0 netns ${name}`);
    await sh(`ip -n ${HUB} link set v${rank} master bridge up`);
    await sh(`ip -n ${name} addr add 10.77.0.${rank + 1}/24 dev eth0`);
    await sh(`ip -n ${name} link set eth0 up`);
    await sh(`ip -n ${name} link set lo up`);
    await sh(
      `ip netns exec ${name} iptables -A INPUT -m statistic --mode random --probability 0.01 -j DROP`,
    );
  }
}

async function remove(): Promise<void> {
  for (const name of [...NAMES, HUB]) await sh(`ip netns del ${name}`).catch(() => {});
}

function start(rank: number, secret: string, ...args: string[]): Deno.ChildProcess {
  return new Deno.Command("ip", {
    args: [
      "netns",
      "exec",
      NAMES[rank],
      Deno.execPath(),
      "run",
      "-A",
      "--no-check",
      program,
      ...args,
    ],
    env: {
      RANK: String(rank),
      WORLD_SIZE: "3",
      MASTER_ADDR: "10.77.0.1",
      MASTER_PORT: "29400",
      TORCHOPT_SECRET_FILE: secret,
      TORCHOPT_THREADS: "1",
      NO_COLOR: "1",
    },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function ends(
  ranks: readonly Deno.ChildProcess[],
): Promise<{ code: number; text: string }[]> {
  const decoder = new TextDecoder();
  return await Promise.all(ranks.map(async (rank) => {
    const { code, stdout, stderr } = await rank.output();
    return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
  }));
}

const secret = await Deno.makeTempFile();
Deno.writeFileSync(secret, crypto.getRandomValues(new Uint8Array(32)));
try {
  await remove();
  await build();
  let begin = performance.now();
  const lossy = await ends([0, 1, 2].map((rank) => start(rank, secret)));
  const good = lossy.filter(({ code, text }, rank) => {
    const slope = 8 * ((rank + 1) % 3 + 1);
    return code === 0 && text.includes(`rank ${rank} of 3: ${slope},${slope}`);
  }).length;
  console.log(
    `1 % loss: ${good} of 3 ranks right, ${((performance.now() - begin) / 1000).toFixed(1)} s`,
  );
  if (good < 3) console.log(lossy);

  const ranks = [0, 1, 2].map((rank) => start(rank, secret, "meet"));
  await new Promise((resolve) => setTimeout(resolve, 4000));
  begin = performance.now();
  await sh(`ip netns exec ${NAMES[2]} iptables -I INPUT -i eth0 -j DROP`);
  await sh(`ip netns exec ${NAMES[2]} iptables -I OUTPUT -o eth0 -j DROP`);
  const cut = await ends(ranks);
  const told = cut.filter(({ code, text }) =>
    code !== 0 && /is gone|no sign of life/.test(text)
  ).length;
  console.log(
    `cut off: ${told} of 3 ranks ended with an error, ${
      ((performance.now() - begin) / 1000).toFixed(1)
    } s`,
  );
  if (told < 3) console.log(cut);
  Deno.exitCode = good === 3 && told === 3 ? 0 : 1;
} finally {
  await remove();
  await Deno.remove(secret);
}
