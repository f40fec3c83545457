/**
 * Service level objectives: how fast an error budget burns, how much of it is left, and when it will be gone.
 * Says nothing where too little was seen: that is neither good nor bad.
 *
 * Source: Google SRE workbook, "Alerting on SLOs" (multi-window, multi-burn-rate).
 */
import { limits } from "../../limits.ts";
import type { SloDefinition } from "../config/model.ts";
import { bucketOf, type Measured, type Sample } from "./samples.ts";

/** What was seen in a stretch of time. */
export interface Seen {
  readonly good: number;
  readonly bad: number;
  /** How many times faster than the objective allows the budget burns: 1 uses it up in just the period. Null when nothing was seen; `Infinity` where no budget is granted. */
  readonly rate: number | null;
}

export interface BurnTier {
  /** By its windows at a period of 30 days, which say what it is for; one label, so that slower alerts can be silenced. */
  readonly name: "5m/1h" | "30m/6h" | "2h/1d" | "6h/3d";
  readonly severity: "page" | "ticket";
  readonly shortMs: number;
  readonly longMs: number;
  /** Burns at this rate or faster in both windows: then it is burning. */
  readonly factor: number;
  readonly short: Seen;
  readonly long: Seen;
  readonly verdict: "burning" | "ok" | "inconclusive";
}

export interface Burn {
  readonly slo: SloDefinition;
  readonly verdict: "ok" | "burning" | "exhausted" | "inconclusive";
  /** Over the whole period. */
  readonly seen: Seen;
  /** Share of the period's error budget that is left: 1 all of it, 0 none, below 0 overdrawn. Null when inconclusive. */
  readonly budgetLeft: number | null;
  /** Until nothing is left at the rate of the shortest window that saw enough. Null: never at that rate, or not known. */
  readonly exhaustedInMs: number | null;
  /** Fastest first. */
  readonly tiers: readonly BurnTier[];
}

const dayMs = 86_400_000;
const minuteMs = 60_000;
/** Nothing finer is known of looks. */
const bucketMs = limits.autopilotTallyBucketMs;

/** As the workbook gives them for a period of 30 days: 2 %, 5 %, 10 % and 10 % of the budget within the long window. */
const workbook = [
  { name: "5m/1h", severity: "page", shortMs: 5 * minuteMs, longMs: 60 * minuteMs, factor: 14.4 },
  { name: "30m/6h", severity: "page", shortMs: 30 * minuteMs, longMs: 360 * minuteMs, factor: 6 },
  { name: "2h/1d", severity: "ticket", shortMs: 120 * minuteMs, longMs: dayMs, factor: 3 },
  { name: "6h/3d", severity: "ticket", shortMs: 360 * minuteMs, longMs: 3 * dayMs, factor: 1 },
] as const;

/**
 * Windows for the period: each the same share of it as in the workbook, so that each still stands for the same share of the
 * budget at the same factor; rounded up to whole five minutes, which is as fine as looks are counted.
 */
export function tiersOf(periodMs: number) {
  const scaled = (ms: number) =>
    Math.max(bucketMs, Math.ceil(((ms / (30 * dayMs)) * periodMs) / bucketMs) * bucketMs);
  return workbook.map((tier) => ({ ...tier, shortMs: scaled(tier.shortMs), longMs: scaled(tier.longMs) }));
}

/** @param measured at least of the period before `nowMs`, and of nothing after it */
export function burnOf(slo: SloDefinition, measured: Measured, nowMs: number): Burn {
  const samples = measured[slo.indicator];
  const budget = 1 - slo.objective;
  const look = (windowMs: number) => seenSince(samples, nowMs - windowMs, budget);
  const seen = look(slo.periodMs);
  const tiers = tiersOf(slo.periodMs).map((tier): BurnTier => {
    const short = look(tier.shortMs);
    const long = look(tier.longMs);
    return { ...tier, short, long, verdict: tierVerdict(short, long, tier.factor, slo.minSamples) };
  });
  if (seen.rate === null || !enough(seen, slo)) {
    return { slo, verdict: "inconclusive", seen, budgetLeft: null, exhaustedInMs: null, tiers };
  }
  const budgetLeft = Number.isFinite(seen.rate) ? 1 - seen.rate : 0;
  const burning = tiers.some(({ verdict }) => verdict === "burning");
  const current = tiers.map(({ long }) => long).find((window) => enough(window, slo)) ?? seen;
  return {
    slo,
    verdict: budgetLeft <= tiny ? "exhausted" : burning ? "burning" : "ok",
    seen,
    budgetLeft,
    exhaustedInMs: timeLeft(budgetLeft, current.rate, slo.periodMs),
    tiers,
  };
}

/** 1 - 0.99 is a little less than a hundredth; what is left of a budget that is just used up must not be a rounding. */
const tiny = 1e-9;

/** At a rate of 1 or less as much comes back at the period's end as goes: it never ends. */
function timeLeft(budgetLeft: number, rate: number | null, periodMs: number): number | null {
  if (budgetLeft <= tiny) return 0;
  return rate === null || rate <= 1 ? null : Math.round((budgetLeft * periodMs) / rate);
}

function enough({ good, bad }: Seen, { minSamples }: SloDefinition): boolean {
  return good + bad >= Math.max(1, minSamples);
}

/** Nothing in the short window means that it does not go on; whether it is bad is said by the long one, which must have seen enough. */
function tierVerdict(short: Seen, long: Seen, factor: number, minSamples: number): BurnTier["verdict"] {
  if (long.rate === null || long.good + long.bad < minSamples) return "inconclusive";
  const fast = ({ rate }: Seen) => rate !== null && rate >= factor - tiny;
  return fast(long) && fast(short) ? "burning" : "ok";
}

function seenSince(samples: readonly Sample[], sinceMs: number, budget: number): Seen {
  // A bucket is known as a whole only, so a window begins where the bucket of its first moment does.
  const sinceBucketMs = bucketOf(sinceMs);
  const within = samples.filter(({ fromMs }) => fromMs >= sinceBucketMs);
  const good = within.reduce((total, sample) => total + sample.good, 0);
  const bad = within.reduce((total, sample) => total + sample.bad, 0);
  return { good, bad, rate: good + bad === 0 ? null : rateOf(bad / (good + bad), budget) };
}

function rateOf(badRatio: number, budget: number): number {
  if (badRatio === 0) return 0;
  return budget <= 0 ? Number.POSITIVE_INFINITY : badRatio / budget;
}
