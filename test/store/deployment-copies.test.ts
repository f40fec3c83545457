/** What becomes of a scope's deployment when runs are removed, and when a state is brought up, copied, checked or saved. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openArchive } from "../../src/store/sqlite/archive.ts";
import { writeArchive } from "../../src/store/sqlite/archive-write.ts";
import { backUp } from "../../src/store/sqlite/backup.ts";
import { checkState } from "../../src/store/sqlite/check.ts";
import { deploymentTables } from "../../src/store/sqlite/deployment/tables.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { databasePath, openStore } from "../../src/store/sqlite/open.ts";
import { restoreBackup } from "../../src/store/sqlite/restore.ts";
import { removeRun } from "../../src/store/sqlite/retention.ts";
import { salvage } from "../../src/store/sqlite/salvage.ts";
import { codeOf, event, runRow, scope, turn } from "./builders.ts";
import {
  contentOfDeployment,
  deploy,
  ended,
  owned,
  plan,
  request,
  revision,
  rollout,
  something,
} from "./deployed.ts";
import { contentOfRun, contentOfState, fillState } from "./filled.ts";
import { tablesOf } from "./tables.ts";

// Only against hanging: other tests may have the machine.
setDefaultTimeout(120_000);

const names = (scopeRoot: string) => ({ scopeRoot, tenantId: "acme", repoId: "shop" });
const fresh = { force: false };

/** Two runs with evidence, `run-a` with an open rollout that somebody asked something of; nobody holds anything. */
async function deployed(scopeRoot: string): Promise<void> {
  await fillState(scopeRoot, ["run-a", "run-b"]);
  const store = await openStore(scopeRoot);
  const writer = await store.resumeRun("run-a", thisProcess(), Date.now());
  await writer.holdScope(Date.now());
  await deploy(writer, { ...something, rollout: rollout("rollout-0", ended) });
  await deploy(writer, { rollout: rollout("rollout-1", { runtimeRunId: "run-a" }, ["h0"]) });
  await store.requestRollout(request("rollout-1", "pause"));
  await writer.close();
  await store.close();
}

async function deploymentOf(scopeRoot: string) {
  const store = await openStore(scopeRoot, { create: false });
  const content = await contentOfDeployment(store.deployment);
  await store.close();
  return content;
}

/** As the akc of before would have left it. */
function madeByVersion2(path: string): void {
  using db = new Database(path, { strict: true });
  for (const table of deploymentTables) db.run(`DROP TABLE ${table}`);
  db.run("PRAGMA user_version = 2");
}

function edit(scopeRoot: string, ...statements: string[]): void {
  using db = new Database(databasePath(scopeRoot), { strict: true });
  for (const statement of statements) db.run(statement);
}

test("a run whose rollout is open is not removed, its evidence not touched; ended, it goes and the deployment stays", async () => {
  using place = scope();
  await deployed(place.scopeRoot);
  const store = await openStore(place.scopeRoot);
  const before = tablesOf(place.scopeRoot);
  const row = (await store.listRuns()).find(({ context }) => context.runtimeRunId === "run-a");
  if (row === undefined) throw new Error("no such run");
  const folder = join(place.scopeRoot, ".akc/runtime/run-1/run-a");
  const touchedMs = statSync(folder).ctimeMs;
  const remove = () => removeRun(store, place.scopeRoot, row, thisProcess(), Date.now());
  await expect(remove()).rejects.toMatchObject({
    code: "ROLLOUT_OPEN",
    class: "conflict",
    details: { runtimeRunId: "run-a", rolloutId: "rollout-1" },
  });
  expect(await codeOf(() => store.deleteRun("run-a", thisProcess(), Date.now()))).toBe("ROLLOUT_OPEN");
  expect(tablesOf(place.scopeRoot)).toEqual(before);
  const evidence = join(folder, "events.json");
  expect(existsSync(evidence)).toBe(true);
  // Not even set aside and put back.
  expect(statSync(folder).ctimeMs).toBe(touchedMs);

  await store.deleteRun("run-b", thisProcess(), Date.now());
  const writer = await store.resumeRun("run-a", thisProcess(), Date.now());
  await writer.holdScope(Date.now());
  await deploy(writer, { rollout: rollout("rollout-1", { ...ended, runtimeRunId: "run-a" }) });
  await writer.close();
  const left = await contentOfDeployment(store.deployment);
  expect(await remove()).toMatchObject({ kind: "removed" });
  expect(existsSync(evidence)).toBe(false);
  expect(await store.listRuns()).toEqual([]);
  expect(await contentOfDeployment(store.deployment)).toEqual(left);
  expect(left.owned).toHaveLength(2);
  await store.close();
  const checked = await checkState(place.scopeRoot, { deep: true, nowMs: Date.now() });
  expect(checked.faults).toEqual([]);
});

describe("a database of version 2", () => {
  test("keeps its runs when it is brought up, and can be deployed from", async () => {
    using place = scope();
    await fillState(place.scopeRoot, ["run-a", "run-b"]);
    const before = await contentOfState(place.scopeRoot);
    madeByVersion2(databasePath(place.scopeRoot));
    // Looked at as it stands, it is whole.
    expect((await checkState(place.scopeRoot, { deep: true, nowMs: Date.now() })).faults).toEqual([]);
    expect(tablesOf(place.scopeRoot)["rollout"]).toBeUndefined();
    expect(await contentOfState(place.scopeRoot)).toEqual(before);
    const store = await openStore(place.scopeRoot);
    const writer = await store.resumeRun("run-b", thisProcess(), Date.now());
    await writer.holdScope(Date.now());
    await deploy(writer, something);
    expect(await store.deployment.owned()).toHaveLength(2);
    await writer.close();
    await store.close();
    expect((await checkState(place.scopeRoot, { deep: true, nowMs: Date.now() })).faults).toEqual([]);
  });

  const readOnly = mounted();
  beforeAll(async () => {
    if (readOnly === undefined) return;
    const scopeRoot = join(readOnly, "acme", "shop");
    await fillState(scopeRoot, ["run-a", "run-b"]);
    madeByVersion2(databasePath(scopeRoot));
    Bun.spawnSync(["mount", "-o", "remount,ro", readOnly]);
  });
  afterAll(() => {
    if (readOnly === undefined) return;
    Bun.spawnSync(["umount", "-l", readOnly]);
    rmSync(readOnly, { recursive: true, force: true });
  });

  test.skipIf(readOnly === undefined)(
    "is read where nothing can be written: its runs as they are, nothing deployed; it is checked, copied and exported",
    async () => {
      using other = scope();
      const scopeRoot = join(readOnly ?? "", "acme", "shop");
      const store = await openStore(scopeRoot, { create: false });
      const runs = await store.listRuns();
      expect(runs).toHaveLength(2);
      const heads = runs.map(({ context, lastSeq }) => ({ runtimeRunId: context.runtimeRunId, lastSeq }));
      expect(await store.runHeads()).toEqual(heads);
      const reader = await store.openRun("run-a");
      expect((await reader.events(0, 100)).length).toBe(24);
      await reader.close();
      const nothing = await contentOfDeployment(store.deployment);
      expect(Object.values(nothing).flat(2)).toEqual([null, null]);
      expect(await store.deployment.rollout("rollout-1")).toBeNull();
      expect(await store.scopeLease()).toBeNull();
      const asked = request("rollout-1", "undo");
      expect(await codeOf(() => store.requestRollout(asked))).toBe("STORE_UNWRITABLE");
      await store.close();
      expect((await checkState(scopeRoot, { deep: true, nowMs: Date.now() })).faults).toEqual([]);

      const archive = join(other.root, "a.akcrun");
      await writeArchive(scopeRoot, "run-a", archive, fresh);
      await (await openArchive(archive)).reader.close();
      const backup = join(other.root, "b.akcbackup");
      await backUp(names(scopeRoot), backup, { force: false, nowMs: Date.now() });
      await restoreBackup(backup, other.root, { force: false, nowMs: Date.now() });
      expect([...(await contentOfState(other.scopeRoot)).keys()].toSorted()).toEqual(["run-a", "run-b"]);
      expect((await deploymentOf(other.scopeRoot)).owned).toEqual([]);
    },
  );

  test("is salvaged: nothing of a deployment is missed where none was", async () => {
    using place = scope();
    using other = scope();
    await fillState(place.scopeRoot, ["run-a"]);
    madeByVersion2(databasePath(place.scopeRoot));
    const { deployment, runs } = await salvage(names(place.scopeRoot), other.root);
    expect(deployment).toEqual({
      standing: "whole",
      ownedResources: 0,
      revisions: 0,
      rollouts: 0,
      plans: 0,
      why: [],
    });
    expect(runs.map(({ standing }) => standing)).toEqual(["whole"]);
  });
});

test("an archive of version 2 is opened and says what it said", async () => {
  using place = scope();
  await fillState(place.scopeRoot, ["run-a"]);
  const file = join(place.root, "a.akcrun");
  await writeArchive(place.scopeRoot, "run-a", file, fresh);
  const told = async () => {
    const { reader } = await openArchive(file);
    const content = await contentOfRun(reader);
    await reader.close();
    return content;
  };
  const before = await told();
  madeByVersion2(file);
  expect(await told()).toEqual(before);
});

test("an archive of a run holds nothing of what its scope has deployed", async () => {
  using place = scope();
  using other = scope();
  await fillState(other.scopeRoot, ["run-a"]);
  await deployed(place.scopeRoot);
  const [with_, without] = [join(place.root, "with"), join(other.root, "without")];
  await writeArchive(place.scopeRoot, "run-b", with_, fresh);
  await writeArchive(other.scopeRoot, "run-a", without, fresh);
  for (const file of [with_, without]) {
    using db = new Database(file, { readonly: true, strict: true });
    for (const table of deploymentTables) expect(db.query(`SELECT * FROM ${table}`).all()).toEqual([]);
  }
});

test("a backup brings the deployment back as it was, with nobody holding the scope", async () => {
  using place = scope();
  using other = scope();
  await deployed(place.scopeRoot);
  const store = await openStore(place.scopeRoot);
  const writer = await store.createRun(runRow("live"), thisProcess(), Date.now());
  await writer.holdScope(Date.now());
  const file = join(other.root, "b");
  await backUp(names(place.scopeRoot), file, { force: false, nowMs: Date.now() });
  await restoreBackup(file, other.root, { force: false, nowMs: Date.now() });
  expect(await deploymentOf(other.scopeRoot)).toEqual(await contentOfDeployment(store.deployment));
  const restored = await openStore(other.scopeRoot);
  expect(await restored.scopeLease()).toBeNull();
  const next = await restored.resumeRun("live", thisProcess(), Date.now());
  await next.holdScope(Date.now());
  expect((await restored.scopeLease())?.token).toBeGreaterThan((await store.scopeLease())?.token ?? 0);
  await restored.close();
  await writer.close();
  await store.close();
});

describe("a salvage", () => {
  test("saves the deployment of a state that is not damaged whole", async () => {
    using place = scope();
    using other = scope();
    await deployed(place.scopeRoot);
    const { deployment } = await salvage(names(place.scopeRoot), other.root);
    expect(deployment).toEqual({
      standing: "whole",
      ownedResources: 2,
      revisions: 3,
      rollouts: 2,
      plans: 1,
      why: [],
    });
    expect(await deploymentOf(other.scopeRoot)).toEqual(await deploymentOf(place.scopeRoot));
    const store = await openStore(other.scopeRoot);
    expect((await store.requestRollout(request("rollout-1", "abort"))).number).toBe(2);
    await store.close();
  });

  test("does without the list of tables, and says that more may have stood there", async () => {
    using place = scope();
    using other = scope();
    await deployed(place.scopeRoot);
    const expected = await deploymentOf(place.scopeRoot);
    const path = databasePath(place.scopeRoot);
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0x5a, 0, 8_192));
    const { deployment } = await salvage(names(place.scopeRoot), other.root);
    expect(deployment).toMatchObject({ standing: "unproven", ownedResources: 2, revisions: 3, rollouts: 2 });
    expect(await deploymentOf(other.scopeRoot)).toEqual(expected);
  });

  test("says what may be missing where a page of the inventory is lost", async () => {
    using place = scope();
    using other = scope();
    await deployed(place.scopeRoot);
    const path = databasePath(place.scopeRoot);
    const page = rootOf(path, "owned_resource");
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0x5a, (page - 1) * 8_192, page * 8_192));
    const { deployment, runs } = await salvage(names(place.scopeRoot), other.root);
    expect(deployment).toMatchObject({ standing: "unproven", ownedResources: 0, revisions: 3 });
    expect(deployment.why).toEqual(["rows of owned_resource may be missing or out of date"]);
    expect(runs.map(({ standing }) => standing)).toEqual(["whole", "whole"]);
  });
});

describe("a check", () => {
  const checked = async (scopeRoot: string) =>
    (await checkState(scopeRoot, { deep: false, nowMs: Date.now() })).faults.map(({ kind, message }) => [
      kind,
      message,
    ]);

  test("finds texts that are none, a second open rollout and requests to nothing", async () => {
    using place = scope();
    await deployed(place.scopeRoot);
    expect(await checked(place.scopeRoot)).toEqual([]);
    edit(
      place.scopeRoot,
      "UPDATE owned_resource SET handle = '{' WHERE resource_id = 'db'",
      "UPDATE revision SET revision = '' WHERE desired_hash = 'h0'",
      "UPDATE plan SET plan = 'x'",
      "DROP INDEX rollout_open",
      "UPDATE rollout SET open = 1, state = 'x' WHERE rollout_id = 'rollout-0'",
      "INSERT INTO rollout_request VALUES (7, 'gone', 'pause', 'me', 1, 0)",
    );
    expect(await checked(place.scopeRoot)).toEqual([
      ["deployment", "owned_resource db: its handle is no JSON"],
      ["deployment", "revision web h0: its revision is no JSON"],
      ["deployment", "rollout rollout-0: its state is no JSON"],
      ["deployment", "plan plan-1: its plan is no JSON"],
      ["deployment", "rollout rollout-1 is open beside another one"],
      ["deployment", "request 7 is to rollout gone, which is not there"],
    ]);
  });

  test("finds that tables are missing, and goes on with the rest", async () => {
    using place = scope();
    await deployed(place.scopeRoot);
    edit(place.scopeRoot, "DROP TABLE plan", "DROP TABLE scope_lease");
    rmSync(join(place.scopeRoot, ".akc/runtime/run-1/run-b/events.json"));
    expect(await checked(place.scopeRoot)).toEqual([
      ["database", "tables of the state database are missing: scope_lease, plan"],
      ["evidence_missing", "events.json is missing"],
    ]);
  });
});

test("a state that nobody can read drops nothing of what its open rollout may need", async () => {
  using place = scope();
  const store = await openStore(place.scopeRoot);
  const writer = await store.createRun(runRow("r"), thisProcess(), Date.now());
  await writer.holdScope(Date.now());
  await deploy(writer, { rollout: rollout("rollout-1", { state: "{" }), plan: plan("plan-1") });
  const rows = Array.from({ length: 40 }, (_, index) => revision("web", `h${index}`));
  await writer.commit(
    turn({ events: [event(1, "a")], deployment: { revisions: rows, owned: [owned("web")] } }),
  );
  expect(await store.deployment.revisions("in_memory", "web")).toHaveLength(40);
  await deploy(writer, { rollout: rollout("rollout-1", ended) });
  // Sixteen, and the one that stands.
  expect(await store.deployment.revisions("in_memory", "web")).toHaveLength(17);
  await writer.close();
  await store.close();
});

function rootOf(path: string, table: string): number {
  using db = new Database(path, { readonly: true, strict: true });
  return (
    db.query<{ rootpage: number }, [string]>("SELECT rootpage FROM sqlite_schema WHERE name = ?").get(table)
      ?.rootpage ?? 0
  );
}

/** A file system of its own, or undefined where none may be mounted. */
function mounted(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "akc-disk-"));
  try {
    const mount = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder]);
    if (mount.exitCode === 0) return folder;
  } catch {
    // No `mount` on this machine.
  }
  rmSync(folder, { recursive: true });
  return undefined;
}
