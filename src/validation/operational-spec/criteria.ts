/**
 * Which criteria a document asks a run to be judged by, and which bindings they want to be asked. Pure.
 * A criterion whose params are wrong is one of them: it is judged, and not to the run's advantage.
 *
 * Source: spec reconcile §6.3, §7.7; spec cli §8.1; reconcile:W-04c.
 */
import { member, objectAt, objectsAt, textAt } from "../../bundle/member.ts";
import { fingerprint } from "../../json/fingerprint.ts";
import { compareCodePoints, sortedByCodePoint } from "../../json/order.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import type { Criterion } from "./model.ts";
import { readParams } from "./params.ts";

/** Of a bundle's document: those that are judged when the run has ended, by id. */
export function criteriaOf(bundleDocument: JsonObject): readonly Criterion[] {
  const summary = objectAt(objectAt(bundleDocument, "intent_policy_projection"), "success_criteria_summary");
  return criteriaFrom(objectsAt(summary, "criteria"));
}

/** Of a list of success criteria, as a bundle's summary or an intent holds it. */
export function criteriaFrom(criteria: readonly JsonObject[]): readonly Criterion[] {
  return operational(criteria).filter(({ params }) => !isOfCompile(params));
}

/** Those that are judged when it is compiled. */
export function compileCriteriaFrom(criteria: readonly JsonObject[]): readonly Criterion[] {
  return operational(criteria).filter(({ params }) => isOfCompile(params));
}

function operational(criteria: readonly JsonObject[]): readonly Criterion[] {
  return criteria
    .filter((criterion) => textAt(criterion, "evaluation_mode") === "operational_spec")
    .map(criterionOf)
    .sort(
      (left, right) =>
        compareCodePoints(left.id, right.id) ||
        compareCodePoints(fingerprint(left.params), fingerprint(right.params)),
    );
}

function criterionOf(source: JsonObject): Criterion {
  return {
    // The documented id of one that has none.
    id: textAt(source, "id") ?? "operational_spec",
    params: paramsOf(member(source, "params")),
    // Anything but a plain yes gates.
    advisory: member(source, "advisory") === true,
  };
}

/** What is no object is kept where no key may stand, so that it is judged malformed, and not for no params at all. */
function paramsOf(params: JsonValue | undefined): JsonObject {
  if (isJsonObject(params)) return params;
  return params === undefined || params === null ? {} : { params };
}

/** By its word alone: a criterion of the compile is not judged again because its other params are wrong. */
function isOfCompile(params: JsonObject): boolean {
  return textAt(params, "evaluation_phase") === "compile";
}

/** A signal that wants a binding to be asked. */
export interface AskedSignal {
  /** `validator_stub`, or `otel_query_stub` of old: the id of a binding. */
  readonly stub: string;
  /** e.g. `akc_mobile_journey_result` */
  readonly evidenceType: string;
  readonly criterionId: string;
}

/** By stub; of one stub in the order of criteria and signals. Params that cannot be read ask for nothing. */
export function askedSignals(criteria: readonly Criterion[]): readonly AskedSignal[] {
  return criteria
    .flatMap(({ id, params }) => {
      const reading = readParams(params);
      if (reading.kind !== "read") return [];
      return reading.params.signals.flatMap(({ stub, evidenceType }) =>
        stub === undefined ? [] : [{ stub, evidenceType, criterionId: id }],
      );
    })
    .sort((left, right) => compareCodePoints(left.stub, right.stub));
}

export interface Stub {
  readonly stub: string;
  /** Of the first signal that names it. */
  readonly evidenceType: string;
  /** Sorted. */
  readonly criterionIds: readonly string[];
}

/** Every binding that is asked, sorted, once. */
export function stubsOf(criteria: readonly Criterion[]): readonly Stub[] {
  return [...Map.groupBy(askedSignals(criteria), ({ stub }) => stub)].map(([stub, signals]) => ({
    stub,
    evidenceType: signals[0]?.evidenceType ?? "",
    criterionIds: sortedByCodePoint([...new Set(signals.map(({ criterionId }) => criterionId))]),
  }));
}

/** Paths of all rollups that criteria name, baselines too; sorted, once. */
export function rollupPathsOf(criteria: readonly Criterion[]): readonly string[] {
  const paths = criteria.flatMap(({ params }) => {
    const reading = readParams(params);
    if (reading.kind !== "read") return [];
    const { rolling, comparison } = reading.params;
    return [rolling?.rollupPath, comparison?.rollupPath].filter((path) => path !== undefined);
  });
  return sortedByCodePoint([...new Set(paths)]);
}
