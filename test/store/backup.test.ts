import { Database } from "bun:sqlite";
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { artifactPath } from "../../src/store/sqlite/artifact-files.ts";
import { backUp } from "../../src/store/sqlite/backup.ts";
import { checkState } from "../../src/store/sqlite/check.ts";
import { artifactsRoot, databasePath, openStore } from "../../src/store/sqlite/open.ts";
import { restoreBackup } from "../../src/store/sqlite/restore.ts";
import { codeOf, scope } from "./builders.ts";
import { contentOfState, fillRun, fillState } from "./filled.ts";

// Only against hanging: other tests may have the machine.
setDefaultTimeout(120_000);

const nowMs = Date.now();
const once = { force: false, nowMs };
const names = (scopeRoot: string) => ({ scopeRoot, tenantId: "acme", repoId: "shop" });

test("a backup, restored elsewhere, is the same state: rows, artifacts in files and evidence", async () => {
  using place = scope();
  using other = scope();
  await fillState(place.scopeRoot, ["run-a", "run-b"], { largeBytes: 3_500_000 });
  const file = join(place.root, "state.backup");
  const report = await backUp(names(place.scopeRoot), file, once);
  expect(report).toMatchObject({ runs: 2, events: 48, artifactFiles: 2, evidenceFiles: 4, notCopied: [] });
  expect(report.sizeBytes).toBe(statSync(file).size);
  // The large outputs are texts that repeat themselves.
  expect(report.sizeBytes).toBeLessThan(1_000_000);
  const restored = await restoreBackup(file, other.root, once);
  expect(restored).toMatchObject({
    tenantId: "acme",
    repoId: "shop",
    runs: 2,
    artifactFiles: 2,
    evidenceFiles: 4,
    setAside: null,
  });
  expect(await contentOfState(other.scopeRoot)).toEqual(await contentOfState(place.scopeRoot));
  expect(await checkState(other.scopeRoot, { deep: true, nowMs })).toMatchObject({ faults: [], orphans: [] });
  const folder = ".akc/runtime/run-1/run-a";
  for (const name of ["events.json", "evidence/audit.jsonl"]) {
    expect(readFileSync(join(other.scopeRoot, folder, name))).toEqual(
      readFileSync(join(place.scopeRoot, folder, name)),
    );
  }
});

test("a backup that is taken while a run is written holds whole turns", async () => {
  using place = scope();
  using other = scope();
  const child = Bun.spawn(
    [process.execPath, `${import.meta.dir}/writing.child.ts`, place.scopeRoot, "busy"],
    {
      stdout: "pipe",
      stderr: "inherit",
    },
  );
  const reader = child.stdout.getReader();
  for (let round = 0; round < 4; round += 1) {
    await reader.read();
    const file = join(place.root, `busy-${round}`);
    await backUp(names(place.scopeRoot), file, once);
    const { scopeRoot } = await restoreBackup(file, join(other.root, String(round)), once);
    const found = await checkState(scopeRoot, { deep: true, nowMs });
    expect(found.faults).toEqual([]);
    // The child commits 20 events a turn.
    expect(found.runs[0]?.events).toBeGreaterThan(0);
    expect((found.runs[0]?.events ?? 1) % 20).toBe(0);
  }
  child.kill("SIGKILL");
  await child.exited;
});

test("nobody holds a run that came out of a backup", async () => {
  using place = scope();
  using other = scope();
  const store = await openStore(place.scopeRoot);
  const writer = await fillRun(place.scopeRoot, store, "live", { ended: false });
  await backUp(names(place.scopeRoot), join(place.root, "b"), once);
  const { scopeRoot } = await restoreBackup(join(place.root, "b"), other.root, once);
  const restored = await openStore(scopeRoot, { create: false });
  expect((await restored.listRuns())[0]?.lease?.expiresAtMs).toBe(0);
  const { thisProcess } = await import("../../src/store/sqlite/holder.ts");
  const again = await restored.resumeRun("live", thisProcess(), Date.now());
  expect(again.lastSeq).toBe(24);
  await again.close();
  await restored.close();
  await writer.close();
  await store.close();
});

test("a backup replaces no file unless asked to, and leaves none when it fails", async () => {
  using place = scope();
  await fillState(place.scopeRoot, ["run-a"]);
  const file = join(place.root, "b");
  writeFileSync(file, "mine");
  expect(await codeOf(() => backUp(names(place.scopeRoot), file, once))).toBe("FILE_EXISTS");
  expect(readFileSync(file, "utf8")).toBe("mine");
  await backUp(names(place.scopeRoot), file, { ...once, force: true });
  expect(statSync(file).size).toBeGreaterThan(4);
  expect(await codeOf(() => backUp(names(place.scopeRoot), join(place.root, "no", "b"), once))).toBe(
    "OUTPUTS_UNWRITABLE",
  );
  expect(
    await codeOf(() => backUp(names(join(place.root, "nobody", "x")), join(place.root, "c"), once)),
  ).toBe("RUN_NOT_FOUND");
  damageEvents(place.scopeRoot);
  expect(await codeOf(() => backUp(names(place.scopeRoot), join(place.root, "d"), once))).toBe(
    "STORE_DAMAGED",
  );
  expect(readdirSync(place.root).sort()).toEqual(["acme", "b"]);
});

test("what cannot be copied as the state says is named, and the rest is kept", async () => {
  using place = scope();
  using other = scope();
  await fillState(place.scopeRoot, ["run-a", "run-b"]);
  const [large = ""] = filesBelow(artifactsRoot(place.scopeRoot));
  rmSync(artifactPath(artifactsRoot(place.scopeRoot), large));
  writeFileSync(join(place.scopeRoot, ".akc/runtime/run-1/run-b/events.json"), "edited");
  const file = join(place.root, "b");
  const report = await backUp(names(place.scopeRoot), file, once);
  expect(report.notCopied).toEqual([
    { what: "artifact", name: large, why: "missing" },
    { what: "evidence", name: "run-b/events.json", why: "changed" },
  ]);
  await restoreBackup(file, other.root, once);
  const found = await checkState(other.scopeRoot, { deep: true, nowMs });
  expect(found.faults.map(({ kind }) => kind).sort()).toEqual(["artifact_file_missing", "evidence_missing"]);
});

test("a restore never goes over a state that is there, nor with --force over a run under way", async () => {
  using place = scope();
  using other = scope();
  await fillState(place.scopeRoot, ["run-a"]);
  const file = join(place.root, "b");
  await backUp(names(place.scopeRoot), file, once);
  const store = await openStore(other.scopeRoot);
  const writer = await fillRun(other.scopeRoot, store, "other", { ended: false });
  expect(await codeOf(() => restoreBackup(file, other.root, once))).toBe("STATE_EXISTS");
  expect(await codeOf(() => restoreBackup(file, other.root, { force: true, nowMs: Date.now() }))).toBe(
    "LEASE_HELD",
  );
  await writer.close();
  await store.close();
  const before = await contentOfState(other.scopeRoot);
  const { setAside } = await restoreBackup(file, other.root, { force: true, nowMs: Date.now() });
  expect([...(await contentOfState(other.scopeRoot)).keys()]).toEqual(["run-a"]);
  expect(existsSync(join(setAside ?? "", "state.sqlite3"))).toBe(true);
  expect([...before.keys()]).toEqual(["other"]);
});

test("a file that is no whole backup is refused, and nothing is made of it", async () => {
  using place = scope();
  using other = scope();
  await fillState(place.scopeRoot, ["run-a"]);
  const file = join(place.root, "b");
  await backUp(names(place.scopeRoot), file, once);
  const whole = readFileSync(file);
  const refused = async (bytes: Uint8Array) => {
    writeFileSync(file, bytes);
    return codeOf(() => restoreBackup(file, other.root, once));
  };
  expect(await refused(Buffer.from("not a database".repeat(100)))).toBe("BACKUP_INVALID");
  expect(await refused(whole.subarray(0, whole.byteLength - 8192))).toBe("BACKUP_INVALID");
  expect(await refused(readFileSync(databasePath(place.scopeRoot)))).toBe("BACKUP_INVALID");
  writeFileSync(file, whole);
  const edited = new Database(file);
  edited.run("CREATE TRIGGER t AFTER INSERT ON run BEGIN SELECT 1; END");
  edited.close();
  expect(await refused(readFileSync(file))).toBe("BACKUP_INVALID");
  writeFileSync(file, whole);
  const moved = new Database(file);
  moved.run("UPDATE backup SET repo_id = '../../elsewhere'");
  moved.close();
  expect(await refused(readFileSync(file))).toBe("BACKUP_INVALID");
  const content = Buffer.from(whole);
  writeFileSync(file, content);
  const swapped = new Database(file);
  swapped.run("UPDATE content_part SET bytes = zeroblob(length(bytes)), compressed = 0");
  swapped.close();
  expect(await refused(readFileSync(file))).toBe("BACKUP_INVALID");
  writeFileSync(file, content);
  const replaced = new Database(file);
  replaced.run("UPDATE content_part SET bytes = zeroblob(size_bytes), compressed = 0");
  replaced.close();
  expect(await refused(readFileSync(file))).toBe("BACKUP_INVALID");
  expect(existsSync(databasePath(other.scopeRoot))).toBe(false);
});

function damageEvents(scopeRoot: string): void {
  const path = databasePath(scopeRoot);
  const bytes = readFileSync(path);
  for (let page = 2; page * 8192 < bytes.byteLength; page += 1) {
    if (bytes[page * 8192] === 13) bytes.fill(0xff, page * 8192, page * 8192 + 64);
  }
  writeFileSync(path, bytes);
}

function filesBelow(root: string): string[] {
  return readdirSync(root)
    .filter((name) => name.length === 2)
    .flatMap((name) => readdirSync(join(root, name)))
    .sort();
}
