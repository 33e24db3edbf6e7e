/**
 * One build at a time, and none that leaves its parts behind.
 *
 * @module
 */

import { OS } from "./host.ts";

/**
 * Runs `body` while no other process, and no other call in this one, does so in the same folder. The
 * system itself holds the lock, so that the lock of a process that was killed is free.
 *
 * @param folder exists
 * @param onWait called once, where another one holds the lock
 * @param signal ends the waiting
 */
export async function withLock<T>(
  folder: string,
  onWait: () => void,
  signal: AbortSignal,
  body: () => Promise<T>,
): Promise<T> {
  const path = lockPath(folder);
  for (let told = false;;) {
    const file = await Deno.open(path, { create: true, write: true });
    try {
      if (!await file.tryLock(true)) {
        if (!told) onWait();
        told = true;
        const { promise, reject } = Promise.withResolvers<never>();
        signal.addEventListener("abort", () => reject(signal.reason));
        await Promise.race([file.lock(true), promise]);
      }
      // Whoever held it may have removed the file meanwhile, and others lock another one by now.
      if (!isSame(file, path)) continue;
      try {
        return await body();
      } finally {
        remove(path);
      }
    } finally {
      file.close();
    }
  }
}

/** Whether some process is building in a folder. */
export function isBuilding(folder: string): boolean {
  try {
    using file = Deno.openSync(lockPath(folder), { write: true });
    return !file.tryLockSync(true);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function lockPath(folder: string): string {
  return `${folder}/build.lock`;
}

function isSame(file: Deno.FsFile, path: string): boolean {
  // Windows removes no file that is open.
  if (OS === "windows") return true;
  try {
    return Deno.statSync(path).ino === file.statSync().ino;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (OS !== "windows" && !(error instanceof Deno.errors.NotFound)) throw error;
  }
}

const SIGNALS: readonly Deno.Signal[] = OS === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Runs `body`, which is told when a signal is about to end the process, and can clear up before it does.
 *
 * @throws {unknown} what `body` throws
 */
export async function interruptible<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let received: Deno.Signal | undefined;
  const listeners = SIGNALS.map((name) => ({
    name,
    listener: () => {
      received = name;
      controller.abort(new Error(`the build was interrupted (${name})`));
    },
  }));
  for (const { name, listener } of listeners) Deno.addSignalListener(name, listener);
  try {
    return await body(controller.signal);
  } finally {
    for (const { name, listener } of listeners) Deno.removeSignalListener(name, listener);
    if (received) end(received);
  }
}

/** Ends the process as the signal would have done. */
function end(signal: Deno.Signal): void {
  try {
    Deno.kill(Deno.pid, signal);
  } catch (error) {
    // It takes the permission to run anything.
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    Deno.exit(SIGNALLED);
  }
}

/** What a shell calls the end of a process that SIGINT interrupted. */
const SIGNALLED = 130;
