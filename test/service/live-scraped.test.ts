/** The built binary as a real Prometheus sees it, after a day with much in it: what it serves is clean, and the shipped alerts fire when they should. */
import { Database } from "bun:sqlite";
import { afterEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import type { Tally } from "../../src/autopilot/contract.ts";
import type { Fact, ScopeId } from "../../src/autopilot/model.ts";
import { autopilotStatePath } from "../../src/autopilot/state/file.ts";
import { openAutopilotStore } from "../../src/autopilot/state/open.ts";
import { attempt, held, outcome, shut } from "../autopilot/made-entries.ts";
import { binary, plainEnv, root } from "../e2e/akc.ts";
import { PrometheusHost } from "../env/prometheus.ts";

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

const minuteMs = 60_000;
const dayMs = 86_400_000;
const scopeOf = (repoId: string): ScopeId => ({ tenantId: "acme", repoId });

/** A day of a scope: an attempt every quarter of an hour, most of them kept, with gates and triggers between. */
function day(salt: string, nowMs: number): readonly (readonly [number, Fact])[] {
  return Array.from({ length: 90 }, (_, index) => index).flatMap((index) => {
    const startMs = nowMs - dayMs + index * 15 * minuteMs;
    const id = `${salt}-${index}`;
    const failed = index % 9 === 0;
    const trigger: Fact = {
      type: "triggered",
      trigger: {
        id: `t-${id}`,
        kind: "webhook",
        severity: "med",
        key: `k-${id}`,
        reason: "r",
        atMs: startMs,
        details: {},
      },
    };
    const ended: Fact = { type: "triggers_settled", triggerIds: [`t-${id}`], by: "rollout" };
    return [
      [startMs, trigger],
      [startMs + 1_000, held(id, [shut("window", "outside_maintenance_window")])],
      ...attempt({
        id,
        startMs: startMs + 2_000,
        endMs: startMs + minuteMs,
        verdict: failed ? "failed" : "kept",
        run: outcome({ healthy: !failed }),
      }),
      [startMs + 2 * minuteMs, ended],
    ] as const;
  });
}

/** Looks of the last day; half of those of the last hours were bad. */
function looks(scope: ScopeId, nowMs: number): readonly Tally[] {
  const bucketMs = 5 * minuteMs;
  const last = Math.floor(nowMs / bucketMs) * bucketMs;
  return Array.from({ length: 288 }, (_, index) => {
    const fromMs = last - index * bucketMs;
    const drifted = index < 84 ? 30 : 0;
    return { scope, fromMs, standing: 60 - drifted, drifted, unseen: 0 };
  });
}

/** The memory of a host whose controller has ended: one scope that burns, one that waits for a person, one that is well. */
async function remembered(outputsRoot: string): Promise<void> {
  const store = await openAutopilotStore(outputsRoot);
  const nowMs = Date.now();
  try {
    for (const name of ["burns", "waits", "forge"]) {
      mkdirSync(join(outputsRoot, "acme", name, ".akc/autopilot"), { recursive: true });
      const scope = scopeOf(name);
      const fence = await store.raiseFence(scope, "gone@host:1:x", nowMs - dayMs);
      const facts = name === "forge" ? [] : day(name, nowMs);
      for (const [atMs, fact] of facts) await store.append(scope, [fact], fence, { nowMs: atMs });
      if (name === "waits") {
        const escalated: Fact = {
          type: "escalated",
          reason: "consecutive_failures",
          message: "three in a row",
        };
        await store.append(scope, [escalated], fence, { nowMs });
      }
      const beat = { startedAtMs: nowMs - dayMs, beatAtMs: nowMs, scopesHeld: 0, version: "0" };
      if (name === "burns")
        await store.beat({ holder: "gone@host:1:x", host: "host", pid: 1, ...beat }, looks(scope, nowMs));
    }
  } finally {
    await store.close();
  }
}

interface Living {
  readonly port: number;
  readonly outputsRoot: string;
}

/** `scopes` that it watches; all of its outputs root. */
async function living(): Promise<Living> {
  const folder = mkdtempSync(join(tmpdir(), "akc-scraped-"));
  endings.push(() => rmSync(folder, { recursive: true }));
  const outputsRoot = join(folder, "out");
  mkdirSync(outputsRoot);
  await remembered(outputsRoot);
  const hook = join(folder, "hook");
  writeFileSync(hook, "#!/bin/sh\nexit 1\n");
  chmodSync(hook, 0o755);
  const config = join(folder, "autopilot.yaml");
  writeFileSync(config, configText(hook));
  const child = Bun.spawn([binary, "runtime", "autopilot", "--config", config, "-o", "json"], {
    cwd: folder,
    env: { ...plainEnv, HOME: folder },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  endings.push(async () => {
    child.kill("SIGTERM");
    await child.exited;
  });
  let said = "";
  for await (const chunk of child.stderr) {
    said += Buffer.from(chunk).toString();
    const [, port] = /"address":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(said) ?? [];
    if (port === undefined) continue;
    // What it says from here on nobody needs, and it must not stop for it.
    void child.stderr.pipeTo(new WritableStream()).catch(() => undefined);
    return { port: Number(port), outputsRoot };
  }
  throw new Error(`it ended: ${said}`);
}

const configText = (hook: string) => `version: 1
outputs_root: out
mode: enforce
env_profile: dev
profile: living_loop_unattended_v1
interval: 1s
scopes:
  discover: true
  overrides:
    acme/forge:
      recompile: { command: [${hook}] }
      budgets: { consecutive_failures: 1 }
lease: { ttl: 3s }
listen: { tcp: "127.0.0.1:0" }
score:
  slos:
    - { id: rollouts, indicator: rollouts, objective: 0.95, period: 30d, min_samples: 5 }
    - { id: standing, indicator: standing, objective: 0.99, period: 30d, min_samples: 5 }
`;

const Contract = v.object({
  alerts: v.array(v.object({ id: v.string(), condition: v.string(), for_seconds: v.number() })),
});
const Answer = v.object({
  status: v.literal("success"),
  data: v.object({ result: v.array(v.object({ metric: v.record(v.string(), v.string()) })) }),
});

test("its metrics are clean after such a day, and each shipped alert fires for what it is about and for nothing else", async () => {
  const contract = v.parse(
    Contract,
    await Bun.file(join(root, "configs/slo/operator_alert_contract.v1.json")).json(),
  );
  const { port, outputsRoot } = await living();
  const host = await PrometheusHost.up(port);
  endings.push(() => host?.down());
  if (host === undefined) return;
  const fired = async (id: string): Promise<readonly string[]> => {
    const query = contract.alerts.find((alert) => alert.id === `akc_autopilot_${id}`)?.condition ?? "";
    const answer = await fetch(`${host.url}/api/v1/query?query=${encodeURIComponent(query)}`);
    const { data } = v.parse(Answer, await answer.json());
    return data.result
      .map(({ metric }) => [metric["repo"], metric["slo"]].filter(Boolean).join(" "))
      .toSorted();
  };
  const until = async (id: string, wanted: readonly string[]) => {
    const endMs = performance.now() + 30_000;
    let last: readonly string[] = [];
    do {
      last = await fired(id);
      if (last.join() === wanted.join()) return;
      await Bun.sleep(100);
    } while (performance.now() < endMs);
    expect([id, last]).toEqual([id, wanted]);
  };
  await until("human_escalation", ["waits"]);
  await until("lease_not_held", []);
  expect(await fired("compile_failures")).toEqual([]);
  await until("error_budget_burning", ["burns standing"]);
  expect(await fired("error_budget_leaking")).toContain("burns standing");

  // One failure of a hook, where one is as many as may be.
  const words = ["--outputs-root", outputsRoot, "--scope", "acme/forge", "--reason", "try"];
  const said = Bun.spawn([binary, "autopilot", "trigger", ...words], { env: plainEnv, stdout: "ignore" });
  expect(await said.exited).toBe(0);
  await until("compile_failures", [""]);
  await until("human_escalation", ["forge", "waits"]);

  const scraped = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  // Also what somebody else has written is told, once.
  const seriesOf = (name: string) => scraped.split("\n").filter((line) => line.startsWith(name));
  expect(seriesOf('akc_triggers_total{kind="person"}')).toEqual(['akc_triggers_total{kind="person"} 1']);
  const series = seriesOf("akc_").map((line) => line.slice(0, line.lastIndexOf(" ")));
  expect(series.length).toBe(new Set(series).size);
  const lint = Bun.spawn(["promtool", "check", "metrics"], {
    stdin: new Blob([scraped]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const complaints = (await lint.stdout.text()) + (await lint.stderr.text());
  expect([await lint.exited, complaints]).toEqual([0, ""]);

  // Who cannot renew its leases holds nothing.
  const lock = new Database(autopilotStatePath(outputsRoot));
  lock.run("PRAGMA busy_timeout = 20000");
  lock.run("BEGIN IMMEDIATE");
  try {
    await until("lease_not_held", ["burns", "forge", "waits"]);
  } finally {
    lock.run("ROLLBACK");
    lock.close();
  }
  await until("lease_not_held", []);
}, 120_000);
