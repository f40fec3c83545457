/**
 * The nouns of coordination: a spec as parsed, a plan as scheduled. Data only.
 *
 * Source: spec kernel §11.
 */
import type { JsonObject } from "../json/value.ts";

export const edgeKinds = ["barrier", "delegate", "depends_on", "handoff", "parallel"] as const;
export type EdgeKind = (typeof edgeKinds)[number];

export interface CoordinationNode {
  readonly nodeId: string;
  readonly kind: string;
  readonly label?: string;
  readonly tools: readonly string[];
}

export interface CoordinationEdge {
  readonly edgeId: string;
  /** As written; checked against the spec's version when it is scheduled. */
  readonly kind: string;
  readonly src: string;
  readonly dst: string;
  readonly metadata?: JsonObject;
}

export interface RoleBinding {
  readonly roleName: string;
  readonly agentName: string;
  readonly stepIds: readonly string[];
}

export interface FilesystemScope {
  readonly readOnlyRoots: readonly string[];
  readonly scratchSubdir: string | null;
}

export interface RoleProfile {
  /** Absent when the profile has no `filesystem_scope`. */
  readonly filesystemScope?: FilesystemScope;
  readonly allowedTools: readonly string[];
  /** null inherits. */
  readonly executionAllowNetwork: boolean | null;
}

export interface Governance {
  readonly maxSteps: number | null;
  readonly allowedCapabilities: readonly string[];
  readonly executionAllowNetwork: boolean | null;
  readonly roleProfiles: ReadonlyMap<string, RoleProfile>;
}

export interface AgentRole {
  readonly name: string;
  readonly tools: readonly string[];
}

export interface CoordinationSpec {
  /** Effective version: 1, or 2 with the reserved edge kinds. */
  readonly version: number;
  readonly scope: { readonly tenantId: string; readonly repoId: string };
  readonly runId: string;
  readonly nodes: readonly CoordinationNode[];
  readonly edges: readonly CoordinationEdge[];
  readonly bindings: readonly RoleBinding[];
  readonly roles: readonly AgentRole[];
  readonly governance?: Governance;
}

/** One merged arc "src before dst" with where it came from (spec kernel §11.4 step 5). */
export interface PrecedenceEdge {
  readonly src: string;
  readonly dst: string;
  readonly edgeIds: readonly string[];
  readonly kinds: readonly string[];
}

/** The order of steps: layers for people, precedence for the kernel. */
export interface CoordinationPlan {
  readonly layers: readonly (readonly string[])[];
  readonly stepOrder: readonly string[];
  readonly precedence: readonly PrecedenceEdge[];
  /** Fingerprint of `{"lowered_precedence_edges": […]}` (spec kernel §12.6). */
  readonly loweredPrecedenceSha256: string;
}

export interface OrchestrationStep {
  readonly stepId: string;
  readonly role?: string;
  readonly irNodeId?: string;
  readonly inputs: JsonObject;
}

export interface Orchestration {
  readonly steps: ReadonlyMap<string, OrchestrationStep>;
}

/** All that the kernel needs to start one step, apart from what its predecessors handed over. */
export interface StepPlan {
  readonly stepId: string;
  readonly layer: number;
  readonly roleId: string;
  readonly nodeId: string;
  /** Distinct direct predecessors; the step starts when all have succeeded. */
  readonly predecessors: readonly string[];
  /** Those of `predecessors` whose output is handed over by content hash, sorted. */
  readonly handoffFrom: readonly string[];
  /** Effective network permission: envelope AND governance AND role. */
  readonly allowNetwork: boolean;
  readonly allowedTools: readonly string[];
  readonly filesystemScope?: FilesystemScope;
  /** The `policy_context` of spec kernel §12.4 without the predecessors' digests. */
  readonly policyContext: JsonObject;
}
