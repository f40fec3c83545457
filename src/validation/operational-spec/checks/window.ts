/**
 * The window over several runs: its span, and whether its records lie within. Pure.
 * A record outside fails the whole window and is never left out of it.
 *
 * Source: spec reconcile §7.4 (1–3), §7.6.
 */

import type { JsonObject } from "../../../json/value.ts";
import { limits } from "../../../limits.ts";
import type { Check, Rollup } from "../model.ts";
import { EvidenceIndex } from "../records.ts";
import { checkOf, failed, passed } from "../verdict.ts";

export type LoadedRollup = Extract<Rollup, { kind: "loaded" }>;

export function windowChecks(rollup: LoadedRollup, windowMs: number): readonly Check[] {
  const { windowStartMs, windowEndMs } = rollup;
  const spanMs = windowEndMs - windowStartMs;
  const sound = spanMs >= 0 && spanMs <= windowMs;
  const outside = outsideWindow(rollup);
  return [
    checkOf(
      "rolling_window_span",
      sound
        ? passed
        : failed("window", `the window spans ${spanMs} ms, and ${windowMs} ms are wanted at most`),
      {
        rolling_window_ms: windowMs,
        window_start_ms: windowStartMs,
        window_end_ms: windowEndMs,
        declared_span_ms: spanMs,
      },
    ),
    checkOf(
      "rolling_evidence_timestamps",
      outside.length === 0 ? passed : failed("window", "records lie outside the window"),
      { out_of_window_records: outside },
    ),
  ];
}

/** The first of them, in canonical order. */
export function outsideWindow({ windowStartMs, windowEndMs, records }: LoadedRollup): readonly JsonObject[] {
  const outside = records.filter(({ timestamp }) => timestamp < windowStartMs || timestamp > windowEndMs);
  return new EvidenceIndex(outside).canonical
    .slice(0, limits.windowOffendersMax)
    .map(({ evidence_type, runtime_run_id, timestamp }) => ({ evidence_type, runtime_run_id, timestamp }));
}
