/**
 * Reconciling on behalf of a run that has ended: everything is appended to its history and its evidence, however it goes, and all of
 * it is held against the events afterwards.
 */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { AkcError } from "../../src/errors.ts";
import { payloadFaults } from "../../src/evidence/catalogue.ts";
import { sha256Hex } from "../../src/json/fingerprint.ts";
import { decide } from "../../src/policy/decide.ts";
import type { ReconcileLedger } from "../../src/reconciler/model.ts";
import type { Divergence } from "../../src/replay/divergence.ts";
import { replayText } from "../../src/replay/replay-text.ts";
import { type Verification, verifyRun } from "../../src/replay/verify.ts";
import { type ReconcileInput, type Reconciling, reconcileEnded } from "../../src/run/reconcile-ledger.ts";
import { resumeRun } from "../../src/run/resume.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { databasePath, openStore } from "../../src/store/sqlite/open.ts";
import { systemClock } from "../../src/system/clock.ts";
import {
  begun,
  broughtBack,
  finished,
  made,
  newHash,
  oldHash,
  started as passStarted,
  rolledBack,
  rollout,
  status,
  type ToldEvent,
} from "../evidence/passes.ts";
import { policy } from "../kernel/world.ts";
import {
  at,
  coordinated,
  example,
  type Layout,
  type Left,
  leftIn,
  ofType,
  type Placed,
  placed,
  started,
  types,
} from "../parity/started.ts";
import { codeOf, runRow } from "../store/builders.ts";

const apply = decide(policy(), "service.reconcile.apply");
const entry = { decision: apply, about: { resource_id: "svc-ledger", operation_type: "update" } };

interface World extends Disposable {
  readonly place: Placed;
  readonly first: Left;
  reconcile<T>(work: (reconciling: Reconciling) => Promise<T>, input?: Partial<ReconcileInput>): Promise<T>;
  verify(): Promise<Verification>;
  left(): Omit<Left, "report">;
  change(sql: string): void;
  replayed(): Promise<Readonly<Record<string, unknown>>>;
}

const ended = {
  clock: systemClock,
  env: {},
  signal: new AbortController().signal,
  runtimeRunId: "rt-1",
} as const;

async function world(layout?: Layout): Promise<World> {
  const chosen = layout ?? (await example("b"));
  const place = await placed(chosen);
  const first = await started(chosen, place);
  const { scopeRoot } = place;
  const opened = async <T>(
    work: (store: Awaited<ReturnType<typeof openStore>>) => Promise<T>,
  ): Promise<T> => {
    const store = await openStore(scopeRoot, { create: false });
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  };
  return {
    place,
    first,
    reconcile: (work, input = {}) =>
      opened((store) => reconcileEnded({ ...ended, store, scopeRoot, ...input }, work)),
    verify: () =>
      opened(async (store) => {
        const reader = await store.openRun("rt-1");
        try {
          const { deployment } = store;
          return await verifyRun(reader, { scopeRoot, deployment, rebuild: true, divergencesMax: 20 });
        } finally {
          await reader.close();
        }
      }),
    left: () => leftIn(first.report.scopeDir, join(scopeRoot, `.akc/run/${chosen.runId}.otel.jsonl`)),
    change(sql) {
      const db = new Database(databasePath(scopeRoot));
      db.run(sql);
      db.close();
    },
    replayed: () =>
      opened(async (store) => {
        const reader = await store.openRun("rt-1");
        const run = await reader.run();
        const input = { reader, run, mode: "reconcile_replay", transitions: false, added: {} } as const;
        let text = "";
        for await (const part of replayText(input)) text += part;
        await reader.close();
        return JSON.parse(text);
      }),
    [Symbol.dispose]: () => place[Symbol.dispose](),
  };
}

/** One change, step by step, that goes well. */
async function onePass(ledger: ReconcileLedger): Promise<void> {
  await ledger.record({ events: [passStarted()] });
  await ledger.record({ decisions: [entry], events: [begun("svc-ledger")] });
  await ledger.record({ events: [made("svc-ledger")] });
  await ledger.record({ events: [status("svc-ledger"), finished()] });
}

const shown = ({ divergences }: Verification) => divergences.map(({ place, name }) => ({ place, name }));

test("what is done afterwards is appended: nothing of the run's own history, decisions or evidence goes", async () => {
  using of = await world();
  const seen: string[] = [];
  await of.reconcile(({ ledger }) => onePass(ledger), { onEvent: ({ type }) => seen.push(type) });
  const left = of.left();
  expect(left.events.slice(0, of.first.events.length)).toEqual([...of.first.events]);
  expect(types(left.events).slice(of.first.events.length)).toEqual(seen);
  expect(seen).toHaveLength(5);
  expect(left.decisions.slice(0, -1)).toEqual([...of.first.decisions]);
  expect(left.decisions.at(-1)).toMatchObject({ action: "service.reconcile.apply", allowed: true });
  const outcomes = ofType(left.evidence, "reconcile_outcome");
  expect(outcomes.slice(0, -1)).toEqual(ofType(of.first.evidence, "reconcile_outcome"));
  expect(outcomes.map((row) => at(row, "payload", "operation_type"))).toEqual(["create", "update"]);
  // How the run ended stays; what is said of reconciling is new.
  const { status: word, outcome, finished_at_ms, last_error } = of.first.record;
  expect(left.record).toMatchObject({
    status: word,
    outcome,
    finished_at_ms,
    last_error,
    last_reconcile_mode: "enforce",
    last_reconcile_at_ms: left.events.at(-1)?.["timestamp"],
    reconcile_all_converged: true,
    reconcile_resync_wait_ms_scheduled: 250,
    terminal_health_status: "healthy",
  });
  const verified = await of.verify();
  expect(shown(verified)).toEqual([]);
  expect(verified).toMatchObject({ verdict: "verified", evidence: "sealed", moved: false });
  expect(verified.decisions).toBe(left.decisions.length);
});

test("whatever breaks reconciling, what it did is in the evidence, sealed, and said to have broken off", async () => {
  using of = await world();
  const died = new AkcError("TOOL_TIMEOUT", { message: "docker did not answer" });
  const broken = of.reconcile(async ({ ledger }) => {
    await ledger.record({ events: [passStarted()] });
    await ledger.record({ decisions: [entry], events: [begun("svc-ledger")] });
    throw died;
  });
  await expect(broken).rejects.toBe(died);
  const left = of.left();
  expect(left.events.at(-1)).toMatchObject({
    event_type: "runtime.reconcile.finished",
    payload: {
      converged: false,
      mode: "enforce",
      error_code: "TOOL_TIMEOUT",
      decision_count: left.decisions.length,
    },
  });
  expect(ofType(left.evidence, "reconcile_outcome").at(-1)).toMatchObject({
    payload: { interrupted: true, applied: false },
  });
  expect(left.record).toMatchObject({
    outcome: "succeeded",
    reconcile_all_converged: false,
    terminal_health_status: "unknown",
  });
  expect(shown(await of.verify())).toEqual([]);
});

test("an entry that the store refuses is the error that is shown, and what came before it is sealed", async () => {
  using of = await world();
  const broken = of.reconcile(async ({ ledger, writer }) => {
    await ledger.record({ events: [passStarted()] });
    const { commit } = writer;
    let refusals = 1;
    writer.commit = (turn) => {
      refusals -= 1;
      return refusals >= 0 ? Promise.reject(new AkcError("STORE_BUSY")) : commit.call(writer, turn);
    };
    ledger.record({ decisions: [entry], events: [begun("svc-ledger")] }).catch(() => undefined);
    await ledger.record({ events: [made("svc-ledger")] }).catch(() => undefined);
  });
  await expect(broken).rejects.toMatchObject({ code: "STORE_BUSY" });
  const told = types(of.left().events).slice(of.first.events.length);
  expect(told).toEqual(["runtime.reconcile.started", "runtime.reconcile.finished"]);
  expect(shown(await of.verify())).toEqual([]);
});

test("somebody who watched and was told to end leaves an end that says how it stood then", async () => {
  for (const converged of [true, false]) {
    using of = await world();
    await of.reconcile(async ({ ledger }) => {
      await ledger.record({ events: [passStarted(), status("svc-ledger", { converged: false })] });
      await ledger.record({ events: [passStarted(), status("svc-ledger", { converged })] });
    });
    const left = of.left();
    expect(left.events.at(-1)).toMatchObject({ payload: { converged, mode: "enforce" } });
    expect(at(left.events.at(-1), "payload", "error_code")).toBeUndefined();
    expect(left.record).toMatchObject({
      reconcile_all_converged: converged,
      terminal_health_status: "healthy",
    });
    expect(shown(await of.verify())).toEqual([]);
  }
});

test("every event that a run with a deployment and its reconciling leave is as documented", async () => {
  using of = await world();
  await of.reconcile(({ ledger }) => onePass(ledger));
  const { events } = of.left();
  const faults = events.flatMap(({ event_type: type, payload }) =>
    payloadFaults(String(type), payload).map((fault) => `${type}: ${fault}`),
  );
  expect(faults).toEqual([]);
  expect(types(events)).toContain("runtime.rollout.changed");
});

test("reconciling that recorded nothing leaves the run as it was", async () => {
  using of = await world();
  const before = JSON.stringify(of.left());
  const { mtimeMs } = statSync(of.first.report.eventsPath);
  await expect(of.reconcile(() => Promise.reject(new AkcError("SCOPE_HELD")))).rejects.toMatchObject({
    code: "SCOPE_HELD",
  });
  expect(await of.reconcile(async () => 7)).toBe(7);
  expect(JSON.stringify(of.left())).toBe(before);
  expect(statSync(of.first.report.eventsPath).mtimeMs).toBe(mtimeMs);
  expect(shown(await of.verify())).toEqual([]);
});

test("nobody reconciles on behalf of a run that has not ended, or that somebody holds", async () => {
  using of = await world();
  await of.reconcile(async () => {
    expect(await codeOf(() => of.reconcile(async () => 1))).toBe("LEASE_HELD");
  });
  const store = await openStore(of.place.scopeRoot);
  const writer = await store.createRun(runRow("rt-2"), thisProcess(), systemClock.nowMs());
  await writer.close();
  await store.close();
  const unended = of.reconcile(async () => 1, { runtimeRunId: "rt-2" });
  expect(await codeOf(() => unended)).toBe("RUN_NOT_RESUMABLE");
});

test("a run that was reconciled afterwards can be gone on with, run again in part, and reconciled again", async () => {
  const layout = await coordinated("sequential");
  using of = await world(layout);
  await of.reconcile(({ ledger }) => onePass(ledger));
  const { scopeRoot, bundlePath } = of.place;
  const signal = new AbortController().signal;
  const nothing = resumeRun({ scopeRoot, runtimeRunId: "rt-1", bundlePath, signal });
  expect(await codeOf(() => nothing)).toBe("RUN_NOT_RESUMABLE");
  const last = of.first.events.findLast((event) => event["event_type"] === "runtime.action.completed");
  const step = String(at(last, "payload", "graph_step_id"));
  const report = await resumeRun({ scopeRoot, runtimeRunId: "rt-1", bundlePath, from: [step], signal });
  expect(report.outcome).toBe("succeeded");
  expect(shown(await of.verify())).toEqual([]);
  await of.reconcile(({ ledger }) => onePass(ledger));
  expect(shown(await of.verify())).toEqual([]);
  expect(ofType(of.left().evidence, "reconcile_outcome")).toHaveLength(2);
});

test("a process that died while it reconciled leaves evidence that whoever comes next finishes", async () => {
  using of = await world();
  const { scopeRoot, bundlePath } = of.place;
  const store = await openStore(scopeRoot);
  const writer = await store.resumeRun("rt-1", thisProcess(), systemClock.nowMs());
  const told = [begun("a"), begun("b"), begun("c"), begun("svc-ledger")];
  const events = told.map(({ type, payload }, index) => ({
    seq: writer.lastSeq + 1 + index,
    type,
    atMs: systemClock.nowMs(),
    payload: JSON.stringify(payload),
  }));
  await writer.commit({ events, actions: [], decisions: [] });
  await writer.close();
  await store.close();
  const signal = new AbortController().signal;
  const report = await resumeRun({ scopeRoot, runtimeRunId: "rt-1", bundlePath, signal });
  const { outcome, counts } = of.first.report;
  expect(counts.withoutEffect).toBeGreaterThan(0);
  expect(report).toMatchObject({ outcome, counts });
  expect(types(of.left().events).at(-1)).toBe("runtime.reconcile.operation_started");
  expect(shown(await of.verify())).toEqual([]);
});

test("decisions made after the end are covered: none can be changed or taken away", async () => {
  for (const sql of [
    "UPDATE decision SET allowed = 0 WHERE id = (SELECT max(id) FROM decision)",
    "UPDATE decision SET context = '{}' WHERE id = (SELECT max(id) FROM decision)",
    "DELETE FROM decision WHERE id = (SELECT max(id) FROM decision)",
  ]) {
    using of = await world();
    await of.reconcile(({ ledger }) => onePass(ledger));
    of.change(sql);
    const places = (await of.verify()).divergences.map(({ place }) => place);
    expect(places).toContain("decision");
  }
});

async function divergencesAfter(told: readonly ToldEvent[]): Promise<readonly Divergence[]> {
  using of = await world();
  await of.reconcile(({ ledger }) => ledger.record({ events: [...told, finished()] }));
  return (await of.verify()).divergences;
}

test("a change that was concluded and never begun is seen, and one that was begun again is none", async () => {
  expect(await divergencesAfter([made("api")])).toMatchObject([
    { place: "deployment", expected: "an operation that was started", found: "none" },
  ]);
  expect(await divergencesAfter([begun("api"), made("api"), made("api")])).toHaveLength(1);
  expect(await divergencesAfter([begun("api"), made("web")])).toHaveLength(1);
  // Died in between, and made with the same key by whoever came next.
  expect(await divergencesAfter([begun("api"), begun("api"), made("api")])).toEqual([]);
});

test("a rollout goes from the phase that was told last, and its state is the one that was told", async () => {
  const sha256 = "a".repeat(64);
  const [progressing, baking] = [
    rollout("progressing", "none", sha256),
    rollout("baking", "progressing", sha256),
  ];
  expect(await divergencesAfter([progressing, baking])).toEqual([]);
  expect(await divergencesAfter([progressing, rollout("completed", "baking", sha256)])).toMatchObject([
    { place: "deployment", name: "rollout rollout-1 phase before", expected: "progressing", found: "baking" },
  ]);
  // Between two times that somebody holds the scope, another run may have gone on with it.
  const later = [passStarted(), rollout("completed", "baking", sha256)];
  expect(await divergencesAfter([progressing, ...later])).toEqual([]);
});

test("a rollout that was changed in the store and not by an event is seen", async () => {
  using of = await world(await example("a"));
  const state = JSON.stringify({ rollout: { phase: "completed" }, corrections: {} });
  const atMs = systemClock.nowMs() - 1_000;
  const row = {
    rolloutId: "rollout-1",
    runtimeRunId: "rt-1",
    phase: "completed",
    open: false,
    state,
    startedAtMs: atMs,
    updatedAtMs: atMs,
  };
  await of.reconcile(async ({ ledger, writer }) => {
    await writer.holdScope(systemClock.nowMs());
    const changed = rollout("completed", "progressing", sha256Hex(state));
    await ledger.record({ events: [changed, finished()], deployment: { rollout: row } });
  });
  expect(shown(await of.verify())).toEqual([]);
  of.change("UPDATE rollout SET state = replace(state, 'completed', 'failed')");
  expect(shown(await of.verify())).toEqual([{ place: "deployment", name: "rollout rollout-1 state" }]);
  of.change(`UPDATE rollout SET updated_at_ms = ${systemClock.nowMs() + 60_000}`);
  // Somebody went on with it on behalf of another run, whose events tell of it.
  expect(shown(await of.verify())).toEqual([]);
});

test("a replay shows operations, rollbacks with the chain of each, and the phases of rollouts, as they happened", async () => {
  using of = await world(await example("a"));
  const rollback = { why: "rollback" as const, desired_hash: oldHash };
  const sha256 = "a".repeat(64);
  const pass = async (ledger: ReconcileLedger, chain: readonly string[]) => {
    await ledger.record({ events: [passStarted(), begun("api"), made("api")] });
    await ledger.record({
      events: [begun("api", rollback), made("api", rollback), rolledBack("api", { chain })],
    });
    await ledger.record({ events: [status("api", broughtBack), finished({ converged: false })] });
  };
  await of.reconcile(async ({ ledger }) => {
    await ledger.record({ events: [rollout("progressing", "none", sha256)] });
    await pass(ledger, [newHash, oldHash]);
    await ledger.record({ events: [rollout("rolling_back", "progressing", sha256)] });
    await pass(ledger, [newHash, "5".repeat(64), oldHash]);
    await onePass(ledger);
    await ledger.record({ events: [begun("lost"), finished({ converged: false })] });
  });
  const told = await of.replayed();
  const rows = (key: string) => {
    const value = told[key];
    return Array.isArray(value) ? value : [];
  };
  expect(rows("operations").map((row) => [at(row, "operation_id"), at(row, "concluded")])).toEqual([
    [`api:update:${newHash.slice(0, 12)}`, true],
    [`api:rollback:${newHash.slice(0, 12)}`, true],
    [`api:update:${newHash.slice(0, 12)}`, true],
    [`api:rollback:${newHash.slice(0, 12)}`, true],
    [`svc-ledger:update:${newHash.slice(0, 12)}`, true],
    [`lost:update:${newHash.slice(0, 12)}`, false],
  ]);
  const numbers = rows("operations").map((row) => Number(at(row, "event_seq")));
  expect(numbers).toEqual(numbers.toSorted((left, right) => left - right));
  expect(rows("rollbacks").map((row) => at(row, "chain"))).toEqual([
    [newHash, oldHash],
    [newHash, "5".repeat(64), oldHash],
  ]);
  expect(told["rollouts"]).toMatchObject([
    {
      rollout_id: "rollout-1",
      phase: "rolling_back",
      phases: [{ phase: "progressing" }, { phase: "rolling_back", previous_phase: "progressing" }],
    },
  ]);
  // Each decision has the chain of its own pass, and one that brought nothing back has none.
  expect(
    rows("reconcile_decisions").map((row) => [
      at(row, "resource_id"),
      at(row, "payload", "why") ?? null,
      [at(row, "rollback_chain")].flat().length,
    ]),
  ).toEqual([
    ["api", "rollout", 2],
    ["api", "rollback", 2],
    ["api", "rollout", 3],
    ["api", "rollback", 3],
    ["svc-ledger", "rollout", 0],
    ["lost", "rollout", 0],
  ]);
});
