/**
 * Which observability bindings the criteria of an intent name. A criterion whose parameters break a rule names none:
 * it is judged elsewhere, here it only contributes nothing.
 *
 * Source: spec bundle §4.4 (a), (b).
 */
import { sortedByCodePoint } from "../../json/order.ts";
import type { JsonObject } from "../../json/value.ts";
import { member, objectAt, objectsAt, textAt } from "../member.ts";
import { issuesOf } from "../shape/rule.ts";
import { documentedOperationalParams, stubPattern } from "./operational-params.ts";

export interface Observability {
  readonly otelQueryStubs: readonly string[];
  readonly intentTraceTags: readonly string[];
}

/** The bindings of all criteria, sorted and without repetition; undefined when there are none. */
export function observabilityOf(criteria: readonly JsonObject[]): Observability | undefined {
  const stubs: string[] = [];
  const tags: string[] = [];
  for (const criterion of criteria) {
    const params = objectAt(criterion, "params");
    const mode = textAt(criterion, "evaluation_mode");
    if (mode === "operational_spec") {
      for (const stub of operationalStubs(params)) {
        stubs.push(stub);
        tags.push(`intent.oteld_stub:${stub}`);
      }
    }
    const stub = member(params, "otel_query_stub");
    if (mode === "metric_threshold" && typeof stub === "string" && stubPattern.test(stub)) {
      stubs.push(stub);
      tags.push(`intent.metric_oteld_stub:${stub}`);
    }
  }
  if (stubs.length === 0) return undefined;
  return {
    otelQueryStubs: sortedByCodePoint([...new Set(stubs)]),
    intentTraceTags: sortedByCodePoint([...new Set(tags)]),
  };
}

function operationalStubs(params: JsonObject): readonly string[] {
  // Keys of akc's own count as unknown here: a projection is compared with what other compilers made of the same intent.
  if (issuesOf(params, documentedOperationalParams).length > 0) return [];
  return objectsAt(params, "signals").flatMap((signal) => {
    const stub = textAt(signal, "validator_stub") ?? textAt(signal, "otel_query_stub");
    return stub === undefined ? [] : [stub];
  });
}
