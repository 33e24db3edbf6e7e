/**
 * The devices: the only place that knows which kinds there are.
 *
 * @module
 */

import { opsLibrary } from "../ops_library.ts";
import { cpu } from "./cpu.ts";
import { cuda } from "./cuda.ts";
import type { Driver, Found, OpenDevice } from "./driver.ts";
import type { Target } from "./target.ts";
import { webgpu } from "./webgpu.ts";

/**
 * Where a tensor lives: host memory, the memory of a CUDA device (`"cuda"` is `"cuda:0"`), or that of the
 * GPU that WebGPU chooses, which is experimental.
 */
export type Device = "cpu" | "cuda" | `cuda:${number}` | "webgpu";

export { gpuName } from "./cuda.ts";

/** The device whose memory is that of JavaScript. */
export const HOST: Device = "cpu";

const kinds: Driver[] = [cpu, cuda, webgpu];

interface Named {
  readonly driver: Driver;
  readonly index: number;
}

const named = new Map<string, Named>();
let elsewhere = false;
const opened = new Map<Driver, Map<number, OpenDevice>>();

function find(name: string): Named | null {
  for (const driver of kinds) {
    const index = driver.indexOf(name);
    if (index >= 0) return { driver, index };
  }
  return null;
}

function lookUp(device: Device): Named {
  const known = named.get(device);
  if (known !== undefined) return known;
  const found = find(device);
  if (found === null) {
    throw new RangeError(`device: "${device}" is no device; use one of ${deviceNames()}.`);
  }
  named.set(device, found);
  return found;
}

/** Adds a kind of device. */
export function registerDriver(driver: Driver): void {
  kinds.push(driver);
}

/** Kinds of devices. */
export function deviceKinds(): string[] {
  return kinds.map(({ kind }) => kind);
}

/** All names of devices, for messages. */
export function deviceNames(): string {
  return kinds.map(({ names }) => names).join(", ");
}

/** Whether a text is the name of a device, which need not be there. */
export function isDevice(name: string): name is Device {
  return named.has(name) || find(name) !== null;
}

/**
 * The driver of a device, which need not be there.
 *
 * @throws {RangeError} where the text names no device
 */
export function driverOf(device: Device): Driver {
  return lookUp(device).driver;
}

/**
 * A device to use.
 *
 * @throws {RangeError} where the text names no device
 * @throws {BackendError} where it is missing, with what to install
 */
export function openDevice(device: Device): OpenDevice {
  const { driver, index } = lookUp(device);
  let some = opened.get(driver);
  if (some === undefined) opened.set(driver, some = new Map());
  let found = some.get(index);
  if (found === undefined) {
    some.set(index, found = driver.open(index));
    elsewhere ||= !driver.onHost;
  }
  return found;
}

/** Memory of a device, in bytes. */
export interface DeviceUsage {
  /** What tensors use. */
  readonly usedBytes: number;
  /** What was freed and is kept for later. */
  readonly pooledBytes: number;
}

/** Memory of the devices in use that are not the host, by name. */
export function deviceUsage(): Record<string, DeviceUsage> {
  const usage: Record<string, DeviceUsage> = {};
  for (const [{ kind }, some] of opened) {
    for (const [index, { memory }] of some) {
      if (memory === null) continue;
      const { usedBytes, pooledBytes } = memory;
      usage[`${kind}:${index}`] = { usedBytes, pooledBytes };
    }
  }
  return usage;
}

/** Gives back memory of a device that was freed and only kept for later. */
export function trimDevice(device: Device): void {
  openDevice(device).memory?.trim();
}

/** Whether no device with memory of its own was used so far. */
export function onlyHostInUse(): boolean {
  return !elsewhere;
}

/** Whether tensors on a device lie in the memory of the host. */
export function isOnHost(device: Device): boolean {
  return device === HOST || driverOf(device).onHost;
}

/** Whether two names stand for one device. */
export function sameDevice(a: Device, b: Device): boolean {
  if (a === b) return true;
  const x = lookUp(a), y = lookUp(b);
  return x.driver === y.driver && x.index === y.index;
}

/** What lowering has to know of a device, by default with the compiled ops where they are at hand. */
export function targetOf(device: Device, ops: boolean = opsLibrary().loaded): Target {
  return driverOf(device).target(ops);
}

/** The devices of this machine. */
export function findDevices(): Found[] {
  return kinds.flatMap((driver) => driver.find());
}
