/** Who deploys in a scope, told by several real processes and by the database that they share. */
import { Database } from "bun:sqlite";
import { expect, setDefaultTimeout, test } from "bun:test";
import { limits } from "../../src/limits.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { databasePath, openStore } from "../../src/store/sqlite/open.ts";
import { codeOf, elsewhere, event, runRow, scope, startedAtMs, turn } from "./builders.ts";
import { lineChild } from "./child-lines.ts";
import { deploy, owned, something } from "./deployed.ts";

// Only against hanging: other tests may have the machine.
setDefaultTimeout(120_000);

const script = `${import.meta.dir}/deploying.child.ts`;

test("of processes that take one scope at once exactly one gets it, and only it deploys", async () => {
  const contenders = [1, 2].map(() => lineChild(script));
  for (let race = 0; race < 25; race += 1) {
    using place = scope("acme", `repo-${race}`);
    if (race % 2 === 1) await (await openStore(place.scopeRoot)).close();
    await Promise.all(contenders.map((one, index) => one.send(`${place.scopeRoot} run-${index}`)));
    const answers = await Promise.all(contenders.map((one) => one.answer()));
    const store = await openStore(place.scopeRoot);
    const lease = await store.scopeLease();
    expect(answers.toSorted()).toEqual(["SCOPE_HELD", `held by ${lease?.runtimeRunId}`]);
    expect(await store.deployment.owned()).toEqual([
      owned("web", { runtimeRunId: String(lease?.runtimeRunId) }),
    ]);
    await store.close();
  }
  await Promise.all(contenders.map((one) => one.end()));
});

test("when its holder was killed the scope is free at once on this host; on another only when the lease is over", async () => {
  using place = scope();
  const child = lineChild(script);
  await child.send(`${place.scopeRoot} killed`);
  expect(await child.answer()).toBe("held by killed");
  const store = await openStore(place.scopeRoot);
  const near = await store.createRun(runRow("near"), thisProcess(), Date.now());
  const far = await store.createRun(runRow("far"), elsewhere, Date.now());
  expect(await codeOf(() => near.holdScope(Date.now()))).toBe("SCOPE_HELD");
  await child.kill();
  expect(await codeOf(() => far.holdScope(Date.now()))).toBe("SCOPE_HELD");
  await near.holdScope(Date.now());
  await deploy(near, { disowned: [owned("web")] });
  expect(await store.scopeLease()).toMatchObject({ runtimeRunId: "near", token: 2 });
  expect(await codeOf(() => far.holdScope(Date.now()))).toBe("SCOPE_HELD");
  await far.holdScope(Date.now() + limits.leaseTtlMs + 1_000);
  expect(await codeOf(() => deploy(near, something))).toBe("LEASE_LOST");
  expect(await store.scopeLease()).toMatchObject({ runtimeRunId: "far", token: 3 });
  await store.close();
});

test("both leases of a writer move on together, and both are lost when one is", async () => {
  using place = scope();
  const store = await openStore(place.scopeRoot);
  const one = await store.createRun(runRow("one"), elsewhere, startedAtMs);
  await one.holdScope(startedAtMs + 2_000);
  await one.renew(startedAtMs + 5_000);
  const until = startedAtMs + 5_000 + limits.leaseTtlMs;
  expect([one.lease.expiresAtMs, (await store.scopeLease())?.expiresAtMs]).toEqual([until, until]);
  const two = await store.createRun(runRow("two"), thisProcess(), startedAtMs);
  await two.holdScope(until);
  expect(await codeOf(() => one.renew(until))).toBe("LEASE_LOST");
  const reader = await store.openRun("one");
  // Not moved on: nothing of a renewal stays that was refused.
  expect((await reader.lease())?.expiresAtMs).toBe(until);
  await reader.close();
  // Nor is the scope taken by a writer that has lost its run.
  await store.breakLease("one", one.lease.token);
  await two.close();
  expect(await codeOf(() => one.holdScope(until))).toBe("LEASE_LOST");
  expect(await store.scopeLease()).toBeNull();
  await store.close();
});

test("whoever has the run's lease taken away no longer has the scope, and whoever takes the run over can have it", async () => {
  using place = scope();
  const store = await openStore(place.scopeRoot);
  const one = await store.createRun(runRow("r"), elsewhere, startedAtMs);
  await one.holdScope(startedAtMs);
  await deploy(one, something);
  await store.breakLease("r", one.lease.token);
  expect(await store.scopeLease()).toBeNull();
  expect(await codeOf(() => deploy(one, { disowned: [owned("web")] }))).toBe("LEASE_LOST");
  const next = await store.resumeRun("r", thisProcess(), startedAtMs + 1);
  await next.holdScope(startedAtMs + 1);
  // What the old one does at its end takes nothing from the new one.
  await one.close();
  await deploy(next, { disowned: [owned("db")] });
  expect(await store.scopeLease()).toMatchObject({ runtimeRunId: "r", token: 3 });
  // A lease of another run that is taken away leaves it alone.
  const other = await store.createRun(runRow("other"), elsewhere, startedAtMs);
  await store.breakLease("other", other.lease.token);
  await deploy(next, {});
  await store.close();
});

test("a database without the deployment's tables says that it is damaged; its runs are read and go on", async () => {
  using place = scope();
  const store = await openStore(place.scopeRoot);
  const writer = await store.createRun(runRow("r"), thisProcess(), Date.now());
  await writer.commit(turn({ events: [event(1, "a")] }));
  using db = new Database(databasePath(place.scopeRoot), { strict: true });
  db.run("DROP TABLE rollout");
  expect(await codeOf(() => store.deployment.owned())).toBe("STORE_DAMAGED");
  expect(await codeOf(() => store.scopeLease())).toBe("STORE_DAMAGED");
  expect(await codeOf(() => writer.holdScope(Date.now()))).toBe("STORE_DAMAGED");
  const asked = { rolloutId: "x", command: "undo", by: "me", atMs: 1 };
  expect(await codeOf(() => store.requestRollout(asked))).toBe("STORE_DAMAGED");
  await writer.commit(turn({ events: [event(2, "b")] }));
  await writer.close();
  expect(await codeOf(() => store.deleteRun("r", thisProcess(), Date.now()))).toBe("STORE_DAMAGED");
  const reader = await store.openRun("r");
  expect(await reader.events(0, 10)).toHaveLength(2);
  await reader.close();
  await store.close();
});
