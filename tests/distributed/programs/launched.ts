/** Programs for the launcher, by name. */

import { distributed } from "@torchopt/torchopt";

const [mode, file] = Deno.args, rank = distributed.getRank();
const forever = () => new Promise((resolve) => setTimeout(resolve, 600_000));

const modes: Record<string, () => unknown> = {
  /** Prints arguments and variables. */
  show: () => {
    console.log(JSON.stringify(distributed.getWorldInfo()), Deno.args.join());
    console.error("to the other stream");
  },
  /** Starts a process of its own, tells both numbers, and stays. */
  stay: async () => {
    const child = new Deno.Command("sleep", { args: ["600"], stdout: "null" }).spawn();
    Deno.writeTextFileSync(`${file}.${rank}`, `${Deno.pid} ${child.pid}`);
    await forever();
  },
  /** Takes no notice of being asked to end. */
  stubborn: async () => {
    Deno.addSignalListener("SIGTERM", () => console.log("no"));
    Deno.writeTextFileSync(`${file}.${rank}`, `${Deno.pid}`);
    if (rank === 0) setTimeout(() => Deno.exit(5), 200);
    await forever();
  },
  /** Ends when it is asked to. */
  polite: async () => {
    Deno.addSignalListener("SIGINT", () => Deno.exit(9));
    Deno.writeTextFileSync(`${file}.${rank}`, `${Deno.pid}`);
    await forever();
  },
  /** Fails at the first start, after all have come. */
  again: () =>
    distributed.autoInitRpc()(() => {
      if (Deno.env.get("TORCHOPT_RESTARTS") === "0" && rank === 1) Deno.exit(4);
      console.log("went well");
    })(),
  /** Fails before anybody has come. */
  never: () => Deno.exit(6),
  /** Fails as a Worker does. */
  throws: () =>
    distributed.autoInitRpc()(async () => {
      if (rank === 1) throw new Error("thrown on purpose");
      await forever();
    })(),
};

await modes[mode]();
