/**
 * What evidence needs to know of a bundle beside the events: hashes and names that are the same for a whole run and are
 * therefore not stored with every event. Pure; without a bundle, evidence is made with fewer keys.
 */

import { member, objectAt, objectsAt, textAt, textsAt } from "../bundle/member.ts";
import type { Bundle } from "../bundle/model.ts";
import { resolveRoute } from "../bundle/routing.ts";
import { isJsonArray, type JsonObject } from "../json/value.ts";
import type { RunPolicy } from "../policy/model.ts";
import type { Criterion } from "../validation/operational-spec/model.ts";
import { graphFacts } from "./graph-facts.ts";

export interface CoordinationFacts {
  readonly specSha256: string;
  readonly specVersion: number;
  readonly orchestrationSha256?: string;
  readonly loweredPrecedenceSha256: string;
  readonly layers: readonly (readonly string[])[];
  /** What pictures of the run are drawn from; absent on runs of before it was kept, and where there are too many edges. */
  readonly graph?: GraphFacts;
}

/** Steps are numbered from 0 in the order of the layers. */
export interface GraphFacts {
  readonly roles: readonly string[];
  /** Of each step: the number of its role in `roles`. */
  readonly stepRoles: readonly number[];
  /** Of each step: the number of its node in `BundleFacts.nodes`; -1 where it is not among them. */
  readonly stepNodes: readonly number[];
  /** Edges that came about in the same way, as pairs of steps: from, to, from, to, … */
  readonly edges: readonly { readonly kinds: readonly string[]; readonly pairs: readonly number[] }[];
}

export interface NodeFacts {
  readonly nodeId: string;
  readonly kind: string;
  readonly contractId: string;
  readonly initialState: string;
  /** For people; absent where it is the id, and on runs of before it was kept. */
  readonly name?: string;
  /** How its actions are carried out (`Route.kind`); absent on runs of before it was kept. */
  readonly route?: string;
  /** Nodes whose actions must be done before; kept where no coordination says it. */
  readonly dependsOn?: readonly string[];
}

export interface ValidityFacts {
  /** By id. Those whose parameters break a rule are among them: they are judged, and not to the run's advantage. */
  readonly criteria: readonly Criterion[];
  readonly bundleSchemaVersion: number;
  /** The bundle's `intent_ref`, where it has an id. */
  readonly intentRef?: JsonObject;
}

export interface BundleFacts {
  readonly policyEnvelopeSha256: string;
  /** 64 hex digits, or absent. */
  readonly stableIntentSha256?: string;
  readonly otelQueryStubs: readonly string[];
  readonly traceTags: readonly string[];
  readonly coordination?: CoordinationFacts;
  readonly nodes: readonly NodeFacts[];
  /** `deployment_provider.kind`, or `in_memory`. */
  readonly providerId: string;
  readonly providerContract: JsonObject;
  /** Spec bundle §11; empty when there is nothing to hand over. */
  readonly deliveryHandoff: JsonObject;
  /** Types of evidence that the run must leave (`RunPolicy.evidenceExpectations`). */
  readonly expectations: readonly string[];
  /** How many resources the bundle wants to stand; evidence of their health is asked for only then. */
  readonly desiredResources: number;
  /** What the run is judged by when it has ended; absent where the bundle has no operational criteria. */
  readonly validity?: ValidityFacts;
  /** The execution contract in force, as it stands in the record. */
  readonly executionPolicy?: JsonObject;
}

/** For a run whose bundle is not at hand any more. */
export const noBundleFacts: BundleFacts = {
  policyEnvelopeSha256: "",
  otelQueryStubs: [],
  traceTags: [],
  nodes: [],
  providerId: "in_memory",
  providerContract: {},
  deliveryHandoff: {},
  expectations: [],
  desiredResources: 0,
};

export function bundleFacts(
  bundle: Bundle,
  policy: Pick<RunPolicy, "envelopeSha256" | "evidenceExpectations">,
): BundleFacts {
  const { document, coordination, coordinationContract: contract } = bundle;
  const stableIntent = textAt(bundle.intentRef, "stable_intent_sha256");
  const observability = objectAt(
    objectAt(bundle.intentProjection, "success_criteria_summary"),
    "observability",
  );
  return {
    policyEnvelopeSha256: policy.envelopeSha256,
    ...(stableIntent?.length === 64 ? { stableIntentSha256: stableIntent } : {}),
    otelQueryStubs: textsAt(observability, "otel_query_stubs").toSorted(),
    traceTags: textsAt(observability, "intent_trace_tags").toSorted(),
    ...(coordination === undefined
      ? {}
      : {
          coordination: {
            specSha256: coordination.sha256,
            specVersion: coordination.spec.version,
            ...(coordination.orchestrationSha256 === undefined
              ? {}
              : { orchestrationSha256: coordination.orchestrationSha256 }),
            loweredPrecedenceSha256: coordination.plan.loweredPrecedenceSha256,
            layers: coordination.plan.layers,
            ...graphFacts(coordination, bundle.nodes),
          },
        }),
    nodes: bundle.nodes.map((node) => ({
      nodeId: node.nodeId,
      kind: node.kind,
      contractId: node.contractId,
      initialState: node.initialState,
      ...(node.name === node.nodeId || node.name === "" ? {} : { name: node.name }),
      route: resolveRoute(
        coordination === undefined ? `${node.kind}.execute` : "coordination.step",
        node,
        bundle.metadata,
      ).kind,
      ...(coordination === undefined && node.dependsOn.length > 0 ? { dependsOn: node.dependsOn } : {}),
    })),
    providerId: textAt(objectAt(document, "deployment_provider"), "kind") ?? "in_memory",
    providerContract: objectAt(document, "deployment_provider_contract"),
    deliveryHandoff: deliveryHandoff(document),
    expectations: policy.evidenceExpectations,
    desiredResources: 0,
    executionPolicy: {
      parallel_dispatch_enabled: contract.parallelDispatchEnabled,
      max_in_flight_steps: contract.maxInFlightSteps,
      max_in_flight_per_role: contract.maxInFlightPerRole,
      completion_fold_order: contract.completionFoldOrder,
    },
  };
}

/** Source: spec bundle §11. */
export function deliveryHandoff(document: JsonObject): JsonObject {
  const plan = objectAt(document, "delivery_plan_ref");
  const path = textAt(plan, "path");
  const fingerprint = textAt(plan, member(plan, "fingerprint") == null ? "sha256" : "fingerprint");
  const intents = member(document, "deployment_intents");
  const enriched = objectsAt(document, "deployment_intents").filter((intent) => {
    const target = textAt(intent, "target_class");
    return target !== undefined && target.toLowerCase() !== "unknown";
  });
  const readiness = textAt(objectAt(document, "promotion_readiness"), "status");
  return {
    ...(path === undefined && fingerprint === undefined
      ? {}
      : {
          delivery_plan_ref: {
            ...(path === undefined ? {} : { path }),
            ...(fingerprint === undefined ? {} : { fingerprint }),
          },
        }),
    ...(isJsonArray(intents)
      ? { deployment_intent_count: intents.length, deployment_intents_enriched_rows: enriched.length }
      : {}),
    ...(readiness === undefined ? {} : { promotion_readiness_status: readiness }),
  };
}
