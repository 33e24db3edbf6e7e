/**
 * Fetches lavapipe, a Vulkan driver that computes on the CPU, for machines without a GPU: with it
 * device `"webgpu"` runs anywhere Debian does, which is what tests of it need.
 *
 *     eval "$(deno run -A scripts/setup_lavapipe.ts)"
 *     deno run -A --preload my_device.ts program.ts
 *
 * The packages come from the mirror that the machine's own package manager uses, from the backports of
 * its release: older drivers than Mesa 23 lack what WebGPU wants. They are unpacked into a folder of the
 * cache, without root and without installing anything. What goes to stdout are the lines that make a
 * shell use it; `--check` says whether it is there and fetches nothing.
 *
 * @module
 */

import { cacheFolder } from "../src/runtime/ops_cache.ts";

const PACKAGES = ["mesa-vulkan-drivers", "libvulkan1"];
const ICD = "usr/share/vulkan/icd.d/lvp_icd.json";
const SOURCES = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"];

/** Folder of the unpacked packages. */
function folder(): string {
  return `${cacheFolder()}/lavapipe`;
}

/**
 * Variables that make a program find lavapipe from its start; null where it was not set up here. The
 * loader reads them when the process begins, so that a program cannot set them for itself.
 */
export function lavapipeVariables(): Record<string, string> | null {
  const root = folder();
  try {
    const libraries = [...Deno.readDirSync(`${root}/usr/lib`)].map(({ name }) => name)
      .filter((name) => name.endsWith("-linux-gnu")).map((name) => `${root}/usr/lib/${name}`);
    // Whoever unpacked only half of it has no such file yet.
    Deno.statSync(`${root}/complete`);
    const path = [...libraries, Deno.env.get("LD_LIBRARY_PATH")].filter(Boolean).join(":");
    return { VK_ICD_FILENAMES: `${root}/${ICD}`, LD_LIBRARY_PATH: path };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Address, key and release of the package archive that this machine uses. */
async function archive(): Promise<{ uri: string; key: string; release: string }> {
  const release = /^VERSION_CODENAME=(\w+)/m.exec(await Deno.readTextFile("/etc/os-release"))?.[1];
  for (const path of SOURCES) {
    const text = await Deno.readTextFile(path).catch(() => "");
    const uri = /^URIs:\s*(\S+)/m.exec(text)?.[1] ?? /^deb (?:\[.*?\] )?(\S+)/m.exec(text)?.[1];
    const key = /^Signed-By:\s*(\S+)/m.exec(text)?.[1] ??
      "/usr/share/keyrings/debian-archive-keyring.gpg";
    if (uri !== undefined && release !== undefined) return { uri, key, release };
  }
  throw new Error(`this is no Debian with package sources in ${SOURCES.join(" or ")}`);
}

async function run(command: string, ...args: string[]): Promise<void> {
  const child = new Deno.Command(command, { args, stdout: "piped", stderr: "piped" });
  const { success, stdout, stderr } = await child.output();
  if (success) return;
  const text = new TextDecoder();
  throw new Error(
    `${command} ${args.at(-1)} failed:\n${text.decode(stdout)}${text.decode(stderr)}`,
  );
}

/** Fetches and unpacks the packages. */
async function setUp(root: string): Promise<void> {
  const { uri, key, release } = await archive();
  const work = await Deno.makeTempDir({ prefix: "torchopt_lavapipe_" });
  try {
    for (const part of ["state/lists/partial", "cache/archives/partial"]) {
      await Deno.mkdir(`${work}/${part}`, { recursive: true });
    }
    await Deno.writeTextFile(
      `${work}/archive.sources`,
      `Types: deb\nURIs: ${uri}\nSuites: ${release} ${release}-backports\nComponents: main\n` +
        `Signed-By: ${key}\n`,
    );
    const options = [
      `Dir::Etc::sourcelist=${work}/archive.sources`,
      "Dir::Etc::sourceparts=-",
      `Dir::State=${work}/state`,
      "Dir::State::status=/var/lib/dpkg/status",
      `Dir::Cache=${work}/cache`,
      "Debug::NoLocking=1",
      "APT::Sandbox::User=",
      "APT::Install-Recommends=0",
      `APT::Default-Release=${release}-backports`,
    ].flatMap((option) => ["-o", option]);
    await run("apt-get", ...options, "update");
    // What is installed already is not fetched again.
    await run("apt-get", ...options, "-y", "--download-only", "install", ...PACKAGES);
    await Deno.mkdir(root, { recursive: true });
    for await (const { name } of Deno.readDir(`${work}/cache/archives`)) {
      if (name.endsWith(".deb")) await run("dpkg", "-x", `${work}/cache/archives/${name}`, root);
    }
    await Deno.writeTextFile(`${root}/complete`, "");
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

if (import.meta.main) {
  if (lavapipeVariables() === null && !Deno.args.includes("--check")) await setUp(folder());
  const variables = lavapipeVariables();
  if (variables === null) {
    console.error(`lavapipe is not in ${folder()}`);
    Deno.exit(1);
  }
  for (const [name, value] of Object.entries(variables)) console.log(`export ${name}='${value}'`);
}
