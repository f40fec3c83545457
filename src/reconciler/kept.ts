/**
 * A rollout and a revision as the store keeps them, and back. JSON of our own making, in a database of our own.
 */
import { fingerprint, sha256Hex } from "../json/fingerprint.ts";
import type { OwnedResource, Revision } from "../providers/contract.ts";
import type { OwnedRow, RevisionRow, RolloutRow } from "../store/contract.ts";
import type { FieldDiff } from "./diff.ts";
import { jsonOf } from "./json-of.ts";
import { revisionHash } from "./revision-hash.ts";
import { endedPhases, type Rollout } from "./rollout/model.ts";

export interface KeptRollout {
  readonly rollout: Rollout;
  /** By resource that somebody else had changed: what the correction was, see `correctionKey`. */
  readonly corrections: Readonly<Record<string, string>>;
  /** Resources that a person let it take over, whoever goes on with it. */
  readonly adopted?: readonly string[] | undefined;
}

export function rolloutRow({ rollout, corrections, adopted }: KeptRollout, nowMs: number): RolloutRow {
  return {
    rolloutId: rollout.rolloutId,
    runtimeRunId: rollout.runtimeRunId,
    phase: rollout.phase,
    open: !endedPhases.has(rollout.phase),
    state: JSON.stringify({ rollout, corrections, adopted }),
    startedAtMs: rollout.startedMs,
    updatedAtMs: nowMs,
  };
}

export function keptRollout(row: RolloutRow): KeptRollout {
  const kept: KeptRollout = JSON.parse(row.state);
  return kept;
}

/** Of the row's text, as `state_sha256` of `runtime.rollout.changed` says it. */
export function stateSha256(row: RolloutRow): string {
  return sha256Hex(row.state);
}

export function revisionOf(row: RevisionRow): Revision {
  const revision: Revision = JSON.parse(row.revision);
  return revision;
}

export function revisionRow(
  providerId: string,
  revision: Revision,
  about: Pick<RevisionRow, "runtimeRunId" | "atMs" | "goodAtMs">,
): RevisionRow {
  const { resourceId } = revision;
  return {
    providerId,
    resourceId,
    desiredHash: revisionHash(revision),
    revision: JSON.stringify(revision),
    ...about,
  };
}

export function ownedRow(resource: OwnedResource, about: Pick<OwnedRow, "runtimeRunId" | "atMs">): OwnedRow {
  const { providerId, resourceId, resourceClass, desiredHash } = resource;
  return {
    providerId,
    resourceId,
    resourceClass,
    desiredHash,
    dependsOn: JSON.stringify(resource.dependsOn),
    handle: JSON.stringify(resource.handle),
    ...about,
  };
}

/** The same for two corrections of the same fields to the same values. */
export function correctionKey(diff: FieldDiff): string {
  return fingerprint(diff.changes.map(({ path, to }) => jsonOf({ path, to })));
}
