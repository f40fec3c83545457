/**
 * The documented view of a replay: what became of each action at each of its events, and what was decided about each resource.
 * It is fed with the rows of evidence first and then asked event by event; it reads nothing itself.
 *
 * Source: spec cli §11; cli:W-14 (a chain is attached wherever it stands), cli:W-54 (only the event that completed shows its transition).
 */
import { member, objectAt, textAt } from "../bundle/member.ts";
import type { EvidenceRow } from "../evidence/rows.ts";
import { isJsonArray, type JsonArray, type JsonObject, type JsonValue } from "../json/value.ts";

export interface ReplayedEvent {
  readonly eventId: string;
  readonly type: string;
  readonly payload: JsonObject;
}

interface Burn {
  readonly count: JsonValue;
  readonly burn: JsonValue;
}

interface Outcome {
  readonly payload: JsonObject;
  chain: JsonArray;
}

interface Since {
  readonly outcomes: Outcome[];
  chain: JsonArray;
}

export class ReplayProjection {
  readonly #decisions = new Map<string, string>();
  readonly #retries = new Map<string, Burn>();
  readonly #transitions = new Map<string, JsonObject>();
  readonly #keepTransitions: boolean;
  readonly #healths = new Map<string, string>();
  readonly #outcomes: Outcome[] = [];
  /** By resource: what was told of it since its last health. */
  readonly #since = new Map<string, Since>();
  #aggregate: string | null = null;
  #lastHealth: string | null = null;

  /** @param options.keepTransitions for transcripts whose events do not tell their transition themselves */
  constructor(options: { readonly keepTransitions: boolean } = { keepTransitions: false }) {
    this.#keepTransitions = options.keepTransitions;
  }

  /** In the order in which they stand. The last word about an action or a resource counts. */
  evidence({ evidence_type: type, payload }: Pick<EvidenceRow, "evidence_type" | "payload">): void {
    const actionId = textAt(payload, "action_id") ?? "";
    const resource = textAt(payload, "resource_id") ?? "";
    switch (type) {
      case "action_decision":
        if (actionId !== "") this.#decisions.set(actionId, textAt(payload, "decision") ?? "unknown");
        return;
      case "retry_budget":
        this.#retries.set(actionId, {
          count: member(payload, "retry_count") ?? 0,
          burn: objectAt(payload, "budget_burn"),
        });
        return;
      case "transition_application":
        if (this.#keepTransitions) this.#transitions.set(actionId, objectAt(payload, "transition"));
        return;
      case "rollback_chain": {
        const chain = member(payload, "chain") ?? member(payload, "rollback_chain");
        if (!isJsonArray(chain)) return;
        const since = this.#sinceOf(resource);
        since.chain = chain;
        for (const outcome of since.outcomes) outcome.chain = chain;
        return;
      }
      case "reconcile_outcome": {
        const since = this.#sinceOf(resource);
        const outcome = { payload, chain: since.chain };
        since.outcomes.push(outcome);
        this.#outcomes.push(outcome);
        return;
      }
      case "terminal_health":
        this.#lastHealth = textAt(payload, "health_status") ?? null;
        if (member(payload, "aggregate") === true) {
          this.#aggregate = this.#lastHealth;
          return;
        }
        // The next rollback of it is another one, with a chain of its own.
        this.#since.delete(resource);
        if (this.#lastHealth !== null) this.#healths.set(resource, this.#lastHealth);
        return;
    }
  }

  /** The row of an event; undefined when it is about no action. Keys in their order. */
  transition({ eventId, type, payload }: ReplayedEvent): JsonObject | undefined {
    const actionId = textAt(objectAt(payload, "action"), "action_id") ?? textAt(payload, "action_id");
    if (actionId === undefined) return undefined;
    const retries = this.#retries.get(actionId);
    return {
      action_decision: this.#decisions.get(actionId) ?? "unknown",
      budget_burn: retries?.burn ?? {},
      event_id: eventId,
      event_type: type,
      retry_count: retries?.count ?? 0,
      transition: this.#transitionOf(actionId, type, payload),
    };
  }

  reconcileDecisions(): readonly JsonObject[] {
    return this.#outcomes.map(({ payload, chain }) => {
      const resource = textAt(payload, "resource_id") ?? "";
      const own = textAt(payload, "health_status");
      return {
        applied: member(payload, "applied") === true,
        health_status: own ?? this.#healths.get(resource) ?? null,
        operation_type: textAt(payload, "operation_type") ?? "unknown",
        payload,
        resource_id: resource,
        rollback_chain: chain,
      };
    });
  }

  /** Of the whole run; of the last resource where nobody summed up. */
  get terminalHealth(): string | null {
    return this.#aggregate ?? this.#lastHealth;
  }

  #sinceOf(resource: string): Since {
    const known = this.#since.get(resource);
    if (known !== undefined) return known;
    const fresh: Since = { outcomes: [], chain: [] };
    this.#since.set(resource, fresh);
    return fresh;
  }

  #transitionOf(actionId: string, type: string, payload: JsonObject): JsonValue {
    const own = member(payload, "transition");
    if (own !== undefined) return own;
    return type === "runtime.action.completed" ? (this.#transitions.get(actionId) ?? null) : null;
  }
}
