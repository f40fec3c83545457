/** `akc autopilot history`: what was decided in a scope, a row each, with why; and the flags that every command about scopes has. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AutopilotStore } from "../../../src/autopilot/contract.ts";
import type { Attempt, Fact, ScopeId } from "../../../src/autopilot/model.ts";
import { openAutopilotStore } from "../../../src/autopilot/state/open.ts";
import { tamper } from "../memory-world.ts";
import { akc, dataOf, itemsOf } from "./command-world.ts";
import { runOutcome, shop } from "./fake-controller.ts";

const bundle = "ab".repeat(32);
const startMs = Date.parse("2026-11-23T10:00:00Z");
const mill: ScopeId = { tenantId: "acme", repoId: "mill" };
let root: string;
let store: AutopilotStore;
let atMs: number;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "akc-history-"));
  store = await openAutopilotStore(root);
  atMs = startMs;
});
afterEach(async () => {
  await store.close();
  rmSync(root, { recursive: true, force: true });
});

/** A minute after what was before. */
async function happen(scope: ScopeId, ...facts: readonly Fact[]): Promise<void> {
  for (const fact of facts) {
    const fence = (await store.fence(scope)) ?? (await store.raiseFence(scope, "ctl@host:1:aa", atMs));
    await store.append(scope, [fact], fence, { nowMs: atMs });
    atMs += 60_000;
  }
}

const attempt = (attemptId: string, kind: Attempt["kind"] = "rollout"): Attempt => ({
  attemptId,
  kind,
  bundlePath: "/b.json",
  bundleSha256: bundle,
  runtimeRunId: `run-${attemptId}`,
  triggerIds: [],
});

const history = (...more: readonly string[]) =>
  akc(["autopilot", "history", "--outputs-root", root, ...more]);

test("an attempt is one row at its end, before it what held it up, beside it what people said; the newest first", async () => {
  await happen(
    shop,
    {
      type: "held",
      attemptId: "a1",
      kind: "rollout",
      bundleSha256: bundle,
      answers: [
        { gate: "policy", verdict: "open", reason: "allowed", message: "it may" },
        { gate: "window", verdict: "closed", reason: "outside_window", message: "opens at ten" },
      ],
    },
    {
      type: "proposed",
      attemptId: "a1",
      kind: "rollout",
      bundleSha256: bundle,
      summary: "one service changes",
    },
  );
  await store.say(
    shop,
    { type: "word", word: "approve", by: "eve@host", reason: "looks well", bundleSha256: bundle },
    "eve@host",
    atMs,
  );
  atMs += 60_000;
  await happen(
    shop,
    { type: "attempt_started", attempt: attempt("a1"), answers: [] },
    { type: "attempt_deployed", attemptId: "a1", run: runOutcome(), bakeUntilMs: atMs + 1 },
    { type: "attempt_ended", attemptId: "a1", verdict: "rolled_back", message: "it did not hold" },
    { type: "recompile_started", attemptId: "r1", triggerIds: [] },
    {
      type: "recompile_ended",
      attemptId: "r1",
      result: "failed",
      errorCode: "HOOK_FAILED",
      message: "exit 3",
      durationMs: 2_000,
    },
    { type: "escalated", reason: "consecutive_failures", message: "two attempts failed" },
    { type: "attempt_started", attempt: attempt("a2", "repair"), answers: [] },
  );
  const rows = itemsOf(await history("-o", "json"));
  expect(rows.map(({ what, verdict, why }) => [what, verdict, why])).toEqual([
    ["repair", "running", "it is under way"],
    ["escalation", "consecutive_failures", "two attempts failed"],
    ["recompile", "failed", "exit 3 [HOOK_FAILED]"],
    ["rollout", "rolled_back", "it did not hold"],
    ["word", "approved", "looks well"],
    ["rollout", "proposed", "one service changes"],
    ["rollout", "held", "window: opens at ten"],
  ]);
  expect(rows[3]).toMatchObject({
    tenant_id: "acme",
    repo_id: "shop",
    at_ms: startMs + 5 * 60_000,
    began_at_ms: startMs + 3 * 60_000,
    bundle_sha256: bundle,
    attempt_id: "a1",
    runtime_run_id: "run-a1",
    by: "ctl@host:1:aa",
  });
  expect(rows[4]).toMatchObject({ by: "eve@host" });
  const { out } = await history("--limit", "3");
  expect(out.trimEnd().split("\n")).toEqual([
    expect.stringMatching(/^WHEN .* SCOPE .* WHAT .* VERDICT .* WHY/),
    expect.stringMatching(/^2026-11-23T10:09:00Z +acme\/shop +repair .*running/),
    expect.stringMatching(/escalation .*consecutive failures +.*two attempts failed/),
    expect.stringMatching(/recompile .*failed/),
  ]);
});

test("of several scopes each is read; one that is damaged is left out and said, one that nobody knows is refused", async () => {
  await happen(shop, { type: "escalated", reason: "compile_failures", message: "of the shop" });
  await happen(mill, { type: "escalated", reason: "compile_failures", message: "of the mill" });
  const whys = async (...more: readonly string[]) =>
    itemsOf(await history("-o", "json", ...more)).map(({ why }) => why);
  expect(await whys()).toEqual(["of the mill", "of the shop"]);
  expect(await whys("--scope", "acme/mill")).toEqual(["of the mill"]);
  expect(dataOf(await history("--scope", "acme/site", "-o", "json"))).toMatchObject({
    code: "AUTOPILOT_SCOPE_UNKNOWN",
  });
  tamper(root, (db) => db.run("UPDATE entry SET payload = replace(payload, 'of the mill', 'of no mill')"));
  const damaged = await history("-o", "json");
  expect(damaged).toMatchObject({ exitCode: 1, words: expect.stringContaining("acme/mill was left out") });
  expect(itemsOf(damaged).map(({ why }) => why)).toEqual(["of the shop"]);
});

test("the configuration says where the scopes are, and a scope is named as one word, to every command about them", async () => {
  mkdirSync(join(root, "acme/shop"), { recursive: true });
  await happen(mill, { type: "escalated", reason: "compile_failures", message: "of the mill" });
  const config = join(root, "autopilot.yaml");
  writeFileSync(config, `version: 1\noutputs_root: ${root}\nmode: observe\n`);
  const at = ["--config", config, "--scope", "acme/shop", "-o", "json"];
  const given = await akc(["autopilot", "trigger", ...at, "--reason", "patched"]);
  expect(given).toMatchObject({ exitCode: 0, words: "" });
  expect(itemsOf(await akc(["autopilot", "triggers", ...at]))).toMatchObject([
    { repo_id: "shop", reason: "patched" },
  ]);
  expect(
    itemsOf(await akc(["autopilot", "triggers", "--config", config, "--scope", "acme/mill", "-o", "json"])),
  ).toEqual([]);
  expect(itemsOf(await akc(["autopilot", "history", "--config", config, "-o", "json"]))).toHaveLength(1);
});
