/**
 * Tests that need something a machine may lack. Without it they are shown as ignored, and their names
 * say why, instead of passing without having looked at anything.
 *
 * @module
 */

import { findCompiler } from "../../src/runtime/compiler.ts";
import { opsLibrary } from "../../src/runtime/mod.ts";

/** Something that a machine has, or why it does not. */
export interface Need {
  met: boolean;
  why: string;
}

const { os } = Deno.build;

/** The compiled kernels. */
export const kernels: Need = {
  met: opsLibrary().loaded,
  why: `kernels ${opsLibrary().why.split(":")[0]}`,
};

/** Linux: its paths, its permissions, its libraries. */
export const linux: Need = { met: os === "linux", why: `about Linux, this is ${os}` };

/** A system with signals, links and a shell. */
export const unix: Need = { met: os !== "windows", why: `about Unix, this is ${os}` };

/** A C++ compiler. */
export const compiler: Need = await findCompiler().then(
  () => ({ met: true, why: "" }),
  (error: Error) => ({ met: false, why: error.message.split("\n")[0] }),
);

/** A test of what is there only where `needs` are met. */
export function testWith(
  needs: Need | readonly Need[],
  name: string,
  fn: (t: Deno.TestContext) => void | Promise<void>,
  options: Partial<Deno.TestDefinition> = {},
): void {
  const missing = [needs].flat().find(({ met }) => !met);
  if (missing === undefined) Deno.test({ ...options, name, fn });
  else Deno.test({ name: `${name} (ignored: ${missing.why})`, ignore: true, fn });
}
