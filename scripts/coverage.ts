/**
 * Line coverage of `src`: runs the tests folder by folder (one run of all needs too much memory),
 * with those processes that they start, and the examples of `src`, and puts the counts together.
 *
 *     deno task coverage [FOLDER or FILE of tests/ ...] [--lines] [--report]
 *
 * `--lines` lists the lines that nothing ran. Counts are kept in `cov/FOLDER.lcov`, and a folder that
 * is named is run again; without names all are run, and none with `--report`. Tests that fail are
 * named; what they ran counts.
 *
 * @module
 */

const root = decodeURI(new URL("../", import.meta.url).pathname);
const args = Deno.args.filter((arg) => !arg.startsWith("-"));
const unknown = Deno.args.filter((arg) => arg.startsWith("-") && !/^--(lines|report)$/.test(arg));
if (unknown.length > 0) {
  console.error(`coverage: there is no option ${unknown[0]}; the options are --lines, --report`);
  Deno.exit(2);
}

/** Rooms of tests, and the files beside them. */
function rooms(): string[] {
  return [...Deno.readDirSync(`${root}tests`)]
    .filter(({ name, isDirectory }) =>
      isDirectory && name !== "helpers" || name.endsWith("_test.ts")
    )
    .map(({ name }) => name).sort().concat("src");
}

/** Runs Deno; what it prints, and whether it succeeded. */
async function deno(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ text: string; success: boolean }> {
  const command = new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
    env: { NO_COLOR: "1", ...env },
    stderr: "piped",
  });
  const { stdout, stderr, success } = await command.output();
  const text = new TextDecoder().decode(stdout);
  if (!success) console.error(text.slice(-2000), new TextDecoder().decode(stderr).slice(-1000));
  return { text, success };
}

/** Runs the tests of a room and keeps what they ran. */
async function measure(room: string): Promise<void> {
  const began = performance.now(), profiles = await Deno.makeTempDir({ prefix: "coverage-" });
  try {
    // Examples of the documentation stand in src.
    const what = room.startsWith("src") ? ["--doc", room] : [`tests/${room}`];
    await deno(["test", "-A", "--no-check", `--coverage=${profiles}`, ...what], {
      // Processes that tests start write their profiles there, too.
      DENO_COVERAGE_DIR: profiles,
    });
    const { text, success } = await deno([
      "coverage",
      "--lcov",
      `--include=^file://${root}src/`,
      profiles,
    ]);
    if (!success) throw new Error(`no report for tests/${room}`);
    await Deno.writeTextFile(`${root}cov/${room.replaceAll("/", "-")}.lcov`, text);
  } finally {
    await Deno.remove(profiles, { recursive: true });
  }
  console.error(`${room}: ${((performance.now() - began) / 1000).toFixed(0)} s`);
}

/** Counts by file and line, from all rooms. */
function merged(): Map<string, Map<number, number>> {
  const files = new Map<string, Map<number, number>>();
  for (const { name } of Deno.readDirSync(`${root}cov`)) {
    if (!name.endsWith(".lcov")) continue;
    let lines = new Map<number, number>();
    for (const line of Deno.readTextFileSync(`${root}cov/${name}`).split("\n")) {
      const file = /^SF:(.*)$/.exec(line)?.[1];
      if (file !== undefined) {
        const path = file.slice(file.lastIndexOf("/src/") + 1);
        lines = files.get(path) ?? new Map();
        files.set(path, lines);
      }
      const [, number, count] = /^DA:(\d+),(\d+)/.exec(line) ?? [];
      if (number !== undefined) lines.set(+number, (lines.get(+number) ?? 0) + Number(count));
    }
  }
  return files;
}

/** Numbers as ranges: `3, 5-7`. */
function ranges(numbers: readonly number[]): string {
  const found: string[] = [];
  for (let i = 0; i < numbers.length;) {
    let j = i;
    while (numbers[j + 1] === numbers[j] + 1) j++;
    found.push(i === j ? `${numbers[i]}` : `${numbers[i]}-${numbers[j]}`);
    i = j + 1;
  }
  return found.join(", ");
}

await Deno.mkdir(`${root}cov`, { recursive: true });
const chosen = args.length > 0 ? args : Deno.args.includes("--report") ? [] : rooms();
for (const room of chosen) await measure(room);
const folders = new Map<string, [number, number]>();
let covered = 0, all = 0;
for (const [file, lines] of [...merged()].sort(([a], [b]) => a < b ? -1 : 1)) {
  const missing = [...lines].filter(([, count]) => count === 0).map(([line]) => line)
    .sort((a, b) => a - b);
  const folder = file.split("/").slice(0, -1).join("/"), sum = folders.get(folder) ?? [0, 0];
  folders.set(folder, [sum[0] + lines.size - missing.length, sum[1] + lines.size]);
  covered += lines.size - missing.length;
  all += lines.size;
  if (Deno.args.includes("--lines") && missing.length > 0) {
    console.log(`${file} ${lines.size - missing.length}/${lines.size}: ${ranges(missing)}`);
  }
}
for (const [folder, [c, n]] of folders) {
  console.log(`${folder.padEnd(28)} ${(100 * c / n).toFixed(1).padStart(5)} % of ${n}`);
}
console.log(`src: ${(100 * covered / all).toFixed(2)} % of ${all} lines`);
