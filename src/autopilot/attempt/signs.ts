/**
 * What the events of a run say of how it went: measured from when things happened, never from what somebody had planned to wait. It
 * reads one run and nothing else; a run that another process left tells the same as one of this process.
 *
 * Source: spec cli §14.9; cli:W-16, W-28.
 */
import { member, textAt } from "../../bundle/member.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { eventTypes } from "../../kernel/wire.ts";
import { limits } from "../../limits.ts";
import { reconcileEvents } from "../../reconciler/model.ts";
import type { RunReader, StoredEvent } from "../../store/contract.ts";
import type { RunOutcome } from "../model.ts";

export interface RunSigns
  extends Pick<
    RunOutcome,
    "converged" | "validity" | "rollbacks" | "rollbacksSucceeded" | "convergenceMs" | "errorCode" | "message"
  > {
  /** When the first of these events happened; absent where there is none. */
  readonly beganAtMs?: number;
}

interface Folding extends RunSigns {
  /** When it began to reconcile. */
  readonly reconcilingSinceMs?: number;
}

const nothingYet: Folding = { rollbacks: 0, rollbacksSucceeded: 0, convergenceMs: null };

/** @param afterSeq events up to this one are somebody else's story */
export async function signsOf(reader: Pick<RunReader, "events">, afterSeq = 0): Promise<RunSigns> {
  let signs = nothingYet;
  for (let after = afterSeq; ; ) {
    const page = await reader.events(after, limits.storePageRows);
    const last = page.at(-1);
    if (last === undefined) break;
    signs = page.reduce(foldEvent, signs);
    after = last.seq;
  }
  const { reconcilingSinceMs: _, ...told } = signs;
  return told;
}

/** Pure. */
function foldEvent(before: Folding, event: Pick<StoredEvent, "type" | "atMs" | "payload">): Folding {
  const { type, atMs } = event;
  const signs: Folding = before.beganAtMs === undefined ? { ...before, beganAtMs: atMs } : before;
  switch (type) {
    case reconcileEvents.started:
      if (onlyLooks(event)) return signs;
      // Until somebody tells the end nobody knows what of it was done.
      return { ...signs, converged: false, reconcilingSinceMs: signs.reconcilingSinceMs ?? atMs };
    case reconcileEvents.rolledBack: {
      const succeeded = textAt(payloadOf(event), "rollback_outcome") === "rollback_applied" ? 1 : 0;
      return {
        ...signs,
        rollbacks: signs.rollbacks + 1,
        rollbacksSucceeded: signs.rollbacksSucceeded + succeeded,
      };
    }
    case reconcileEvents.finished: {
      if (onlyLooks(event)) return signs;
      const told = payloadOf(event);
      const converged = member(told, "converged") === true;
      const { reconcilingSinceMs = atMs, ...others } = signs;
      const took = converged
        ? { convergenceMs: Math.max(0, atMs - reconcilingSinceMs) }
        : { convergenceMs: null };
      return { ...others, ...faultIn(told), converged, ...took };
    }
    case eventTypes.failed:
      return { ...signs, ...faultIn(payloadOf(event)) };
    case eventTypes.validityAttested: {
      const verdict = textAt(payloadOf(event), "verdict");
      const validity = verdicts.find((word) => word === verdict);
      return validity === undefined ? signs : { ...signs, validity };
    }
    default:
      return signs;
  }
}

/** A pass on somebody's behalf who wants to see what would be done. */
function onlyLooks(event: Pick<StoredEvent, "payload">): boolean {
  return textAt(payloadOf(event), "mode") === "simulate";
}

const verdicts = ["pass", "fail", "inconclusive", "error"] as const;

function faultIn(payload: JsonObject): Pick<RunSigns, "errorCode" | "message"> {
  const errorCode = textAt(payload, "error_code");
  const message = textAt(payload, "error");
  return {
    ...(errorCode === undefined ? {} : { errorCode }),
    ...(message === undefined ? {} : { message }),
  };
}

function payloadOf({ payload }: Pick<StoredEvent, "payload">): JsonObject {
  const value = parseJson(payload);
  return isJsonObject(value) ? value : {};
}
