import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { sha256Hex } from "../../src/json/fingerprint.ts";
import type { RunWriter } from "../../src/store/contract.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { action, codeOf, decision, elsewhere, event, runRow, scope, startedAtMs, turn } from "./builders.ts";
import { lineChild } from "./child-lines.ts";
import { sharedContents } from "./deleting.child.ts";
import { artifactFiles, contentsInFiles, tablesOf } from "./tables.ts";

describe("removing a run", () => {
  test("leaves the database as if it had never been, whichever contents it shares with others", async () => {
    // Two small and two large ones.
    const contents = [10, 11, 20_000, 20_001].map((size) => new Uint8Array(size).fill(size & 0xff));
    const runs = fc.uniqueArray(fc.record({ name: fc.nat(50), puts: fc.subarray([0, 1, 2, 3]) }), {
      selector: ({ name }) => name,
      minLength: 1,
      maxLength: 5,
    });
    await fc.assert(
      fc.asyncProperty(runs, fc.infiniteStream(fc.nat()), async (all, chance) => {
        using place = scope();
        const store = await openStore(place.scopeRoot);
        const left = new Map<string, readonly number[]>();
        for (const { name, puts } of all) {
          const id = `run-${name}`;
          const writer = await store.createRun(runRow(id), thisProcess(), startedAtMs);
          await filled(writer, (signalId) =>
            store.sendSignal(id, { id: signalId, name: "go", payload: "1", sentAtMs: 1, sender: "me" }),
          );
          for (const at of puts) await writer.artifacts.put(contents[at] ?? new Uint8Array());
          await writer.commit(turn({}));
          await writer.close();
          left.set(id, puts);
        }
        while (left.size > 0) {
          const ids = [...left.keys()];
          const gone = ids[(chance.next().value ?? 0) % ids.length] ?? "";
          const before = tablesOf(place.scopeRoot);
          const key = keyOf(before["run"] ?? [], gone);
          await store.deleteRun(gone, thisProcess(), startedAtMs);
          left.delete(gone);
          const after = tablesOf(place.scopeRoot);
          const named = new Set([...left.values()].flat());
          for (const [table, rows] of Object.entries(before)) {
            if (table === "artifact" || table === "run_key_counter") continue;
            expect([table, after[table]]).toEqual([table, rows.filter((row) => !belongsTo(row, key))]);
          }
          expect(after["artifact"]).toHaveLength(named.size);
          expect(contentsInFiles(place.scopeRoot)).toHaveLength([...named].filter((at) => at >= 2).length);
          expect(artifactFiles(place.scopeRoot)).toEqual(contentsInFiles(place.scopeRoot));
          for (const [id, puts] of left) {
            const reader = await store.openRun(id);
            for (const at of puts) {
              const content = contents[at] ?? new Uint8Array();
              expect(await reader.artifacts.read(sha256Hex(content))).toEqual(content);
            }
            await reader.close();
          }
        }
        await store.close();
      }),
      { numRuns: 15 },
    );
  });

  test("is refused while somebody holds it", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    const writer = await store.createRun(runRow("r"), elsewhere, startedAtMs);
    await writer.commit(turn({ events: [event(1, "a")] }));
    const before = tablesOf(place.scopeRoot);
    expect(await codeOf(() => store.deleteRun("r", thisProcess(), startedAtMs))).toBe("LEASE_HELD");
    expect(tablesOf(place.scopeRoot)).toEqual(before);
    expect(await codeOf(() => store.deleteRun("nobody", thisProcess(), startedAtMs))).toBe("RUN_NOT_FOUND");
    await store.close();
  });

  test("ends whoever still held it, and never lets them meet another run", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    const old = await store.createRun(runRow("r"), elsewhere, startedAtMs);
    await old.commit(turn({ events: [event(1, "a")] }));
    const reader = await store.openRun("r");
    await store.deleteRun("r", thisProcess(), startedAtMs + 60_000);
    for (const id of ["another", "r"]) {
      const next = await store.createRun(runRow(id), thisProcess(), startedAtMs + 60_000);
      await next.commit(turn({ events: [event(1, "b"), event(2, "c")] }));
    }
    expect(await codeOf(() => old.commit(turn({ events: [event(2, "b")] })))).toBe("LEASE_LOST");
    expect(await codeOf(() => old.renew(startedAtMs))).toBe("LEASE_LOST");
    await old.close();
    expect(await reader.events(0, 10)).toEqual([]);
    await reader.close();
    await store.close();
  });

  test("is what a reader of its outputs is told, not that they are damaged", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
    const refs = [
      await writer.artifacts.put(new Uint8Array(9)),
      await writer.artifacts.put(new Uint8Array(50_000)),
    ];
    await writer.commit(turn({}));
    await writer.close();
    const reader = await store.openRun("r");
    await store.deleteRun("r", thisProcess(), startedAtMs);
    for (const { sha256 } of refs) {
      expect(await codeOf(() => reader.artifacts.read(sha256))).toBe("RUN_NOT_FOUND");
    }
    await reader.close();
    await store.close();
  });

  test("leaves what another run has put and not committed yet, also to be read by it at once", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    const other = await openStore(place.scopeRoot);
    const content = new Uint8Array(50_000).fill(3);
    for (const streamed of [false, true]) {
      const first = await store.createRun(runRow(`first-${streamed}`), thisProcess(), startedAtMs);
      const { sha256 } = await first.artifacts.put(content);
      await first.commit(turn({}));
      await first.close();
      const second = await other.createRun(runRow(`second-${streamed}`), thisProcess(), startedAtMs);
      const sink = second.artifacts.begin();
      sink.write(content);
      if (streamed) await sink.finish();
      else {
        sink.discard();
        await second.artifacts.put(content);
      }
      await store.deleteRun(`first-${streamed}`, thisProcess(), startedAtMs);
      expect(artifactFiles(place.scopeRoot)).toEqual([]);
      expect(await second.artifacts.read(sha256)).toEqual(content);
      await second.commit(turn({}));
      expect(artifactFiles(place.scopeRoot)).toEqual([sha256]);
      expect(await second.artifacts.read(sha256)).toEqual(content);
      await second.close();
      await store.deleteRun(`second-${streamed}`, thisProcess(), startedAtMs);
    }
    expect(artifactFiles(place.scopeRoot)).toEqual([]);
    await other.close();
    await store.close();
  });
});

describe("processes that put and remove the same contents at once", () => {
  const script = `${import.meta.dir}/deleting.child.ts`;

  test("never see a row without its file, and leave nothing", async () => {
    using place = scope();
    const children = [1, 2, 3].map(() => lineChild(script, place.scopeRoot, "120"));
    expect(await Promise.all(children.map((child) => child.answer()))).toEqual(["ok", "ok", "ok"]);
    await Promise.all(children.map((child) => child.end()));
    const { run, artifact, artifact_ref: refs, dead_file: dead } = tablesOf(place.scopeRoot);
    expect([run, artifact, refs, dead]).toEqual([[], [], [], []]);
    expect(artifactFiles(place.scopeRoot)).toEqual([]);
  }, 60_000);

  test("that are killed at any moment leave no row without its file, and the next one takes away what is left", async () => {
    using place = scope();
    // A child that dies before it has made the database must find nobody looking for it.
    await (await openStore(place.scopeRoot)).close();
    for (let round = 0; round < 12; round += 1) {
      const children = [1, 2].map(() => lineChild(script, place.scopeRoot, "0"));
      await Bun.sleep(120 + round * 17);
      for (const child of children) await child.kill();
      const files = artifactFiles(place.scopeRoot);
      for (const sha256 of contentsInFiles(place.scopeRoot)) expect(files).toContain(sha256);
    }
    const store = await openStore(place.scopeRoot);
    for (const run of await store.listRuns()) {
      await store.deleteRun(run.context.runtimeRunId, thisProcess(), Date.now());
    }
    const writer = await store.createRun(runRow("last"), thisProcess(), Date.now());
    for (const content of sharedContents) await writer.artifacts.put(content);
    await writer.commit(turn({}));
    await writer.close();
    await store.deleteRun("last", thisProcess(), Date.now());
    await store.close();
    const { run, artifact, artifact_ref: refs, dead_file: dead } = tablesOf(place.scopeRoot);
    expect([run, artifact, refs, dead]).toEqual([[], [], [], []]);
    expect(artifactFiles(place.scopeRoot)).toEqual([]);
  }, 60_000);
});

/** Something in every table. */
async function filled(writer: RunWriter, send: (id: string) => Promise<unknown>): Promise<void> {
  await send("taken");
  await send("open");
  await writer.commit(
    turn({
      events: [event(1, "a"), event(2, "b")],
      actions: [action("x", "succeeded"), action("y", "running")],
      decisions: [decision(), decision()],
      signals: [{ id: "taken", seq: 2 }],
      evidence: { seq: 2, files: [{ name: "a.json", sha256: "0".repeat(64), sizeBytes: 1 }] },
    }),
  );
}

function keyOf(rows: readonly string[], id: string): number {
  const row = rows.map((text) => JSON.parse(text)).find(({ runtime_run_id }) => runtime_run_id === id);
  return row.run_key;
}

function belongsTo(row: string, key: number): boolean {
  return JSON.parse(row).run_key === key;
}
