import { expect, test } from "bun:test";
import { openStore } from "../../src/store/sqlite/open.ts";
import { allEvents, codeOf, elsewhere, event, runRow, scope, startedAtMs, turn } from "./builders.ts";
import { lineChild } from "./child-lines.ts";

test("of processes that make the same run at once exactly one succeeds, also when none has made the database yet", async () => {
  const contenders = [1, 2, 3].map(() => lineChild(`${import.meta.dir}/creating.child.ts`));
  for (let race = 0; race < 50; race += 1) {
    // Every second race starts without a database: its making is part of what they race for.
    using place = scope("acme", `repo-${race}`);
    if (race % 2 === 1) await (await openStore(place.scopeRoot)).close();
    await Promise.all(contenders.map((one) => one.send(`${place.scopeRoot} the-run`)));
    const answers = await Promise.all(contenders.map((one) => one.answer()));
    expect(answers.toSorted()).toEqual(["LEASE_HELD", "LEASE_HELD", "made"]);
    const store = await openStore(place.scopeRoot);
    expect(await store.listRuns()).toHaveLength(1);
    await store.close();
  }
  await Promise.all(contenders.map((one) => one.end()));
});

test("of processes that take over the same run at once exactly one succeeds, and only it writes", async () => {
  const contenders = [1, 2, 3].map(() => lineChild(`${import.meta.dir}/resuming.child.ts`));
  using place = scope();
  const store = await openStore(place.scopeRoot);
  for (let race = 0; race < 50; race += 1) {
    const id = `run-${race}`;
    // Every second one has ended and was given back; the others' holder was heard of last long ago.
    const writer = await store.createRun(runRow(id), elsewhere, Date.now() - 60_000);
    await writer.commit(turn({ events: [event(1, "a")] }));
    if (race % 2 === 1) {
      await writer.commit(turn({ run: { outcome: "stopped" } }));
      await writer.close();
    }
    await Promise.all(contenders.map((one) => one.send(`${place.scopeRoot} ${id}`)));
    const answers = await Promise.all(contenders.map((one) => one.answer()));
    expect(answers.toSorted()).toEqual(["LEASE_HELD", "LEASE_HELD", "token 2"]);
    const reader = await store.openRun(id);
    expect((await allEvents(reader)).map(({ type }) => type)).toEqual(["a", "took.over"]);
    expect(await codeOf(() => writer.commit(turn({ events: [event(2, "b")] })))).toBe("LEASE_LOST");
    await reader.close();
  }
  await Promise.all(contenders.map((one) => one.end()));
  await store.close();
});

test("a refusal names who holds the run, and until when", async () => {
  using place = scope();
  const store = await openStore(place.scopeRoot);
  await store.createRun(runRow("r"), elsewhere, startedAtMs);
  const again = store.createRun(
    runRow("r"),
    { ...elsewhere, name: "third:9:z", host: "third" },
    startedAtMs + 1,
  );
  await expect(again).rejects.toMatchObject({
    code: "LEASE_HELD",
    exitCode: 5,
    message: expect.stringContaining("pid 1 on other"),
    details: { holder: elsewhere.name, host: "other", pid: 1, expiresAtMs: startedAtMs + 15_000 },
  });
  await store.close();
});
