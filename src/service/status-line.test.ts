import { expect, test } from "bun:test";
import type { ControllerStatus, ScopeStatus } from "../autopilot/contract.ts";
import { emptyState } from "../autopilot/machine.ts";
import type { ScopeState } from "../autopilot/model.ts";
import { statusLine } from "./status-line.ts";

const scope = (
  repoId: string,
  state: Partial<ScopeState> = {},
  over: Partial<ScopeStatus> = {},
): ScopeStatus => ({
  scope: { tenantId: "acme", repoId },
  mode: "enforce",
  holding: true,
  state: { ...emptyState(), ...state },
  visits: 1,
  ...over,
});
const line = (scopes: readonly ScopeStatus[], over: Partial<ControllerStatus> = {}) =>
  statusLine({
    holder: "h",
    phase: "running",
    startedAtMs: 0,
    observedAtMs: 0,
    turns: 1,
    lastTurnMonotonicMs: 0,
    lastStoreProofMonotonicMs: 0,
    config: { loadedAtMs: 0 },
    scopes,
    ...over,
  });

const attempt = {
  attemptId: "a",
  kind: "rollout",
  bundlePath: "/b",
  bundleSha256: "c",
  runtimeRunId: "r",
  triggerIds: [],
  startedAtMs: 0,
} as const;
const run = {
  healthy: true,
  outcome: "succeeded",
  exitCode: 0,
  rollbacks: 0,
  rollbacksSucceeded: 0,
  convergenceMs: null,
  startedAtMs: 0,
  finishedAtMs: 0,
} as const;

test("the line says what a person has to know, the worst first", () => {
  const baking = { kind: "baking", run, untilMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6) } as const;
  expect(
    line([
      scope("a", { attempt: { ...attempt, phase: baking } }),
      scope("b", { escalated: { reason: "consecutive_failures", message: "m", atMs: 0 } }),
      ...["c", "d"].map((id) => scope(id, {}, { holding: false, heldBy: "other" })),
    ]),
  ).toBe(
    "1 escalated (acme/b: consecutive_failures), rollout acme/a baking until 2026-01-02T03:04:05Z, 2 of 4 scopes held by another",
  );
  expect(line([scope("a")])).toBe("1 scope held");
  expect(line([])).toBe("no scopes");
  expect(line([scope("a")], { phase: "draining" })).toBe(
    "stopping: what is under way finishes, 1 scope held",
  );
  expect(line([scope("a")], { config: { loadedAtMs: 0, reloadFault: "line 3" } })).toContain("line 3");
});

test("a thousand scopes make no longer line", () => {
  const many = Array.from({ length: 1_000 }, (_, index) =>
    scope(`repository-${index}`, { fault: { code: "STORE_IO", message: "m", count: 1, sinceMs: 0 } }),
  );
  expect(line(many)).toStartWith(
    "1000 failing (acme/repository-0: STORE_IO; acme/repository-1: STORE_IO; …)",
  );
  expect(line(many).length).toBeLessThanOrEqual(240);
});
