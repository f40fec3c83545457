/** How an objective stands, as JSON for scoreboards and `-o json`. A rate without bound has no number there: it is null and `unbounded`. */
import { doubleValue } from "../../json/number.ts";
import type { JsonObject, JsonValue } from "../../json/value.ts";
import type { Burn, Seen } from "./burn.ts";

export function burnJson(burn: Burn): JsonObject {
  const { slo } = burn;
  return {
    id: slo.id,
    indicator: slo.indicator,
    objective: doubleValue(slo.objective),
    period_ms: slo.periodMs,
    min_samples: slo.minSamples,
    verdict: burn.verdict,
    ...seenJson(burn.seen),
    error_budget_left: maybe(burn.budgetLeft),
    exhausted_in_ms: burn.exhaustedInMs,
    tiers: burn.tiers.map(({ name, severity, shortMs, longMs, factor, short, long, verdict }) => ({
      name,
      severity,
      factor: doubleValue(factor),
      verdict,
      short: { window_ms: shortMs, ...seenJson(short) },
      long: { window_ms: longMs, ...seenJson(long) },
    })),
  };
}

function seenJson({ good, bad, rate }: Seen): JsonObject {
  return {
    good,
    bad,
    burn_rate: maybe(rate),
    ...(rate === Number.POSITIVE_INFINITY ? { unbounded: true } : {}),
  };
}

function maybe(value: number | null): JsonValue {
  return value === null || !Number.isFinite(value) ? null : doubleValue(value);
}
