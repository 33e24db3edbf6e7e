/**
 * Systems that binaries are made for.
 *
 * @module
 */

/** What Deno calls each system, and what this package does. */
export const TARGETS = {
  "x86_64-unknown-linux-gnu": "linux-x86_64",
  "aarch64-unknown-linux-gnu": "linux-aarch64",
  "aarch64-apple-darwin": "darwin-aarch64",
  "x86_64-pc-windows-msvc": "windows-x86_64",
  "aarch64-pc-windows-msvc": "windows-aarch64",
} as const;

/** Whether a text is the name that Deno has for a system. */
export function isTarget(text: string): text is keyof typeof TARGETS {
  return Object.hasOwn(TARGETS, text);
}
