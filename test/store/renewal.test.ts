import { expect, test } from "bun:test";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { databasePath, openStore } from "../../src/store/sqlite/open.ts";
import { codeOf, event, runRow, scope, startedAtMs, turn } from "./builders.ts";
import { lineChild } from "./child-lines.ts";

const renewedAtMs = startedAtMs + 5_000;

test("a renewal goes through beside a long turn of the same process and a transaction of another", async () => {
  using place = scope();
  const store = await openStore(place.scopeRoot);
  const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
  const other = lineChild(`${import.meta.dir}/holding.child.ts`, databasePath(place.scopeRoot));
  await other.send("hold");
  expect(await other.answer()).toBe("hold");
  await other.send("wait 200");
  await other.send("let go");
  const events = Array.from({ length: 20_000 }, (_, index) => event(index + 1, "a", { index }));
  const work = [writer.commit(turn({ events })), writer.renew(renewedAtMs)];
  expect(await Promise.all(work)).toHaveLength(2);
  const reader = await store.openRun("r");
  expect((await reader.lease())?.expiresAtMs).toBe(renewedAtMs + 15_000);
  expect((await reader.run()).lastSeq).toBe(20_000);
  await reader.close();
  await other.end();
  await store.close();
});

test("a renewal that meets a transaction without end says that the store is busy, which is no lost lease: the next one goes through", async () => {
  using place = scope();
  const store = await openStore(place.scopeRoot);
  const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
  const other = lineChild(`${import.meta.dir}/holding.child.ts`, databasePath(place.scopeRoot));
  await other.send("hold");
  expect(await other.answer()).toBe("hold");
  expect(await codeOf(() => writer.renew(renewedAtMs))).toBe("STORE_BUSY");
  expect(writer.lease).toMatchObject({ token: 1, expiresAtMs: startedAtMs + 15_000 });
  await other.send("let go");
  expect(await other.answer()).toBe("let go");
  await writer.renew(renewedAtMs);
  expect(writer.lease).toMatchObject({ token: 1, expiresAtMs: renewedAtMs + 15_000 });
  await writer.commit(turn({ events: [event(1, "a")] }));
  await other.end();
  await store.close();
});
