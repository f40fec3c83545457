/** Runs, turns and scopes as the tests of store and evidence need them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newRunRow } from "../../src/run/parts.ts";
import { EventChain, genesisOf } from "../../src/store/chain.ts";
import type {
  ActionPhase,
  ActionRow,
  DecisionRow,
  LeaseHolder,
  NewEvent,
  RunReader,
  RunRow,
  StoredEvent,
  Turn,
} from "../../src/store/contract.ts";

export const startedAtMs = 1_795_348_155_000;

/** A folder `<tmp>/…/<tenant>/<repo>` that goes with the block. */
export function scope(tenant = "acme", repo = "shop") {
  const root = mkdtempSync(join(tmpdir(), "akc-test-"));
  return {
    root,
    scopeRoot: join(root, tenant, repo),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

export function runRow(runtimeRunId: string, changes: Partial<RunRow> = {}): RunRow {
  const context = {
    scope: { tenantId: "acme", repoId: "shop" },
    runId: "run-1",
    runtimeRunId,
    mode: "enforce",
    adapterId: "native",
  } as const;
  const parts = { bundlePath: "/bundles/run-1.runtime_bundle.json", bundleSha256: "b".repeat(64) };
  return { ...newRunRow(context, parts, "a71c584323fc450ba8a637899a7a57ea", startedAtMs), ...changes };
}

/** A holder on another host: nobody can tell whether its process lives. */
export const elsewhere: LeaseHolder = {
  name: "other:1:x",
  host: "other",
  pid: 1,
  bootId: "boot-of-other/pid:[1]",
};

export function event(seq: number, type: string, payload: unknown = {}, atMs = startedAtMs + seq): NewEvent {
  return { seq, type, atMs, payload: JSON.stringify(payload) };
}

export function turn(parts: Partial<Turn>): Turn {
  return { events: [], actions: [], decisions: [], ...parts };
}

export function action(actionId: string, phase: ActionPhase, changes: Partial<ActionRow> = {}): ActionRow {
  return {
    actionId,
    nodeId: "node-1",
    stepId: null,
    phase,
    attempt: 1,
    seq: 1,
    outputSha256: null,
    ...changes,
  };
}

export function decision(changes: Partial<DecisionRow> = {}): DecisionRow {
  return {
    seq: 1,
    atMs: startedAtMs,
    action: "runtime.action.dispatch",
    allowed: true,
    reason: "policy.allowlist.allow",
    source: "allowlist",
    rule: "baseline",
    mode: "enforce",
    context: '{"action_id":"a"}',
    ...changes,
  };
}

export async function allEvents(reader: RunReader): Promise<readonly StoredEvent[]> {
  const events: StoredEvent[] = [];
  for (;;) {
    const page = await reader.events(events.length, 100);
    if (page.length === 0) return events;
    events.push(...page);
  }
}

/** Whether the numbers have no gap and every digest follows from the one before, the first from the run's identity. */
export function chainHolds(events: readonly StoredEvent[], run: RunRow): boolean {
  const genesis = genesisOf(run);
  const chain = new EventChain(genesis);
  let before = genesis.toHex();
  return events.every((stored, index) => {
    const digest = Buffer.from(chain.append(stored.seq, stored.type, stored.atMs, stored.payload)).toString(
      "hex",
    );
    const holds = stored.seq === index + 1 && stored.sha256 === digest && stored.prevSha256 === before;
    before = stored.sha256;
    return holds;
  });
}

/** The code of the error that `work` ends with; "none" when it does not. */
export async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return "none";
  } catch (cause) {
    return cause instanceof Error && "code" in cause ? String(cause.code) : `not ours: ${String(cause)}`;
  }
}
