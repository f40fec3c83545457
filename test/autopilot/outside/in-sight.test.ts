/** A controller in sight: server, webhook, telemetry and store together, as the command puts them together. */

import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readAutopilotConfig } from "../../../src/autopilot/config/read.ts";
import { openAutopilotStore } from "../../../src/autopilot/state/open.ts";
import type { Io } from "../../../src/cli/io.ts";
import { putInSight } from "../../../src/cli/runtime/autopilot/outside.ts";
import type { Logged } from "../../../src/service/journal.ts";
import { timedStore } from "../../../src/service/metrics/timed-store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { Collector } from "./collector.ts";
import { FakeController, liveAttempt, shop } from "./fake-controller.ts";

test("a signed delivery becomes a trigger, wakes the scope, and all of it is measured and exported", async () => {
  const root = mkdtempSync(join(tmpdir(), "akc-in-sight-"));
  const outputsRoot = join(root, "out");
  mkdirSync(join(outputsRoot, "acme/shop"), { recursive: true });
  const secretFile = join(root, "secret");
  writeFileSync(secretFile, "hush-hush\n");
  chmodSync(secretFile, 0o600);
  const collector = new Collector();
  const socket = join(root, "a.sock");
  const lines = join(root, "lines");
  const config = join(root, "autopilot.yaml");
  writeFileSync(
    config,
    `version: 1
outputs_root: ${outputsRoot}
env_profile: dev
profile: living_loop_unattended_v1
listen: { unix: ${socket} }
webhook: { secret_file: ${secretFile} }
telemetry:
  otlp: { endpoint: "${collector.endpoint}", interval: 1h }
  mirrors: { file: ${lines} }
`,
  );
  const read = await readAutopilotConfig({ flags: { "--config": [config] }, env: {}, cwd: root });
  const store = await openAutopilotStore(outputsRoot);
  const controller = new FakeController();
  const logged: Logged[] = [];
  const place = { isTerminal: false, color: false, canRedraw: false, columns: () => 80, rows: () => 24 };
  const io: Io = {
    stdout: place,
    stderr: place,
    env: {},
    out: async () => undefined,
    words: () => undefined,
  };
  const journal = {
    log: (record: Logged) => void logged.push(record),
    always: () => undefined,
    flush: () => undefined,
  };
  const sight = await putInSight(controller, { config: () => read, store, io, journal });
  try {
    expect(sight.address).toBe(`unix:${socket}`);
    const item = { tenant_id: "acme", repo_id: "shop", outputs_root: outputsRoot };
    const body = JSON.stringify({
      schema: "akc.fleet.webhook_delivery.v1",
      webhook_id: "w-1",
      event: "living_drift",
      items: [item],
      generated_at_ms: Date.now(),
    });
    const deliver = async (signature: string) => {
      const headers = { "x-akc-signature": signature, "x-akc-timestamp": stamp };
      return fetch("http://hooks.example/v1/trigger", { unix: socket, method: "POST", body, headers });
    };
    const stamp = String(Math.floor(Date.now() / 1_000));
    expect((await deliver("v2=00")).status).toBe(401);
    expect(controller.woken).toEqual([]);
    const hmac = createHmac("sha256", "hush-hush").update(`${stamp}.${body}`).digest("hex");
    expect((await deliver(`v2=${hmac}`)).status).toBe(202);
    expect(controller.woken).toEqual([shop]);
    expect((await store.state(shop)).openTriggers.map(({ kind }) => kind)).toEqual(["webhook"]);

    await timedStore(store, systemClock, sight.metrics.storeWrote).prune(0);
    await timedStore(store, systemClock, sight.metrics.storeWrote).takeNonce("n", Date.now() + 1, Date.now());
    liveAttempt(controller, Bun.randomUUIDv7());
    const metrics = await (await fetch("http://x/metrics", { unix: socket })).text();
    expect(metrics).toContain('akc_http_requests_total{path="/v1/trigger",status="202"} 1');
    expect(metrics).toContain('akc_store_write_duration_seconds_count{result="ok"} 1');
  } finally {
    await sight.close();
    await store.close();
    await collector.stop();
  }
  expect(collector.faults).toEqual([]);
  expect(collector.spans.map(({ name }) => name)).toContain("RUN akc rollout");
  expect(readFileSync(lines, "utf8")).toContain('"name":"akc.autopilot.runtime_rollout"');
  expect(logged.map(({ event }) => event)).toEqual(["listening"]);
  expect(controller.listeners).toBe(0);
  rmSync(root, { recursive: true, force: true });
});
