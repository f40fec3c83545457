/** A person's look at the autopilot, over its real store: what is shown of scopes, with and without a controller that answers. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GateAnswer } from "../../../src/autopilot/gates/model.ts";
import { serveOutside } from "../../../src/service/server.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { tamper } from "../memory-world.ts";
import { akc, dataOf, itemsOf } from "./command-world.ts";
import { someDefaults } from "./config.ts";
import { FakeController, runOutcome, scopeStatus } from "./fake-controller.ts";
import { bundle, escalated, memoryOfEach } from "./spoken-memory.ts";

const { memory, happen } = memoryOfEach();

test("status shows a scope whole while no controller runs", async () => {
  const { root } = memory();
  const answers: GateAnswer[] = [
    { gate: "policy", verdict: "open", reason: "allowed", message: "the policy allows it" },
    {
      gate: "budget",
      verdict: "closed",
      reason: "max_mutations_per_day_exceeded",
      message: "8 of 8 are used",
      opens: "the oldest leaves the window",
      opensAtMs: 1_795_348_155_000,
    },
    {
      gate: "freeze",
      verdict: "closed",
      reason: "frozen",
      message: "nothing is changed now",
      opens: "The freeze ends 2026-11-22T11:49:15.000Z, or is taken out.",
      opensAtMs: 1_795_348_155_000,
    },
  ];
  await happen(
    {
      type: "adopted",
      deployed: { bundleSha256: "cd".repeat(32), bundlePath: "/b", runtimeRunId: "run-1", atMs: Date.now() },
    },
    { type: "held", attemptId: "a", kind: "rollout", bundleSha256: bundle, answers },
  );
  const held = await akc(["autopilot", "status", "--outputs-root", root, "--scope", "acme/shop"]);
  expect(held.exitCode).toBe(0);
  for (const words of [
    "no controller has worked here within a day",
    "held",
    "cdcdcdcdcdcd by run run-1",
    "✓ policy",
    "✗ budget  8 of 8 are used [max_mutations_per_day_exceeded]",
    "opens: the oldest leaves the window at 2026-11-22T11:49:15.000Z",
    "opens: The freeze ends 2026-11-22T11:49:15.000Z, or is taken out.\n",
    "mutations_per_day 0",
  ])
    expect(held.out).toContain(words);
  await happen(escalated);
  const [item] = itemsOf(await akc(["autopilot", "status", "--outputs-root", root, "-o", "json"]));
  expect(item).toMatchObject({
    phase: "escalated",
    held_by: "ctl@host:1:aa",
    holder_beat_age_ms: null,
    mode: null,
  });
  expect(String(item?.["way_out"])).toMatch(
    /^akc autopilot ack --scope acme\/shop --reason TEXT --outputs-root /,
  );
});

test("status of a scope whose hook fails names the command that shows what it said", async () => {
  const { root } = memory();
  const attemptId = Bun.randomUUIDv7();
  await happen(
    { type: "recompile_started", attemptId, triggerIds: [] },
    {
      type: "recompile_ended",
      attemptId,
      result: "failed",
      errorCode: "RECOMPILE_FAILED",
      message: "no licence is left",
      durationMs: 1,
    },
  );
  const [item] = itemsOf(await akc(["autopilot", "status", "--outputs-root", root, "-o", "json"]));
  expect(item).toMatchObject({
    phase: "failing",
    why: "the recompile hook failed: no licence is left [RECOMPILE_FAILED]",
  });
  expect(String(item?.["way_out"])).toMatch(/^akc autopilot history --scope acme\/shop --outputs-root /);
  const history = await akc(["autopilot", "history", "--scope", "acme/shop", "--outputs-root", root]);
  expect(history.out).toContain("no licence is left");
});

test("of a hook that fails it is said what it failed of the last time", async () => {
  const { root } = memory();
  for (const [attemptId, message] of [
    ["a", "it was cut off after 60 s"],
    ["b", "it ended with exit code 3: no such target"],
  ] as const) {
    const failed = { result: "failed", errorCode: "RECOMPILE_FAILED", message, durationMs: 5 } as const;
    await happen(
      { type: "recompile_started", attemptId, triggerIds: [] },
      { type: "recompile_ended", attemptId, ...failed },
    );
  }
  const [item] = itemsOf(await akc(["autopilot", "status", "--outputs-root", root, "-o", "json"]));
  expect(item).toMatchObject({
    phase: "failing",
    why: "the recompile hook failed 2 times in a row, the last time: it ended with exit code 3: no such target [RECOMPILE_FAILED]",
  });
});

test("status shows who beats, the bake of an open attempt, and what only the controller knows", async () => {
  const { root, store } = memory();
  const attemptId = Bun.randomUUIDv7();
  const attempt = {
    attemptId,
    kind: "rollout",
    bundlePath: "/b",
    bundleSha256: bundle,
    runtimeRunId: "run-2",
    triggerIds: [],
  } as const;
  await happen(
    { type: "attempt_started", attempt, answers: [] },
    { type: "attempt_deployed", attemptId, run: runOutcome(), bakeUntilMs: Date.now() + 60_000 },
  );
  const nowMs = Date.now();
  const row = {
    holder: "ctl@host:1:aa",
    host: "host",
    pid: 1,
    startedAtMs: nowMs - 9_000,
    beatAtMs: nowMs,
    scopesHeld: 1,
    version: "1",
  };
  await store.beat(row, []);
  const controller = new FakeController({
    scopes: [
      scopeStatus({ mode: "propose", next: { do: "wait", why: "bake" }, nextVisitAtMs: nowMs + 40_000 }),
    ],
  });
  const path = join(root, "s.sock");
  const outside = await serveOutside(controller, {
    listen: { kind: "unix", path, mode: 0o600 },
    clock: systemClock,
    config: () => someDefaults,
  });
  try {
    const at = ["--outputs-root", root, "--listen", `unix:${path}`];
    const shown = await akc(["autopilot", "status", ...at], { columns: 60 });
    for (const words of [
      "propose",
      "baking",
      "rollout of abababababab",
      "ctl@host:1:aa, last heard of",
      "next visit  in ",
      ": wait, bake",
    ])
      expect(shown.out).toContain(words);
    expect(shown.out.split("\n").every((line) => line.length <= 60)).toBe(true);
    const data = dataOf(await akc(["autopilot", "status", ...at, "-o", "json"]));
    expect(data).toMatchObject({
      live: true,
      controllers: [{ alive: true, pid: 1 }],
      items: [
        { phase: "baking", mode: "propose", next: { do: "wait" }, budgets: [{ limit: 8, left: 8 }, {}, {}] },
      ],
    });
    const probe = await akc(["autopilot", "status", "--probe", "livez", ...at]);
    expect([probe.exitCode, probe.out]).toEqual([0, expect.stringContaining("livez check passed")]);
    controller.show({ phase: "stopped" });
    expect((await akc(["autopilot", "status", "--probe", "livez", ...at])).exitCode).toBe(1);
  } finally {
    await outside.close();
  }
  const gone = await akc([
    "autopilot",
    "status",
    "--probe",
    "livez",
    "--listen",
    `unix:${path}`,
    "-o",
    "json",
  ]);
  expect([gone.exitCode, dataOf(gone)]).toMatchObject([1, { code: "CONTROLLER_UNREACHABLE" }]);
  expect((await akc(["autopilot", "status", "--probe", "livez"])).exitCode).toBe(2);
});

test("several scopes are a table that fits its terminal, and a damaged one is shown with the rest", async () => {
  const { root, store } = memory();
  await happen(escalated);
  for (const name of ["site", "mill"]) {
    const scope = { tenantId: "acme", repoId: name };
    const own = await store.raiseFence(scope, "ctl@host:1:aa", Date.now());
    await store.append(
      scope,
      [{ type: "visit_failed", code: "PROVIDER_FAILED", message: "x".repeat(90) }],
      own,
      { nowMs: Date.now() },
    );
  }
  tamper(root, (db) =>
    db.run(
      "UPDATE entry SET payload = '{' WHERE scope_key = (SELECT scope_key FROM scope WHERE repo_id = 'mill')",
    ),
  );
  const { out, exitCode } = await akc(["autopilot", "status", "--outputs-root", root], { columns: 50 });
  expect(exitCode).toBe(1);
  expect(out).toMatch(/^acme\/mill +damaged/m);
  const table = out.split("\n\n")[1]?.split("\n") ?? [];
  expect(table.map((line) => line.split(/\s+/)[0])).toEqual(["SCOPE", "acme/mill", "acme/shop", "acme/site"]);
  expect(table.every((line) => line.length <= 50)).toBe(true);
  expect(out).toContain("acme/shop is escalated: akc autopilot ack");
});

test("a configuration that is not valid keeps nobody from looking", async () => {
  const { root } = memory();
  await happen(escalated);
  const config = join(root, "autopilot.yaml");
  writeFileSync(config, "nonsense: 1\n");
  const shown = await akc(["autopilot", "status", "--outputs-root", root, "--config", config]);
  expect([shown.exitCode, shown.words]).toEqual([
    0,
    expect.stringMatching(
      /^warning: \/.*autopilot\.yaml: .*\[AUTOPILOT_CONFIG_INVALID\]; what it says is not known$/m,
    ),
  ]);
  expect(shown.out).toContain("escalated");
});

test("where no autopilot has worked that is said, and nothing is made", async () => {
  const empty = mkdtempSync(join(tmpdir(), "akc-empty-"));
  try {
    for (const words of [["status"], ["pause", "--all", "--reason", "r"]]) {
      const said = await akc(["autopilot", ...words, "--outputs-root", empty, "-o", "json"]);
      expect(dataOf(said)).toMatchObject({ code: "FILE_NOT_FOUND" });
    }
    expect([...new Bun.Glob("**").scanSync({ cwd: empty, dot: true })]).toEqual([]);
  } finally {
    rmSync(empty, { recursive: true, force: true });
  }
});

test("watching prints how a scope stands, and a line whenever that changes, until it is interrupted", async () => {
  const { root } = memory();
  await happen({ type: "visit_recovered" });
  const main = join(import.meta.dir, "../../../src/main.ts");
  const flags = ["autopilot", "status", "--outputs-root", root, "--watch", "-o", "json"];
  const child = Bun.spawn([process.execPath, main, ...flags], { stdout: "pipe", stderr: "ignore" });
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const phases = async (count: number) => {
    while (text.split("\n").length <= count) {
      const { done, value } = await reader.read();
      if (done) break;
      text += value;
    }
    const lines = text.trimEnd().split("\n");
    return lines.map((line) => /"phase":"(\w+)"/.exec(line)?.[1]);
  };
  try {
    expect(await phases(1)).toEqual(["empty"]);
    // What changes nothing that is shown is not told.
    await happen({ type: "visit_recovered" });
    await happen(escalated);
    expect(await phases(2)).toEqual(["empty", "escalated"]);
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
  } finally {
    child.kill("SIGKILL");
  }
});
