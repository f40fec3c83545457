import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { limits } from "../../src/limits.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { databasePath, openStore } from "../../src/store/sqlite/open.ts";
import {
  action,
  allEvents,
  chainHolds,
  codeOf,
  decision,
  event,
  runRow,
  scope,
  startedAtMs,
  turn,
} from "./builders.ts";

describe("a turn", () => {
  test("is read back as it was written, in order, in pages of any size", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    let number = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.array(fc.record({ type: fc.stringMatching(/^[a-z.]{1,30}$/), payload: fc.json() }), {
            maxLength: 5,
          }),
        ),
        fc.integer({ min: 1, max: 7 }),
        async (turns, pageSize) => {
          const id = `run-${number++}`;
          const writer = await store.createRun(runRow(id), thisProcess(), startedAtMs);
          const written = [];
          for (const facts of turns) {
            const events = facts.map((fact, index) => ({
              seq: written.length + index + 1,
              atMs: startedAtMs,
              ...fact,
            }));
            await writer.commit(turn({ events }));
            written.push(...events);
          }
          const reader = await store.openRun(id);
          const read = [];
          for (;;) {
            const page = await reader.events(read.length, pageSize);
            if (page.length === 0) break;
            read.push(...page);
          }
          expect(read.map(({ seq, type, atMs, payload }) => ({ seq, type, atMs, payload }))).toEqual(written);
          expect(chainHolds(read, await reader.run())).toBe(true);
          expect((await reader.run()).lastSeq).toBe(written.length);
          for (const stored of read) expect(await reader.eventAt(stored.seq)).toEqual(stored);
          expect(await reader.eventAt(written.length + 1)).toBeNull();
          await reader.close();
          await writer.close();
        },
      ),
      { numRuns: 30 },
    );
    await store.close();
  });

  test("has digests that anybody can work out from the documented rule", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
    const long = { text: "é😀\u0000".repeat(20_000) };
    await writer.commit(turn({ events: [event(1, "a", { x: 1 }), event(2, "b", long), event(3, "c")] }));
    const reader = await store.openRun("r");
    let digest = createHash("sha256").update(identityText("r")).digest();
    expect((await reader.eventAt(1))?.prevSha256).toBe(digest.toString("hex"));
    for (const stored of await allEvents(reader)) {
      const text = `${stored.seq}\n${stored.type}\n${stored.atMs}\n${stored.payload}`;
      digest = createHash("sha256").update(digest).update(text).digest();
      expect(stored.sha256).toBe(digest.toString("hex"));
    }
    await reader.close();
    await store.close();
  });

  test("takes a payload up to the limit and refuses a longer one whole", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
    const max = limits.eventPayloadBytesMax;
    const tooLong = { ...event(1, "a"), payload: "é".repeat(max / 2) };
    expect(await codeOf(() => writer.commit(turn({ events: [tooLong] })))).toBe("INTERNAL");
    const long = { ...event(1, "a"), payload: "x".repeat(max - 100) };
    await writer.commit(turn({ events: [long, event(2, "b")] }));
    expect(await codeOf(() => writer.commit(turn({ events: [event(3, "two\nlines")] })))).toBe("INTERNAL");
    const reader = await store.openRun("r");
    const events = await allEvents(reader);
    expect(events.map((stored) => stored.payload.length)).toEqual([max - 100, 2]);
    expect(chainHolds(events, await reader.run())).toBe(true);
    await reader.close();
    await store.close();
  });

  test("leaves nothing behind when any part of it fails, and the next one goes on", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
    await writer.commit(turn({ events: [event(1, "a")], actions: [action("x", "running")] }));
    const gap = turn({
      events: [event(2, "b"), event(4, "d")],
      actions: [action("x", "succeeded")],
      decisions: [decision()],
    });
    expect(await codeOf(() => writer.commit(gap))).toBe("INTERNAL");
    const late = turn({ events: [event(2, "b")], actions: [{ ...action("y", "running"), attempt: 0.5 }] });
    expect(await codeOf(() => writer.commit(late))).toBe("INTERNAL");
    await writer.commit(turn({ events: [event(2, "b")], decisions: [decision({ seq: 2 })] }));
    const reader = await store.openRun("r");
    expect((await allEvents(reader)).map((stored) => stored.type)).toEqual(["a", "b"]);
    expect(chainHolds(await allEvents(reader), await reader.run())).toBe(true);
    expect((await reader.actions()).map((row) => [row.actionId, row.phase])).toEqual([["x", "running"]]);
    expect((await reader.decisions(0, 10)).map((row) => row.row)).toEqual([1]);
    await reader.close();
    await store.close();
  });

  test("moves an action on and keeps its output's hash", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
    const output = "c".repeat(64);
    await writer.commit(turn({ actions: [action("b", "running", { stepId: "s" }), action("a", "waiting")] }));
    await writer.commit(turn({ actions: [action("b", "succeeded", { seq: 9, outputSha256: output })] }));
    const reader = await store.openRun("r");
    expect(await reader.actions()).toEqual([
      action("a", "waiting"),
      action("b", "succeeded", { stepId: "s", seq: 9, outputSha256: output }),
    ]);
    expect((await reader.actionsAfter("a", 1)).map((row) => row.actionId)).toEqual(["b"]);
    await reader.close();
    await store.close();
  });

  test("changes the run's own columns in the same transaction", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
    const run = {
      status: "failed",
      outcome: "failed",
      finishedAtMs: 7,
      lastError: "x",
      extra: '{"a":1}',
    } as const;
    await writer.commit(turn({ run }));
    const reader = await store.openRun("r");
    expect(await reader.run()).toMatchObject(run);
    await reader.close();
    await store.close();
  });
});

/** The identity of `runRow(id)` by the documented rule, spelled out. */
function identityText(id: string): string {
  return (
    `["akc.run_identity.v1","${id}","acme","shop","run-1","enforce","native",` +
    `"/bundles/run-1.runtime_bundle.json","${"b".repeat(64)}",null,"a71c584323fc450ba8a637899a7a57ea",${startedAtMs},null]`
  );
}

describe("a reader", () => {
  test("sees whole turns only, while the writer goes on", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
    const child = Bun.spawn([process.execPath, `${import.meta.dir}/reading.child.ts`, place.scopeRoot], {
      stdout: "pipe",
      stderr: "inherit",
    });
    for (let seq = 0; seq < 3_000; seq += 3) {
      await writer.commit(turn({ events: [event(seq + 1, "a"), event(seq + 2, "b"), event(seq + 3, "c")] }));
      if (seq % 60 === 0) await Bun.sleep(1);
    }
    await writer.commit(turn({ run: { outcome: "succeeded" } }));
    const seen: unknown = JSON.parse(await new Response(child.stdout).text());
    expect(seen).toMatchObject({ torn: 0, broken: 0, last: 3_000 });
    await store.close();
  });
});

describe("fencing", () => {
  test("a holder whose token is old writes nothing, neither turn nor lease nor artifact", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
    await writer.commit(turn({ events: [event(1, "a")] }));
    const path = databasePath(place.scopeRoot);
    const other = new Database(path, { strict: true });
    other.run("UPDATE lease SET token = token + 1, name = 'somebody else'");
    await writer.artifacts.put(new Uint8Array([1, 2, 3]));
    expect(await codeOf(() => writer.commit(turn({ events: [event(2, "b")] })))).toBe("LEASE_LOST");
    expect(await codeOf(() => writer.renew(startedAtMs))).toBe("LEASE_LOST");
    await writer.close();
    const held = other.prepare<{ token: number; expires_at_ms: number }, []>("SELECT * FROM lease").get();
    expect(held).toMatchObject({ token: 2, expires_at_ms: startedAtMs + 15_000 });
    expect(other.prepare("SELECT count(*) AS n FROM event").get()).toEqual({ n: 1 });
    expect(other.prepare("SELECT count(*) AS n FROM artifact").get()).toEqual({ n: 0 });
    other.close();
    await store.close();
  });

  test("renewing moves the end on, closing ends the lease, and a closed writer is one without a lease", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    const writer = await store.createRun(runRow("r"), thisProcess(), 1_000);
    const reader = await store.openRun("r");
    expect((await reader.lease())?.expiresAtMs).toBe(16_000);
    await writer.renew(10_000);
    expect(writer.lease.expiresAtMs).toBe(25_000);
    expect(await reader.lease()).toEqual(writer.lease);
    await writer.close();
    expect((await reader.lease())?.expiresAtMs).toBe(0);
    expect(await codeOf(() => writer.commit(turn({})))).toBe("LEASE_LOST");
    await reader.close();
    await store.close();
  });
});
