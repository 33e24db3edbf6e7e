/**
 * Where and of what a result was measured.
 *
 * @module
 */

/** What a stored result says about itself. */
export interface Origin {
  /** Abbreviated commit; with `+` where files were changed. */
  readonly commit: string;
  /** Time of the measurement, ISO 8601. */
  readonly date: string;
  /** Processor and number of threads: results of other machines are not compared. */
  readonly machine: string;
  /** Whether the compiled kernels were in use. */
  readonly kernels: boolean;
}

async function git(...args: string[]): Promise<string> {
  try {
    const { stdout } = await new Deno.Command("git", { args, stderr: "null" }).output();
    return new TextDecoder().decode(stdout).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/** The processor's name, where the system says it. */
function processor(): string {
  try {
    return /^model name\s*:\s*(.+)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ??
      Deno.build.arch;
  } catch {
    return Deno.build.arch;
  }
}

/** Where results that are measured now come from. */
export async function origin(kernels: boolean): Promise<Origin> {
  const [commit, changes] = await Promise.all([
    git("rev-parse", "--short=10", "HEAD"),
    git("status", "--porcelain", "--untracked-files=no"),
  ]);
  return {
    commit: (commit || "unknown") + (changes === "" ? "" : "+"),
    date: new Date().toISOString(),
    machine: `${Deno.build.os}, ${processor()}, ${navigator.hardwareConcurrency} threads`,
    kernels,
  };
}
