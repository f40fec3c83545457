/**
 * How long to wait: between passes as the bundle says, and before trying a resource again that failed. Chance comes from a
 * digest of what is waited for, so the same run waits alike each time. Pure.
 *
 * Source: spec reconcile §3.1 (the sequence of its generator need not be kept).
 */
import { member } from "../bundle/member.ts";
import { sha256Hex } from "../json/fingerprint.ts";
import { asDouble, type JsonObject, type JsonValue } from "../json/value.ts";
import { limits } from "../limits.ts";

export interface Resync {
  /** Passes at most; it ends as soon as everything stands (W-12). */
  readonly iterations: number;
  /** Milliseconds to wait after the pass of this index, counted from 0. */
  delayMs(index: number): number;
}

const iterationsMax = 10_000;
const intervalMsMax = 86_400_000;

/** @param key what makes the waits of one run differ from another's */
export function resyncOf(metadata: JsonObject, key: string): Resync {
  const interval = wholeAt(metadata, "reconcile_resync_interval_ms") ?? 0;
  const iterations = Math.max(
    1,
    Math.min(wholeAt(metadata, "reconcile_resync_iterations") ?? 1, iterationsMax),
  );
  if (member(metadata, "reconcile_resync_exponential_backoff") !== true) {
    return { iterations, delayMs: () => interval };
  }
  const wantedBase =
    wholeAt(metadata, "reconcile_resync_base_interval_ms") ?? (interval > 0 ? interval : 1_000);
  const base = Math.max(1, Math.min(wantedBase, intervalMsMax));
  const wantedMax = wholeAt(metadata, "reconcile_resync_max_interval_ms") ?? Math.max(base, 60_000);
  const max = Math.max(base, Math.min(wantedMax, intervalMsMax));
  const ratio = Math.min(1, Math.max(0, asDouble(member(metadata, "reconcile_resync_jitter_ratio")) ?? 0.2));
  const seed = wholeOf(member(metadata, "reconcile_resync_jitter_seed"), Number.NEGATIVE_INFINITY);
  const jitterKey = seed === undefined ? key : `seed:${seed}`;
  return {
    iterations,
    delayMs: (index) =>
      jittered(Math.min(max, base * 2 ** Math.min(index, 40)), ratio, `${jitterKey}\n${index}`),
  };
}

/** Before the next try of what has failed `failures` times, at least once. */
export function retryDelayMs(key: string, failures: number): number {
  const doubled = limits.reconcileRetryBaseMs * 2 ** Math.min(Math.max(0, failures - 1), 30);
  return jittered(Math.min(limits.reconcileRetryMsMax, doubled), 0.2, `${key}\n${failures}`);
}

/** Between `(1 - ratio) * ms` and `ms`, whole. */
export function jittered(ms: number, ratio: number, key: string): number {
  const chance = Number.parseInt(sha256Hex(key).slice(0, 12), 16) / 2 ** 48;
  return Math.trunc(ms * (1 - ratio * chance));
}

function wholeAt(metadata: JsonObject, key: string): number | undefined {
  return wholeOf(member(metadata, key), 0);
}

function wholeOf(value: JsonValue | undefined, min: number): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= min ? value : undefined;
}
