import { describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { AkcError } from "../../src/errors.ts";
import { findRun } from "../../src/store/sqlite/find.ts";
import { isHeld, thisProcess } from "../../src/store/sqlite/holder.ts";
import { databasePath, openStore } from "../../src/store/sqlite/open.ts";
import { codeOf, elsewhere, event, runRow, scope, startedAtMs, turn } from "./builders.ts";

describe("stop", () => {
  test("what one process asks for, the holder sees; asked of a run that has ended, it is refused", async () => {
    using place = scope();
    const holder = await openStore(place.scopeRoot);
    const writer = await holder.createRun(runRow("r"), thisProcess(), startedAtMs);
    await holder.createRun(runRow("other"), thisProcess(), startedAtMs);
    expect(await holder.stopRequested("r")).toBe(false);
    await writer.commit(turn({ events: [event(1, "a")] }));
    expect(await holder.stopRequested("r")).toBe(false);
    const asking = await openStore(place.scopeRoot, { create: false });
    expect(await asking.requestStop("r", 42)).toBe(true);
    expect(await asking.requestStop("r", 43)).toBe(true);
    expect(await holder.stopRequested("r")).toBe(true);
    expect(await holder.stopRequested("other")).toBe(false);
    const reader = await asking.openRun("r");
    expect(await reader.run()).toMatchObject({ stopRequestedAtMs: 42, status: "stop_requested" });
    await writer.commit(turn({ run: { status: "stopped", outcome: "stopped" } }));
    expect(await asking.requestStop("r", 44)).toBe(false);
    expect((await reader.run()).status).toBe("stopped");
    expect(await codeOf(() => asking.requestStop("nobody", 1))).toBe("RUN_NOT_FOUND");
    await reader.close();
    await asking.close();
    await holder.close();
  });
});

describe("the list", () => {
  test("has every run with its lease, the newest first", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    for (const [index, id] of ["a", "b", "c"].entries()) {
      const writer = await store.createRun(runRow(id, { startedAtMs: index }), thisProcess(), startedAtMs);
      await writer.commit(turn({ events: Array.from({ length: index + 1 }, (_, at) => event(at + 1, "x")) }));
      if (id === "b") await writer.close();
    }
    const runs = await store.listRuns();
    expect(runs.map((run) => run.context.runtimeRunId)).toEqual(["c", "b", "a"]);
    expect(runs.map((run) => run.lastSeq)).toEqual([3, 2, 1]);
    expect(runs.map((run) => run.lease?.expiresAtMs)).toEqual([
      startedAtMs + 15_000,
      0,
      startedAtMs + 15_000,
    ]);
    await store.close();
  });
});

describe("whether a lease is held", () => {
  const here = { ...elsewhere, name: "here:1:a", host: "here", bootId: "boot-1/pid:[1]" };
  const lease = (holder: typeof here) => ({ runtimeRunId: "r", holder, token: 1, expiresAtMs: 100 });
  const gone = Bun.spawnSync(["true"]).pid;
  test.each([
    ["its end is past", { ...here, pid: process.pid }, 100, false],
    ["its process lives here", { ...here, pid: process.pid }, 99, true],
    ["its process is gone", { ...here, pid: gone }, 99, false],
    ["the host was started anew", { ...here, pid: process.pid, bootId: "boot-0/pid:[1]" }, 99, false],
    [
      "it is of another pid namespace, where the pid says nothing",
      { ...here, pid: gone, bootId: "boot-1/pid:[2]" },
      99,
      true,
    ],
    ["it is of another host", { ...here, pid: gone, host: "there" }, 99, true],
    ["nothing is known of its boot", { ...here, pid: gone, bootId: "/" }, 99, true],
  ])("%s", (_, holder, nowMs, held) => {
    expect(isHeld(lease(holder), here, nowMs)).toBe(held);
  });
});

describe("finding a run", () => {
  test("looks two folders deep and tells one scope only", async () => {
    using place = scope();
    for (const [tenant, repo, id] of [
      ["acme", "shop", "one"],
      ["acme", "blog", "two"],
      ["umbrella", "shop", "secret"],
      ["umbrella", "shop", "twice"],
      ["acme", "shop", "twice"],
    ] as const) {
      const store = await openStore(join(place.root, tenant, repo));
      await (await store.createRun(runRow(id), thisProcess(), startedAtMs)).close();
      await store.close();
    }
    expect(await findRun(place.root, "two")).toEqual({
      scopeRoot: join(place.root, "acme", "blog"),
      tenantId: "acme",
      repoId: "blog",
    });
    expect(await findRun(place.root, "twice", { tenantId: "acme" })).toMatchObject({ tenantId: "acme" });
    expect(await codeOf(() => findRun(place.root, "twice"))).toBe("RUN_AMBIGUOUS");
    expect(await codeOf(() => findRun(place.root, "nobody"))).toBe("RUN_NOT_FOUND");
    expect(await codeOf(() => findRun(join(place.root, "missing"), "one"))).toBe("RUN_NOT_FOUND");
    const refusal = await findRun(place.root, "secret", { tenantId: "acme" }).catch(
      (cause: unknown) => cause,
    );
    expect(refusal).toBeInstanceOf(AkcError);
    expect(JSON.stringify(refusal, ["message", "hint", "details", "code"])).not.toContain("umbrella");
    await expect(findRun(place.root, "twice")).rejects.toMatchObject({
      details: { runtimeRunId: "twice", outputsRoot: place.root, scopes: 2 },
    });
  });

  test("passes over a state that cannot be read, unless it is the one that was named", async () => {
    using place = scope();
    const good = await openStore(place.scopeRoot);
    await good.createRun(runRow("one"), thisProcess(), startedAtMs);
    await good.close();
    const bad = databasePath(join(place.root, "acme", "broken"));
    mkdirSync(dirname(bad), { recursive: true });
    writeFileSync(bad, "x".repeat(9_000));
    expect(await findRun(place.root, "one")).toMatchObject({ repoId: "shop" });
    await expect(findRun(place.root, "two")).rejects.toMatchObject({ details: { unreadableStates: 1 } });
    const hints = { tenantId: "acme", repoId: "broken" };
    expect(await codeOf(() => findRun(place.root, "two", hints))).toBe("STORE_DAMAGED");
  });

  test("follows no link out of the root", async () => {
    using outside = scope();
    using place = scope();
    const store = await openStore(outside.scopeRoot);
    await store.createRun(runRow("one"), thisProcess(), startedAtMs);
    await store.close();
    symlinkSync(join(outside.root, "acme"), join(place.root, "acme"));
    expect(await codeOf(() => findRun(place.root, "one"))).toBe("RUN_NOT_FOUND");
  });
});
