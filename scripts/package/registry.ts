/**
 * A registry of one package, so that Deno installs a tarball as it would a published one.
 *
 * @module
 */

import type { PackageJson } from "./pack.ts";

/** Serves a package until it is disposed of. */
export async function serveRegistry(
  json: PackageJson,
  tarball: Uint8Array<ArrayBuffer>,
): Promise<AsyncDisposable & { readonly url: string }> {
  const digest = async (name: string) => new Uint8Array(await crypto.subtle.digest(name, tarball));
  const integrity = `sha512-${(await digest("SHA-512")).toBase64()}`;
  const shasum = (await digest("SHA-1")).toHex();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    if (request.url.endsWith(".tgz")) return new Response(tarball);
    const dist = { tarball: `${new URL(request.url).origin}/package.tgz`, integrity, shasum };
    return Response.json({
      name: json.name,
      "dist-tags": { latest: json.version },
      versions: { [json.version]: { ...json, dist } },
    });
  });
  const { port } = server.addr;
  return {
    url: `http://127.0.0.1:${port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
