/** What the tests of the autopilot's memory and of its leases stand on: a folder, facts, and the file behind the store. */
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fence } from "../../src/autopilot/contract.ts";
import type { Fact, ScopeId, Trigger } from "../../src/autopilot/model.ts";
import { autopilotStatePath } from "../../src/autopilot/state/file.ts";
import { AkcError } from "../../src/errors.ts";

export const startMs = 1_795_348_155_000;
export const shop: ScopeId = { tenantId: "acme", repoId: "shop" };
export const mill: ScopeId = { tenantId: "acme", repoId: "mill" };

/** An outputs root that goes with the block. */
export function outputs() {
  const root = mkdtempSync(join(tmpdir(), "akc-autopilot-"));
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

export function fenceOf(token: number, holder = "one"): Fence {
  return { holder, token };
}

export function trigger(key: string, changes: Partial<Trigger> = {}): Trigger {
  return {
    id: `id-${key}`,
    kind: "drift",
    severity: "med",
    key,
    reason: "it drifted",
    atMs: startMs,
    details: {},
    ...changes,
  };
}

export function triggered(key: string, changes: Partial<Trigger> = {}): Extract<Fact, { type: "triggered" }> {
  return { type: "triggered", trigger: trigger(key, changes) };
}

export function attemptStarted(attemptId: string): Fact {
  return {
    type: "attempt_started",
    attempt: {
      attemptId,
      kind: "rollout",
      bundlePath: "/b.json",
      bundleSha256: "b".repeat(64),
      runtimeRunId: `run-${attemptId}`,
      triggerIds: [],
    },
    answers: [{ gate: "budget", verdict: "open", reason: "allowed", message: "there is room" }],
  };
}

export function attemptEnded(attemptId: string): Fact {
  return { type: "attempt_ended", attemptId, verdict: "failed" };
}

export const failed: Fact = { type: "visit_failed", code: "PROVIDER_FAILED", message: "it did not answer" };

/** Does something to the file behind the store's back. */
export function tamper(root: string, work: (db: Database) => unknown): void {
  const db = new Database(autopilotStatePath(root), { strict: true });
  db.run("PRAGMA busy_timeout = 5000");
  work(db);
  db.close(true);
}

/** The code of the error that it ends with; "none" without one. */
export async function codeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "none";
  } catch (cause) {
    if (cause instanceof AkcError) return cause.code;
    throw cause;
  }
}
