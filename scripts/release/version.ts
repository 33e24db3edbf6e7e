/**
 * Versions (Semantic Versioning 2.0) and where this package writes its own.
 *
 * @module
 */

const VERSION =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;

/** Whether a text is a version, without a build's name. */
export function isVersion(text: string): boolean {
  const match = VERSION.exec(text);
  // Numbers of pre-releases have no zeros in front either.
  return match !== null && !(match[4] ?? "").split(".").some((part) => /^0\d+$/.test(part));
}

/** Below, at or above 0 where `a` comes before, is or comes after `b`. */
export function compareVersions(a: string, b: string): number {
  const [, ...x] = VERSION.exec(a)!, [, ...y] = VERSION.exec(b)!;
  for (let i = 0; i < 3; i++) if (x[i] !== y[i]) return Number(x[i]) - Number(y[i]);
  if (x[3] === y[3]) return 0;
  // A pre-release comes before what it is one of.
  if (x[3] === undefined || y[3] === undefined) return x[3] === undefined ? 1 : -1;
  const p = x[3].split("."), q = y[3].split(".");
  for (let i = 0; i < Math.min(p.length, q.length); i++) {
    if (p[i] === q[i]) continue;
    const numbers = [p[i], q[i]].map((part) => /^\d+$/.test(part));
    if (numbers[0] && numbers[1]) return Number(p[i]) - Number(q[i]);
    if (numbers[0] !== numbers[1]) return numbers[0] ? -1 : 1;
    return p[i] < q[i] ? -1 : 1;
  }
  return p.length - q.length;
}

/** A changelog whose unreleased changes are those of a version. */
export function closeChangelog(text: string, version: string, date: string): string {
  const heading = "## [Unreleased]\n";
  if (!text.includes(heading)) throw new Error(`CHANGELOG.md has no line "${heading.trim()}"`);
  return text.replace(heading, () => `${heading}\n## [${version}] - ${date}\n`);
}

/** What a changelog says about a version; undefined where it has no such section. */
export function changesOf(text: string, version: string): string | undefined {
  const sections = text.split(/^## /m);
  return sections.find((section) => section.startsWith(`[${version}] - `))
    ?.replace(/^.*\n/, "").trim();
}

/** Reads and writes a file of the checkout. */
export interface Files {
  read(path: string): string;
  write(path: string, text: string): void;
}

/** What is wrong with how a version is written down; nothing where all is well. */
export function versionFaults(files: Files, tags: readonly string[], open: boolean): string[] {
  const { version } = JSON.parse(files.read("deno.json")) as { version: string };
  if (!isVersion(version)) return [`deno.json has the version "${version}", which is none`];
  const faults: string[] = [];
  if (!files.read("src/cli/version.ts").includes(`VERSION = "${version}"`)) {
    faults.push(`src/cli/version.ts is not "${version}" (deno task release --set ${version})`);
  }
  const last = tags.filter(isVersion).sort(compareVersions).at(-1);
  if (last !== undefined && compareVersions(version, last) <= 0) {
    faults.push(`version ${version} does not come after ${last}, which was released`);
  }
  if (!open && !changesOf(files.read("CHANGELOG.md"), version)) {
    faults.push(
      `CHANGELOG.md says nothing under "## [${version}]" (deno task release --set ${version})`,
    );
  }
  return faults;
}

/** Writes a version down, and closes the changelog for it. */
export function setVersion(files: Files, version: string, date: string): void {
  if (!isVersion(version)) throw new Error(`"${version}" is no version, wants one as 1.2.3`);
  const replace = (path: string, from: RegExp, to: string) =>
    files.write(path, files.read(path).replace(from, () => to));
  replace("deno.json", /"version": "[^"]*"/, `"version": "${version}"`);
  replace("src/cli/version.ts", /VERSION = "[^"]*"/, `VERSION = "${version}"`);
  const changelog = files.read("CHANGELOG.md");
  if (changesOf(changelog, version) === undefined) {
    files.write("CHANGELOG.md", closeChangelog(changelog, version, date));
  }
}
