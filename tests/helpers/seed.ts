/**
 * Seeds the global generator, so that a test file draws the same numbers at each run: a number near a
 * singularity must not decide whether a test passes. Importing it is all.
 *
 * When the file is done, its compiled graphs are given back: each file has a thread of its own, and what
 * a thread leaves in native memory stays with the process, which runs hundreds of files.
 */

import { manualSeed, shutdown } from "@torchopt/torchopt";

manualSeed(2026);
globalThis.addEventListener("unload", () => void shutdown());
