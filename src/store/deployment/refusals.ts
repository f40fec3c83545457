/**
 * What a store refuses about a scope's deployment, in the same words whichever store it is. It decides nothing by itself: each
 * error is thrown where the rows are looked at, inside the transaction that would have changed them.
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Lease, RolloutRequest } from "../contract.ts";

export function scopeHeld({ runtimeRunId, holder, expiresAtMs }: Lease): AkcError {
  const { name, host, pid } = holder;
  const until = new Date(Math.min(expiresAtMs, dateMsMax)).toISOString();
  return new AkcError("SCOPE_HELD", {
    message: `another process is deploying in this scope: pid ${pid} on ${host} for run ${runtimeRunId}, until ${until}`,
    details: { runtimeRunId, holder: name, host, pid, expiresAtMs },
  });
}

/** ECMA-262, "Time Values and Time Range": the last moment that can be written as a date. */
const dateMsMax = 8.64e15;

/** @param held as the writer last had the scope; null when it never took it. */
export function scopeLost({ runtimeRunId, holder }: Lease, held: Lease | null): AkcError {
  return new AkcError("LEASE_LOST", {
    message: "this process does not hold the scope, so it may not change what is deployed there",
    details: { runtimeRunId, holder: holder.name, ...(held === null ? {} : { scopeToken: held.token }) },
  });
}

export function secondOpenRollout(rolloutId: string, openId: string): AkcError {
  return new AkcError("INTERNAL", {
    message: "a rollout cannot be opened while another one is open",
    details: { rolloutId, openRolloutId: openId },
  });
}

export function notToBeTaken(number: number): AkcError {
  return new AkcError("INTERNAL", {
    message: "a rollout's request cannot be taken: it is not there, or it was taken",
    details: { number },
  });
}

/** A run whose rollout is open is needed to go on with it, as one that is under way is. */
export function rolloutOpen(runtimeRunId: string, rolloutId: string): AkcError {
  return new AkcError("ROLLOUT_OPEN", { details: { runtimeRunId, rolloutId } });
}

/** Of commands that an ended rollout takes too. */
const takenAfterTheEnd: ReadonlySet<string> = new Set(["undo", "retry"]);

/**
 * @param rollout null when there is none of the id
 * @param openCount requests to it that nobody took yet
 * @throws AkcError ROLLOUT_NOT_FOUND, ROLLOUT_ENDED, ROLLOUT_REQUESTS_TOO_MANY
 */
export function refuseRequest(
  { rolloutId, command }: Pick<RolloutRequest, "rolloutId" | "command">,
  rollout: { readonly open: boolean; readonly phase: string } | null,
  openCount: number,
): void {
  const details = { rolloutId, command };
  if (rollout === null) throw new AkcError("ROLLOUT_NOT_FOUND", { details });
  if (!rollout.open && !takenAfterTheEnd.has(command)) {
    throw new AkcError("ROLLOUT_ENDED", { details: { ...details, phase: rollout.phase } });
  }
  if (openCount >= limits.rolloutRequestsOpenMax) {
    throw new AkcError("ROLLOUT_REQUESTS_TOO_MANY", {
      details: { ...details, open: openCount, openMax: limits.rolloutRequestsOpenMax },
    });
  }
}

/** A shorter beginning of a rollout's id names none. */
export const rolloutIdCharsMin = 6;
