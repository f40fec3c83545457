/** Whatever is a cause to look into a scope reaches the recompile hook of the built autopilot, and what it answers is rolled out. */
import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openAutopilotStore } from "../../../src/autopilot/state/open.ts";
import { bundle, sh } from "../../e2e/bundle.ts";
import { deploying, standing } from "../../e2e/services.ts";
import { jsonObject, processesBelow, until } from "../../e2e/world.ts";
import { inKeptWorld, type KeptWorld, listening, scopeId } from "./kept-world.ts";

const first = "sleep 70001";
const second = "sleep 70002";
const version = (number: number) => deploying([standing("web", number)]);
const noBake = "rollout: {bake: 0s}";

test("each kind of trigger reaches the hook as JSON; its bundle is rolled out, and the same one again changes nothing", async () => {
  await inKeptWorld(async (world) => {
    const { scope, side } = world.world;
    const one = await world.compile("run-1", version(1));
    await world.start(one.path);
    const two = await world.compile("compiled", version(2), { withoutManifest: true });
    const asked = join(scope, "asked");
    mkdirSync(asked);
    await Bun.write(join(scope, "src/app.ts"), "1");
    await Bun.write(join(side, "secret"), "drawn-by-chance-4711");
    chmodSync(join(side, "secret"), 0o600);
    const command = hook(
      world,
      `n=$(ls asked | wc -l); cat >asked/$n.tmp; mv asked/$n.tmp asked/$n.json
echo '{"bundle": ".akc/runtime/compiled.runtime_bundle.json"}'`,
    );
    const settings = [
      noBake,
      listening,
      "profile: living_loop_v1",
      `webhook: {secret_file: ${join(side, "secret")}}`,
      `recompile: {command: [${command}], options: {flavour: sweet}}`,
    ];
    world.configure(...settings, "triggers: {sources: [src]}");
    const autopilot = world.autopilot();
    await world.fact("adopted");
    await world.visitedAgain(1);

    await Bun.write(join(scope, "src/app.ts"), "2");
    const { offer } = await world.fact("recompile_ended", ({ result }) => result === "offered");
    expect(offer).toMatchObject({ bundleSha256: two.sha256, source: "recompile" });
    await world.fact("attempt_ended", ({ verdict }) => verdict === "kept");
    await world.expectRunning([second]);
    const told = jsonObject(await Bun.file(join(asked, "0.json")).text());
    expect(told).toMatchObject({
      schema: "akc.autopilot.recompile_request.v1",
      tenant_id: "acme",
      repo_id: "shop",
      scope_root: scope,
      triggers: [{ kind: "changed_sources", severity: "med" }],
      triggers_omitted: 0,
      deployed: { bundle_sha256: one.sha256 },
      options: { flavour: "sweet", goal: "Compile repository" },
    });

    const reaches = async (kind: string) => {
      const { trigger } = await world.fact("triggered", (fact) => fact.trigger.kind === kind);
      const { attemptId } = await world.fact("recompile_started", ({ triggerIds }) =>
        triggerIds.includes(trigger.id),
      );
      // The bundle that stands already: nothing is rolled out (W-58).
      await world.fact(
        "recompile_ended",
        (fact) => fact.attemptId === attemptId && fact.result === "unchanged",
      );
      await world.fact("triggers_settled", ({ triggerIds }) => triggerIds.includes(trigger.id));
      return trigger;
    };
    const put = await world.akc(
      "autopilot",
      "trigger",
      ...["--tenant-id", "acme", "--repo-id", "shop", "--reason", "base image was patched"],
    );
    expect(put.code).toBe(0);
    expect((await reaches("person")).reason).toContain("base image was patched");
    expect((await deliver(world, "wrong")).status).toBe(401);
    expect((await deliver(world, "drawn-by-chance-4711")).status).toBe(202);
    expect((await deliver(world, "drawn-by-chance-4711")).status).toBe(200);
    await reaches("webhook");

    // A run by hand that fails is heard of through the bridge.
    const broken = await world.write("broken", bundle().started("breaks", sh("exit 3")));
    expect((await world.start(broken)).code).not.toBe(0);
    await reaches("runtime_event");
    expect((await world.story()).filter((type) => type === "attempt_started")).toHaveLength(1);
    const listed = await world.akc("autopilot", "triggers", "--all", "--tenant-id", "acme");
    const kinds = Array.isArray(listed.report["items"]) ? listed.report["items"] : [];
    expect(new Set(kinds.map((item) => item["trigger_kind"]))).toEqual(
      new Set(["changed_sources", "person", "webhook", "runtime_event"]),
    );
    expect(await autopilot.stop()).toBe(0);
    expect(JSON.stringify(autopilot.lines)).not.toContain("drawn-by-chance");
  });
}, 60_000);

test("a hook that fails is not asked again at once, and one that hangs is ended with all that it started", async () => {
  await inKeptWorld(async (world) => {
    const one = await world.compile("run-1", version(1));
    await world.start(one.path);
    const hanging = hook(world, "sleep 71234 & echo $! >hung; wait");
    world.configure(noBake, listening, `recompile: {command: [${hanging}], timeout: 3s}`);
    const autopilot = world.autopilot();
    await world.fact("adopted");
    await trigger(world);
    await until("the hook hangs", () => existsSync(join(world.world.scope, "hung")));
    const failed = await world.fact("recompile_ended");
    expect(failed.result).toBe("failed");
    expect(String(failed.errorCode)).toMatch(/TIMEOUT/);
    await until("nothing of it is left", () => !ofWorld(world).some((command) => command.includes("71234")));
    await world.visitedAgain(3);
    expect((await world.story()).filter((type) => type === "recompile_started")).toHaveLength(1);
    const standing = await world.status();
    expect(standing).toMatchObject({
      open_triggers: 1,
      next: { do: "wait", why: "the recompile hook failed" },
    });
    // Waiting for the hook holds up no repair.
    await world.kill(first);
    await world.fact("attempt_ended", ({ verdict }) => verdict === "kept");
    await world.expectRunning([first]);
    expect(await autopilot.stop()).toBe(0);
  });
}, 60_000);

test("a schedule that was missed while nobody ran asks the hook once, and one that fails is said with its last words", async () => {
  await inKeptWorld(async (world) => {
    const one = await world.compile("run-1", version(1));
    await world.start(one.path);
    // As a controller leaves it that told the tick of three minutes ago.
    const toldMs = Date.now() - 180_000;
    const store = await openAutopilotStore(world.world.root);
    const id = scopeId("acme/shop");
    const fence = await store.raiseFence(id, "earlier@host:1:a", toldMs);
    const cursors = [{ runtimeRunId: "*schedule", seq: toldMs }];
    await store.append(id, [], fence, { nowMs: toldMs, cursors });
    await store.close();
    const failing = hook(world, "echo 'no licence is left' >&2; exit 7");
    const hooked = `recompile: {command: [${failing}]}`;
    // Once an hour, a minute or two ago: no other tick comes while the test runs.
    const minute = new Date(toldMs + 120_000).getUTCMinutes();
    world.configure(noBake, listening, hooked, `triggers: {schedule: {cron: "${minute} * * * *"}}`);
    const autopilot = world.autopilot();
    const { trigger } = await world.fact("triggered", (fact) => fact.trigger.kind === "schedule");
    expect(trigger).toMatchObject({ severity: "low" });
    const ended = await world.fact("recompile_ended");
    expect(ended).toMatchObject({ result: "failed", message: expect.stringContaining("no licence is left") });
    await world.visitedAgain(3);
    const told = (await world.story()).filter((type) => /^triggered|^recompile_started/.test(type));
    expect(told).toEqual(["triggered", "recompile_started"]);
    expect(await world.status()).toMatchObject({
      phase: "failing",
      why: expect.stringContaining(
        "the recompile hook failed: the recompile hook ended with 7: no licence is left",
      ),
    });
    expect(await world.artifacts("decisions")).toMatchObject([
      { decision: "compile_failed", result: "failed", compile_inputs: { trigger_count: 1 } },
    ]);
    expect(await autopilot.stop()).toBe(0);
  });
}, 60_000);

async function trigger(world: KeptWorld): Promise<void> {
  const said = await world.akc("autopilot", "trigger", "--scope", "acme/shop", "--reason", "because");
  expect([said.code, said.stderr]).toEqual([0, ""]);
}

function ofWorld({ world }: KeptWorld): readonly string[] {
  return processesBelow(world.root).map(({ shown }) => shown);
}

/** A script outside of the outputs root. Returns its path. */
function hook({ world }: KeptWorld, script: string): string {
  const path = join(world.side, "recompile.sh");
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

const deliveredAtMs = Date.now();

function deliver({ world }: KeptWorld, secret: string): Promise<Response> {
  const body = JSON.stringify({
    schema: "akc.fleet.webhook_delivery.v1",
    webhook_id: "delivery-1",
    event: "recompile_triggers",
    generated_at_ms: deliveredAtMs,
    items: [{ tenant_id: "acme", repo_id: "shop", outputs_root: world.root, severity: "high" }],
  });
  const stamp = String(Math.floor(Date.now() / 1_000));
  const signature = `v2=${createHmac("sha256", secret).update(`${stamp}.${body}`).digest("hex")}`;
  return fetch("http://akc/v1/trigger", {
    unix: join(world.root, "../s.sock"),
    method: "POST",
    body,
    headers: { "X-AKC-Timestamp": stamp, "X-AKC-Signature": signature },
  });
}
