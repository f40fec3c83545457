import { Database } from "bun:sqlite";
import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { openArchive } from "../../src/store/sqlite/archive.ts";
import { writeArchive } from "../../src/store/sqlite/archive-write.ts";
import { artifactsRoot, databasePath, openStore } from "../../src/store/sqlite/open.ts";
import { allEvents, type chainHolds, codeOf, scope } from "./builders.ts";
import { contentOfRun, fillState } from "./filled.ts";

// Only against hanging: other tests may have the machine.
setDefaultTimeout(120_000);

const fresh = { force: false };

test("an archive says of its run all that the state says, alone in an empty folder", async () => {
  using place = scope();
  using other = scope();
  await fillState(place.scopeRoot, ["run-a", "run-b", "run-c"], { largeBytes: 2_500_000 });
  const file = join(other.root, "b.akcrun");
  const report = await writeArchive(place.scopeRoot, "run-b", file, fresh);
  expect(report).toMatchObject({
    runtimeRunId: "run-b",
    lastSeq: 24,
    artifacts: 13,
    evidenceFiles: 2,
    notCopied: [],
  });
  const store = await openStore(place.scopeRoot, { create: false });
  const source = await store.openRun("run-b");
  const archive = await openArchive(file);
  expect(await contentOfRun(archive.reader)).toEqual(await contentOfRun(source));
  expect(chainHoldsFrom(await allEvents(archive.reader))).toBe(true);
  expect(await archive.reader.lease()).toBeNull();
  for (const { name, sha256 } of await archive.reader.evidenceFiles()) {
    const hasher = new Bun.CryptoHasher("sha256");
    for await (const part of archive.evidence(name) ?? []) hasher.update(part);
    expect(hasher.digest("hex")).toBe(sha256);
  }
  expect(archive.evidence("no-such-file")).toBeNull();
  await archive.reader.close();
  await source.close();
  await store.close();
  expect(readdirSync(other.root)).toEqual(["b.akcrun"]);
});

test("the same run gives the same bytes, whatever else stands in its state", async () => {
  using place = scope();
  using other = scope();
  await fillState(place.scopeRoot, ["run-a"]);
  await fillState(other.scopeRoot, ["run-x", "run-y", "run-a"]);
  await writeArchive(place.scopeRoot, "run-a", join(place.root, "a"), fresh);
  await writeArchive(other.scopeRoot, "run-a", join(other.root, "a"), fresh);
  expect(readFileSync(join(place.root, "a")).equals(readFileSync(join(other.root, "a")))).toBe(true);
});

test("a run that goes on is exported as of one turn", async () => {
  using place = scope();
  const child = Bun.spawn(
    [process.execPath, `${import.meta.dir}/writing.child.ts`, place.scopeRoot, "busy"],
    {
      stdout: "pipe",
      stderr: "inherit",
    },
  );
  await child.stdout.getReader().read();
  for (let round = 0; round < 3; round += 1) {
    const file = join(place.root, `${round}.akcrun`);
    const { lastSeq } = await writeArchive(place.scopeRoot, "busy", file, fresh);
    const { reader } = await openArchive(file);
    const events = await allEvents(reader);
    expect(events.length).toBe(lastSeq);
    expect(events.length % 20).toBe(0);
    expect((await reader.decisions(0, 1_000_000)).length).toBe(lastSeq);
    for (const { outputSha256 } of await reader.actions()) {
      if (outputSha256 !== null) await reader.artifacts.read(outputSha256);
    }
    await reader.close();
  }
  child.kill("SIGKILL");
  await child.exited;
});

test("an evidence file that was edited goes along as it is; one that is gone is null", async () => {
  using place = scope();
  await fillState(place.scopeRoot, ["run-a"]);
  const folder = join(place.scopeRoot, ".akc/runtime/run-1/run-a");
  writeFileSync(join(folder, "events.json"), "edited");
  rmSync(join(folder, "evidence/audit.jsonl"));
  const file = join(place.root, "a");
  const { notCopied } = await writeArchive(place.scopeRoot, "run-a", file, fresh);
  expect(notCopied).toEqual([
    { what: "evidence", name: "events.json", why: "changed" },
    { what: "evidence", name: "evidence/audit.jsonl", why: "missing" },
  ]);
  const archive = await openArchive(file);
  const parts = [];
  for await (const part of archive.evidence("events.json") ?? []) parts.push(part);
  expect(Buffer.concat(parts).toString()).toBe("edited");
  expect(archive.evidence("evidence/audit.jsonl")).toBeNull();
  await archive.reader.close();
});

test("an artifact that was changed in an archive is found when it is read", async () => {
  using place = scope();
  const file = await exported(place);
  edit(file, "UPDATE artifact SET content = zeroblob(length(content)) WHERE content IS NOT NULL");
  const { reader } = await openArchive(file);
  const [first] = await reader.actions();
  expect(await codeOf(() => reader.artifacts.read(first?.outputSha256 ?? ""))).toBe("STORE_DAMAGED");
  await reader.close();
});

test("what is no archive, or more than one, is refused", async () => {
  using place = scope();
  const file = await exported(place);
  const whole = readFileSync(file);
  const edits = [
    "CREATE VIEW v AS SELECT 1",
    "CREATE TRIGGER t AFTER INSERT ON run BEGIN SELECT 1; END",
    "DROP TABLE event",
    "PRAGMA application_id = 0",
    "PRAGMA user_version = 1",
    "DELETE FROM run",
    "UPDATE run SET run_key = 2",
    "UPDATE run SET mode = 'other'",
    "INSERT INTO run SELECT run_key + 1, runtime_run_id || 'x', tenant_id, repo_id, run_id, mode, adapter_id, bundle_path, bundle_sha256, coordination_sha256, trace_id, status, outcome, started_at_ms, finished_at_ms, last_error, stop_requested_at_ms, extra, facts_sha256, evidence_seq, genesis FROM run",
  ];
  for (const sql of edits) {
    writeFileSync(file, whole);
    edit(file, sql);
    expect([sql, await codeOf(() => openArchive(file))]).toEqual([sql, "ARCHIVE_INVALID"]);
  }
  const loosened = Buffer.from(whole);
  loosened.write("at_ms ANY     NOT", whole.indexOf("at_ms INTEGER NOT"));
  writeFileSync(file, loosened);
  expect(await codeOf(() => openArchive(file))).toBe("ARCHIVE_INVALID");
  writeFileSync(file, whole);
  edit(file, "PRAGMA user_version = 99");
  expect(await codeOf(() => openArchive(file))).toBe("STORE_TOO_NEW");
  expect(await codeOf(() => openArchive(databasePath(place.scopeRoot)))).toBe("ARCHIVE_INVALID");
  expect(await codeOf(() => openArchive(join(place.root, "none")))).toBe("FILE_NOT_FOUND");
  expect(await codeOf(() => openArchive(place.root))).toBe("FILE_UNREADABLE");
  writeFileSync(file, "");
  expect(await codeOf(() => openArchive(file))).toBe("ARCHIVE_INVALID");
});

test("a part that would unpack to more than it says is never unpacked", async () => {
  using place = scope();
  const file = await exported(place);
  const db = new Database(file);
  const bomb = Bun.zstdCompressSync(Buffer.alloc(400_000_000));
  db.query("UPDATE content_part SET bytes = ?, compressed = 1").run(bomb);
  db.close();
  const archive = await openArchive(file);
  const before = process.memoryUsage.rss();
  const read = async () => {
    for await (const _ of archive.evidence("events.json") ?? []);
  };
  expect(await codeOf(read)).toBe("ARCHIVE_INVALID");
  expect(process.memoryUsage.rss() - before).toBeLessThan(100_000_000);
  await archive.reader.close();
});

test("whatever bytes are changed in an archive: it is refused, or reads as before apart from what was changed, and never breaks", async () => {
  using place = scope();
  const file = await exported(place);
  const whole = readFileSync(file);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(whole.byteLength - 1), fc.integer({ min: 1, max: 255 })), {
        minLength: 1,
        maxLength: 8,
      }),
      fc.option(fc.nat(whole.byteLength), { freq: 6 }),
      async (flips, length) => {
        const bytes = Buffer.from(whole);
        for (const [at, mask] of flips) bytes.writeUInt8(bytes.readUInt8(at) ^ mask, at);
        writeFileSync(file, bytes.subarray(0, length ?? bytes.byteLength));
        const code = await codeOf(async () => {
          const archive = await openArchive(file);
          try {
            await contentOfRun(archive.reader);
            for (const { name } of await archive.reader.evidenceFiles()) {
              for await (const _ of archive.evidence(name) ?? []);
            }
          } finally {
            await archive.reader.close();
          }
        });
        expect(["none", "ARCHIVE_INVALID", "STORE_DAMAGED", "STORE_TOO_NEW"]).toContain(code);
      },
    ),
    { numRuns: 150 },
  );
});

async function exported(place: { readonly root: string; readonly scopeRoot: string }): Promise<string> {
  await fillState(place.scopeRoot, ["run-a"]);
  const file = join(place.root, "a.akcrun");
  await writeArchive(place.scopeRoot, "run-a", file, fresh);
  // What the archive lacks must not be found in the state it came from.
  rmSync(artifactsRoot(place.scopeRoot), { recursive: true });
  return file;
}

function edit(file: string, sql: string): void {
  const db = new Database(file);
  db.run(sql);
  db.close();
}

function chainHoldsFrom(events: Parameters<typeof chainHolds>[0]): boolean {
  return events.every((event, index) => index === 0 || event.prevSha256 === events[index - 1]?.sha256);
}
