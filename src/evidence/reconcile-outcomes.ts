/**
 * What reconciling did, row by row, from the events of all passes: each operation with what came of it, what was brought back, and
 * how the resource ended. It keeps the operations of one pass and reads a run's events a second time from where they begin.
 *
 * Source: spec reconcile §5.2 item 4; cli:W-09 (no pass replaces another), reconcile:W-07, W-22.
 */
import { listAt, member, textAt } from "../bundle/member.ts";
import { isJsonObject, type JsonObject } from "../json/value.ts";
import { limits } from "../limits.ts";
import { reconcileEvents } from "../reconciler/model.ts";
import type { RunReader } from "../store/contract.ts";
import { healthOf } from "./health.ts";
import type { ReconcileEvent, ReconcileRow, Reconciliation } from "./reconcile-rows.ts";
import {
  outcomeOfStatus,
  present,
  type ResourceStatus,
  resourceStatus,
  resync,
  wentOn,
} from "./reconcile-status.ts";
import { RowReader } from "./text/row-reader.ts";

export interface OutcomeSources {
  readonly reader: Pick<RunReader, "events">;
  /** Has seen all events up to `untilSeq`. */
  readonly reconciliation: Pick<Reconciliation, "firstSeq">;
  readonly untilSeq: number;
  readonly runtimeStatus: string;
}

/** A page of rows at a time, in the documented order. */
export async function* reconcileOutcomes(sources: OutcomeSources): AsyncGenerator<readonly ReconcileRow[]> {
  const { reader, reconciliation, untilSeq, runtimeStatus } = sources;
  const { firstSeq } = reconciliation;
  if (firstSeq === undefined) return;
  const outcomes = new Outcomes(runtimeStatus);
  const payloads = new RowReader();
  for (let after = firstSeq - 1; after < untilSeq; ) {
    const page = await reader.events(after, Math.min(limits.storePageRows, untilSeq - after));
    const rows: ReconcileRow[] = [];
    for (const { seq, type, atMs, payload: text } of page) {
      after = seq;
      if (!told.has(type)) continue;
      const payload = payloads.read(text);
      if (isJsonObject(payload)) rows.push(...outcomes.event({ seq, type, atMs, payload }));
    }
    yield rows;
    if (page.length === 0) break;
  }
  yield outcomes.rest();
}

const told: ReadonlySet<string> = new Set([
  reconcileEvents.started,
  reconcileEvents.operationStarted,
  reconcileEvents.operationFinished,
  reconcileEvents.rolledBack,
  reconcileEvents.resourceStatus,
  reconcileEvents.finished,
]);

interface Operation {
  readonly payload: JsonObject;
  readonly atMs: number;
  /** Undefined while its making was announced and not concluded. */
  readonly finished: JsonObject | undefined;
}

/** What was told of a resource since its last status. */
interface Told {
  readonly operations: Operation[];
  readonly rollbacks: { readonly payload: JsonObject; readonly atMs: number }[];
  /** Whether it was brought back and not changed again. */
  broughtBack: boolean;
}

export class Outcomes {
  readonly #runtimeStatus: string;
  /** By resource, in the order in which they were first told of. */
  readonly #open = new Map<string, Told>();

  constructor(runtimeStatus: string) {
    this.#runtimeStatus = runtimeStatus;
  }

  event({ type, payload, atMs }: ReconcileEvent): readonly ReconcileRow[] {
    const resourceId = textAt(payload, "resource_id") ?? "";
    switch (type) {
      case reconcileEvents.started:
      case reconcileEvents.finished:
        return this.rest();
      case reconcileEvents.operationStarted:
        this.#of(resourceId).operations.push({ payload, atMs, finished: undefined });
        return [];
      case reconcileEvents.operationFinished: {
        const since = this.#of(resourceId);
        this.#conclude(since.operations, payload, atMs);
        if (wentOn(payload)) since.broughtBack = false;
        return [];
      }
      case reconcileEvents.rolledBack: {
        const since = this.#of(resourceId);
        since.rollbacks.push({ payload, atMs });
        since.broughtBack = true;
        return [];
      }
      case reconcileEvents.resourceStatus: {
        const since = this.#open.get(resourceId);
        this.#open.delete(resourceId);
        return this.#rows(resourceId, since, resourceStatus(payload, atMs, since?.broughtBack === true));
      }
      default:
        return [];
    }
  }

  /** Of resources whose status was never told: their pass broke off. */
  rest(): readonly ReconcileRow[] {
    const open = [...this.#open];
    this.#open.clear();
    return open.flatMap(([resourceId, since]) => this.#rows(resourceId, since, undefined));
  }

  #of(resourceId: string): Told {
    const known = this.#open.get(resourceId);
    if (known !== undefined) return known;
    const fresh: Told = { operations: [], rollbacks: [], broughtBack: false };
    this.#open.set(resourceId, fresh);
    return fresh;
  }

  #conclude(operations: Operation[], payload: JsonObject, atMs: number): void {
    const id = textAt(payload, "operation_id");
    const index = operations.findIndex(
      (operation) => operation.finished === undefined && textAt(operation.payload, "operation_id") === id,
    );
    const concluded = { payload, atMs, finished: payload };
    if (index < 0) operations.push(concluded);
    else operations[index] = concluded;
  }

  #rows(resourceId: string, since: Told | undefined, status: ResourceStatus | undefined): ReconcileRow[] {
    const operations = since?.operations ?? [];
    const rollbacks = since?.rollbacks ?? [];
    const rows: ReconcileRow[] = operations.map((operation, index) => ({
      type: "reconcile_outcome",
      atMs: operation.atMs,
      payload: outcomeOf(operation, {
        rollback: rollbacks.at(-1)?.payload,
        // Only the last of them is followed by a look.
        status: index === operations.length - 1 && since?.broughtBack !== true ? status : undefined,
        resync: resync({ payload: status?.payload ?? {} }),
      }),
    }));
    if (rows.length === 0 && status !== undefined) {
      rows.push({ type: "reconcile_outcome", atMs: status.atMs, payload: outcomeOfStatus(status) });
    }
    for (const { payload, atMs } of rollbacks) rows.push(...rollbackRows(resourceId, payload, atMs));
    if (status === undefined) return rows;
    const payload = {
      resource_id: resourceId,
      health_status: status.terminalHealth,
      runtime_status: this.#runtimeStatus,
      ...resync(status),
      ...(status.outcome === undefined ? {} : { outcome: status.outcome }),
    };
    rows.push({ type: "terminal_health", atMs: status.atMs, payload });
    return rows;
  }
}

interface Around {
  /** What was seen after the operation; undefined where something else was done before anybody looked. */
  readonly status: ResourceStatus | undefined;
  readonly rollback: JsonObject | undefined;
  readonly resync: JsonObject;
}

function outcomeOf({ payload, finished }: Operation, around: Around): JsonObject {
  const error = textAt(payload, "error");
  return {
    resource_id: textAt(payload, "resource_id") ?? "",
    operation_type: textAt(payload, "operation_type") ?? "unknown",
    applied: finished !== undefined && member(finished, "applied") === true,
    ...seenAfter(payload, around),
    error: error ?? (finished === undefined ? "akc ended before it knew whether the change was made" : null),
    ...around.resync,
    ...(finished === undefined ? { interrupted: true } : {}),
    ...present(payload, [
      "operation_id",
      "desired_hash",
      "why",
      "error_code",
      "diff",
      "diff_omitted",
      "duration_ms",
      "plan_id",
      "rollout_id",
    ]),
  };
}

/** Between two operations of one pass nobody says what stood: that is unknown, and not what was wanted. */
function seenAfter(payload: JsonObject, { status, rollback }: Around): JsonObject {
  if (rollback !== undefined && textAt(payload, "why") === "rollback") {
    return {
      observed_hash: textAt(rollback, "observed_hash") ?? "unknown",
      health_status: healthOf(textAt(rollback, "health_status") ?? ""),
    };
  }
  if (status === undefined) return { observed_hash: "unknown", health_status: "unknown" };
  return {
    observed_hash: status.observedHash,
    health_status: status.health,
    ...present(status.payload, ["provider_observed_hash"]),
  };
}

function rollbackRows(resourceId: string, payload: JsonObject, atMs: number): ReconcileRow[] {
  const target = textAt(payload, "rollback_target_hash") ?? "absent";
  const result = {
    resource_id: resourceId,
    rollback_outcome: textAt(payload, "rollback_outcome") ?? "rollback_failed",
    rollback_target_hash: target,
    ...present(payload, ["observed_hash", "health_status", "error"]),
  };
  return [
    { type: "rollback_attempt", atMs, payload: { resource_id: resourceId, rollback_target_hash: target } },
    {
      type: "rollback_chain",
      atMs,
      payload: { resource_id: resourceId, chain: listAt(payload, "chain") },
    },
    { type: "rollback_result", atMs, payload: result },
  ];
}
