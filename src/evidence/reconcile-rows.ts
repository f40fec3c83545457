/**
 * What reconciling came to, folded from a run's events: how each resource stood in the last pass that told of any, and what the
 * run's record says of it. Pure; it keeps a status a resource, and resources are few. What was done is told by `reconcile-outcomes.ts`.
 *
 * Source: spec cli §7 items 4–6; spec reconcile §3.3, §5; reconcile:W-07, W-09.
 */
import { member, textAt } from "../bundle/member.ts";
import type { JsonObject } from "../json/value.ts";
import { reconcileEvents } from "../reconciler/model.ts";
import { type Health, worst } from "./health.ts";
import type { ProjectedEvent } from "./project.ts";
import {
  aggregateCertificate,
  aggregateOutcome,
  certificate,
  count,
  type ResourceStatus,
  resourceStatus,
  standing,
  wentOn,
} from "./reconcile-status.ts";

export interface ReconcileRow {
  readonly type: string;
  readonly atMs: number;
  readonly payload: JsonObject;
}

/** What the run's record says of it. */
export interface ReconcileRecord {
  /** False when nothing was reconciled: what nobody looked at has not converged. */
  readonly allConverged: boolean;
  /** Absent where no pass told it. */
  readonly waitMs?: number;
  /** The last time that somebody reconciled on behalf of the run after its end. */
  readonly afterwards?: { readonly mode: string; readonly atMs: number };
}

/** A pass as its own events tell of it. */
interface Pass {
  readonly providerId: string | undefined;
  readonly mode: string;
  /** Undefined until its end was told: a process that died told none. */
  finished: JsonObject | undefined;
}

export type ReconcileEvent = Pick<ProjectedEvent, "seq" | "type" | "atMs" | "payload">;

export class Reconciliation {
  readonly #statuses = new Map<string, ResourceStatus>();
  /** Whether the next status is the first of a later pass. */
  #passIsOver = false;
  #pass: Pass | undefined;
  /** Resources that were brought back, were not changed again, and whose status was not told since. */
  readonly #broughtBack = new Set<string>();
  #runIsOver = false;
  #waitMs: number | undefined;
  #afterwards: { readonly mode: string; readonly atMs: number } | undefined;
  #firstSeq: number | undefined;
  #endedAtMs = 0;

  /** Call it with every event, in order. */
  event(event: ReconcileEvent): void {
    const { type, payload, atMs, seq } = event;
    switch (type) {
      case "runtime.kernel.loop_finished":
      case "runtime.kernel.failed":
        this.#runIsOver = true;
        return;
      case "runtime.kernel.resumed":
        // A run that went on later looks again at everything.
        this.#passIsOver = true;
        this.#runIsOver = false;
        return;
      case reconcileEvents.started: {
        const mode = textAt(payload, "mode") ?? "";
        this.#pass = { mode, providerId: textAt(payload, "provider_id"), finished: undefined };
        this.#passIsOver = true;
        this.#broughtBack.clear();
        this.#firstSeq ??= seq;
        if (this.#runIsOver) this.#ended(mode, atMs);
        return;
      }
      case reconcileEvents.rolledBack:
        this.#broughtBack.add(textAt(payload, "resource_id") ?? "");
        return;
      case reconcileEvents.operationFinished:
        if (wentOn(payload)) this.#broughtBack.delete(textAt(payload, "resource_id") ?? "");
        return;
      case reconcileEvents.resourceStatus:
        this.#status(event);
        return;
      case reconcileEvents.finished:
        this.#finish(payload, atMs);
        return;
    }
  }

  /** Whether anything was reconciled. */
  get happened(): boolean {
    return this.#statuses.size > 0;
  }

  get health(): Health {
    const healths = [...this.#statuses.values()].map((status) => status.terminalHealth);
    // A pass that broke off, or broke, saw not everything.
    if (this.#pass !== undefined && !isWhole(this.#pass)) healths.push("unknown");
    if (this.#broughtBack.size > 0) healths.push("degraded");
    return worst(healths);
  }

  /** How the worst resource ended; undefined where no event tells, or where the last pass broke off. */
  get outcome(): string | undefined {
    if (this.#pass === undefined || !isWhole(this.#pass)) return undefined;
    return aggregateOutcome([...this.#statuses.values()]);
  }

  /** The provider that was really asked last; undefined where no event tells. */
  get effectiveProvider(): string | undefined {
    return this.#pass?.providerId;
  }

  /** Number of the first event that outcomes follow from; undefined when there is none. */
  get firstSeq(): number | undefined {
    return this.#firstSeq;
  }

  /** Milliseconds since the epoch at which the last pass after the run's end began or ended; 0 without one. */
  get endedAtMs(): number {
    return this.#endedAtMs;
  }

  get record(): ReconcileRecord {
    return {
      allConverged: this.#allConverged,
      ...(this.#waitMs === undefined ? {} : { waitMs: this.#waitMs }),
      ...(this.#afterwards === undefined ? {} : { afterwards: this.#afterwards }),
    };
  }

  /** Of the last pass, in the documented order: statuses, certificates; the aggregate certificate last. */
  *rows(): Generator<ReconcileRow> {
    const statuses = [...this.#statuses.values()];
    for (const status of statuses) {
      yield { type: "reconcile_resource_status", atMs: status.atMs, payload: standing(status) };
    }
    for (const status of statuses) {
      yield { type: "convergence_certificate", atMs: status.atMs, payload: certificate(status) };
    }
    const last = statuses.at(-1);
    if (last === undefined) return;
    const finished = this.#passIsOver ? undefined : this.#pass?.finished;
    const { health, outcome } = this;
    const parts = { health, outcome, converged: this.#allConverged, finished };
    const payload = aggregateCertificate(statuses, last, parts);
    yield { type: "convergence_certificate", atMs: last.atMs, payload };
  }

  get #allConverged(): boolean {
    if (this.#pass !== undefined && member(this.#pass.finished ?? {}, "converged") !== true) return false;
    return this.happened && [...this.#statuses.values()].every((status) => status.converged);
  }

  #status({ seq, payload, atMs }: ReconcileEvent): void {
    if (this.#passIsOver) {
      this.#statuses.clear();
      // Passes of before told no beginning, and only the last of them was ever shown.
      if (this.#pass === undefined) this.#firstSeq = seq;
    }
    this.#passIsOver = false;
    this.#firstSeq ??= seq;
    const resourceId = textAt(payload, "resource_id") ?? "";
    const status = resourceStatus(payload, atMs, this.#broughtBack.delete(resourceId));
    // Told again, it stands where it was told last.
    this.#statuses.delete(resourceId);
    this.#statuses.set(resourceId, status);
  }

  #finish(payload: JsonObject, atMs: number): void {
    this.#pass ??= { mode: textAt(payload, "mode") ?? "", providerId: undefined, finished: undefined };
    this.#pass.finished = payload;
    this.#waitMs = count(payload, "wait_ms", 0);
    if (this.#runIsOver) this.#ended(this.#pass.mode, atMs);
    // It looked at everything, and there was nothing.
    if (this.#passIsOver && isWhole(this.#pass)) this.#statuses.clear();
  }

  #ended(mode: string, atMs: number): void {
    this.#afterwards = { mode, atMs };
    this.#endedAtMs = atMs;
  }
}

function isWhole({ finished }: Pass): boolean {
  return finished !== undefined && member(finished, "error_code") === undefined;
}
