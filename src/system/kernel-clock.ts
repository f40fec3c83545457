/**
 * What the kernel knows of whoever disciplines its clock. Asks, and sets nothing.
 *
 * Source: adjtimex(2).
 */
import { libc } from "./libc.ts";

/** struct timex, on both architectures. */
const timexBytes = 208;
const adjtimexOf: Readonly<Record<string, number>> = { x64: 159, arm64: 171 };
const STA_UNSYNC = 0x40;
const TIME_ERROR = 5;

export interface KernelClock {
  readonly synchronised: boolean;
  /** How far off the clock may be at worst. */
  readonly errorMs: number;
}

/** undefined where it cannot be asked. */
export function kernelClock(): KernelClock | undefined {
  const number = adjtimexOf[process.arch];
  const host = libc();
  if (number === undefined || host === undefined) return undefined;
  const buffer = new Uint8Array(timexBytes);
  const state = host.syscall(number, buffer);
  if (state < 0) return undefined;
  const view = new DataView(buffer.buffer);
  const isUnset = (view.getInt32(40, true) & STA_UNSYNC) !== 0 || state === TIME_ERROR;
  return { synchronised: !isUnset, errorMs: Number(view.getBigInt64(24, true)) / 1_000 };
}
