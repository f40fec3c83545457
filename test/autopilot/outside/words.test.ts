/** A person's words to the autopilot, over its real store: what is kept, and what is refused. */
import { expect, test } from "bun:test";
import { senderName } from "../../../src/cli/sender.ts";
import { akc, dataOf, itemsOf } from "./command-world.ts";
import { shop } from "./fake-controller.ts";
import { bundle, escalated, memoryOfEach, proposed } from "./spoken-memory.ts";

const { memory, happen, say } = memoryOfEach();
const wordsKept = async () =>
  (await memory().store.entries(shop, 0, 100)).flatMap(({ fact, writer }) =>
    fact.type === "word" ? [{ ...fact, writer }] : [],
  );

test("a word is kept with who gave it and why, once, and says what happens next", async () => {
  const { store } = memory();
  await happen({ type: "visit_recovered" });
  const first = await say("pause");
  expect(first).toMatchObject({ exitCode: 0, words: "" });
  expect(first.out).toBe(
    "acme/shop paused: nothing is begun until somebody says resume; no controller runs: it counts as soon as one does\n",
  );
  const again = await say("pause", "-o", "json");
  expect(itemsOf(again)).toMatchObject([{ status: "already_paused", tenant_id: "acme", repo_id: "shop" }]);
  expect(await wordsKept()).toEqual([
    { type: "word", word: "pause", by: senderName(), reason: "because", writer: senderName() },
  ]);
  expect((await store.state(shop)).paused?.reason).toBe("because");
  expect((await say("resume")).out).toContain("acme/shop resumed: it is visited at once");
  expect((await say("resume")).out).toContain("not paused");
  expect((await store.state(shop)).paused).toBeUndefined();
});

test("ack ends an escalation, and is refused where there is nothing to acknowledge", async () => {
  const { store } = memory();
  await happen({ type: "visit_recovered" });
  const early = await say("ack", "-o", "json");
  expect(early.exitCode).toBe(5);
  expect(dataOf(early)).toMatchObject({ code: "AUTOPILOT_NOTHING_TO_SAY" });
  await happen(escalated);
  expect((await say("ack")).exitCode).toBe(0);
  expect((await store.state(shop)).escalated).toBeUndefined();
});

test("an approval is for the bundle that is proposed, and another one is refused and shown", async () => {
  const { store } = memory();
  await happen({ type: "visit_recovered" });
  expect(dataOf(await say("approve", "-o", "json"))).toMatchObject({ code: "AUTOPILOT_NOTHING_TO_SAY" });
  await happen(proposed);
  const other = await say("approve", "--bundle", "cdcdcdcd", "-o", "json");
  expect([other.exitCode, dataOf(other)]).toMatchObject([
    5,
    { code: "AUTOPILOT_NOT_PROPOSED", details: { proposed: [bundle] } },
  ]);
  expect(await wordsKept()).toEqual([]);
  expect((await say("approve", "--bundle", bundle.slice(0, 8))).out).toContain(bundle);
  expect((await store.state(shop)).approval).toMatchObject({ bundleSha256: bundle, by: senderName() });
  expect(itemsOf(await say("approve", "-o", "json"))).toMatchObject([{ status: "already_approved" }]);
  expect(await wordsKept()).toHaveLength(1);
  // Thought better of.
  expect((await say("deny")).out).toContain("denied");
  expect(await store.state(shop)).toMatchObject({ rejected: [bundle], approval: undefined });
  expect(itemsOf(await say("deny", "--bundle", bundle, "-o", "json"))).toMatchObject([
    { status: "already_rejected" },
  ]);
});

test("who is not named is not spoken to, and all means all that are known", async () => {
  const { root, store } = memory();
  const site = { tenantId: "acme", repoId: "site" };
  await happen({ type: "visit_recovered" });
  await store.raiseFence(site, "ctl@host:1:aa", Date.now());
  const at = ["--outputs-root", root, "--reason", "r", "-o", "json"];
  expect(dataOf(await akc(["autopilot", "pause", ...at]))).toMatchObject({ code: "USAGE" });
  expect(dataOf(await akc(["autopilot", "pause", "--tenant-id", "acme", ...at]))).toMatchObject({
    code: "USAGE",
  });
  const unknown = await akc(["autopilot", "pause", "--scope", "acme/none", ...at]);
  expect([unknown.exitCode, dataOf(unknown)]).toMatchObject([
    2,
    { code: "AUTOPILOT_SCOPE_UNKNOWN", details: { known: ["acme/shop", "acme/site"] } },
  ]);
  expect(dataOf(await akc(["autopilot", "pause", "--scope", "../x", ...at]))).toMatchObject({
    code: "USAGE",
  });
  expect((await akc(["autopilot", "ack", "--all", ...at])).exitCode).toBe(2);
  expect(
    (await akc(["autopilot", "pause", "--scope", "acme/shop", "--outputs-root", root, "--reason", " "]))
      .exitCode,
  ).toBe(2);
  const paused = itemsOf(await akc(["autopilot", "pause", "--all", ...at]));
  expect(paused.map(({ repo_id, status }) => [repo_id, status])).toEqual([
    ["shop", "paused"],
    ["site", "paused"],
  ]);
});
