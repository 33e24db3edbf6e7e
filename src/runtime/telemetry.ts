/**
 * The telemetry of ONNX Runtime, switched off.
 *
 * @module
 */

/** Names of the variable that keeps telemetry off, in different releases of ONNX Runtime. */
const SWITCHES = ["ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED"];

/**
 * Whether the user allows telemetry: `TORCHOPT_ORT_TELEMETRY=1`.
 *
 * @throws {RangeError} where the variable is neither 1 nor 0
 */
export function telemetryAllowed(): boolean {
  const text = Deno.env.get("TORCHOPT_ORT_TELEMETRY");
  if (text === "1") return true;
  if (!text || text === "0") return false;
  throw new RangeError(
    `TORCHOPT_ORT_TELEMETRY is "${text}", wants 1 (ONNX Runtime may send telemetry) or 0 (default).`,
  );
}

/**
 * Calls `fn`, which loads ONNX Runtime or makes its environment, so that it collects, stores and sends
 * nothing, unless the user allows it. Left to itself, the environment that is made first writes an
 * identifier of the machine and a data base into the user's cache folder, and starts an uploader. The
 * variables are then as they were, since processes that this one starts inherit them.
 */
export function withoutTelemetry<T>(fn: () => T): T {
  if (telemetryAllowed()) return fn();
  const before = SWITCHES.map((name) => Deno.env.get(name));
  for (const name of SWITCHES) Deno.env.set(name, "1");
  try {
    return fn();
  } finally {
    SWITCHES.forEach((name, i) => {
      const value = before[i];
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    });
  }
}
