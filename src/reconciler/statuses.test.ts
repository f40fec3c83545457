/** How a resource is told to stand: what was observed, and never what was hoped. */
import { describe, expect, test } from "bun:test";
import { fingerprint } from "../json/fingerprint.ts";
import type { Observation, Standing } from "../providers/contract.ts";
import { noDiff } from "./diff.ts";
import type { PlannedChange } from "./plan.ts";
import type { Unit } from "./rollout/model.ts";
import { type Ending, type PassFacts, statusOf } from "./statuses.ts";

const facts: PassFacts = {
  providerId: "p",
  onlyLooks: false,
  policyMode: "enforce",
  gate: { kind: "permissive", unknownGraceMs: 0 },
  attempts: 2,
  windowMs: 1_234.6,
  resync: { attempt: 2, max: 3, intervalMs: 50 },
  nowMs: 10_000,
};

const planned: PlannedChange = {
  resourceId: "a",
  resourceClass: "service",
  type: "update",
  operationId: "a:update:abc",
  layer: 0,
  desiredHash: "abc",
  revisionHash: "rev",
  appliedHash: null,
  expectedVersion: "v1",
  diff: noDiff,
  correction: false,
  adopt: false,
};

const unit: Unit = {
  resourceId: "a",
  layer: 0,
  operation: "update",
  targetHash: "rev",
  previousHash: "old",
  replicas: null,
  state: "settled",
  sinceMs: 9_000,
  updated: null,
  previous: null,
  touched: true,
  changedMs: 9_000,
  health: "healthy",
  lookedMs: 9_500,
  healthySinceMs: 9_200,
  deadlineMs: null,
  failures: 0,
  notBeforeMs: 0,
};

const fields = { v: 1 };
const standing: Extract<Standing, { kind: "present" }> = {
  kind: "present",
  owner: "akc",
  version: "v1",
  fields,
  health: "healthy",
  conditions: [],
  handle: {},
};
const seen = (one: Standing): Observation => ({ resourceId: "a", resourceClass: "service", standing: one });
const drift = { ...noDiff, changes: [{ path: "/v", from: 1, to: 2 }] };
const absent: Standing = { kind: "absent" };
const unobservable: Standing = { kind: "unobservable", reason: "timeout", message: "nobody answers" };
const blocked = { reason: "unobservable", message: "nobody answers" } as const;

const told = (ending: Partial<Ending>, more: Partial<PassFacts> = {}) =>
  statusOf(
    { change: planned, observation: seen(standing), diff: noDiff, simulated: false, ...ending },
    { ...facts, ...more },
  );

/** The conditions that are true. */
const holding = (status: ReturnType<typeof told>) =>
  status.conditions.filter((one) => one["status"] === "true").map((one) => one["type"]);

test("what stands as it should and is healthy has converged, with nothing left to say", () => {
  const status = told({ unit });
  expect(status).toMatchObject({
    converged: true,
    hash_matched: true,
    health_gate_passed: true,
    observed_hash: "abc",
    outcome: "converged",
    applied: true,
    attempts: 2,
    window_ms: 1_235,
    resync_attempt: 2,
    resync_max_attempts: 3,
    resync_interval_ms: 50,
  });
  expect(status).not.toHaveProperty("reason_code");
  expect(status).not.toHaveProperty("error");
  expect(status.conditions.map((one) => one["type"])).toEqual(["degraded", "progressing", "stalled"]);
  expect(holding(status)).toEqual([]);
});

test("what differs is told with the hash of what stands, not of what is wanted", () => {
  const status = told({ diff: drift });
  expect(status).toMatchObject({
    converged: false,
    hash_matched: false,
    observed_hash: fingerprint(fields),
    outcome: "progressing",
  });
  expect(status.drift).toEqual([{ path: "/v", from: 1, to: 2 }]);
  expect(holding(status)).toEqual(["progressing"]);
});

test.each<[Standing, string]>([
  [absent, "absent"],
  [unobservable, "unobservable"],
])("what is %j is told so", (one, observed_hash) => {
  expect(told({ observation: seen(one) })).toMatchObject({
    converged: false,
    observed_hash,
    health_status: "unknown",
  });
});

test("a simulation hopes for nothing", () => {
  const status = told({ observation: seen(absent), simulated: true });
  expect(status).toMatchObject({
    applied: false,
    converged: false,
    outcome: "planned",
    observed_hash: "absent",
  });
});

describe("a delete", () => {
  const change: PlannedChange = { ...planned, type: "delete", desiredHash: "absent" };

  test("has converged once it is seen to be gone", () => {
    expect(
      told({ change, observation: seen(absent) }, { gate: { kind: "strict", unknownGraceMs: 0 } }),
    ).toMatchObject({
      converged: true,
      outcome: "deleted",
      observed_hash: "absent",
    });
  });

  test("has not while it stands, or while nobody can see", () => {
    for (const one of [standing, unobservable])
      expect(told({ change, observation: seen(one), unit })).toMatchObject({
        converged: false,
        hash_matched: false,
      });
  });

  test("that was kept back says why, also when it is in sight again", () => {
    const held = { ...change, blocked };
    expect(told({ change: held })).toMatchObject({
      converged: false,
      reason_code: "unobservable",
      outcome: "blocked",
    });
  });
});

describe("what was kept from being changed", () => {
  const change = { ...planned, blocked };

  test("says why, and is stalled", () => {
    const status = told({ change, observation: seen(unobservable) });
    expect(status).toMatchObject({
      reason_code: "unobservable",
      error: "nobody answers",
      outcome: "blocked",
    });
    expect(holding(status)).toEqual(["stalled"]);
  });

  test("has converged if it came to stand all the same", () => {
    expect(told({ change })).toMatchObject({ converged: true, outcome: "converged" });
    const foreign = { ...planned, blocked: { reason: "not_owned", message: "" } } as const;
    expect(told({ change: foreign, unit })).toMatchObject({ converged: true });
    expect(told({ change: foreign })).toMatchObject({ converged: false, outcome: "blocked" });
  });

  test("because nobody knows what it should be has not converged, though no difference is known", () => {
    const refused = { ...planned, blocked: { reason: "provider_refused", message: "" } } as const;
    expect(told({ change: refused })).toMatchObject({ converged: false, outcome: "blocked" });
  });
});

test("what went back is not converged, and healthy all the same", () => {
  const back: Unit = { ...unit, state: "rolled_back", reason: "unhealthy", message: "it is failed" };
  const status = told({ unit: back });
  expect(status).toMatchObject({
    converged: false,
    outcome: "rolled_back",
    reason_code: "unhealthy",
    health_status: "healthy",
  });
  expect(holding(status)).toEqual(["degraded", "stalled"]);
});

test.each(["failed", "rollback_failed", "rollback_unsupported"] as const)(
  "what is %s is told as failed",
  (state) => {
    expect(told({ unit: { ...unit, state } })).toMatchObject({ converged: false, outcome: "failed" });
  },
);

test("a bad health keeps it from converging, and an unknown one only at a strict gate and after its grace", () => {
  const ill = told({ observation: seen({ ...standing, health: "degraded", message: "1 of 2" }) });
  expect(ill).toMatchObject({
    converged: false,
    hash_matched: true,
    health_gate_passed: false,
    error: "1 of 2",
  });
  const unknown = { observation: seen({ ...standing, health: "unknown" }), unit };
  const strict = (unknownGraceMs: number) => ({ gate: { kind: "strict", unknownGraceMs } as const });
  expect(told(unknown).converged).toBe(true);
  expect(told(unknown, strict(500)).converged).toBe(false);
  expect(told(unknown, strict(5_000)).converged).toBe(true);
});

test("what is somebody else's matches nothing, unless the provider only looks", () => {
  const theirs = { observation: seen({ ...standing, owner: "other" }) };
  expect(told(theirs).hash_matched).toBe(false);
  expect(told(theirs, { onlyLooks: true }).hash_matched).toBe(true);
});
