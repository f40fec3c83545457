/**
 * How long a scope waits after something went wrong in it: twice as long each time, and never all scopes alike. Pure: chance
 * comes from a digest of the scope, so that a test sees the same waits each time. Waiting for something is no failure.
 */
import { limits } from "../limits.ts";
import { jittered } from "../reconciler/backoff.ts";

/** Before the visit after the `failures`-th failure in a row, milliseconds. @param key the scope */
export function backoffMs(key: string, failures: number): number {
  return doubled(limits.autopilotBackoffMsMin, limits.autopilotBackoffMsMax, key, failures);
}

/** Before the recompile hook is asked again after it failed `failures` times in a row. */
export function recompileBackoffMs(key: string, failures: number): number {
  return doubled(
    limits.autopilotRecompileBackoffMsMin,
    limits.autopilotRecompileBackoffMsMax,
    `recompile\n${key}`,
    failures,
  );
}

function doubled(minMs: number, maxMs: number, key: string, failures: number): number {
  if (failures <= 0) return 0;
  return jittered(Math.min(maxMs, minMs * 2 ** Math.min(failures - 1, 30)), 0.2, `${key}\n${failures}`);
}
