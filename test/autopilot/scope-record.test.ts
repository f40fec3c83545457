/** What a scope's store says of its deployment is read again when it may have changed, and only then. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { createRollouts } from "../../src/autopilot/attempt/rollouts.ts";
import { scopeRecords } from "../../src/run/deployment/scope-record.ts";
import { applicationId, migrations, readableVersion } from "../../src/store/sqlite/migrate.ts";
import { databasePath } from "../../src/store/sqlite/open.ts";
import { deploying, standing } from "../e2e/services.ts";
import { host, inScope, never, type ScopeWorld } from "./scope-world.ts";

const longAgo = new Date(Date.now() - 3_600_000);
/** However long the test takes, it is not over yet. */
const justNow = new Date(Date.now() + 3_600_000);

async function deployed(world: ScopeWorld): Promise<void> {
  const attempt = world.attempt(await world.place("run-1", deploying([standing("web", 1)])));
  const rollouts = createRollouts({ ...host, by: "autopilot@test" });
  expect(await rollouts.begin(world.config(), attempt, never)).toMatchObject({ healthy: true });
}

test("a database that stands still is not opened for another look; one that was touched is", async () => {
  await inScope(async (world) => {
    await deployed(world);
    const path = databasePath(world.scopeRoot);
    utimesSync(path, longAgo, longAgo);
    const recordNow = scopeRecords(world.scopeRoot);
    const first = await recordNow();
    expect(await first.owned()).toMatchObject([{ resourceId: "web" }]);
    // Nobody could read this: whoever opens it fails.
    writeFileSync(path, Buffer.alloc(statSync(path).size, 7));
    utimesSync(path, longAgo, longAgo);
    expect(await (await recordNow()).owned()).toEqual(await first.owned());
    utimesSync(path, longAgo, new Date(longAgo.getTime() + 1));
    await expect(recordNow()).rejects.toMatchObject({ code: "STORE_DAMAGED" });
  });
});

test("a database that was written a moment ago is opened again, whatever its times say", async () => {
  await inScope(async (world) => {
    await deployed(world);
    const path = databasePath(world.scopeRoot);
    utimesSync(path, justNow, justNow);
    const recordNow = scopeRecords(world.scopeRoot);
    await recordNow();
    writeFileSync(path, Buffer.alloc(statSync(path).size, 7));
    utimesSync(path, justNow, justNow);
    await expect(recordNow()).rejects.toMatchObject({ code: "STORE_DAMAGED" });
  });
});

test("a database of an earlier shape is looked at as it is, and not brought to a newer one", async () => {
  await inScope(async ({ scopeRoot }) => {
    for (const version of [readableVersion, readableVersion - 1]) {
      const path = databasePath(scopeRoot);
      shapedAs(path, version);
      const before = readFileSync(path);
      const look = scopeRecords(scopeRoot)();
      if (version < readableVersion) await expect(look).rejects.toMatchObject({ code: "STORE_UNWRITABLE" });
      else expect(await (await look).owned()).toEqual([]);
      expect(readFileSync(path).equals(before)).toBe(true);
    }
  });
});

function shapedAs(path: string, version: number): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "");
  using db = new Database(path, { readwrite: true, strict: true });
  for (const { sql } of migrations.slice(0, version)) db.run(sql);
  db.run(`PRAGMA application_id = ${applicationId}`);
  db.run(`PRAGMA user_version = ${version}`);
}
