/**
 * The rows of `runtime_evidence.json`: what a run's decisions, events and end prove, each with what it belongs to. Pure.
 *
 * Source: spec cli §7, spec bundle §18, spec kernel §13.1.
 */
import { member, textAt } from "../bundle/member.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import type { RunRow } from "../store/contract.ts";
import type { DecisionJson } from "./decisions.ts";
import type { BundleFacts } from "./facts.ts";
import type { Health } from "./health.ts";
import type { ProjectedEvent } from "./project.ts";
import type { ReconcileRow } from "./reconcile-rows.ts";
import { aggregateResource } from "./reconcile-status.ts";
import type { ObservedRow } from "./validity-rows.ts";

export interface EvidenceRow {
  readonly evidence_type: string;
  readonly timestamp: number;
  readonly runtime_run_id: string;
  readonly payload: JsonObject;
  readonly [key: string]: JsonValue;
}

/** The contract's keys that overlay the snapshot's defaults. */
const snapshotKeys = [
  "kind",
  "mutation_mode",
  "rollback_mode",
  "rollback_determinism",
  "required_env_flags",
  "required_policy_actions",
] as const;

export class EvidenceRows {
  readonly #run: RunRow;
  readonly #facts: BundleFacts;
  readonly #retries = new Map<string, number>();
  /** What most rows belong to. */
  readonly #correlation: JsonObject;

  constructor(run: RunRow, facts: BundleFacts) {
    this.#run = run;
    this.#facts = facts;
    const { scope, runId, runtimeRunId } = run.context;
    this.#correlation = {
      tenant_id: scope.tenantId,
      repo_id: scope.repoId,
      compile_run_id: runId,
      runtime_run_id: runtimeRunId,
      ...(facts.stableIntentSha256 === undefined ? {} : { stable_intent_sha256: facts.stableIntentSha256 }),
    };
  }

  decision(decision: DecisionJson): EvidenceRow {
    const actionId = decision.context["action_id"];
    return this.#row("action_decision", decision.at_ms, {
      action: decision.action,
      action_id: typeof actionId === "string" ? actionId : "",
      decision: decision.allowed ? "allowed" : "denied",
      reason: decision.reason,
      token_id: decision.token_id,
    });
  }

  /** The row that follows from an event, if one does. */
  event(event: ProjectedEvent): EvidenceRow | undefined {
    const actionId = event.action?.actionId ?? textAt(event.payload, "action_id") ?? "";
    switch (event.type) {
      case "runtime.action.completed": {
        const transition = member(event.payload, "transition");
        if (!isJsonObject(transition)) return undefined;
        return this.#row("transition_application", event.atMs, { action_id: actionId, transition });
      }
      case "runtime.action.retried": {
        const count = (this.#retries.get(actionId) ?? 0) + 1;
        this.#retries.set(actionId, count);
        return this.#row("retry_budget", event.atMs, {
          action_id: actionId,
          retry_count: count,
          budget_burn: { retries: count, reason: textAt(event.payload, "reason") ?? "" },
        });
      }
      default:
        return undefined;
    }
  }

  /** @param effective the provider that was really asked; absent where nobody was, or no event tells */
  providerSnapshot(atMs: number, effective?: string): EvidenceRow {
    const { providerId, providerContract, deliveryHandoff } = this.#facts;
    const overlay: Record<string, JsonValue> = {};
    for (const key of snapshotKeys) {
      const value = member(providerContract, key);
      if (value !== undefined) overlay[key] = value;
    }
    return this.#row("provider_capability_snapshot", atMs, {
      provider_id: providerId,
      mutation_mode: "observe_only",
      rollback_mode: "none",
      rollback_determinism: "deterministic",
      ...this.#correlation,
      ...overlay,
      ...(effective === undefined ? {} : { provider_effective: effective }),
      ...(Object.keys(deliveryHandoff).length === 0 ? {} : { delivery_handoff: deliveryHandoff }),
    });
  }

  reconciliation(row: ReconcileRow): EvidenceRow {
    return this.#row(row.type, row.atMs, { ...row.payload, ...this.#correlation });
  }

  /** What an outside system answered: the payload is the artifact, as documented. */
  observed({ type, atMs, payload }: ObservedRow): EvidenceRow {
    return this.#row(type, atMs, payload);
  }

  /** When nothing was reconciled: nobody looked whether what should stand does stand. */
  nothingReconciled(atMs: number, status: string): EvidenceRow {
    return this.#row("terminal_health", atMs, {
      resource_id: this.#run.context.runId,
      health_status: "unknown",
      runtime_status: status,
      ...this.#correlation,
    });
  }

  /** Always the last row. @param outcome of the worst resource, where one is told */
  aggregate(
    atMs: number,
    { health, status }: { readonly health: Health; readonly status: string },
    outcome?: string,
  ): EvidenceRow {
    return this.#row("terminal_health", atMs, {
      resource_id: aggregateResource,
      aggregate: true,
      health_status: health,
      runtime_status: status,
      kernel_terminal_status: status,
      ...(outcome === undefined ? {} : { outcome }),
      ...this.#correlation,
    });
  }

  #row(type: string, atMs: number, payload: JsonObject): EvidenceRow {
    return {
      evidence_type: type,
      payload,
      runtime_run_id: this.#run.context.runtimeRunId,
      timestamp: atMs,
    };
  }
}

/** Types present and resources whose health somebody looked at, counted row by row. */
export class EvidenceTally {
  readonly present = new Set<string>();
  readonly #known = new Set<string>();

  count(row: EvidenceRow): void {
    this.present.add(row.evidence_type);
    if (row.evidence_type !== "terminal_health" || row.payload["aggregate"] === true) return;
    const resource = textAt(row.payload, "resource_id");
    const health = textAt(row.payload, "health_status");
    if (resource !== undefined && health !== undefined && health !== "unknown") this.#known.add(resource);
  }

  get reconciledResources(): number {
    return this.#known.size;
  }
}
