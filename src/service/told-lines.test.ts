import { expect, test } from "bun:test";
import type { Telling } from "../autopilot/contract.ts";
import type { Fact } from "../autopilot/model.ts";
import { lineOf } from "./told-lines.ts";

const scope = { tenantId: "acme", repoId: "shop" };
const entry = (fact: Fact): Telling => ({
  kind: "entry",
  scope,
  entry: { seq: 4, atMs: 5, writer: "autopilot@host", token: 2, fact, sha256: "0" },
});

test("a fact is a constant event with its members as keys", () => {
  expect(
    lineOf(
      entry({
        type: "attempt_started",
        attempt: {
          attemptId: "a1",
          kind: "rollout",
          bundlePath: "/b",
          bundleSha256: "c",
          runtimeRunId: "r1",
          triggerIds: ["t"],
        },
        answers: [
          { gate: "slo", verdict: "open", reason: "ok", message: "m" },
          { gate: "budget", verdict: "closed", reason: "max_mutations_per_day_exceeded", message: "m" },
        ],
      }),
      new Map(),
    ),
  ).toEqual({
    tenantId: "acme",
    repoId: "shop",
    runId: "r1",
    level: "info",
    event: "scope_attempt_started",
    atMs: 5,
    keys: {
      seq: 4,
      writer: "autopilot@host",
      attempt_attempt_id: "a1",
      attempt_kind: "rollout",
      attempt_bundle_path: "/b",
      attempt_bundle_sha256: "c",
      attempt_runtime_run_id: "r1",
      closed: ["budget:max_mutations_per_day_exceeded"],
    },
  });
});

test.each([
  [{ type: "escalated", reason: "rollback_failed", message: "m" }, "error"],
  [{ type: "attempt_ended", attemptId: "a", verdict: "kept" }, "info"],
  [{ type: "attempt_ended", attemptId: "a", verdict: "rolled_back" }, "warn"],
  [{ type: "attempt_ended", attemptId: "a", verdict: "rollback_failed" }, "error"],
  [{ type: "visit_failed", code: "STORE_IO", message: "m" }, "warn"],
  [{ type: "visit_recovered" }, "info"],
] as const satisfies readonly (readonly [Fact, string])[])("%j is as severe as %s", (fact, level) => {
  expect(lineOf(entry(fact), new Map())?.level).toBe(level);
});

test("a lease is told when it changes hands, and not at every visit", () => {
  const leases = new Map<string, string>();
  const lease = (answer: "held" | "taken" | "unknown") =>
    lineOf({ kind: "lease", scope, answer, streak: 0, atMs: 1 }, leases)?.event;
  expect((["taken", "taken", "held", "held", "taken", "unknown", "held"] as const).map(lease)).toEqual([
    "lease_held_by_another",
    undefined,
    "lease_held",
    undefined,
    "lease_lost",
    "lease_unknown",
    "lease_held",
  ]);
});

test("a note about a scope has it where every line has it", () => {
  const keys = { tenant_id: "acme", repo_id: "shop", error_code: "STORE_IO" };
  const line = lineOf({ kind: "note", level: "error", message: "m", keys, atMs: 1 }, new Map());
  expect(line).toMatchObject({ tenantId: "acme", repoId: "shop", keys: { error_code: "STORE_IO" } });
  expect(line?.keys).toEqual({ error_code: "STORE_IO" });
});
