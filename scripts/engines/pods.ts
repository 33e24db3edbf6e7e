/**
 * Ranks in network namespaces of their own (on Linux, as root, with `ip` and `iptables`), as pods of
 * Kubernetes have them: each has its address, its host name, and a network that loses packets.
 *
 * @module
 */

const root = new URL("../../", import.meta.url).pathname, deno = Deno.execPath();
const PORT = 29_400;

async function sh(line: string): Promise<void> {
  const [name, ...args] = line.split(" ");
  const { success, stderr } = await new Deno.Command(name, { args, stderr: "piped" }).output();
  if (!success) throw new Error(`${line}: ${new TextDecoder().decode(stderr)}`);
}

/** Why there can be no namespaces here; empty where there can. */
export async function whyNoPods(): Promise<string> {
  if (Deno.build.os !== "linux") return "about Linux";
  if (Deno.uid() !== 0) return "network namespaces take root";
  const name = `torchopt-try-${Deno.pid}`;
  try {
    await sh(`ip netns add ${name}`);
    try {
      await sh(`ip -n ${name} link add v0 type veth peer name v1`);
      const lossy = "-A INPUT -m statistic --mode random --probability 0.01 -j DROP";
      await sh(`ip netns exec ${name} iptables ${lossy}`);
      return "";
    } finally {
      await sh(`ip netns del ${name}`);
    }
  } catch (error) {
    return `no network namespaces: ${(error as Error).message.trim().split("\n")[0]}`;
  }
}

/** How a rank ended. */
export interface PodEnd {
  readonly code: number;
  readonly text: string;
}

/** Pods of an indexed Job `train` behind the headless service `train.default`. */
export class Pods {
  readonly size: number;
  readonly #hub = `torchopt-${Deno.pid}-hub`;
  readonly #folder = Deno.makeTempDirSync();
  readonly #running = new Set<Deno.ChildProcess>();

  constructor(size: number) {
    this.size = size;
  }

  get #met(): string {
    return `${this.#folder}/met`;
  }

  /** Whether all ranks that were started last have met. */
  get haveMet(): boolean {
    try {
      return Deno.statSync(this.#met).isFile;
    } catch {
      return false;
    }
  }

  /** Starts a program on all pods, with so many seconds between signs of life. */
  async startAll(heartbeat: number, program: string, ...args: string[]): Promise<PodEnd[]> {
    if (this.haveMet) Deno.removeSync(this.#met);
    const ranks = Array.from({ length: this.size }, (_, rank) => rank);
    return await Promise.all(ranks.map((rank) => this.#start(rank, heartbeat, program, args)));
  }

  #name(rank: number): string {
    return `torchopt-${Deno.pid}-${rank}`;
  }

  /**
   * Makes the namespaces, joined by a bridge. Each loses that share of the packets that come; the way to
   * rank 0 takes `delay` milliseconds more.
   */
  async build(loss: number, delay: number): Promise<void> {
    const hub = this.#hub;
    await sh(`ip netns add ${hub}`);
    await sh(`ip -n ${hub} link add bridge type bridge`);
    await sh(`ip -n ${hub} addr add 10.77.0.100/24 dev bridge`);
    await sh(`ip -n ${hub} link set bridge up`);
    Deno.writeFileSync(`${this.#folder}/secret`, crypto.getRandomValues(new Uint8Array(32)));
    for (let rank = 0; rank < this.size; rank++) {
      const name = this.#name(rank);
      await sh(`ip netns add ${name}`);
      await sh(`ip -n ${hub} link add v${rank} type veth peer name eth0 netns ${name}`);
      await sh(`ip -n ${hub} link set v${rank} master bridge up`);
      await sh(`ip -n ${name} addr add 10.77.0.${rank + 1}/24 dev eth0`);
      await sh(`ip -n ${name} link set eth0 up`);
      await sh(`ip -n ${name} link set lo up`);
      const lossy = `-A INPUT -m statistic --mode random --probability ${loss} -j DROP`;
      await sh(`ip netns exec ${name} iptables ${lossy}`);
      // Others find rank 0 behind the relay.
      const first = rank === 0 || delay === 0 ? "10.77.0.1" : "10.77.0.100";
      const hosts = `127.0.0.1 localhost\n${first} train-0.train.default\n`;
      Deno.writeTextFileSync(`${this.#folder}/hosts.${rank}`, hosts);
    }
    if (delay === 0) return;
    const relay = `${root}tests/distributed/relay.ts`;
    this.#running.add(
      new Deno.Command("ip", {
        args: ["netns", "exec", hub, deno, "run", "-A", relay, "10.77.0.1", `${PORT}`, `${delay}`],
      }).spawn(),
    );
  }

  /** Starts a program of Deno as a pod would be. */
  async #start(
    rank: number,
    heartbeat: number,
    program: string,
    args: readonly string[],
  ): Promise<PodEnd> {
    const pod = `train-${rank}`, hosts = `${this.#folder}/hosts.${rank}`;
    const enter = 'mount --bind "$1" /etc/hosts && hostname "$2" && shift 2 && exec "$@"';
    const line = [deno, "run", "-A", "--no-check", program, ...args];
    const process = new Deno.Command("ip", {
      args: ["netns", "exec", this.#name(rank)]
        .concat("unshare", "--mount", "--uts", "sh", "-c", enter, "sh", hosts, pod, line),
      env: {
        JOB_COMPLETION_INDEX: `${rank}`,
        HOSTNAME: pod,
        WORLD_SIZE: `${this.size}`,
        TORCHOPT_SERVICE: "train.default",
        TORCHOPT_SECRET_FILE: `${this.#folder}/secret`,
        TORCHOPT_PORT: `${PORT}`,
        TORCHOPT_MET_FILE: this.#met,
        TORCHOPT_HEARTBEAT: `${heartbeat}`,
        TORCHOPT_THREADS: "1",
        NO_COLOR: "1",
      },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#running.add(process);
    const { code, stdout, stderr } = await process.output(), decoder = new TextDecoder();
    this.#running.delete(process);
    return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
  }

  /** Cuts a pod off, without a word to anybody. */
  async cut(rank: number): Promise<void> {
    await sh(`ip netns exec ${this.#name(rank)} iptables -I INPUT -i eth0 -j DROP`);
    await sh(`ip netns exec ${this.#name(rank)} iptables -I OUTPUT -o eth0 -j DROP`);
  }

  /** Removes all of it. */
  async remove(): Promise<void> {
    for (const process of this.#running) process.kill("SIGKILL");
    for (let rank = 0; rank < this.size; rank++) {
      await sh(`ip netns del ${this.#name(rank)}`).catch(() => {});
    }
    await sh(`ip netns del ${this.#hub}`).catch(() => {});
    await Deno.remove(this.#folder, { recursive: true });
  }
}
