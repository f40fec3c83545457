/** What the autopilot remembers: facts in a chain, a state that follows from them, and nothing that is ever taken on trust. */
import { describe, expect, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import type { AttemptMark, AutopilotStore } from "../../src/autopilot/contract.ts";
import { emptyState, fold } from "../../src/autopilot/machine.ts";
import type { Entry, Fact } from "../../src/autopilot/model.ts";
import { autopilotStatePath } from "../../src/autopilot/state/file.ts";
import { openAutopilotStore } from "../../src/autopilot/state/open.ts";
import { setDamagedScopeAside } from "../../src/autopilot/state/set-aside.ts";
import { JsonFloat } from "../../src/json/value.ts";
import { limits } from "../../src/limits.ts";
import {
  attemptEnded,
  attemptStarted,
  codeOf,
  failed,
  fenceOf,
  mill,
  outputs,
  shop,
  startMs,
  tamper,
  triggered,
} from "./memory-world.ts";

const hourMs = 3_600_000;

describe("facts", () => {
  test("the state is what its facts make of it, whoever folds them and from wherever", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep(), { maxLength: 150 }), async (steps) => {
        using place = outputs();
        const [one, other] = [await openAutopilotStore(place.root), await openAutopilotStore(place.root)];
        await one.raiseFence(shop, "one", startMs);
        const told: Entry[] = [];
        for (const step of steps) {
          told.push(...(await perform(one, step)));
          if (step.kind === "look") expect(await other.state(shop)).toEqual(await one.state(shop));
        }
        const expected = told.reduce(fold, emptyState());
        const fresh = await openAutopilotStore(place.root);
        for (const store of [one, other, fresh]) expect(await store.state(shop)).toEqual(expected);
        const left = await fresh.entries(shop, 0, 100_000);
        expect(left).toEqual(told.slice(told.length - left.length));
        const inAttempt = expected.attempt === undefined ? [] : [shop];
        expect(await fresh.scopesInAttempt()).toEqual(inAttempt);
        expect(await fresh.attemptMarks(shop, 0, Number.MAX_SAFE_INTEGER)).toEqual(left.flatMap(marksOf));
        expect(await fresh.verify()).toEqual([]);
        for (const store of [one, other, fresh]) await store.close();
      }),
      { numRuns: 25 },
    );
  });

  test("they are in order, and never older than the one before, whatever the clock does", async () => {
    using place = outputs();
    const store = await openAutopilotStore(place.root);
    const fence = await store.raiseFence(shop, "one", startMs);
    await store.append(shop, [failed], fence, { nowMs: startMs });
    await store.append(shop, [failed], fence, { nowMs: startMs - hourMs });
    await store.say(
      shop,
      { type: "word", word: "pause", by: "me@here", reason: "r" },
      "me@here",
      startMs - hourMs,
    );
    const entries = await store.append(shop, [failed, failed], fence, { nowMs: startMs + 1.5 });
    expect(entries.map(({ seq, atMs }) => [seq, atMs])).toEqual([
      [4, startMs + 1],
      [5, startMs + 1],
    ]);
    const all = await store.entries(shop, 0, 10);
    expect(all.map(({ atMs }) => atMs - startMs)).toEqual([0, 0, 0, 1, 1]);
    expect(all.map(({ token, writer }) => [token, writer])).toEqual([
      [1, "one"],
      [1, "one"],
      [0, "me@here"],
      [1, "one"],
      [1, "one"],
    ]);
    expect(await store.entries(shop, 2, 2)).toEqual(all.slice(2, 4));
    expect(await store.entriesBetween(shop, startMs, startMs + 1)).toEqual(all.slice(0, 3));
    await store.append(shop, [attemptStarted("a"), attemptEnded("a")], fence, { nowMs: startMs + 5 });
    expect(await store.attemptMarks(shop, startMs + 5, startMs + 6)).toHaveLength(2);
    expect(await store.attemptMarks(shop, startMs, startMs + 5)).toEqual([]);
    expect(await store.attemptMarks(mill, startMs, startMs + 6)).toEqual([]);
    await store.close();
  });

  test("numbers in what a trigger tells keep every digit, and a text of another tongue every character", async () => {
    using place = outputs();
    const store = await openAutopilotStore(place.root);
    const details = {
      big: 2n ** 70n,
      one: new JsonFloat(1),
      half: 0.5,
      text: "Ünïcødé 🐘\n",
      deep: { list: [null, true] },
    };
    const entry = await store.say(shop, triggered("k", { details }), "me@here", startMs);
    expect(entry?.fact).toEqual(triggered("k", { details }));
    expect((await store.state(shop)).openTriggers[0]?.details).toEqual(details);
    await store.close();
  });

  test("what could not be read back as it is, is not written", async () => {
    using place = outputs();
    const store = await openAutopilotStore(place.root);
    const fence = await store.raiseFence(shop, "one", startMs);
    const more = { ...failed, surplus: 1 };
    expect(await codeOf(() => store.append(shop, [failed, more], fence, { nowMs: startMs }))).toBe(
      "INTERNAL",
    );
    expect(await store.entries(shop, 0, 10)).toEqual([]);
    await store.close();
  });

  test("two triggers of one key are one for as long as the first is open, whoever tells of them", async () => {
    using place = outputs();
    const store = await openAutopilotStore(place.root);
    const fence = await store.raiseFence(shop, "one", startMs);
    expect(await store.say(shop, triggered("a"), "me@here", startMs)).toBeDefined();
    expect(await store.say(shop, triggered("a"), "me@here", startMs)).toBeUndefined();
    expect(
      await store.append(shop, [triggered("a"), triggered("b"), triggered("b")], fence, { nowMs: startMs }),
    ).toHaveLength(1);
    await store.append(shop, [{ type: "triggers_settled", triggerIds: ["id-a"], by: "gone" }], fence, {
      nowMs: startMs,
    });
    expect(await store.say(shop, triggered("a"), "me@here", startMs)).toBeDefined();
    expect((await store.state(shop)).openTriggers.map(({ key }) => key)).toEqual(["b", "a"]);
    await store.close();
  });
});

describe("the fence", () => {
  test("who holds an old one writes nothing, not a fact and not a cursor", async () => {
    using place = outputs();
    const [one, other] = [await openAutopilotStore(place.root), await openAutopilotStore(place.root)];
    const old = await one.raiseFence(shop, "one", startMs);
    await one.append(shop, [failed], old, { nowMs: startMs });
    const now = await other.raiseFence(shop, "other", startMs);
    const cursors = [{ runtimeRunId: "r", seq: 7 }];
    for (const fence of [old, fenceOf(2, "one"), fenceOf(1, "other"), fenceOf(0, "")]) {
      expect(await codeOf(() => one.append(shop, [failed], fence, { nowMs: startMs, cursors }))).toBe(
        "LEASE_LOST",
      );
    }
    expect(await codeOf(() => one.append(mill, [failed], fenceOf(0, ""), { nowMs: startMs }))).toBe(
      "LEASE_LOST",
    );
    expect(await other.cursors(shop)).toEqual([]);
    await other.append(shop, [failed], now, { nowMs: startMs, cursors });
    expect(await one.fence(shop)).toEqual({ holder: "other", token: 2 });
    expect(await one.fence(mill)).toBeNull();
    expect(await one.cursors(shop)).toEqual(cursors);
    await one.close();
    await other.close();
  });

  test("cursors only go forward", async () => {
    using place = outputs();
    const store = await openAutopilotStore(place.root);
    const fence = await store.raiseFence(shop, "one", startMs);
    for (const seq of [3, 9, 4])
      await store.append(shop, [], fence, { nowMs: startMs, cursors: [{ runtimeRunId: "r", seq }] });
    expect(await store.cursors(shop)).toEqual([{ runtimeRunId: "r", seq: 9 }]);
    await store.close();
  });

  test("no more attempts are open in all scopes together than there are slots", async () => {
    using place = outputs();
    const store = await openAutopilotStore(place.root);
    const [here, there] = [
      await store.raiseFence(shop, "one", startMs),
      await store.raiseFence(mill, "one", startMs),
    ];
    await store.append(shop, [attemptStarted("a")], here, { nowMs: startMs, slots: 1 });
    const second = () => store.append(mill, [attemptStarted("b")], there, { nowMs: startMs, slots: 1 });
    expect(await codeOf(second)).toBe("AUTOPILOT_SLOTS_FULL");
    expect(await store.entries(mill, 0, 9)).toEqual([]);
    await store.append(mill, [failed], there, { nowMs: startMs, slots: 1 });
    await store.append(shop, [attemptEnded("a")], here, { nowMs: startMs });
    expect(await codeOf(second)).toBe("none");
    await store.close();
  });
});

describe("damage", () => {
  test.each<[string, string]>([
    [
      "a fact that says something else",
      "UPDATE entry SET payload = replace(payload, 'did', 'was') WHERE seq = 3",
    ],
    ["a fact that is gone", "DELETE FROM entry WHERE seq = 3"],
    ["the last fact that is gone", "DELETE FROM entry WHERE seq = 5"],
    ["a fact by somebody else", "UPDATE entry SET writer = 'other' WHERE seq = 2"],
    ["a fact of another time", "UPDATE entry SET at_ms = at_ms + 1 WHERE seq = 5"],
    [
      "two facts that changed places",
      "UPDATE entry SET id = CASE seq WHEN 2 THEN id + 101 WHEN 3 THEN id + 99 END WHERE seq IN (2, 3); UPDATE entry SET id = id - 100 WHERE seq > 100",
    ],
    ["a scope that says it ends earlier", "UPDATE scope SET seq = 4 WHERE repo_id = 'shop'"],
    ["a chain that begins elsewhere", "UPDATE scope SET base_sha256 = zeroblob(32) WHERE repo_id = 'shop'"],
    [
      "a scope of another name",
      "UPDATE scope SET repo_id = 'shop2' WHERE repo_id = 'shop'; UPDATE scope SET repo_id = 'shop' WHERE repo_id = 'mill'; UPDATE scope SET repo_id = 'mill' WHERE repo_id = 'shop2'",
    ],
  ])("%s: the scope is held, nothing is written into it", async (_, sql) => {
    using place = outputs();
    const store = await openAutopilotStore(place.root);
    await fiveFacts(store);
    const other = await store.raiseFence(mill, "one", startMs);
    await store.append(mill, [failed], other, { nowMs: startMs });
    await store.close();
    const whole = await openAutopilotStore(place.root);
    expect((await whole.state(shop)).seq).toBe(5);
    await whole.close();
    tamper(place.root, (db) => {
      // Of the scope alone: every statement names it by its number.
      for (const one of sql.split("; ")) db.run(one.replace("WHERE seq", "WHERE scope_key = 1 AND seq"));
    });
    const again = await openAutopilotStore(place.root);
    expect(await codeOf(() => again.state(shop))).toBe("AUTOPILOT_STATE_DAMAGED");
    expect((await again.verify()).map(({ scope }) => scope)).toContainEqual(shop);
    const fence = await again.raiseFence(shop, "two", startMs);
    expect(await codeOf(() => again.append(shop, [failed], fence, { nowMs: startMs }))).toBe(
      "AUTOPILOT_STATE_DAMAGED",
    );
    expect(await codeOf(() => again.say(shop, triggered("x"), "me@here", startMs))).toBe(
      "AUTOPILOT_STATE_DAMAGED",
    );
    expect(await again.prune(startMs + hourMs)).toBe(0);
    await again.close();
  });

  test("is got out of by a person alone: what is there is set aside as it is, and the scope waits for an ack", async () => {
    using place = outputs();
    const store = await openAutopilotStore(place.root);
    await fiveFacts(store);
    expect(
      await codeOf(() =>
        setDamagedScopeAside(place.root, shop, { by: "me@here", reason: "r", nowMs: startMs }),
      ),
    ).toBe("USAGE");
    expect(
      await codeOf(() =>
        setDamagedScopeAside(place.root, mill, { by: "me@here", reason: "r", nowMs: startMs }),
      ),
    ).toBe("USAGE");
    const old = await store.fence(shop);
    tamper(place.root, (db) => db.run("UPDATE entry SET payload = '{' WHERE seq = 2"));
    const aside = await setDamagedScopeAside(place.root, shop, {
      by: "me@here",
      reason: "r",
      nowMs: startMs + 9,
    });
    const lines = readFileSync(aside.path, "utf8").trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).payload)).toContain("{");
    expect([lines.length, aside.facts]).toEqual([5, 5]);
    // Also for a process that knew the facts of before.
    const state = await store.state(shop);
    expect(state).toMatchObject({ seq: 1, escalated: { reason: "history_damaged" } });
    expect(await codeOf(() => store.append(shop, [failed], old ?? fenceOf(0), { nowMs: startMs }))).toBe(
      "LEASE_LOST",
    );
    const fence = await store.raiseFence(shop, "two", startMs);
    expect(fence.token).toBe(3);
    await store.append(shop, [failed], fence, { nowMs: startMs + 10 });
    expect(await store.verify()).toEqual([]);
    await store.close();
  });

  test("of one scope: the others go on", async () => {
    using place = outputs();
    const store = await openAutopilotStore(place.root);
    await fiveFacts(store);
    const fence = await store.raiseFence(mill, "one", startMs);
    await store.append(mill, [failed], fence, { nowMs: startMs });
    tamper(place.root, (db) => db.run("UPDATE entry SET payload = '{' WHERE scope_key = 1 AND seq = 2"));
    const again = await openAutopilotStore(place.root);
    expect(await codeOf(() => again.state(shop))).toBe("AUTOPILOT_STATE_DAMAGED");
    expect(await codeOf(() => again.entries(shop, 0, 10))).toBe("AUTOPILOT_STATE_DAMAGED");
    expect(await codeOf(() => again.entriesBetween(shop, 0, startMs + hourMs))).toBe(
      "AUTOPILOT_STATE_DAMAGED",
    );
    expect((await again.state(mill)).seq).toBe(1);
    await again.append(mill, [failed], fence, { nowMs: startMs });
    expect(await again.verify(mill)).toEqual([]);
    expect(await again.verify()).toEqual([expect.objectContaining({ scope: shop, seq: 2 })]);
    await store.close();
    await again.close();
  });

  test("a fact of a newer akc holds its scope, and its chain is whole", async () => {
    using place = outputs();
    const store = await openAutopilotStore(place.root);
    await fiveFacts(store);
    await store.close();
    const { FactChain } = await import("../../src/autopilot/state/chain.ts");
    tamper(place.root, (db) => {
      const head = db
        .query<{ sha256: Uint8Array }, []>("SELECT sha256 FROM scope WHERE scope_key = 1")
        .get()?.sha256;
      const link = {
        seq: 6,
        type: "dreamt",
        atMs: startMs + 9,
        token: 1,
        writer: "one",
        payload: '{"type":"dreamt"}',
      };
      const sha256 = new FactChain(head ?? new Uint8Array(32)).append(link);
      db.query(
        "INSERT INTO entry (id, type, at_ms, writer, token, payload, sha256) VALUES (4294967296 + 6, ?, ?, ?, ?, ?, ?)",
      ).run(link.type, link.atMs, link.writer, link.token, link.payload, sha256);
      db.query("UPDATE scope SET seq = 6, at_ms = ?, sha256 = ?").run(link.atMs, sha256);
    });
    const again = await openAutopilotStore(place.root);
    const fault = await again.state(shop).catch((cause: Error) => cause.message);
    expect(fault).toContain('does not know what "dreamt" says');
    await again.close();
  });

  test("a kept state that was changed is folded again from the facts", async () => {
    using place = outputs();
    const store = await openAutopilotStore(place.root);
    const fence = await store.raiseFence(shop, "one", startMs);
    for (let n = 0; n < limits.autopilotSnapshotEntries + 3; n += 1)
      await store.append(shop, [failed], fence, { nowMs: startMs + n });
    const state = await store.state(shop);
    await store.close();
    tamper(place.root, (db) => {
      expect(db.query("SELECT count(*) AS n FROM snapshot").get()).toEqual({ n: 1 });
      db.run(`UPDATE snapshot SET state = replace(state, '"count":', '"count":1')`);
    });
    const again = await openAutopilotStore(place.root);
    expect(await again.state(shop)).toEqual(state);
    expect(await again.verify()).toEqual([]);
    await again.close();
  });

  test("a log that was cut off ends where it was cut, and what is there is whole", async () => {
    using place = outputs();
    const store = await openAutopilotStore(place.root);
    const fence = await store.raiseFence(shop, "one", startMs);
    for (let n = 0; n < 20; n += 1) await store.append(shop, [failed], fence, { nowMs: startMs + n });
    const path = autopilotStatePath(place.root);
    using cut = outputs();
    const copy = autopilotStatePath(cut.root);
    mkdirSync(dirname(copy), { recursive: true });
    copyFileSync(path, copy);
    copyFileSync(`${path}-wal`, `${copy}-wal`);
    const size = readFileSync(`${copy}-wal`).length;
    truncateSync(`${copy}-wal`, Math.floor(size * 0.6));
    const again = await openAutopilotStore(cut.root);
    const { seq } = await again.state(shop);
    expect(seq).toBeGreaterThan(1);
    expect(seq).toBeLessThan(20);
    expect(await again.verify()).toEqual([]);
    await again.close();
    await store.close();
  });

  test("a file that is no database is said to be damaged and stays as it is", async () => {
    using place = outputs();
    const path = autopilotStatePath(place.root);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "z".repeat(9_000));
    expect(await codeOf(() => openAutopilotStore(place.root))).toBe("STORE_DAMAGED");
    expect(readFileSync(path, "utf8")).toBe("z".repeat(9_000));
  });

  test("a page that cannot be read holds the scopes that stand on it, not the process", async () => {
    using place = outputs();
    const store = await openAutopilotStore(place.root);
    const fence = await store.raiseFence(shop, "one", startMs);
    for (let n = 0; n < 60; n += 1)
      await store.append(shop, [{ type: "visit_failed", code: "X", message: "x".repeat(4_000) }], fence, {
        nowMs: startMs + n,
      });
    const other = await store.raiseFence(mill, "one", startMs);
    await store.append(mill, [failed], other, { nowMs: startMs });
    await store.close();
    const path = autopilotStatePath(place.root);
    const bytes = readFileSync(path);
    const text = Buffer.from("x".repeat(3_000));
    // The header of every page that holds such facts.
    for (let at = 8_192; at < bytes.length; at += 8_192)
      if (bytes.subarray(at, at + 8_192).includes(text) && bytes[at] === 13) bytes.fill(0xff, at, at + 8);
    writeFileSync(path, bytes);
    const again = await openAutopilotStore(place.root);
    expect(await codeOf(() => again.state(shop))).toBe("AUTOPILOT_STATE_DAMAGED");
    expect(await codeOf(() => again.append(shop, [failed], fence, { nowMs: startMs }))).toBe(
      "AUTOPILOT_STATE_DAMAGED",
    );
    await again.close();
  });
});

describe("the file", () => {
  test("is not made by who only looks", async () => {
    using place = outputs();
    expect(await codeOf(() => openAutopilotStore(place.root, { create: false }))).toBe("FILE_NOT_FOUND");
    expect(existsSync(join(place.root, ".akc"))).toBe(false);
  });

  test("lies below the outputs root, whatever links lead elsewhere", async () => {
    using place = outputs();
    using elsewhere = outputs();
    symlinkSync(elsewhere.root, join(place.root, ".akc"));
    expect(await codeOf(() => openAutopilotStore(place.root))).toBe("PATH_UNSAFE");
  });

  test("of a newer akc is refused", async () => {
    using place = outputs();
    await (await openAutopilotStore(place.root)).close();
    tamper(place.root, (db) => db.run("PRAGMA user_version = 99"));
    expect(await codeOf(() => openAutopilotStore(place.root))).toBe("STORE_TOO_NEW");
  });

  test("of a scope's runs is not taken for it", async () => {
    using place = outputs();
    await (await openAutopilotStore(place.root)).close();
    tamper(place.root, (db) => db.run(`PRAGMA application_id = ${0x616b_6373}`));
    expect(await codeOf(() => openAutopilotStore(place.root))).toBe("STORE_DAMAGED");
  });
});

test("the version grows with what anybody writes, and with nothing else", async () => {
  using place = outputs();
  const [one, other] = [await openAutopilotStore(place.root), await openAutopilotStore(place.root)];
  const fence = await one.raiseFence(shop, "one", startMs);
  const seen = [await other.version()];
  const look = async () => {
    expect(await one.version()).toBe(await other.version());
    seen.push(await other.version());
  };
  await one.append(shop, [failed], fence, { nowMs: startMs });
  await look();
  await one.append(shop, [], fence, { nowMs: startMs, cursors: [{ runtimeRunId: "r", seq: 1 }] });
  await look();
  await other.say(shop, triggered("a"), "me@here", startMs);
  await look();
  expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
  const before = await one.version();
  await one.beat(controller("one"), [tally(startMs, 1)]);
  await one.append(shop, [], fence, { nowMs: startMs });
  await other.say(shop, triggered("a"), "me@here", startMs);
  await one.takeNonce("n", startMs + 1, startMs);
  expect([await one.version(), await other.version()]).toEqual([before, before]);
  await one.close();
  await other.close();
});

test("a nonce is taken once for as long as it is kept", async () => {
  using place = outputs();
  const [one, other] = [await openAutopilotStore(place.root), await openAutopilotStore(place.root)];
  expect(await one.takeNonce("n", startMs + 10, startMs)).toBe(true);
  expect(await other.takeNonce("n", startMs + 20, startMs + 5)).toBe(false);
  expect(await other.takeNonce("m", startMs + 20, startMs + 5)).toBe(true);
  expect(await one.takeNonce("n", startMs + 20, startMs + 10)).toBe(true);
  await one.close();
  await other.close();
});

describe("beats and counts", () => {
  test("a controller has one row, which its last beat wrote", async () => {
    using place = outputs();
    const store = await openAutopilotStore(place.root);
    await store.beat(controller("one"), []);
    await store.beat({ ...controller("one"), beatAtMs: startMs + 5_000, scopesHeld: 3 }, []);
    await store.beat(controller("two"), []);
    expect(await store.controllers()).toEqual([
      { ...controller("one"), beatAtMs: startMs + 5_000, scopesHeld: 3 },
      controller("two"),
    ]);
    await store.beat(
      { ...controller("one"), beatAtMs: startMs + limits.autopilotControllerKeptMs + hourMs },
      [],
    );
    expect((await store.controllers()).map(({ holder }) => holder)).toEqual(["one"]);
    await store.close();
  });

  test("no look is lost or counted twice when five minutes become hours, in whatever order they come", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(60 * 60), fc.nat(3)), { maxLength: 60 }), async (looks) => {
        using place = outputs();
        const store = await openAutopilotStore(place.root);
        const begin = startMs - (startMs % hourMs);
        let total = 0;
        for (const [minute, count] of looks) {
          const atMs = begin + minute * 60_000;
          total += count;
          await store.beat({ ...controller("one"), beatAtMs: atMs }, [tally(atMs, count)]);
        }
        await store.beat({ ...controller("one"), beatAtMs: begin + 100 * hourMs }, []);
        const kept = await store.tallies(shop, begin, begin + 100 * hourMs);
        expect(kept.reduce((sum, { standing }) => sum + standing, 0)).toBe(total);
        expect(kept.filter(({ fromMs }) => fromMs % hourMs !== 0)).toEqual([]);
        expect(kept.map(({ fromMs }) => fromMs)).toEqual(
          [...new Set(kept.map(({ fromMs }) => fromMs))].sort(),
        );
        await store.close();
      }),
      { numRuns: 10 },
    );
  });

  test("what is younger than a day stays in five minutes, and prune removes what is older than asked for", async () => {
    using place = outputs();
    const store = await openAutopilotStore(place.root);
    const begin = startMs - (startMs % hourMs);
    const at = [0, 7, 61, 62].map((minute) => begin + minute * 60_000);
    await store.beat(
      { ...controller("one"), beatAtMs: at[3] ?? 0 },
      at.map((one) => tally(one, 1)),
    );
    const fromOf = async () =>
      (await store.tallies(shop, 0, begin + 99 * hourMs)).map(({ fromMs, standing }) => [
        (fromMs - begin) / 60_000,
        standing,
      ]);
    expect(await fromOf()).toEqual([
      [0, 1],
      [5, 1],
      [60, 2],
    ]);
    await store.beat({ ...controller("one"), beatAtMs: begin + 25 * hourMs + 1 }, [
      tally(begin + 25 * hourMs, 4),
    ]);
    expect(await fromOf()).toEqual([
      [0, 2],
      [60, 2],
      [25 * 60, 4],
    ]);
    expect(await store.tallies(shop, begin, begin + hourMs)).toEqual([{ ...tally(begin, 2), fromMs: begin }]);
    await store.prune(begin + hourMs);
    expect(await fromOf()).toEqual([
      [60, 2],
      [25 * 60, 4],
    ]);
    await store.close();
  });
});

describe("pruning", () => {
  test("keeps what a state, an open attempt or an unscored window needs, and a chain that can be followed", async () => {
    using place = outputs();
    const store = await openAutopilotStore(place.root);
    const fence = await store.raiseFence(shop, "one", startMs);
    const put = (fact: Fact, minute: number) =>
      store.append(shop, [fact], fence, { nowMs: startMs + minute * 60_000 });
    for (let minute = 0; minute < 10; minute += 1) await put(failed, minute);
    expect(await store.prune(startMs + hourMs)).toBe(0);
    await put({ type: "scored", windowStartMs: startMs, windowEndMs: startMs + 8 * 60_000 }, 10);
    expect(await store.prune(startMs + 3 * 60_000)).toBe(3);
    expect(await store.prune(startMs + hourMs)).toBe(5);
    await put(attemptStarted("a"), 11);
    await put({ type: "scored", windowStartMs: startMs, windowEndMs: startMs + hourMs }, 12);
    expect(await store.prune(startMs + hourMs)).toBe(3);
    const left = await store.entries(shop, 0, 100);
    expect(left.map(({ fact }) => fact.type)).toEqual(["attempt_started", "scored"]);
    expect(await store.verify()).toEqual([]);
    const state = await store.state(shop);
    await put(attemptEnded("a"), 13);
    expect(await store.prune(startMs + 2 * hourMs)).toBe(3);
    expect(await store.entries(shop, 0, 100)).toEqual([]);
    const again = await openAutopilotStore(place.root);
    expect(await again.state(shop)).toMatchObject({ seq: 14, scoredUntilMs: startMs + hourMs });
    expect(state).toMatchObject({ seq: 13 });
    await again.append(shop, [failed], fence, { nowMs: startMs + 14 * 60_000 });
    expect((await store.state(shop)).seq).toBe(15);
    expect(await again.verify()).toEqual([]);
    await again.close();
    await store.close();
  });

  test("a pruned scope whose kept state is damaged is held, not begun anew", async () => {
    using place = outputs();
    const store = await openAutopilotStore(place.root);
    const fence = await store.raiseFence(shop, "one", startMs);
    await store.append(
      shop,
      [failed, failed, { type: "scored", windowStartMs: 0, windowEndMs: startMs + 1 }],
      fence,
      { nowMs: startMs },
    );
    expect(await store.prune(startMs + hourMs)).toBe(3);
    await store.close();
    tamper(place.root, (db) => db.run("UPDATE snapshot SET state = replace(state, '2', '3')"));
    const again = await openAutopilotStore(place.root);
    expect(await codeOf(() => again.state(shop))).toBe("AUTOPILOT_STATE_DAMAGED");
    expect(await again.verify()).toHaveLength(1);
    await again.close();
  });
});

async function fiveFacts(store: AutopilotStore): Promise<void> {
  const fence = await store.raiseFence(shop, "one", startMs);
  for (let n = 0; n < 4; n += 1) await store.append(shop, [failed], fence, { nowMs: startMs + n });
  await store.append(shop, [{ type: "visit_recovered" }], fence, { nowMs: startMs + 5 });
}

type Step =
  | { readonly kind: "append"; readonly facts: readonly Fact[]; readonly nowMs: number }
  | { readonly kind: "say"; readonly key: string; readonly nowMs: number }
  | { readonly kind: "look" }
  | { readonly kind: "prune"; readonly beforeMs: number };

function anyStep(): fc.Arbitrary<Step> {
  const nowMs = fc.nat(1_000_000).map((ms) => startMs + ms);
  const key = fc.constantFrom("a", "b", "c");
  const fact = fc.oneof(
    fc.constantFrom<Fact>(failed, { type: "visit_recovered" }, attemptStarted("a"), attemptEnded("a")),
    key.map((one) => triggered(one)),
    key.map((one): Fact => ({ type: "triggers_settled", triggerIds: [`id-${one}`], by: "gone" })),
    nowMs.map((ms): Fact => ({ type: "scored", windowStartMs: startMs, windowEndMs: ms })),
  );
  return fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant("append" as const),
        facts: fc.array(fact, { maxLength: 4 }),
        nowMs,
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("say" as const), key, nowMs }) },
    { weight: 1, arbitrary: fc.constant({ kind: "look" as const }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("prune" as const), beforeMs: nowMs }) },
  );
}

function marksOf({ atMs, fact }: Entry): readonly AttemptMark[] {
  if (fact.type === "attempt_ended") return [{ attemptId: fact.attemptId, atMs, runtimeRunId: null }];
  if (fact.type !== "attempt_started") return [];
  const { attemptId, runtimeRunId } = fact.attempt;
  return [{ attemptId, atMs, runtimeRunId }];
}

/** Entries that were added. */
async function perform(store: AutopilotStore, step: Step): Promise<readonly Entry[]> {
  switch (step.kind) {
    case "append":
      return store.append(shop, step.facts, fenceOf(1), { nowMs: step.nowMs });
    case "say": {
      const entry = await store.say(shop, triggered(step.key), "me@here", step.nowMs);
      return entry === undefined ? [] : [entry];
    }
    case "prune":
      await store.prune(step.beforeMs);
      return [];
    case "look":
      return [];
  }
}

function controller(holder: string) {
  return {
    holder,
    host: "here",
    pid: 1,
    startedAtMs: startMs,
    beatAtMs: startMs,
    scopesHeld: 1,
    version: "1",
  };
}

function tally(atMs: number, standing: number) {
  return { scope: shop, fromMs: atMs, standing, drifted: 0, unseen: 0 };
}
