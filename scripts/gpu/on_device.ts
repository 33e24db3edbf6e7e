/** Makes `TORCHOPT_CHECK_DEVICE` the default device; for `--preload`. */

import { type Device, setDefaultDevice } from "../../mod.ts";

setDefaultDevice((Deno.env.get("TORCHOPT_CHECK_DEVICE") ?? "cuda") as Device);
