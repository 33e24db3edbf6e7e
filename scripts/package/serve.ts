/**
 * Serves what `deno publish` would send, as a server of modules does.
 *
 * @module
 */

import $, { type Path } from "dax";

/** Paths of the files that are published, relative to the root. */
async function publishedFiles(root: Path, flags: readonly string[]): Promise<Set<string>> {
  const { stderr, stdout } = await $`${Deno.execPath()} publish --dry-run --no-check ${flags}`
    .cwd(root).env({ NO_COLOR: "1" }).stdout("piped").stderr("piped");
  const prefix = `${root.toFileUrl().href.replace(/\/?$/, "/")}`;
  const found = [...`${stdout}\n${stderr}`.matchAll(/^ +(file:\S+) \(/gm)]
    .map(([, url]) => url).filter((url) => url.startsWith(prefix))
    .map((url) => decodeURI(url.slice(prefix.length)));
  if (found.length === 0) throw new Error(`deno publish names no files:\n${stderr}`);
  return new Set(found);
}

/**
 * Serves the files, and no other, until it is disposed of. Imports by this package's own names lead to
 * its files, as the registry makes them.
 *
 * @param flags of `deno publish`
 */
export async function servePackage(
  root: Path,
  flags: readonly string[],
): Promise<AsyncDisposable & { readonly url: string; readonly missed: ReadonlySet<string> }> {
  const files = await publishedFiles(root, flags), missed = new Set<string>();
  const { name, imports } = await root.join("deno.json").readJson<
    { name: string; imports: Record<string, string> }
  >();
  const own = Object.entries(imports).filter(([from]) => from.startsWith(name));
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const url = new URL(request.url), path = decodeURI(url.pathname.slice(1));
    if (!files.has(path)) {
      missed.add(path);
      return new Response("not found", { status: 404 });
    }
    const file = root.join(path).toString();
    if (!path.endsWith(".ts")) return new Response(Deno.readFileSync(file));
    let text = Deno.readTextFileSync(file);
    for (const [from, to] of own) {
      text = text.replaceAll(`from "${from}"`, `from "${new URL(to, url.origin).href}"`);
    }
    return new Response(text, { headers: { "content-type": "application/typescript" } });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    missed,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
