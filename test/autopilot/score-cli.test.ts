import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSloTargets, usualTargets } from "../../src/autopilot/score/slo-targets.ts";
import { akc, root } from "../e2e/akc.ts";
import { world } from "./chronicle-world.ts";
import { attempt, held, outcome, scope, shut } from "./made-entries.ts";

const day = 86_400_000;

test("the scoreboard is shown from the memory alone: as a table, as data and as a picture", async () => {
  await using w = await world();
  const nowMs = Date.now();
  const facts = [
    ...[1, 2, 3, 4, 5].flatMap((ago) =>
      attempt({
        id: `r${ago}`,
        startMs: nowMs - (7 - ago) * 3_600_000,
        endMs: nowMs - (7 - ago) * 3_600_000 + 9,
      }),
    ),
    ...attempt({
      id: "bad",
      startMs: nowMs - 3_600_000,
      endMs: nowMs - 3_000_000,
      verdict: "rolled_back",
      run: outcome({ convergenceMs: null }),
    }),
    [nowMs - 60_000, held("no", [shut("policy", "policy_denied")])] as const,
  ];
  for (const [atMs, fact] of facts) await w.commit(atMs, fact);
  const svg = join(w.root, "score.svg");
  const hours = join(w.root, "hours.svg");
  const where = ["--outputs-root", w.root];
  const [text, json] = await Promise.all([
    akc(["autopilot", "scoreboard", ...where, "--svg", svg]),
    akc(["autopilot", "scoreboard", ...where, "-o", "json", "--from", new Date(nowMs - day).toISOString()]),
  ]);
  expect(text).toMatchObject({ exit: 0, stderr: "" });
  expect(text.stdout).toMatch(/acme\/shop +6 +5 +0 +1 +1 +85\.71 % +0\.1 s/);
  expect(text.stdout).toMatch(/rollouts +95 % over 30 d +83\.33 % of 6 +overdrawn by 233 % +gone +exhausted/);
  expect(text.stdout).toMatch(/standing .* inconclusive: 0 of 100 seen/);
  const data = JSON.parse(json.stdout);
  expect(data).toMatchObject({
    kind: "AutopilotScoreboard",
    scopes: [
      {
        tenant_id: "acme",
        kpi: {
          rollouts_total: 6,
          rollouts_kept_total: 5,
          rollbacks_total: 1,
          failed_promotions_prevented: 1,
        },
        slos: [
          { id: "rollouts", verdict: "exhausted" },
          { id: "standing", verdict: "inconclusive" },
        ],
      },
    ],
    total: { kpi: { rollouts_total: 6 } },
  });
  const picture = readFileSync(svg, "utf8");
  expect(picture).toStartWith('<svg xmlns="http://www.w3.org/2000/svg"');
  expect(picture).toContain("6 rollouts, 5 kept, 0 failed, 1 rolled back");
  // Windows of an hour are all of one day or two: their dates alone would say nothing.
  await akc(["autopilot", "scoreboard", ...where, "--window", "1h", "--svg", hours]);
  expect(readFileSync(hours, "utf8")).toMatch(/began, (\d{4}-\d\d-\d\d \d\d:\d\d( to )?){2} UTC</);
  // Nothing is loaded from anywhere, nothing runs.
  expect(picture).not.toMatch(/<script|href|url\((?!#)|@import/);
});

test("the scoreboard and its checker go where the controller's configuration says, as a flag or a variable names it", async () => {
  await using w = await world();
  const nowMs = Date.now();
  for (const [atMs, fact] of attempt({ id: "r", startMs: nowMs - 9, endMs: nowMs - 1 }))
    await w.commit(atMs, fact);
  board(w.root, 1, {});
  board(w.root, 2, {});
  const config = join(w.root, "autopilot.yaml");
  writeFileSync(config, "version: 1\nmode: observe\noutputs_root: .\n");
  const env = { AKC_AUTOPILOT_CONFIG: config };
  const commands = [["scoreboard", "--scope", "acme/shop"], ["slo-gate"]];
  for (const command of commands) {
    const args = ["autopilot", ...command, "-o", "json"];
    const [byFlag, byVariable] = await Promise.all([akc([...args, "--config", config]), akc(args, { env })]);
    expect(byFlag).toMatchObject({ exit: 0, stderr: "" });
    expect(byVariable).toMatchObject({ exit: 0, stderr: "" });
    expect(byFlag.stdout).toContain(command[0] === "slo-gate" ? "acme/shop" : '"rollouts_total": 1');
  }
});

test("a scope of which nothing is known has a scoreboard too, with no rate that was not measured", async () => {
  const empty = mkdtempSync(join(tmpdir(), "akc-score-"));
  try {
    const args = ["autopilot", "scoreboard", "--outputs-root", empty];
    const [one, all] = await Promise.all([
      akc([...args, "--tenant-id", "acme", "--repo-id", "shop", "-o", "json"]),
      akc(args),
    ]);
    expect(one.exit).toBe(0);
    expect(JSON.parse(one.stdout).scopes).toMatchObject([
      { kpi: { rollouts_total: 0, standing_rate: null }, slos: [{ verdict: "inconclusive" }, {}] },
    ]);
    expect(all).toMatchObject({ exit: 0, stderr: "the autopilot knows no scope here\n" });
  } finally {
    rmSync(empty, { recursive: true });
  }
});

test("a window that ends before it begins is refused in words that say which moment is wrong", async () => {
  const args = ["autopilot", "scoreboard", "--from", "2200-01-01"];
  const [open, closed] = await Promise.all([akc(args), akc([...args, "--to", "2199-01-01"])]);
  expect(open).toMatchObject({ exit: 2, stderr: expect.stringContaining("--from is in the future") });
  expect(closed).toMatchObject({ exit: 2, stderr: expect.stringContaining("--from is not before --to") });
});

/** A scoreboard as the old runtime writes it. */
function board(
  outputsRoot: string,
  index: number,
  kpi: object,
  name = `${scope.tenantId}/${scope.repoId}`,
): void {
  const folder = join(outputsRoot, name, ".akc/autopilot/scoreboards");
  mkdirSync(folder, { recursive: true });
  const [tenant_id, repo_id] = name.split("/");
  const window = { window_start_ms: index * day, window_end_ms: (index + 1) * day };
  writeFileSync(
    join(folder, `${index * day}-${(index + 1) * day}.reliability_scoreboard.v1.json`),
    JSON.stringify({ tenant_id, repo_id, ...window, kpi: { ...good, ...kpi } }),
  );
}

const good = {
  policy_compliance_rate: 1,
  rollbacks_total: 0,
  convergence_latency_ms_avg: 10,
  mttr_like_repair_latency_ms_avg: 0,
  compression_factor_vs_baseline_avg: 2,
  failed_promotions_prevented: 0,
};

async function gate(fill: (outputsRoot: string) => void, ...args: readonly string[]) {
  const outputsRoot = mkdtempSync(join(tmpdir(), "akc-slo-gate-"));
  try {
    fill(outputsRoot);
    const { exit, stdout, stderr } = await akc([
      ...["autopilot", "slo-gate", "--outputs-root", outputsRoot, "--format", "json"],
      ...args,
    ]);
    return { exit, stderr, report: JSON.parse(stdout) };
  } finally {
    rmSync(outputsRoot, { recursive: true });
  }
}

test("the checker takes the last windows of each scope and says in the documented form what is missed", async () => {
  const [passed, failed, gap, short, none, broken] = await Promise.all([
    gate((at) => [0, 1, 2].map((index) => board(at, index, index === 0 ? { rollbacks_total: 9 } : {}))),
    gate((at) => {
      board(at, 1, {});
      board(at, 2, { rollbacks_total: 3, policy_compliance_rate: null });
      board(at, 1, {}, "acme/other");
      board(at, 2, {}, "acme/other");
    }),
    gate((at) => [1, 3].map((index) => board(at, index, {}))),
    gate((at) => board(at, 1, {})),
    gate(() => {}),
    gate((at) => {
      board(at, 1, {});
      board(at, 2, {});
      writeFileSync(
        join(at, "acme/shop/.akc/autopilot/scoreboards/9-10.reliability_scoreboard.v1.json"),
        '{"kpi": {"rollbacks_total": NaN}}',
      );
    }),
  ]);
  expect(passed).toMatchObject({
    exit: 0,
    report: {
      passed: true,
      required_consecutive_windows: 2,
      scopes_evaluated: ["acme/shop"],
      window_counts: { "acme/shop": 3 },
      failures: [],
    },
  });
  expect(failed.exit).toBe(2);
  const at = { scope: "acme/shop", window_start_ms: 2 * day, window_end_ms: 3 * day };
  expect(failed.report.failures).toEqual([
    { ...at, metric: "policy_compliance_rate", comparator: "present", actual: null, expected: true },
    { ...at, metric: "rollbacks_total", comparator: "lte", actual: 3, expected: 0 },
  ]);
  expect(gap).toMatchObject({
    exit: 2,
    report: {
      failures: [
        { metric: "consecutive_windows", comparator: "adjacent", actual: 3 * day, expected: 2 * day },
      ],
    },
  });
  expect(short).toMatchObject({
    exit: 2,
    report: { failures: [{ metric: "required_consecutive_windows", actual: 1, expected: 2 }] },
  });
  expect(none).toMatchObject({ exit: 2, report: { passed: false, scopes_evaluated: [] } });
  expect(broken).toMatchObject({
    exit: 2,
    report: { failures: [{ metric: "scoreboard", comparator: "present" }] },
  });
});

test("the targets that are shipped are those that hold without a file, and wrong ones are told with their place", async () => {
  const shipped = readFileSync(join(root, "configs/slo/reliability_scoreboard_targets.json"), "utf8");
  expect(readSloTargets(shipped, "x")).toEqual(usualTargets);
  expect(
    readSloTargets('{"window":{"required_consecutive_windows":0},"kpi_targets":{}}', "x").requiredWindows,
  ).toBe(2);
  let issues: unknown;
  try {
    readSloTargets('{"kpi_targets":{"a":{"gte":"1"},"b":{"above":1}}}', "x");
  } catch (cause) {
    issues = cause instanceof Error && "issues" in cause ? cause.issues : cause;
  }
  expect(issues).toMatchObject([{ path: "/kpi_targets/a/gte" }, { path: "/kpi_targets/b/above" }]);
});

test("scoreboards that akc writes pass its own checker", async () => {
  await using w = await world({ windowMs: day });
  const chronicle = w.chronicle();
  for (const [atMs, fact] of attempt({ id: "a", startMs: 5, endMs: 9 })) await w.commit(atMs, fact);
  for (let index = 0; index < 2; index++) {
    const scored = await chronicle.score(w.config, await w.store.state(scope), 3 * day);
    if (scored === undefined) throw new Error("a window is due");
    await w.commit(3 * day, { type: "scored", ...scored });
  }
  const targets = join(w.root, "targets.json");
  writeFileSync(
    targets,
    '{"kpi_targets":{"policy_compliance_rate":{"gte":1},"rollouts_kept_total":{"gte":0}}}',
  );
  const args = ["--outputs-root", w.root, "--targets-path", targets];
  const { exit, stdout, stderr } = await akc(["autopilot", "slo-gate", ...args]);
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
  expect(stdout).toBe("passed  1 scope, 2 windows each\n");
  writeFileSync(targets, '{"window":{"required_consecutive_windows":1},"kpi_targets":{}}');
  const one = await akc(["autopilot", "slo-gate", ...args]);
  expect(one.stdout).toBe("passed  1 scope, 1 window each\n");
});
