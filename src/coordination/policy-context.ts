/**
 * The `policy_context` of a step: what it may use and what its edges say, as policy, evidence and its fingerprint see it.
 * Every member it can have is listed once, in the order of canonical JSON; nothing here grants or denies.
 *
 * Source: spec kernel §12.4.
 */
import { canonicalJson } from "../json/canonical.ts";
import type { JsonObject, JsonValue } from "../json/value.ts";
import type { EdgeContext } from "./graph/edge-context.ts";
import type { RoleIsolation } from "./roles.ts";
import { quoted } from "./text/quote.ts";

/** The context before anything was handed over: the list of predecessors' digests is empty. */
export function planContext(
  stepId: string,
  roleId: string,
  isolation: RoleIsolation,
  edges: EdgeContext,
  hashes: { readonly spec: string; readonly loweredPrecedence: string },
): JsonObject {
  const context: Record<string, JsonValue> = {
    coordination_allowed_tools: isolation.allowedTools,
    coordination_delegate_edges: edges.delegateEdges,
    coordination_execution_allow_network_effective: isolation.allowNetwork,
    coordination_filesystem_scope: scopeJson(isolation),
    coordination_handoff_edges: edges.handoffEdges,
    coordination_handoff_predecessor_output_sha256s: nothing,
    coordination_lowered_precedence_hash: hashes.loweredPrecedence,
    coordination_parallel_edges: edges.parallelEdges,
    coordination_role_id: roleId,
    coordination_spec_sha256: hashes.spec,
    coordination_step_id: stepId,
    external_identity_metadata: identity,
    run_stage: "coordination.step",
  };
  if (edges.edgeKind !== undefined) context["coordination_edge_kind"] = edges.edgeKind;
  if (edges.handoffId !== undefined) context["coordination_handoff_id"] = edges.handoffId;
  if (edges.delegateKind !== undefined) context["coordination_delegate_kind"] = edges.delegateKind;
  return context;
}

/** The context of the action itself, with what the step's handoff predecessors put out. */
export function actionContext(context: JsonObject, digests: readonly JsonObject[]): JsonObject {
  return { ...context, coordination_handoff_predecessor_output_sha256s: digests };
}

/** Exactly `canonicalJson(context)`, for a context made here. */
export function contextText(context: JsonObject): string {
  let text = "{";
  for (const [key, prefix] of members) {
    const value = context[key];
    if (value === undefined) continue;
    text += text.length === 1 ? prefix : `,${prefix}`;
    text += valueText(value);
  }
  return `${text}}`;
}

/** Every key that a context can have, sorted, with the text that stands before its value. */
const members = [
  "coordination_allowed_tools",
  "coordination_delegate_edges",
  "coordination_delegate_kind",
  "coordination_edge_kind",
  "coordination_execution_allow_network_effective",
  "coordination_filesystem_scope",
  "coordination_handoff_edges",
  "coordination_handoff_id",
  "coordination_handoff_predecessor_output_sha256s",
  "coordination_lowered_precedence_hash",
  "coordination_parallel_edges",
  "coordination_role_id",
  "coordination_spec_sha256",
  "coordination_step_id",
  "external_identity_metadata",
  "run_stage",
].map((key) => [key, `"${key}":`] as const);

function valueText(value: JsonValue): string {
  if (typeof value === "string") return quoted(value);
  if (value === true) return "true";
  if (value === false) return "false";
  if (Array.isArray(value) && value.length === 0) return "[]";
  if (typeof value !== "object" || value === null) return canonicalJson(value);
  return sharedTexts.get(value) ?? canonicalJson(value);
}

const nothing: readonly JsonValue[] = [];

const identity: JsonObject = {
  spiffe_id: null,
  opa_policy_bundle_version: null,
  opa_policy_bundle_digest_sha256: null,
  integration: "stub",
};

/** Texts of values that the contexts of all steps of a role share; forgotten with the values themselves. */
const sharedTexts = new WeakMap<object, string>([[identity, canonicalJson(identity)]]);
const scopes = new WeakMap<RoleIsolation, JsonObject>();

function scopeJson(isolation: RoleIsolation): JsonObject {
  const known = scopes.get(isolation);
  if (known !== undefined) return known;
  const scope = isolation.filesystemScope;
  const json: JsonObject =
    scope === undefined ? {} : { read_only_roots: scope.readOnlyRoots, scratch_subdir: scope.scratchSubdir };
  scopes.set(isolation, json);
  sharedTexts.set(json, canonicalJson(json));
  sharedTexts.set(isolation.allowedTools, canonicalJson(isolation.allowedTools));
  return json;
}
