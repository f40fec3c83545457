import { expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { createBurnReader } from "../../src/autopilot/chronicle/burn-reader.ts";
import { readHistory } from "../../src/autopilot/chronicle/history-file.ts";
import { historyLine } from "../../src/autopilot/chronicle/history-line.ts";
import { burnsOf, kpiBetween } from "../../src/autopilot/chronicle/reading.ts";
import type { Fact } from "../../src/autopilot/model.ts";
import { historyRowsOf } from "../../src/autopilot/score/history-row.ts";
import { limits } from "../../src/limits.ts";
import { lockFile } from "../../src/system/files.ts";
import { filesBelow, type World, world } from "./chronicle-world.ts";
import { attempt, held, outcome, scope, shut } from "./made-entries.ts";

const day = 86_400_000;

/** One of each thing that is told. */
function everything(): readonly (readonly [number, Fact])[] {
  const trigger = {
    id: "t1",
    kind: "runtime_event",
    severity: "high",
    key: "k",
    reason: "r",
    atMs: 1,
    details: {},
  } as const;
  const promotion = shut("promotion", "promotion_policy_not_allowed");
  const apply = { realizationMode: "scoped_apply", applied: true, policyAllowed: true, denialReason: null };
  return [
    [1_000, { type: "triggered", trigger }],
    [1_100, { type: "recompile_started", attemptId: "c1", triggerIds: ["t1"] }],
    [
      1_200,
      {
        type: "recompile_ended",
        attemptId: "c1",
        result: "failed",
        errorCode: "RECOMPILE_FAILED",
        message: "exit 1",
        durationMs: 90,
      },
    ],
    [1_300, { type: "recompile_started", attemptId: "c2", triggerIds: ["t1"] }],
    [1_400, { type: "recompile_ended", attemptId: "c2", result: "unchanged", durationMs: 90 }],
    [1_500, held("h1", [promotion], { compileApply: apply })],
    [
      1_600,
      held("h2", [
        shut("slo", "rollback_success_rate_below_threshold", {
          gate_status: "prevented",
          gate_config: { min_rollouts_total: 5 },
          scoreboard_kpi: { rollouts_total: 9 },
        }),
      ]),
    ],
    [1_700, held("h3", [shut("budget", "cooldown_active")])],
    [1_800, held("h4", [shut("freeze", "freeze_active")])],
    [1_900, { type: "proposed", attemptId: "p1", kind: "rollout", bundleSha256: "s", summary: "2 changes" }],
    ...attempt({
      id: "a1",
      startMs: 2_000,
      endMs: 3_000,
      compileApply: apply,
      run: outcome({ convergenceMs: 60_038 }),
    }),
    ...attempt({ id: "a2", startMs: 4_000, endMs: 5_000, kind: "repair" }),
    ...attempt({ id: "a3", startMs: 6_000, endMs: 7_000, verdict: "rolled_back" }),
    [8_000, { type: "escalated", reason: "consecutive_failures", message: "3 attempts in a row failed" }],
    [8_100, { type: "escalated", reason: "rollback_failed", message: "a person is needed" }],
  ];
}

test("every decision is one file in the documented shape, with the keys of its word", async () => {
  await using w = await world();
  for (const [atMs, fact] of everything()) await w.commit(atMs, fact);
  await w.record(w.chronicle());
  const decisions = readdirSync(join(w.folder, "decisions")).map((name) => {
    const text = readFileSync(join(w.folder, "decisions", name), "utf8");
    expect(text).toEndWith("}\n");
    return { name, ...JSON.parse(text) };
  });
  for (const one of decisions) {
    expect(one).toMatchObject({
      tenant_id: "acme",
      repo_id: "shop",
      controller_id: "ctl-1",
      env_profile: "staging",
      schema_version: 1,
      schema_id: "akc:autopilot_decision:v1",
    });
    expect(one.name).toBe(`${one.decision_at_ms}.${one.attempt_id}.decision.json`);
    expect(Object.keys(one.budget_state).sort()).toEqual([
      "active_rollouts",
      "consecutive_failures",
      "cooldown_until_ms",
      "human_escalation_required",
      "mutations_count",
      "rollbacks_count",
      "window_start_ms",
    ]);
  }
  const of = (attemptId: string) => decisions.find(({ attempt_id }) => attempt_id === attemptId);
  expect(of("c1")).toMatchObject({
    decision: "compile_failed",
    compile_inputs: { runtime_event_count: 1, policy_mode: "enforce" },
    error_code: "RECOMPILE_FAILED",
    message: "exit 1",
  });
  expect(of("c2")).toMatchObject({ decision: "no_new_manifest", result: "unchanged" });
  expect(of("h1")).toMatchObject({
    decision: "promotion_prevented",
    reason: "promotion_policy_not_allowed",
    compile_apply: { compile_realization_mode: "scoped_apply", compile_apply_applied: true },
  });
  expect(of("h2")).toMatchObject({
    decision: "slo_gate_prevented",
    gate_status: "prevented",
    gate_config: { min_rollouts_total: 5 },
    scoreboard_kpi: { rollouts_total: 9 },
  });
  expect(of("h3")).toMatchObject({ decision: "budget_prevented", reason: "cooldown_active" });
  expect(of("h4")).toMatchObject({ decision: "rollout_waiting", reason: "freeze_active" });
  expect(of("p1")).toMatchObject({ decision: "rollout_proposed", summary: "2 changes" });
  expect(of("a1")).toMatchObject({
    decision: "runtime_rollout",
    verdict: "kept",
    runtime_outcome: { terminal_status: "succeeded", rollback_count: 0, convergence_latency_ms_avg: 60_038 },
    compile_apply: { compile_apply_policy_allowed: true },
  });
  expect(of("a2")).toMatchObject({ decision: "runtime_repair", verdict: "kept" });
  expect(of("a3")).toMatchObject({
    decision: "runtime_rollout",
    runtime_outcome: { terminal_status: "terminal", rollback_count: 1, rollback_success_count: 1 },
    budget_state: { consecutive_failures: 1, rollbacks_count: 0, mutations_count: 3 },
  });
  expect(decisions.filter(({ decision }) => decision === "escalation_hold")).toHaveLength(2);
  const escalations = filesBelow(join(w.folder, "escalations"));
  expect(Object.keys(escalations)).toEqual([
    "8000.autonomy_budget_escalation.json",
    "8100.rollback_failed.json",
  ]);
  expect(JSON.parse(escalations["8000.autonomy_budget_escalation.json"] ?? "")).toMatchObject({
    generated_at_ms: 8_000,
    reason: "autonomy_budget_escalation",
    budget_state: { human_escalation_required: true },
    schema_id: "akc:autopilot_human_escalation:v1",
  });
});

test("the history has a line for each rollout and each refusal, in the documented form with all keys", async () => {
  await using w = await world();
  for (const [atMs, fact] of everything()) await w.commit(atMs, fact);
  await w.record(w.chronicle());
  const lines = readFileSync(join(w.folder, "history.jsonl"), "utf8").trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line).attempt_id)).toEqual(["h1", "h2", "h3", "a1", "a3"]);
  expect(lines[3]).toStartWith('{"approval_wait_ms": null, "attempt_id": "a1", "bundle_sha256": "sha-a1", ');
  expect(lines[3]).toContain('"convergence_latency_ms": 60038.0, ');
  expect(lines[3]).toContain(
    '"runtime_terminal_status": "succeeded", "staging_to_prod_ms": null, "started_at_ms": 2000, ',
  );
});

const happening = fc.oneof(
  fc.record({
    what: fc.constant("attempt" as const),
    kind: fc.constantFrom("rollout", "repair"),
    verdict: fc.constantFrom("kept", "failed", "rolled_back", "not_started", "stopped"),
  }),
  fc.record({
    what: fc.constant("held" as const),
    gate: fc.constantFrom("policy", "promotion", "slo", "budget", "window"),
  }),
  fc.record({
    what: fc.constant("recompile" as const),
    result: fc.constantFrom("failed", "unchanged", "cut_off"),
  }),
  fc.record({ what: fc.constant("escalated" as const) }),
  fc.record({ what: fc.constant("scored" as const) }),
);

test("whatever a crash keeps from being written, the files end up as if they were written from the database in one go", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          happening,
          /** Not even begun; written by a process that is new; the last line half there; the bookmark gone. */
          crash: fc.constantFrom("none", "none", "skip", "skip", "restart", "torn", "bookmark"),
        }),
        { minLength: 1, maxLength: 14 },
      ),
      async (story) => {
        await using w = await world();
        let chronicle = w.chronicle();
        for (const [index, { happening: one, crash }] of story.entries()) {
          for (const [atMs, fact] of factsOf(one, index)) {
            await w.commit(atMs, fact);
            const before = crash === "torn" ? remembered(w) : undefined;
            if (crash !== "skip") await w.record(chronicle);
            before?.();
          }
          if (crash === "restart" || crash === "torn") chronicle = w.chronicle();
          if (crash === "bookmark") rmSync(join(w.folder, "chronicle.json"), { force: true });
        }
        await w.record(chronicle);
        const there = filesBelow(w.folder);
        const entries = await w.store.entries(scope, 0, 1_000);
        expect(there["history.jsonl"] ?? "").toBe(historyRowsOf(entries).map(historyLine).join(""));
        rmSync(w.folder, { recursive: true });
        await w.record(w.chronicle());
        expect(there).toEqual(filesBelow(w.folder));
        expect(w.told).toEqual([]);
      },
    ),
    { numRuns: 25 },
  );
});

type Happening = typeof happening extends fc.Arbitrary<infer One> ? One : never;

function factsOf(one: Happening, index: number): readonly (readonly [number, Fact])[] {
  const atMs = (index + 1) * 1_000;
  const id = `x${index}`;
  switch (one.what) {
    case "attempt":
      return attempt({
        id,
        startMs: atMs,
        endMs: atMs + 500,
        kind: one.kind === "repair" ? "repair" : "rollout",
        verdict: one.verdict,
      });
    case "held":
      return [[atMs, held(id, [shut(one.gate, "no")])]];
    case "recompile":
      return [
        [atMs, { type: "recompile_started", attemptId: id, triggerIds: [] }],
        [atMs + 1, { type: "recompile_ended", attemptId: id, result: one.result, durationMs: 1 }],
      ];
    case "escalated":
      return [[atMs, { type: "escalated", reason: "compile_failures", message: "m" }]];
    case "scored":
      return [[atMs, { type: "scored", windowStartMs: 0, windowEndMs: 1 }]];
  }
}

/** Then: as if the process had died in the middle of the last line, before it moved its bookmark. */
function remembered(w: World): () => void {
  const bookmark = join(w.folder, "chronicle.json");
  const history = join(w.folder, "history.jsonl");
  const sizeOf = () => (existsSync(history) ? statSync(history).size : 0);
  const [text, size] = [existsSync(bookmark) ? readFileSync(bookmark) : undefined, sizeOf()];
  return () => {
    if (sizeOf() > size) truncateSync(history, size + Math.floor((sizeOf() - size) / 2));
    if (text === undefined) rmSync(bookmark, { force: true });
    else writeFileSync(bookmark, text);
  };
}

test("a full history is turned over, is read back whole and in order, and never has a line twice", async () => {
  await using w = await world();
  const bytesMax = 2_500;
  for (let index = 0; index < 30; index++) {
    const [begin, end] = attempt({ id: `r${index}`, startMs: index * 10 + 1, endMs: index * 10 + 5 });
    if (begin) await w.commit(...begin);
    if (end) await w.commit(...end);
    // A new process each time.
    await w.record(w.chronicle({ historyBytesMax: bytesMax }));
  }
  const names = readdirSync(w.folder).filter((name) => name.startsWith("history."));
  expect(names.length).toBe(limits.autopilotHistoryFilesMax + 1);
  for (const name of names) expect(statSync(join(w.folder, name)).size).toBeLessThanOrEqual(bytesMax);
  const { rows, unreadable } = await readHistory(w.folder);
  expect(unreadable).toBe(0);
  const all = historyRowsOf(await w.store.entries(scope, 0, 1_000));
  expect(rows).toEqual(
    all.slice(-rows.length).map(({ verdict, bundle_sha256, runtime_run_id, ...row }) => row),
  );
  expect(rows.length).toBeGreaterThan(20);
});

test("what the old runtime wrote stays in front of it, a line that it left half written aside", async () => {
  await using w = await world();
  mkdirSync(w.folder, { recursive: true });
  const old = '{"event_kind": "runtime_rollout", "attempt_id": "old"}\n';
  writeFileSync(join(w.folder, "history.jsonl"), `${old}{"attempt_id": "${"torn".repeat(9_000)}`);
  for (const [atMs, fact] of everything()) await w.commit(atMs, fact);
  await w.record(w.chronicle());
  const text = readFileSync(join(w.folder, "history.jsonl"), "utf8");
  expect(text).toBe(
    old +
      historyRowsOf(await w.store.entries(scope, 0, 1_000))
        .map(historyLine)
        .join(""),
  );
});

test("two controllers that both write what is missing write it once", async () => {
  await using w = await world();
  for (const [atMs, fact] of everything()) await w.commit(atMs, fact);
  await Promise.all([w.chronicle(), w.chronicle(), w.chronicle()].map((chronicle) => w.record(chronicle)));
  const lines = readFileSync(join(w.folder, "history.jsonl"), "utf8").trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line).attempt_id)).toEqual(["h1", "h2", "h3", "a1", "a3"]);
  expect(w.told).toEqual([]);
});

test("while another process writes the files nobody else does, and nothing is lost", async () => {
  await using w = await world();
  for (const [atMs, fact] of everything()) await w.commit(atMs, fact);
  mkdirSync(w.folder, { recursive: true });
  const path = join(w.folder, "chronicle.lock");
  const other = await open(path, "a");
  try {
    await lockFile(other.fd, path);
    await w.record(w.chronicle());
    expect(Object.keys(filesBelow(w.folder))).toEqual([]);
    expect(w.told).toMatchObject([{ level: "error", keys: { error_code: "STORE_BUSY" } }]);
  } finally {
    await other.close();
  }
  await w.record(w.chronicle());
  expect(Object.keys(filesBelow(w.folder))).toContain("history.jsonl");
});

test("an attempt that was watched for longer than the period counts when it ends", async () => {
  await using w = await world();
  for (const [atMs, fact] of attempt({ id: "long", startMs: 10, endMs: 40 * day, verdict: "failed" })) {
    await w.commit(atMs, fact);
  }
  const slo = { id: "s", indicator: "rollouts", objective: 0.5, periodMs: 30 * day, minSamples: 1 } as const;
  const [burn] = await burnsOf(w.store, scope, [slo], 41 * day);
  expect(burn?.seen).toMatchObject({ good: 0, bad: 1 });
  // Its window is that in which it began.
  expect((await kpiBetween(w.store, scope, 39 * day, 41 * day)).rollouts_total).toBe(0);
  expect((await kpiBetween(w.store, scope, 0, day)).rollouts_failed_total).toBe(1);
});

test("objectives that are looked up again and again read each fact once, and stand as if all had been read", async () => {
  await using w = await world();
  let read = 0;
  const reader = createBurnReader({
    tallies: (...asked) => w.store.tallies(...asked),
    async entries(...asked) {
      const entries = await w.store.entries(...asked);
      read += entries.length;
      return entries;
    },
  });
  const slos = (["rollouts", "recompiles", "standing"] as const).map(
    (indicator) => ({ id: indicator, indicator, objective: 0.5, periodMs: 30 * day, minSamples: 1 }) as const,
  );
  const agrees = async (nowMs: number, some = slos) =>
    expect(await reader.burns(scope, some, nowMs)).toEqual([...(await burnsOf(w.store, scope, some, nowMs))]);
  const commit = async (one: Parameters<typeof attempt>[0]) => {
    for (const [atMs, fact] of attempt(one)) await w.commit(atMs, fact);
  };
  await agrees(day);
  await commit({ id: "long", startMs: 10, endMs: 40 * day, verdict: "failed" });
  await agrees(41 * day);
  for (let at = 0; at < 20; at += 1) {
    await w.commit(41 * day + at, {
      type: "recompile_ended",
      attemptId: `r${at}`,
      result: at % 2 === 0 ? "failed" : "unchanged",
      durationMs: 1,
    });
  }
  await commit({ id: "kept", startMs: 42 * day, endMs: 42 * day + 1, verdict: "kept" });
  await agrees(43 * day);
  const before = read;
  await agrees(43 * day + 1);
  // The last one, to see that the chain is still the same.
  expect(read - before).toBe(1);
  await agrees(72 * day);
  await agrees(90 * day);
  // Another question needs other facts.
  await agrees(43 * day, slos.slice(0, 1));
  await agrees(43 * day);
});

test("a full disk fails no visit, is told once, and all is there when it is not full any more", async () => {
  const disk = mkdtempSync(join(tmpdir(), "akc-chronicle-disk-"));
  expect(Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk]).exitCode).toBe(0);
  try {
    await using w = await world({ scopeRoot: join(disk, "scope") });
    const chronicle = w.chronicle();
    const facts = everything();
    const half = facts.slice(0, 6);
    for (const [atMs, fact] of half) await w.commit(atMs, fact);
    await w.record(chronicle);
    for (let index = 0; ; index++) {
      try {
        writeFileSync(join(disk, `filler${index}`), Buffer.alloc(4_096));
      } catch {
        break;
      }
    }
    for (const [atMs, fact] of facts.slice(6)) {
      await w.commit(atMs, fact);
      await w.record(chronicle);
    }
    expect(w.told).toMatchObject([{ kind: "note", level: "error", keys: { error_code: "DISK_FULL" } }]);
    for (const name of readdirSync(disk).filter((one) => one.startsWith("filler"))) rmSync(join(disk, name));
    // Nothing new happens; the next look is enough, once some time has passed.
    w.clock.atMs += limits.autopilotChronicleRetryMs;
    await chronicle.score(w.config, await w.store.state(scope), 9_000);
    expect(w.told).toMatchObject([{ level: "error" }, { level: "info" }]);
    const there = filesBelow(w.folder);
    rmSync(w.folder, { recursive: true });
    await w.record(w.chronicle());
    expect(there).toEqual(filesBelow(w.folder));
  } finally {
    Bun.spawnSync(["umount", "-l", disk]);
    rmSync(disk, { recursive: true, force: true });
  }
});

test("old decisions go, the newest stay", async () => {
  await using w = await world();
  const chronicle = w.chronicle({ decisionFilesMax: 3 });
  for (let index = 1; index <= 9; index++) {
    await w.commit(index * 10 ** index, held(`h${index}`, [shut("policy", "no")]));
    await w.record(chronicle);
  }
  expect(Object.keys(filesBelow(join(w.folder, "decisions"))).sort()).toEqual([
    "70000000.h7.decision.json",
    "800000000.h8.decision.json",
    "9000000000.h9.decision.json",
  ]);
});

test("a change of holder is one decision of whoever holds it now; whoever waits writes nothing", async () => {
  await using w = await world();
  const chronicle = w.chronicle();
  await w.commit(10, held("h1", [shut("policy", "no")]));
  await w.record(chronicle);
  // The same controller, started again.
  w.fence = await w.store.raiseFence(scope, "ctl-1@host:8:def", 11);
  await w.commit(12, held("h2", [shut("policy", "no")]));
  await w.record(w.chronicle());
  w.fence = await w.store.raiseFence(scope, "ctl-1@other:9:ghi", 13);
  await w.commit(14, held("h3", [shut("policy", "no")]));
  await w.record(w.chronicle());
  const skipped = Object.values(filesBelow(join(w.folder, "decisions")))
    .map((text) => JSON.parse(text))
    .filter(({ decision }) => decision === "skip_not_lease_holder");
  expect(skipped).toMatchObject([
    {
      controller_id: "ctl-1",
      holder: "ctl-1@host:8:def",
      decision_at_ms: 14,
      lease_backend: "sqlite",
      lease_namespace: null,
      scope_name: "35a46b7e02ab3d7f5c23",
      lease: { holder: "ctl-1@other:9:ghi", token: 3 },
    },
  ]);
});

test("a database of before, put back, is no continuation: the history of the other one is set aside", async () => {
  await using w = await world();
  for (const [atMs, fact] of everything()) await w.commit(atMs, fact);
  await w.record(w.chronicle());
  await using other = await world({ scopeRoot: w.config.scopeRoot });
  await other.commit(1, held("z", [shut("policy", "no")]));
  await other.record(other.chronicle());
  expect(other.told).toMatchObject([{ kind: "note", level: "warn" }]);
  expect(readFileSync(join(w.folder, "history.jsonl"), "utf8").trimEnd().split("\n")).toHaveLength(1);
  const aside = readdirSync(w.folder).find((name) => name.startsWith("replaced-"));
  expect(readdirSync(join(w.folder, aside ?? ""))).toEqual(["history.jsonl"]);
});

test("each window that is over gets its scoreboard, idle ones too, and one in which an attempt still runs waits for it", async () => {
  const slo = { id: "s", indicator: "rollouts", objective: 0.5, periodMs: 30 * day, minSamples: 1 } as const;
  await using w = await world({ windowMs: day, slos: [slo] });
  const chronicle = w.chronicle();
  const score = async (nowMs: number) => {
    const scored = await chronicle.score(w.config, await w.store.state(scope), nowMs);
    if (scored !== undefined) await w.commit(nowMs, { type: "scored", ...scored });
    return scored;
  };
  const [begin, end] = attempt({ id: "a", startMs: day - 5, endMs: day + 5 });
  expect(await score(day + 1)).toBeUndefined();
  if (begin) await w.commit(...begin);
  expect(await score(day + 1)).toBeUndefined();
  if (end) await w.commit(...end);
  expect(await score(3 * day)).toEqual({ windowStartMs: 0, windowEndMs: day });
  expect(await score(3 * day)).toEqual({ windowStartMs: day, windowEndMs: 2 * day });
  expect(await score(3 * day)).toEqual({ windowStartMs: 2 * day, windowEndMs: 3 * day });
  expect(await score(3 * day)).toBeUndefined();
  const boards = filesBelow(join(w.folder, "scoreboards"));
  expect(Object.keys(boards)).toEqual([
    `0-${day}.reliability_scoreboard.v1.json`,
    `${2 * day}-${3 * day}.reliability_scoreboard.v1.json`,
    `${day}-${2 * day}.reliability_scoreboard.v1.json`,
  ]);
  expect(JSON.parse(boards[`0-${day}.reliability_scoreboard.v1.json`] ?? "")).toMatchObject({
    tenant_id: "acme",
    window_start_ms: 0,
    window_end_ms: day,
    kpi: { rollouts_total: 1, rollouts_kept_total: 1 },
  });
  expect(JSON.parse(boards[`${day}-${2 * day}.reliability_scoreboard.v1.json`] ?? "")).toMatchObject({
    kpi: { rollouts_total: 0 },
    slos: [{ id: "s", verdict: "ok", good: 1, bad: 0 }],
  });
});
