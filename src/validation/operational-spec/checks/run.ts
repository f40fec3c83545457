/**
 * What the run itself must have left: health, convergence, tries, certificate, outcomes, the bundle's version, types of evidence. Pure.
 * It looks at akc's own rows; what is not there is no data, and a row that says that it is no success proves nothing.
 *
 * Source: spec reconcile §7.4 (4–11); reconcile:W-12b, W-29b.
 */
import { member, textAt } from "../../../bundle/member.ts";
import { sortedByCodePoint } from "../../../json/order.ts";
import { asDouble, type JsonObject, type JsonValue } from "../../../json/value.ts";
import type { Check, MetricLines } from "../model.ts";
import { metricPoints } from "../otel.ts";
import type { Params } from "../params.ts";
import { type Entry, type EvidenceIndex, presenceOf, worstStanding } from "../records.ts";
import { broken, checkOf, failed, passed, unknown, worstOutcome } from "../verdict.ts";

export interface RunInputs {
  readonly index: EvidenceIndex;
  readonly metrics: MetricLines | undefined;
  readonly bundleSchemaVersion: number | null;
}

export function runChecks(params: Params, inputs: RunInputs): readonly Check[] {
  const { index, bundleSchemaVersion } = inputs;
  return [
    ...healthChecks(params, index.counting("terminal_health")),
    ...statusChecks(params, index.counting("reconcile_resource_status")),
    ...certificateChecks(params, index.counting("convergence_certificate")),
    ...outcomeChecks(index.counting("reconcile_outcome")),
    ...versionChecks(params, bundleSchemaVersion),
    ...params.expectedEvidenceTypes.map((type) => typeCheck(type, inputs)),
  ];
}

const worstFirst = ["failed", "degraded", "unknown", "healthy"] as const;
type Health = (typeof worstFirst)[number];
const ranks: Readonly<Record<Health, number>> = { failed: 4, degraded: 3, unknown: 2, healthy: 1 };

function healthChecks({ rejectFailedHealth }: Params, entries: readonly Entry[]): readonly Check[] {
  const decisive = decisiveHealth(entries);
  const outcome = decisive.length === 0 ? presenceOf([], "terminal_health record") : worstStanding(decisive);
  const health = outcome.verdict === "pass" ? worstHealth(decisive) : null;
  const evidence = {
    health_status: health,
    health_rank: health === null ? 0 : ranks[health],
    worst_of_order: worstFirst,
  };
  const checks = [checkOf("aggregate_terminal_health", outcome, evidence)];
  if (!rejectFailedHealth) return checks;
  const notFailed = health === "failed" ? failed("health", "the run ended failed") : outcome;
  return [...checks, checkOf("aggregate_terminal_health_not_failed", notFailed, { health_status: health })];
}

/** The newest word on everything together; without one, the newest of each resource. Of the same moment all count. */
function decisiveHealth(entries: readonly Entry[]): readonly Entry[] {
  const aggregates = entries.filter(({ record }) => member(record.payload, "aggregate") === true);
  if (aggregates.length > 0) return newest(aggregates);
  const byResource = Map.groupBy(entries, ({ record }) => textAt(record.payload, "resource_id") ?? "");
  return [...byResource.values()].flatMap(newest);
}

function newest(entries: readonly Entry[]): readonly Entry[] {
  const lastAtMs = entries.at(-1)?.record.timestamp;
  return entries.filter(({ record }) => record.timestamp === lastAtMs);
}

function worstHealth(entries: readonly Entry[]): Health {
  const words = new Set(entries.map(({ record }) => healthOf(textAt(record.payload, "health_status"))));
  return worstFirst.find((word) => words.has(word)) ?? "unknown";
}

function healthOf(word: string | undefined): Health {
  return worstFirst.find((known) => known === word) ?? "unknown";
}

function statusChecks({ resyncAttemptsMax }: Params, entries: readonly Entry[]): readonly Check[] {
  const standing = worstStanding(entries);
  const diverged = resourceIds(entries.filter(({ record }) => member(record.payload, "converged") !== true));
  const convergence =
    diverged.length === 0 ? passed : failed("not_converged", `not converged: ${listed(diverged)}`);
  const checks = [
    checkOf("reconcile_convergence", worstOutcome([standing, convergence]), {
      resource_status_count: entries.length,
      non_converged_resource_ids: diverged,
    }),
  ];
  if (resyncAttemptsMax === undefined) return checks;
  const attempts = entries.map(({ record }) => asDouble(member(record.payload, "resync_completed_attempts")));
  const known = attempts.filter((count) => count !== undefined);
  const most = known.reduce<number | null>((highest, count) => Math.max(highest ?? count, count), null);
  const bounded =
    most !== null && most > resyncAttemptsMax
      ? failed("threshold", `${most} tries are more than ${resyncAttemptsMax}`)
      : most === null || known.length < attempts.length
        ? unknown("no-data", "not every resource says how often it was tried")
        : passed;
  return [
    ...checks,
    checkOf("reconcile_resync_attempts_bound", worstOutcome([standing, bounded]), {
      bound: resyncAttemptsMax,
      max_observed_attempts: most,
      ...(entries.length === 0 ? {} : { all_converged: diverged.length === 0 }),
    }),
  ];
}

function certificateChecks(params: Params, entries: readonly Entry[]): readonly Check[] {
  if (!params.expectedEvidenceTypes.includes("convergence_certificate")) return [];
  const last = entries.findLast(({ record }) => member(record.payload, "aggregate") === true);
  if (last === undefined) return [];
  const { payload } = last.record;
  const shown = (key: string) => member(payload, key) ?? null;
  const converged = shown("converged") === true;
  const outcome = !converged
    ? failed("not_converged", "the certificate of the run says that it has not converged")
    : isWhole(shown("attempts"))
      ? passed
      : unknown("no-data", "the certificate of the run does not count its tries");
  return [
    checkOf("convergence_certificate_aggregate", worstOutcome([last.standing.outcome, outcome]), {
      converged: shown("converged"),
      attempts: shown("attempts"),
      health: shown("health"),
      window_ms: shown("window_ms"),
    }),
  ];
}

function outcomeChecks(entries: readonly Entry[]): readonly Check[] {
  if (entries.length === 0) return [];
  const open = resourceIds(entries.filter(({ record }) => !isSatisfied(record.payload)));
  const outcome = open.length === 0 ? passed : failed("not_applied", `not applied: ${listed(open)}`);
  return [
    checkOf("reconcile_outcome_applied", worstOutcome([worstStanding(entries), outcome]), {
      reconcile_outcome_count: entries.length,
      not_applied_resource_ids: open,
    }),
  ];
}

const unsettled: ReadonlySet<string> = new Set(["failed", "blocked", "rolled_back"]);

/** Where nothing was to be done, nothing was to be applied; unless it only could not be, as what nobody can see (W-12b). */
function isSatisfied(payload: JsonObject): boolean {
  if (member(payload, "applied") !== false) return true;
  const told = (member(payload, "error") ?? null) !== null;
  const outcome = textAt(payload, "outcome") ?? "";
  return textAt(payload, "operation_type") === "noop" && !told && !unsettled.has(outcome);
}

function versionChecks({ bundleSchemaVersion: wanted }: Params, observed: number | null): readonly Check[] {
  if (wanted === undefined) return [];
  const outcome =
    observed === null
      ? unknown("no-data", "the version of the bundle is not known")
      : observed === wanted
        ? passed
        : failed("mismatch", `the bundle is of version ${observed}, and ${wanted} is wanted`);
  return [checkOf("bundle_schema_version_pin", outcome, { expected: wanted, observed })];
}

const metricsType = "akc_otel_metrics_export";

function typeCheck(type: string, { index, metrics }: RunInputs): Check {
  const name = `presence_evidence_type:${type}`;
  if (type !== metricsType) {
    return checkOf(name, presenceOf(index.counting(type), `record ${type}`), {
      observed_evidence_types: index.types,
    });
  }
  const rejected = metrics?.rejectedReason ?? null;
  const points = metricPoints(metrics).length;
  const outcome =
    rejected !== null
      ? broken("malformed", `the metric lines were refused: ${rejected}`)
      : points === 0
        ? unknown("no-data", "there is no metric line")
        : passed;
  return checkOf(name, outcome, {
    metric_point_count: points,
    ...(rejected === null ? {} : { parse_rejected_reason: rejected }),
  });
}

/** Sorted, each once. */
function resourceIds(entries: readonly Entry[]): readonly string[] {
  return sortedByCodePoint([
    ...new Set(entries.map(({ record }) => textAt(record.payload, "resource_id") ?? "")),
  ]);
}

function listed(ids: readonly string[]): string {
  const shown = ids.slice(0, 8).join(", ");
  return ids.length > 8 ? `${shown} and ${ids.length - 8} more` : shown;
}

function isWhole(value: JsonValue): boolean {
  return typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value));
}
