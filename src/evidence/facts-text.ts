/**
 * The facts of a bundle as text: kept with every run as an artifact, so that its evidence can be made and checked when the
 * bundle is long gone. What is read back is checked whole; nothing is guessed.
 */
import * as v from "valibot";
import { AkcError } from "../errors.ts";
import { canonicalJson } from "../json/canonical.ts";
import { parseJson } from "../json/read.ts";
import { JsonFloat, type JsonObject, type JsonValue } from "../json/value.ts";
import type { RunReader, RunRow } from "../store/contract.ts";
import { type BundleFacts, type GraphFacts, noBundleFacts } from "./facts.ts";

/** The layout of the text; a later one has a later number and reads this one too. */
const layout = "akc:bundle_facts:v1";

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Texts = v.array(v.string());
const Members = v.custom<JsonObject>(isMembers);
const Numbers = v.custom<readonly number[]>(areNumbers);
const Graph = v.object({
  roles: Texts,
  step_roles: Numbers,
  step_nodes: Numbers,
  edges: v.array(v.object({ kinds: Texts, pairs: Numbers })),
});
const Facts = v.object({
  schema_id: v.literal(layout),
  policy_envelope_sha256: v.string(),
  stable_intent_sha256: v.optional(v.string()),
  otel_query_stubs: Texts,
  trace_tags: Texts,
  coordination: v.optional(
    v.object({
      spec_sha256: v.string(),
      spec_version: v.number(),
      orchestration_sha256: v.optional(v.string()),
      lowered_precedence_sha256: v.string(),
      layers: v.array(Texts),
      graph: v.optional(Graph),
    }),
  ),
  nodes: v.array(
    v.object({
      node_id: v.string(),
      kind: v.string(),
      contract_id: v.string(),
      initial_state: v.string(),
      name: v.optional(v.string()),
      route: v.optional(v.string()),
      depends_on: v.optional(Texts),
    }),
  ),
  provider_id: v.string(),
  provider_contract: Members,
  delivery_handoff: Members,
  expectations: Texts,
  desired_resources: Count,
  validity: v.optional(
    v.object({
      criteria: v.array(v.object({ id: v.string(), params: Members, advisory: v.boolean() })),
      bundle_schema_version: Count,
      intent_ref: v.optional(Members),
    }),
  ),
  execution_policy: v.optional(Members),
});

/** JSON text, the same for the same facts. Depends on the bundle alone, so runs of one bundle share it. */
export function factsText(facts: BundleFacts): string {
  const { coordination, stableIntentSha256, executionPolicy, validity } = facts;
  return canonicalJson({
    schema_id: layout,
    policy_envelope_sha256: facts.policyEnvelopeSha256,
    ...(stableIntentSha256 === undefined ? {} : { stable_intent_sha256: stableIntentSha256 }),
    otel_query_stubs: facts.otelQueryStubs,
    trace_tags: facts.traceTags,
    ...(coordination === undefined
      ? {}
      : {
          coordination: {
            spec_sha256: coordination.specSha256,
            spec_version: coordination.specVersion,
            ...(coordination.orchestrationSha256 === undefined
              ? {}
              : { orchestration_sha256: coordination.orchestrationSha256 }),
            lowered_precedence_sha256: coordination.loweredPrecedenceSha256,
            layers: coordination.layers,
            ...(coordination.graph === undefined ? {} : { graph: graphJson(coordination.graph) }),
          },
        }),
    nodes: facts.nodes.map(({ nodeId, kind, contractId, initialState, name, route, dependsOn }) => ({
      node_id: nodeId,
      kind,
      contract_id: contractId,
      initial_state: initialState,
      ...(name === undefined ? {} : { name }),
      ...(route === undefined ? {} : { route }),
      ...(dependsOn === undefined ? {} : { depends_on: dependsOn }),
    })),
    provider_id: facts.providerId,
    provider_contract: facts.providerContract,
    delivery_handoff: facts.deliveryHandoff,
    expectations: facts.expectations,
    desired_resources: facts.desiredResources,
    ...(validity === undefined
      ? {}
      : {
          validity: {
            criteria: validity.criteria.map(({ id, params, advisory }) => ({ id, params, advisory })),
            bundle_schema_version: validity.bundleSchemaVersion,
            ...(validity.intentRef === undefined ? {} : { intent_ref: validity.intentRef }),
          },
        }),
    ...(executionPolicy === undefined ? {} : { execution_policy: executionPolicy }),
  });
}

/** @throws AkcError STORE_DAMAGED for a text that `factsText` did not make. */
export function readFacts(text: string | Uint8Array): BundleFacts {
  const parsed = v.safeParse(Facts, parsedText(text));
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw damaged(`${v.getDotPath(issue) ?? ""}: ${issue.message}`);
  }
  const told = parsed.output;
  const { coordination, stable_intent_sha256, execution_policy, validity } = told;
  return {
    policyEnvelopeSha256: told.policy_envelope_sha256,
    ...(stable_intent_sha256 === undefined ? {} : { stableIntentSha256: stable_intent_sha256 }),
    otelQueryStubs: told.otel_query_stubs,
    traceTags: told.trace_tags,
    ...(coordination === undefined
      ? {}
      : {
          coordination: {
            specSha256: coordination.spec_sha256,
            specVersion: coordination.spec_version,
            ...(coordination.orchestration_sha256 === undefined
              ? {}
              : { orchestrationSha256: coordination.orchestration_sha256 }),
            loweredPrecedenceSha256: coordination.lowered_precedence_sha256,
            layers: coordination.layers,
            ...(coordination.graph === undefined ? {} : { graph: graphOf(coordination.graph) }),
          },
        }),
    nodes: told.nodes.map((node) => ({
      nodeId: node.node_id,
      kind: node.kind,
      contractId: node.contract_id,
      initialState: node.initial_state,
      ...(node.name === undefined ? {} : { name: node.name }),
      ...(node.route === undefined ? {} : { route: node.route }),
      ...(node.depends_on === undefined ? {} : { dependsOn: node.depends_on }),
    })),
    providerId: told.provider_id,
    providerContract: told.provider_contract,
    deliveryHandoff: told.delivery_handoff,
    expectations: told.expectations,
    desiredResources: told.desired_resources,
    ...(validity === undefined
      ? {}
      : {
          validity: {
            criteria: validity.criteria,
            bundleSchemaVersion: validity.bundle_schema_version,
            ...(validity.intent_ref === undefined ? {} : { intentRef: validity.intent_ref }),
          },
        }),
    ...(execution_policy === undefined ? {} : { executionPolicy: execution_policy }),
  };
}

/**
 * What the run's bundle said. Runs of before facts were kept have none.
 * @throws AkcError STORE_DAMAGED when they are not what was kept
 */
export async function factsOf(
  reader: Pick<RunReader, "artifacts">,
  row: Pick<RunRow, "factsSha256">,
): Promise<BundleFacts> {
  if (row.factsSha256 === null) return noBundleFacts;
  return readFacts(await reader.artifacts.read(row.factsSha256));
}

function graphJson({ roles, stepRoles, stepNodes, edges }: GraphFacts): JsonObject {
  return {
    roles,
    step_roles: stepRoles,
    step_nodes: stepNodes,
    edges: edges.map(({ kinds, pairs }) => ({ kinds, pairs })),
  };
}

function graphOf(told: v.InferOutput<typeof Graph>): GraphFacts {
  return {
    roles: told.roles,
    stepRoles: told.step_roles,
    stepNodes: told.step_nodes,
    edges: told.edges,
  };
}

/** Whole ones from -1 up. Looked at in one go: there may be a million. */
function areNumbers(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= -1);
}

/** An object of the JSON room: not a number in disguise. */
function isMembers(value: unknown): boolean {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonFloat)
  );
}

function parsedText(text: string | Uint8Array): JsonValue {
  try {
    return parseJson(text);
  } catch (cause) {
    throw damaged(cause instanceof AkcError ? cause.message : String(cause));
  }
}

function damaged(fault: string): AkcError {
  return new AkcError("STORE_DAMAGED", {
    message: "what the run kept of its bundle cannot be read",
    details: { fault },
  });
}
