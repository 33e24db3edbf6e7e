/**
 * The compiled ops that this package ships. A checkout ships none: the release writes this list
 * (`deno task build:ops --target all --into FOLDER`). It is a module, so that a lock file that holds the
 * checksum of the modules vouches for the libraries, too.
 *
 * @module
 */

import type { ShippedFile } from "./prebuilt.ts";

/** One for each target, as in `linux-x86_64`. */
export const SHIPPED: Readonly<Record<string, ShippedFile>> = {};
