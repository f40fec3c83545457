/** What reconciling records as part of a run: durable step by step, in order, and never lost with the process. */
import { expect, test } from "bun:test";
import { AkcError } from "../../src/errors.ts";
import { payloadFaults } from "../../src/evidence/catalogue.ts";
import { DecisionDigest } from "../../src/kernel/decision-digest.ts";
import { decide } from "../../src/policy/decide.ts";
import { type Converge, reconcileEvents } from "../../src/reconciler/model.ts";
import { createMemoryRun, type MemoryRun } from "../../src/store/memory.ts";
import { systemClock } from "../../src/system/clock.ts";
import { begun, finished, made, started, status } from "../evidence/passes.ts";
import { contract, node, policy, runWorld, step } from "./world.ts";

class Died extends Error {}

const apply = decide(policy(), "service.reconcile.apply");
const denied = decide(policy({ without: ["service.reconcile.apply"] }), "service.reconcile.apply");
const about = { resource_id: "svc", operation_type: "update" };

/** One resource, changed and looked at again. */
const oneChange: Converge = async (ledger) => {
  await ledger.record({ events: [started()] });
  await ledger.record({ decisions: [{ decision: apply, about }], events: [begun("svc")] });
  await ledger.record({ events: [made("svc")] });
  await ledger.record({ decisions: [{ decision: apply, about }], events: [status("svc"), finished()] });
  return { converged: true };
};

const typesOf = ({ events }: Pick<MemoryRun, "events">) => events.map(({ type }) => type);
const ofReconciling = (run: Pick<MemoryRun, "events">) =>
  typesOf(run).filter((type) => type.startsWith("runtime.reconcile."));

function digestOf({ decisions }: Pick<MemoryRun, "decisions">, first: number): string {
  const digest = new DecisionDigest();
  digest.add(decisions.slice(0, first));
  return digest.sha256();
}

test("each step of reconciling is durable before the next one begins", async () => {
  const run = createMemoryRun("rt-1");
  const seen: (readonly string[])[] = [];
  const converge: Converge = async (ledger) => {
    for (const event of [started(), begun("svc"), made("svc"), status("svc"), finished()]) {
      await ledger.record({ events: [event] });
      seen.push(ofReconciling(run));
    }
    return { converged: true };
  };
  const { report } = await runWorld({ run, deps: { converge } });
  expect(report).toMatchObject({ outcome: "succeeded", converged: true });
  expect(seen.map((types) => types.length)).toEqual([1, 2, 3, 4, 5]);
  expect(typesOf(run).at(-1)).toBe("runtime.kernel.loop_finished");
});

test("entries that are recorded at once land whole and in their order", async () => {
  const run = createMemoryRun("rt-1");
  const turns: (readonly string[])[] = [];
  let pauseMs = 12;
  const slow: MemoryRun = Object.assign(Object.create(run, {}), {
    commit: async (turn: Parameters<MemoryRun["commit"]>[0]) => {
      // The later ones would be the faster ones.
      pauseMs = Math.max(0, pauseMs - 2);
      await systemClock.sleep(pauseMs);
      turns.push(turn.events.map(({ type }) => type));
      await run.commit(turn);
    },
  });
  const names = ["a", "b", "c", "d"];
  const converge: Converge = async (ledger) => {
    await Promise.all(names.map((name) => ledger.record({ events: [begun(name), made(name)] })));
    return { converged: true };
  };
  await runWorld({ run: slow, deps: { converge } });
  const pair = [reconcileEvents.operationStarted, reconcileEvents.operationFinished];
  expect(turns.filter(([type]) => type === pair[0])).toEqual([pair, pair, pair, pair]);
  const told = run.events
    .filter(({ type }) => type === pair[1])
    .map(({ payload }) => String(JSON.parse(payload).resource_id));
  expect(told).toEqual(names);
  expect(run.events.map(({ seq }) => seq)).toEqual(run.events.map((_, index) => index + 1));
});

test("what belongs to an event lands with it: decisions and what is kept of the deployment", async () => {
  const turns: Parameters<MemoryRun["commit"]>[0][] = [];
  const run = createMemoryRun("rt-1");
  const watched: MemoryRun = Object.assign(Object.create(run, {}), {
    commit: async (turn: Parameters<MemoryRun["commit"]>[0]) => {
      turns.push(turn);
      const { deployment: _, ...rest } = turn;
      await run.commit(rest);
    },
  });
  const deployment = { disowned: [{ providerId: "in_memory", resourceId: "svc" }] };
  const converge: Converge = async (ledger) => {
    await ledger.record({ decisions: [{ decision: apply, about }], events: [begun("svc")], deployment });
    await ledger.record({ events: [made("svc")] });
    return { converged: true };
  };
  await runWorld({ run: watched, deps: { converge } });
  const kept = turns.filter((turn) => turn.deployment !== undefined);
  expect(kept).toMatchObject([
    { deployment, events: [{ type: reconcileEvents.operationStarted }], decisions: [{ allowed: true }] },
  ]);
});

test("a store that refuses an entry breaks the run, also where nobody looks at the answer", async () => {
  const run = createMemoryRun("rt-1");
  const full: MemoryRun = Object.assign(Object.create(run, {}), {
    commit: async (turn: Parameters<MemoryRun["commit"]>[0]) => {
      if (turn.events.some(({ type }) => type === reconcileEvents.operationStarted))
        throw new AkcError("DISK_FULL");
      await run.commit(turn);
    },
  });
  const converge: Converge = async (ledger) => {
    ledger.record({ events: [begun("svc")] }).catch(() => undefined);
    ledger.record({ events: [made("svc")] }).catch(() => undefined);
    return { converged: true };
  };
  await expect(runWorld({ run: full, deps: { converge } })).rejects.toMatchObject({ code: "DISK_FULL" });
  // What came after the entry that is not there is not there either.
  expect(ofReconciling(run)).toEqual([]);
});

test("a denial keeps the run from succeeding, whether it was recorded or only answered", async () => {
  const recorded: Converge = async (ledger) => {
    await ledger.record({ decisions: [{ decision: denied, about }], events: [status("svc"), finished()] });
    return { converged: false };
  };
  const answered: Converge = async () => ({ converged: false, denied });
  for (const converge of [recorded, answered]) {
    const { report } = await runWorld({ deps: { converge } });
    expect(report).toMatchObject({
      outcome: "blocked",
      converged: false,
      lastErrorCode: "POLICY_DENIED",
    });
  }
});

test("nothing is recorded once reconciling has ended", async () => {
  const run = createMemoryRun("rt-1");
  let late: (() => Promise<void>) | undefined;
  const converge: Converge = async (ledger) => {
    late = () => ledger.record({ events: [finished()] });
    return { converged: true };
  };
  await runWorld({ run, deps: { converge } });
  const before = run.events.length;
  await expect(late?.()).rejects.toMatchObject({ code: "INTERNAL" });
  expect(run.events.length).toBe(before);
});

test("the end of a pass covers all decisions made until then", async () => {
  const { run } = await runWorld({ deps: { converge: oneChange } });
  const end = run.events.find(({ type }) => type === reconcileEvents.finished);
  const { decision_count: count, decisions_sha256: sha256 } = JSON.parse(end?.payload ?? "{}");
  expect(count).toBe(run.decisions.length);
  expect(sha256).toBe(digestOf(run, count));
  for (const { type, payload } of run.events) expect(payloadFaults(type, JSON.parse(payload))).toEqual([]);
});

test("a run that is killed at any commit of reconciling goes on and reconciles again", async () => {
  const steps = [step("a")];
  const whole = createMemoryRun("rt-1");
  await runWorld({ run: whole, steps, deps: { converge: oneChange } });
  let killedWhileReconciling = 0;
  for (let commits = 1; commits < whole.commits; commits += 1) {
    for (const when of ["before", "after"] as const) {
      const run = createMemoryRun("rt-1");
      let left = commits;
      const mortal: MemoryRun = Object.assign(Object.create(run, {}), {
        commit: async (turn: Parameters<MemoryRun["commit"]>[0]) => {
          left -= 1;
          if (left <= 0 && when === "before") throw new Died();
          await run.commit(turn);
          if (left <= 0) throw new Died();
        },
      });
      await runWorld({ run: mortal, steps, deps: { converge: oneChange } }).catch(() => undefined);
      const done = ofReconciling(run);
      if (done.length > 0 && !typesOf(run).includes("runtime.kernel.loop_finished"))
        killedWhileReconciling += 1;
      const { report, executed } = await runWorld({ run, steps, deps: { converge: oneChange } });
      expect(report).toMatchObject({ outcome: "succeeded", converged: true });
      // What was done is not done again; what should stand is looked at from the start.
      if (done.length > 0) expect(executed).toEqual([]);
      expect(ofReconciling(run).slice(done.length)).toEqual(ofReconciling(whole));
      expect(run.events.map(({ seq }) => seq)).toEqual(run.events.map((_, index) => index + 1));
      const end = JSON.parse(run.events.at(-1)?.payload ?? "{}");
      expect(end.decisions_sha256).toBe(digestOf(run, run.decisions.length));
    }
  }
  expect(killedWhileReconciling).toBeGreaterThan(4);
});

test("what is recorded after the end triggers nothing, and a part of the run can still be run again", async () => {
  const boot = { triggerId: "boot", source: "runtime.kernel.started", eventType: "runtime.kernel.started" };
  const drift = { triggerId: "d", source: reconcileEvents.driftFound, eventType: reconcileEvents.driftFound };
  const listener = contract({ contractId: "l", triggers: [boot, drift], inputKeys: [] });
  const nodes = [node("n", { contract: contract() }), node("watcher", { contract: listener })];
  const run = createMemoryRun("rt-1");
  const first = await runWorld({ run, nodes });
  expect(first.executed.length).toBe(2);
  const payload = JSON.stringify({ resource_id: "svc", drift: [], correction: 1 });
  const seq = run.lastSeq + 1;
  const events = [{ seq, type: reconcileEvents.driftFound, atMs: 1, payload }];
  await run.commit({ events, actions: [], decisions: [] });
  const again = await runWorld({ run, nodes, deps: { rerun: ["n"] } });
  expect(again.report.outcome).toBe("succeeded");
  expect(again.executed.length).toBe(1);
  expect(again.executed[0]).toStartWith("n:");
});
