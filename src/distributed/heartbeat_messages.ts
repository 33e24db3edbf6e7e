/**
 * What a process and its Worker for signs of life tell each other. The Worker loads this and little else:
 * it has to be there at once.
 *
 * @module
 */

import type { Identity } from "./handshake.ts";

/** Signs that may be missed. */
export const MISSES = 3;

/** What the Worker is told. */
export type ToHeartbeat =
  | {
    readonly kind: "start";
    readonly own: Identity;
    readonly folder: string | null;
    readonly host: string;
    readonly seconds: number;
  }
  | { readonly kind: "watch"; readonly rank: number; readonly address: string }
  | { readonly kind: "leave"; readonly rank: number };

/** What the Worker tells. */
export type FromHeartbeat =
  | { readonly kind: "ready"; readonly address: string }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "dead"; readonly rank: number; readonly reason: string };
