/**
 * Seeds the global generator, so that a test file draws the same numbers at each run: a number near a
 * singularity must not decide whether a test passes. Importing it is all.
 */

import { manualSeed } from "@torchopt/torchopt";

manualSeed(2026);
