/**
 * The ledger that reconciling writes to, on a journal: each entry is numbered, timed and durable before the next one begins.
 * It never keeps an entry back and never goes on after one that the store refused.
 *
 * Source: reconcile:W-07; `reconciler/model.ts`.
 */
import { AkcError } from "../errors.ts";
import { canonicalJson } from "../json/canonical.ts";
import type { JsonObject } from "../json/value.ts";
import type { Decision } from "../policy/model.ts";
import { type LedgerEntry, type ReconcileLedger, reconcileEvents } from "../reconciler/model.ts";
import type { Clock } from "../system/clock.ts";
import type { Journal } from "./journal.ts";

export interface LedgerParts {
  readonly journal: Journal;
  readonly clock: Pick<Clock, "nowMs">;
  /** Appends an event to the journal. `text` is the payload as JSON text. */
  emit(type: string, payload: JsonObject, text: string, atMs: number): void;
  /** Told of every denial that was recorded. */
  denied?(decision: Decision): void;
  /** Makes durable what the journal has. */
  commit(): Promise<void>;
}

export interface OpenLedger extends ReconcileLedger {
  /**
   * `untouched`: nothing was recorded. `open`: something was, and no `finished` after it, so that no digest covers the decisions
   * yet. `finished`: the last that was recorded is an end of a pass.
   */
  readonly standing: "untouched" | "open" | "finished";
  /** Nothing is recorded any more. Resolves when everything is durable. @throws what the first refused entry was refused with */
  close(): Promise<void>;
}

export function createReconcileLedger(parts: LedgerParts): OpenLedger {
  const { journal, clock } = parts;
  let last: Promise<void> = Promise.resolve();
  let standing: OpenLedger["standing"] = "untouched";
  let closed = false;

  const write = async (entry: LedgerEntry): Promise<void> => {
    const atMs = clock.nowMs();
    for (const { decision, about } of entry.decisions ?? []) {
      standing = "open";
      journal.decision(decision, about, atMs);
      if (!decision.allowed) parts.denied?.(decision);
    }
    if (entry.deployment !== undefined) journal.deployment(entry.deployment);
    for (const { type, payload } of entry.events) {
      standing = type === reconcileEvents.finished ? "finished" : "open";
      const told = standing === "finished" ? { ...payload, ...covered(journal) } : payload;
      parts.emit(type, told, canonicalJson(told), atMs);
    }
    await parts.commit();
  };

  return {
    get standing() {
      return standing;
    },
    record(entry) {
      if (closed) {
        const message = "reconciling recorded something after its end";
        return Promise.reject(new AkcError("INTERNAL", { message }));
      }
      // One after the other, and none after one that failed: the numbers it took are not there.
      const written = last.then(() => write(entry));
      written.catch(() => undefined);
      last = written;
      return written;
    },
    close() {
      closed = true;
      return last;
    },
  };
}

/** All decisions so far, those of the same entry too. */
function covered(journal: Journal): JsonObject {
  const { count, sha256 } = journal.decisions();
  return { decision_count: count, decisions_sha256: sha256 };
}
