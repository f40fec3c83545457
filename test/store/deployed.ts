/** Rows of a scope's deployment, and all that is kept of one as a value that can be compared. */
import type {
  DeploymentReader,
  DeploymentTurn,
  OwnedRow,
  PlanRow,
  RevisionRow,
  RolloutRequest,
  RolloutRow,
  RunWriter,
} from "../../src/store/contract.ts";
import { startedAtMs, turn } from "./builders.ts";

export const providerId = "in_memory";

export function owned(resourceId: string, changes: Partial<OwnedRow> = {}): OwnedRow {
  return {
    providerId,
    resourceId,
    resourceClass: "service",
    desiredHash: "h1",
    dependsOn: '["db"]',
    handle: '{"name":"x"}',
    runtimeRunId: "r",
    atMs: startedAtMs,
    ...changes,
  };
}

export function revision(
  resourceId: string,
  desiredHash: string,
  changes: Partial<RevisionRow> = {},
): RevisionRow {
  return {
    providerId,
    resourceId,
    desiredHash,
    revision: JSON.stringify({ resourceId, desiredHash }),
    runtimeRunId: "r",
    atMs: startedAtMs,
    goodAtMs: null,
    ...changes,
  };
}

/** @param names hashes that its state names */
export function rollout(
  rolloutId: string,
  changes: Partial<RolloutRow> = {},
  names: readonly string[] = [],
): RolloutRow {
  return {
    rolloutId,
    runtimeRunId: "r",
    phase: "progressing",
    open: true,
    state: JSON.stringify({ rollout: { rolloutId, units: names.map((previousHash) => ({ previousHash })) } }),
    startedAtMs,
    updatedAtMs: startedAtMs,
    ...changes,
  };
}

export const ended = { phase: "completed", open: false } as const;

export function plan(planId: string, changes: Partial<PlanRow> = {}): PlanRow {
  return { planId, runtimeRunId: "r", plan: JSON.stringify({ planId }), atMs: startedAtMs, ...changes };
}

export function request(
  rolloutId: string,
  command: string,
  changes: Partial<RolloutRequest> = {},
): Omit<RolloutRequest, "number"> {
  return { rolloutId, command, by: "me@here", atMs: startedAtMs, ...changes };
}

export function deploy(writer: RunWriter, deployment: DeploymentTurn): Promise<void> {
  return writer.commit(turn({ deployment }));
}

/** Something in every table; the rollout is open, a request waits. */
export const something: DeploymentTurn = {
  owned: [owned("web"), owned("db", { dependsOn: "[]" })],
  revisions: [revision("web", "h0", { goodAtMs: startedAtMs }), revision("web", "h1"), revision("db", "h1")],
  rollout: rollout("rollout-1", {}, ["h0"]),
  plan: plan("plan-1"),
};

export async function contentOfDeployment(reader: DeploymentReader, resources = ["web", "db"]) {
  return {
    owned: await reader.owned(),
    revisions: await Promise.all(resources.map((resource) => reader.revisions(providerId, resource))),
    lastGood: await reader.lastGood(providerId),
    rollouts: await reader.rollouts(1_000),
    open: await reader.openRollout(),
    plan: await reader.plan("plan-1"),
    requests: await reader.openRequests(),
  };
}
