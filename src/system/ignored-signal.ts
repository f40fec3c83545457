/**
 * Which signals this process was started to ignore. Reads only; it sets nothing.
 *
 * Source: proc(5), SigIgn.
 */
import { readFileSync } from "node:fs";
import { constants } from "node:os";

/** Whoever started akc with a signal ignored (nohup does so with SIGHUP) means it. Ask before a listener is added. */
export function isIgnored(name: NodeJS.Signals): boolean {
  try {
    const [, mask = "0"] = /^SigIgn:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
    return ((BigInt(`0x${mask}`) >> BigInt(constants.signals[name] - 1)) & 1n) === 1n;
  } catch {
    return false;
  }
}
