/** `akc validate replay` as a user meets it: of files and of runs, without a request and without a tool. */
import { expect, test } from "bun:test";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { canonicalJson } from "../../src/json/canonical.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { systemClock } from "../../src/system/clock.ts";
import { evidenceTypeOf } from "../../src/validation/execution/select.ts";
import { elsewhere, runRow, startedAtMs, turn } from "../store/builders.ts";
import { commandWorld } from "./command-world.ts";
import { answer, binding, execute } from "./execution-world.ts";

test("what was saved is judged again: the same, with no request and no tool", async () => {
  await using w = commandWorld(7);
  w.bind({
    ok: w.prom({ lte: 10 }),
    bad: w.prom({ lte: 1 }),
    range: w.prom({ lte: 10 }, { compare: { baseline: { offset: "1h" }, ratio: { lte: 2 } } }),
    depth: w.json({ gte: 1 }),
    gone: w.json({ gte: 1 }, "/gone"),
    cmd: w.cmd("echo $$; exit 1"),
    unknown: w.cmd("exit 2"),
    nobody: { ...w.json({ gte: 1 }), url: "http://127.0.0.1:1/", tries: 1 },
  });
  const saved = join(w.root, "saved");
  await w.run("--save", saved);
  const before = [w.server.requests, w.commandsRun];
  expect(before).toEqual([6, 2]);
  w.said.value = 100;
  const { exit, out } = await w.replay("--from", saved, "-o", "json");
  const replayed = JSON.parse(out);
  expect(replayed).toMatchObject({
    kind: "ValidatorReplay",
    same: 8,
    differs: 0,
    tampered: 0,
    not_replayable: 0,
  });
  expect(exit).toBe(0);
  expect([w.server.requests, w.commandsRun]).toEqual(before);
  // Elsewhere, and after everything it was made from is gone.
  const elsewhere = join(w.root, "elsewhere");
  cpSync(saved, elsewhere, { recursive: true });
  rmSync(saved, { recursive: true });
  await w.server.stop();
  expect((await w.replay("--from", elsewhere)).exit).toBe(0);
  const one = await w.replay("--from", join(elsewhere, "bad.observability_query_result.json"));
  expect([one.exit, one.out]).toEqual([0, expect.stringContaining("1 verdict: 1 the same")]);
});

test("a file that was changed is named, and so is an artifact", async () => {
  await using w = commandWorld(7);
  w.bind({ bad: w.prom({ lte: 1 }) });
  const saved = join(w.root, "saved");
  await w.run("--save", saved);
  const response = join(saved, "attachments", "bad.response.json");
  const text = readFileSync(response, "utf8");
  writeFileSync(response, text.replace('"7"', '"1"'));
  const { exit, out } = await w.replay("--from", saved);
  expect([exit, out]).toEqual([
    1,
    expect.stringContaining("attachments/bad.response.json is not what was recorded"),
  ]);
  writeFileSync(response, text);
  const artifact = join(saved, "bad.observability_query_result.json");
  writeFileSync(artifact, readFileSync(artifact, "utf8").replace('"verdict": "fail"', '"verdict": "pass"'));
  expect(JSON.parse((await w.replay("--from", saved, "-o", "json")).out)).toMatchObject({
    tampered: 1,
    same: 0,
  });
});

test("where nothing was recorded, or nothing can be judged again, there is no verdict", async () => {
  await using w = commandWorld();
  const saved = join(w.root, "saved");
  w.bind({ depth: w.json({ gte: 1 }) });
  await w.run("--save", saved);
  rmSync(join(saved, "attachments"), { recursive: true });
  const { exit, out } = await w.replay("--from", saved);
  expect([exit, out]).toEqual([4, expect.stringContaining("is not there")]);
  rmSync(saved, { recursive: true });
  expect((await w.replay("--from", saved)).exit).toBe(2);
  expect((await w.replay("--from", w.registry)).exit).toBe(2);
  expect(readdirSync(w.root).sort()).toEqual(["bindings.yaml", "policy.yaml"]);
});

test("a run is judged again by its own history, whatever became of its files", async () => {
  await using w = commandWorld(7);
  const scopeRoot = join(w.root, "acme", "shop");
  const store = await openStore(scopeRoot, { create: true });
  const writer = await store.createRun(runRow("rr-judged"), elsewhere, startedAtMs);
  const settings = {
    url: `${w.server.url}/json`,
    method: "GET",
    headers: {},
    pointer: "/queue/depth",
    expect: { lte: 1 },
    status: [200],
  };
  const of = { ...binding("depth", "http_json", { settings }) };
  const { httpJson } = await import("../../src/validators/http-json.ts");
  const asked = { kinds: [], byKind: () => httpJson, close: async () => {} };
  // The one that was asked first was asked again: only its last answer is the run's evidence.
  const observations = [
    ...(await execute([binding("depth", "http_json")], () => answer("pass"))),
    ...(await execute([of], asked)),
    ...(await execute([binding("late", "http_json")], () => new Promise(() => {}), {
      totalMs: 10,
      clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 10), signal) },
    })),
  ];
  for (const { bindingId, artifactKind, verdict, payload, files } of observations) {
    const kept = await Promise.all(files.map(({ bytes }) => writer.artifacts.put(bytes)));
    const event = {
      binding_id: bindingId,
      evidence_type: evidenceTypeOf(artifactKind),
      verdict,
      artifact: payload,
      files: kept.map(({ sha256, sizeBytes }, at) => ({
        sha256,
        size_bytes: sizeBytes,
        path: files[at]?.path ?? "",
      })),
    };
    const seq = writer.lastSeq + 1;
    await writer.commit(
      turn({
        events: [
          { seq, type: "runtime.validation.observed", atMs: startedAtMs, payload: canonicalJson(event) },
        ],
      }),
    );
  }
  await writer.close();
  await store.close();
  const before = w.server.requests;
  const { exit, out } = await w.replay("rr-judged", "--outputs-root", w.root, "-o", "json");
  expect(JSON.parse(out)).toMatchObject({
    same: 1,
    unjudged: 1,
    items: [
      { id: "depth", outcome: "same", recorded: { verdict: "fail", value: 7 }, where: "event 2" },
      { id: "late", outcome: "unjudged", recorded: { verdict: "error", reason: "timeout" } },
    ],
  });
  expect(exit).toBe(0);
  expect(w.server.requests).toBe(before);
});
