import { expect, setDefaultTimeout, test } from "bun:test";
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { checkState } from "../../src/store/sqlite/check.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { databasePath, openStore } from "../../src/store/sqlite/open.ts";
import { type SalvageReport, salvage } from "../../src/store/sqlite/salvage.ts";
import { codeOf, event, runRow, scope, turn } from "./builders.ts";
import { contentOfState, fillRun, fillState } from "./filled.ts";

// Only against hanging: other tests may have the machine.
setDefaultTimeout(120_000);

const pageSize = 8_192;
const runs = ["run-a", "run-b", "run-c"];
type Contents = Awaited<ReturnType<typeof contentOfState>>;

/** A state on several pages a run, closed, with its bytes and its contents. */
async function whole(place: { readonly scopeRoot: string }, ids = runs) {
  await fillState(place.scopeRoot, ids, { turns: 30, payload: "p".repeat(400), largeBytes: 30_000 });
  const path = databasePath(place.scopeRoot);
  return { path, bytes: readFileSync(path), contents: await contentOfState(place.scopeRoot) };
}

const names = (scopeRoot: string) => ({ scopeRoot, tenantId: "acme", repoId: "shop" });

async function salvaged(
  from: string,
  work: (report: SalvageReport, contents: Contents) => void | Promise<void>,
) {
  using other = scope();
  const before = readFileSync(databasePath(from));
  const report = await salvage(names(from), other.root);
  expect(readFileSync(databasePath(from)).equals(before)).toBe(true);
  const found = await checkState(report.scopeRoot, { deep: true, nowMs: Date.now() });
  const serious = found.faults.filter(
    ({ kind }) =>
      !["artifact_missing", "evidence_missing", "evidence_size", "evidence_content"].includes(kind),
  );
  expect(serious).toEqual([]);
  await work(report, await contentOfState(other.scopeRoot));
  const left = readdirSync(other.root).filter((name) => !name.endsWith(".unplaced-events.jsonl"));
  expect(left.sort()).toEqual(["acme", "acme.shop.salvage.json"]);
  expect(readdirSync(join(other.scopeRoot, ".akc/runtime")).filter((name) => name.startsWith("."))).toEqual(
    [],
  );
}

test("a state that is not damaged is saved whole", async () => {
  using place = scope();
  const { contents } = await whole(place);
  await salvaged(place.scopeRoot, (report, saved) => {
    expect(report).toMatchObject({
      headerWhole: true,
      damagedPages: 0,
      runsWithoutRow: 0,
      runsMayBeMissing: false,
      artifactsLost: 0,
      evidenceFilesLost: 0,
      unplacedPath: null,
    });
    expect(report.runs.map(({ standing }) => standing)).toEqual(runs.map(() => "whole"));
    expect(saved).toEqual(contents);
  });
});

test("what stands only in the log is saved too, up to the last whole commit", async () => {
  using place = scope();
  const store = await openStore(place.scopeRoot);
  const writer = await fillRun(place.scopeRoot, store, "run-a", { turns: 40 });
  const contents = await contentOfState(place.scopeRoot);
  const copy = join(place.root, "copy");
  cpSync(place.scopeRoot, copy, { recursive: true });
  await writer.close();
  await store.close();
  const log = `${databasePath(copy)}-wal`;
  const size = statSync(log).size;
  expect(size).toBeGreaterThan(pageSize);
  await salvaged(copy, (report, saved) => {
    expect(report.log).toBe("whole");
    expect(report.runs[0]?.standing).toBe("whole");
    expect(saved).toEqual(contents);
  });
  // Cut: some of the last turns are gone, and nobody can say how many there were.
  truncateSync(log, Math.floor(size / 2));
  await salvaged(copy, (report, saved) => {
    expect(report.log).toBe("cut");
    const { lastSeq = 0 } = report.runs[0] ?? {};
    expect(lastSeq).toBeGreaterThan(0);
    expect(lastSeq).toBeLessThan(80);
    const events = contents.get("run-a")?.events.slice(0, lastSeq);
    expect(saved.get("run-a")?.events).toEqual(events ?? []);
    expect(report.runs[0]?.standing).not.toBe("whole");
    expect(saved.get("run-a")?.run.outcome).toBe("failed");
  });
});

test("a page of the log that was changed is not taken, nor what came after it", async () => {
  using place = scope();
  const store = await openStore(place.scopeRoot);
  const writer = await fillRun(place.scopeRoot, store, "run-a", { turns: 40 });
  const copy = join(place.root, "copy");
  cpSync(place.scopeRoot, copy, { recursive: true });
  await writer.close();
  await store.close();
  const log = `${databasePath(copy)}-wal`;
  const bytes = readFileSync(log);
  bytes.write("nodX-20", bytes.indexOf("node-20"));
  writeFileSync(log, bytes);
  await salvaged(copy, (report, saved) => {
    expect(report.log).toBe("cut");
    expect(report.runs[0]?.lastSeq).toBeLessThan(80);
    expect(saved.get("run-a")?.actions.filter(({ nodeId }) => nodeId.startsWith("nodX"))).toEqual([]);
  });
});

test("a run that left nothing but events is not called whole without its last ones", async () => {
  using place = scope();
  const store = await openStore(place.scopeRoot);
  for (const id of ["first", "last"]) {
    const writer = await store.createRun(runRow(id), thisProcess(), Date.now());
    for (let seq = 1; seq <= 120; seq += 1) {
      await writer.commit(
        turn({ events: [event(seq, "runtime.kernel.event_refused", { text: "t".repeat(300) })] }),
      );
    }
    await writer.close();
  }
  await store.close();
  const path = databasePath(place.scopeRoot);
  const bytes = readFileSync(path);
  const before = await eventsOf(place.scopeRoot);
  const check = async () => {
    using other = scope();
    const report = await salvage(names(place.scopeRoot), other.root);
    for (const [name, events] of await eventsOf(other.scopeRoot)) {
      expect([...(before.get(name) ?? [])].slice(0, events.length)).toEqual([...events]);
      const run = report.runs.find(({ runtimeRunId }) => runtimeRunId === name);
      if (run?.standing === "whole") expect(events.length).toBe(120);
    }
    return report;
  };
  let cut = 0;
  for (let page = 2; page * pageSize <= bytes.byteLength; page += 1) {
    const start = (page - 1) * pageSize;
    const damaged = Buffer.from(bytes).fill(0, start, start + pageSize);
    writeFileSync(path, damaged);
    cut += (await check()).runs.filter(({ lastSeq }) => lastSeq < 120).length;
    // Only the last row of a page, so that nothing but the page itself tells of it.
    const cells = bytes.readUInt16BE(start + 3);
    if (bytes[start] !== 13 || cells === 0 || cells > 200) continue;
    const lastCell = Buffer.from(bytes);
    lastCell.writeUInt16BE(0, start + 8 + (cells - 1) * 2);
    writeFileSync(path, lastCell);
    await check();
  }
  expect(cut).toBeGreaterThan(5);
});

test("without the first page every run is saved, and none is called whole", async () => {
  using place = scope();
  const { path, bytes, contents } = await whole(place);
  const damaged = Buffer.from(bytes).fill(0, 0, pageSize);
  writeFileSync(path, damaged);
  expect(await codeOf(() => openStore(place.scopeRoot))).toBe("STORE_DAMAGED");
  await salvaged(place.scopeRoot, (report, saved) => {
    expect(report.headerWhole).toBe(false);
    expect(report.runs.map(({ standing }) => standing)).toEqual(runs.map(() => "unproven"));
    expect(saved).toEqual(contents);
  });
});

test("an overwritten header alone loses nothing", async () => {
  using place = scope();
  const { path, bytes, contents } = await whole(place);
  writeFileSync(path, Buffer.from(bytes).fill(0, 0, 100));
  await salvaged(place.scopeRoot, (report, saved) => {
    expect(report.headerWhole).toBe(false);
    expect(saved).toEqual(contents);
  });
});

test("whichever page is lost, all runs with their pages intact are saved, and whole is only what is whole", async () => {
  using place = scope();
  const { path, bytes, contents } = await whole(place);
  let wholes = 0;
  for (let page = 1; page * pageSize <= bytes.byteLength; page += 1) {
    const damaged = Buffer.from(bytes).fill(
      page % 2 === 0 ? 0 : 0xa5,
      (page - 1) * pageSize,
      page * pageSize,
    );
    writeFileSync(path, damaged);
    await salvaged(place.scopeRoot, (report, saved) => {
      expectHonest(report, saved, contents);
      wholes += report.runs.filter(({ standing }) => standing === "whole").length;
      for (const [name, content] of contents) {
        if (touches(content, bytes, page)) continue;
        expect([page, name, saved.get(name)]).toEqual([page, name, content]);
      }
    });
  }
  expect(wholes).toBeGreaterThan(runs.length * 5);
});

test("a file that was cut off gives what stood before the cut", async () => {
  using place = scope();
  const { path, bytes, contents } = await whole(place);
  for (const part of [0.9, 0.6, 0.3, 0.1]) {
    writeFileSync(path, bytes.subarray(0, Math.floor(bytes.byteLength * part)));
    await salvaged(place.scopeRoot, (report, saved) => expectHonest(report, saved, contents));
  }
  writeFileSync(path, "");
  await salvaged(place.scopeRoot, (report) => expect(report.runs).toEqual([]));
});

test("whatever happens to the bytes: salvage ends, calls no history whole that is not, and keeps no event that was changed", async () => {
  using place = scope();
  const { path, bytes, contents } = await whole(place);
  const damage = fc.record({
    flips: fc.array(fc.tuple(fc.nat(bytes.byteLength - 1), fc.integer({ min: 1, max: 255 })), {
      maxLength: 40,
    }),
    moved: fc.option(
      fc.tuple(fc.nat(bytes.byteLength / pageSize - 1), fc.nat(bytes.byteLength / pageSize - 1)),
    ),
    blank: fc.option(fc.tuple(fc.nat(bytes.byteLength - 1), fc.nat(3 * pageSize))),
    length: fc.option(fc.nat(bytes.byteLength), { freq: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(damage, async ({ flips, moved, blank, length }) => {
      const damaged = Buffer.from(bytes);
      for (const [at, mask] of flips) damaged.writeUInt8(damaged.readUInt8(at) ^ mask, at);
      if (moved !== null)
        bytes.copy(damaged, moved[0] * pageSize, moved[1] * pageSize, (moved[1] + 1) * pageSize);
      if (blank !== null) damaged.fill(0, blank[0], Math.min(blank[0] + blank[1], damaged.byteLength));
      writeFileSync(path, damaged.subarray(0, length ?? damaged.byteLength));
      using other = scope();
      const report = await salvage(names(place.scopeRoot), other.root);
      const saved = await eventsOf(other.scopeRoot);
      for (const [name, events] of saved) {
        const before = contents.get(name)?.events.map(({ sha256 }) => sha256) ?? [];
        expect(before.slice(0, events.length)).toEqual([...events]);
        const standing = report.runs.find(({ runtimeRunId }) => runtimeRunId === name)?.standing;
        if (standing === "whole") expect([...events]).toEqual(before);
      }
    }),
    { numRuns: 60 },
  );
});

test("a state that is there is never salvaged over, and nothing is left of a salvage that failed", async () => {
  using place = scope();
  using other = scope();
  await whole(place, ["run-a"]);
  await fillState(other.scopeRoot, ["mine"]);
  expect(await codeOf(() => salvage(names(place.scopeRoot), other.root))).toBe("STATE_EXISTS");
  expect(await codeOf(() => salvage(names(place.scopeRoot), place.root))).toBe("STATE_EXISTS");
  expect([...(await contentOfState(other.scopeRoot)).keys()]).toEqual(["mine"]);
  expect(readdirSync(other.root)).toEqual(["acme"]);
  expect(await codeOf(() => salvage(names(join(place.root, "none", "x")), join(place.root, "to")))).toBe(
    "RUN_NOT_FOUND",
  );
});

test("an artifact whose file is gone, and evidence that was edited, take a run its wholeness", async () => {
  using place = scope();
  await whole(place);
  const artifacts = join(place.scopeRoot, ".akc/runtime/artifacts");
  const folders = readdirSync(artifacts)
    .filter((name) => name.length === 2)
    .sort();
  rmSync(join(artifacts, folders[0] ?? ""), { recursive: true });
  writeFileSync(join(place.scopeRoot, ".akc/runtime/run-1/run-c/events.json"), "edited");
  using other = scope();
  const report = await salvage(names(place.scopeRoot), other.root);
  expect(report).toMatchObject({ artifactsLost: 1, evidenceFilesLost: 1 });
  expect(report.runs.filter(({ standing }) => standing === "whole").length).toBeLessThan(3);
  expect(report.runs.find(({ runtimeRunId }) => runtimeRunId === "run-c")?.standing).toBe("cut");
  expect(existsSync(join(other.scopeRoot, ".akc/runtime/run-1/run-c/events.json"))).toBe(true);
});

/** Whole means: exactly as it was. Everything else is a beginning of what was. */
function expectHonest(report: SalvageReport, saved: Contents, before: Contents): void {
  for (const [name, content] of saved) {
    const standing = report.runs.find(({ runtimeRunId }) => runtimeRunId === name)?.standing;
    const was = before.get(name);
    if (standing === "whole") expect(content).toEqual(was ?? content);
    expect(content.events).toEqual(was?.events.slice(0, content.events.length) ?? []);
  }
}

/** Whether anything of the run's own stands on the page: its events, actions, decisions, outputs or its row. */
function touches(content: NonNullable<ReturnType<Contents["get"]>>, bytes: Buffer, page: number): boolean {
  const text = bytes.subarray((page - 1) * pageSize, page * pageSize);
  const id = content.run.context.runtimeRunId;
  if (text.includes(id)) return true;
  const digests = [
    ...content.events.map(({ sha256 }) => sha256),
    ...content.actions.map(({ outputSha256 }) => outputSha256 ?? ""),
    ...content.evidence.map(({ sha256 }) => sha256),
  ];
  return digests.some((hex) => text.includes(Buffer.from(hex, "hex"))) || touchesKeyed(content, text);
}

/** Rows that hold no name of the run: decisions and signals, told by their kind of page. */
function touchesKeyed(content: NonNullable<ReturnType<Contents["get"]>>, text: Buffer): boolean {
  return text.includes("runtime.action.dispatch") || text.includes("me@here") || content.events.length === 0;
}

async function eventsOf(scopeRoot: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const store = await openStore(scopeRoot, { create: false });
  const events = new Map<string, readonly string[]>();
  for (const { context } of await store.listRuns()) {
    const reader = await store.openRun(context.runtimeRunId);
    events.set(
      context.runtimeRunId,
      (await reader.events(0, 100_000)).map(({ sha256 }) => sha256),
    );
    await reader.close();
  }
  await store.close();
  return events;
}
