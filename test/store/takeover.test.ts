import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { limits } from "../../src/limits.ts";
import type { LeaseHolder, RunWriter, Turn } from "../../src/store/contract.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { databasePath, openStore } from "../../src/store/sqlite/open.ts";
import {
  action,
  allEvents,
  chainHolds,
  codeOf,
  decision,
  elsewhere,
  event,
  runRow,
  scope,
  startedAtMs,
  turn,
} from "./builders.ts";
import { tablesOf } from "./tables.ts";

const third: LeaseHolder = { ...elsewhere, name: "third:2:y", host: "third", pid: 2 };
const afterExpiryMs = startedAtMs + limits.leaseTtlMs;

describe("a run that is taken over", () => {
  test("has the history of one that was never disturbed, wherever its holders were lost", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ events: fc.nat(3), decisions: fc.nat(2), lostAfter: fc.boolean() }), {
          maxLength: 8,
        }),
        async (turns) => {
          using disturbed = scope();
          using undisturbed = scope();
          const [left, right] = [
            await openStore(disturbed.scopeRoot),
            await openStore(undisturbed.scopeRoot),
          ];
          let one = await left.createRun(runRow("r"), thisProcess(), startedAtMs);
          const other = await right.createRun(runRow("r"), thisProcess(), startedAtMs);
          let nowMs = startedAtMs;
          for (const parts of turns) {
            const facts = turnAfter(one.lastSeq, parts);
            await one.commit(facts);
            await other.commit(facts);
            expect(one.lastSeq).toBe(other.lastSeq);
            if (!parts.lostAfter) continue;
            nowMs += limits.leaseTtlMs;
            one = await left.resumeRun("r", thisProcess(), nowMs);
            expect(one.lastSeq).toBe(other.lastSeq);
          }
          await left.close();
          await right.close();
          const { lease: _, ...found } = tablesOf(disturbed.scopeRoot);
          const { lease: __, ...expected } = tablesOf(undisturbed.scopeRoot);
          expect(found).toEqual(expected);
        },
      ),
      { numRuns: 25 },
    );
  });

  test("takes no write of an old holder: no turn, no signal, no seal, no artifact, no renewal, no release", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    const old = await store.createRun(runRow("r"), elsewhere, startedAtMs);
    await old.commit(turn({ events: [event(1, "a")] }));
    await store.sendSignal("r", { id: "s", name: "go", payload: "1", sentAtMs: 1, sender: "me" });
    await store.resumeRun("r", third, afterExpiryMs);
    const before = tablesOf(place.scopeRoot);
    await old.artifacts.put(new Uint8Array(100));
    await old.artifacts.put(new Uint8Array(100_000));
    const writes: Record<string, Partial<Turn>> = {
      nothing: {},
      events: { events: [event(2, "b")] },
      actions: { actions: [action("x", "running")] },
      decisions: { decisions: [decision()] },
      outcome: { run: { outcome: "succeeded" } },
      signals: { signals: [{ id: "s", seq: 1 }] },
      seal: { evidence: { seq: 1, files: [] } },
    };
    for (const [what, parts] of Object.entries(writes)) {
      expect([what, await codeOf(() => old.commit(turn(parts)))]).toEqual([what, "LEASE_LOST"]);
    }
    expect(await codeOf(() => old.renew(afterExpiryMs))).toBe("LEASE_LOST");
    await old.close();
    expect(tablesOf(place.scopeRoot)).toEqual(before);
    await store.close();
  });

  test("has the next token and the new holder, and no request to stop; one that has ended keeps its outcome", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    await store.createRun(runRow("cut"), elsewhere, startedAtMs);
    const ended = await store.createRun(runRow("ended"), elsewhere, startedAtMs);
    expect(await store.requestStop("cut", 1)).toBe(true);
    expect(await store.requestStop("ended", 1)).toBe(true);
    await ended.commit(turn({ run: { status: "stopped", outcome: "stopped", finishedAtMs: 2 } }));
    await ended.close();
    expect(await store.stopRequested("cut")).toBe(true);
    for (const [id, atMs, shown] of [
      ["cut", afterExpiryMs, { status: "running", outcome: null }],
      ["ended", startedAtMs, { status: "stopped", outcome: "stopped" }],
    ] as const) {
      const writer = await store.resumeRun(id, third, atMs);
      expect(writer.lease).toEqual({
        runtimeRunId: id,
        holder: third,
        token: 2,
        expiresAtMs: atMs + limits.leaseTtlMs,
      });
      const reader = await store.openRun(id);
      expect(await reader.lease()).toEqual(writer.lease);
      expect(await reader.run()).toMatchObject({ ...shown, stopRequestedAtMs: null });
      expect(await store.stopRequested(id)).toBe(false);
      await reader.close();
      await writer.commit(turn({ run: { status: "running", outcome: null, finishedAtMs: null } }));
    }
    await store.close();
  });

  test("is refused while its holder may still write, and when it does not exist", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    await store.createRun(runRow("r"), elsewhere, startedAtMs);
    await expect(store.resumeRun("r", third, afterExpiryMs - 1)).rejects.toMatchObject({
      code: "LEASE_HELD",
      details: { holder: elsewhere.name },
    });
    expect(await codeOf(() => store.resumeRun("nobody", third, startedAtMs))).toBe("RUN_NOT_FOUND");
    await store.close();
  });

  test("whoever would start it anew is told how to continue it", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    await store.createRun(runRow("r"), elsewhere, startedAtMs);
    await expect(store.createRun(runRow("r"), third, afterExpiryMs)).rejects.toMatchObject({
      code: "RUN_EXISTS",
      hint: expect.stringContaining("akc runtime resume r"),
    });
    await store.close();
  });
});

describe("a lease that is broken", () => {
  test("stops its holder at the next write, and is free at once", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    const old = await store.createRun(runRow("r"), elsewhere, startedAtMs);
    const broken = await store.breakLease("r", 1);
    expect(broken).toMatchObject({ token: 2, expiresAtMs: 0, holder: elsewhere });
    const reader = await store.openRun("r");
    expect(await reader.lease()).toEqual(broken);
    expect(await everyWrite(old)).toEqual(["LEASE_LOST", "LEASE_LOST"]);
    const next = await store.resumeRun("r", third, startedAtMs);
    expect(next.lease.token).toBe(3);
    expect(await everyWrite(next)).toEqual(["none", "none"]);
    await reader.close();
    await store.close();
  });

  test("is only broken under the token that was seen", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    await store.createRun(runRow("r"), elsewhere, startedAtMs);
    const next = await store.resumeRun("r", third, afterExpiryMs);
    await expect(store.breakLease("r", 1)).rejects.toMatchObject({
      code: "LEASE_MOVED",
      details: { token: 2, holder: third.name },
    });
    expect(await everyWrite(next)).toEqual(["none", "none"]);
    expect(await codeOf(() => store.breakLease("nobody", 1))).toBe("RUN_NOT_FOUND");
    await store.close();
  });
});

test("an identity that was changed afterwards breaks the chain at its first event, whichever part of it", async () => {
  using place = scope();
  const store = await openStore(place.scopeRoot);
  const changes = {
    runtime_run_id: "x",
    tenant_id: "x",
    repo_id: "x",
    run_id: "x",
    mode: "canary",
    adapter_id: "x",
    bundle_path: "x",
    bundle_sha256: "x",
    coordination_sha256: "x",
    trace_id: "x",
    started_at_ms: 1,
    facts_sha256: "x",
    genesis: "zeros",
  };
  for (const [column, value] of Object.entries(changes)) {
    const id = `of-${column}`;
    const writer = await store.createRun(runRow(id), thisProcess(), startedAtMs);
    await writer.commit(turn({ events: [event(1, "a")] }));
    const untouched = await store.openRun(id);
    expect(chainHolds(await allEvents(untouched), await untouched.run())).toBe(true);
    await untouched.close();
    using db = new Database(databasePath(place.scopeRoot), { strict: true });
    db.query(`UPDATE run SET ${column} = ? WHERE runtime_run_id = ?`).run(value, id);
    const reader = await store.openRun(column === "runtime_run_id" ? "x" : id);
    expect([column, chainHolds(await allEvents(reader), await reader.run())]).toEqual([column, false]);
    await reader.close();
  }
  await store.close();
});

function turnAfter(lastSeq: number, parts: { readonly events: number; readonly decisions: number }): Turn {
  const seqs = Array.from({ length: parts.events }, (_, index) => lastSeq + index + 1);
  return turn({
    events: seqs.map((seq) => event(seq, "fact", { seq })),
    actions: seqs.map((seq) => action(`a${seq % 3}`, "running", { seq })),
    decisions: Array.from({ length: parts.decisions }, () => decision({ seq: lastSeq })),
  });
}

async function everyWrite(writer: RunWriter): Promise<readonly string[]> {
  return [
    await codeOf(() => writer.commit(turn({ events: [event(writer.lastSeq + 1, "a")] }))),
    await codeOf(() => writer.renew(startedAtMs)),
  ];
}
