/** Looking at what stands: every difference is seen, silence is none, and nothing of the scope is touched by it. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { createRollouts } from "../../src/autopilot/attempt/rollouts.ts";
import type { ScopeConfig } from "../../src/autopilot/config/model.ts";
import type { Deployed } from "../../src/autopilot/model.ts";
import { createSentries } from "../../src/autopilot/sentries.ts";
import { sha256Hex } from "../../src/json/fingerprint.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { type BundleBuilder, bundle, sh } from "../e2e/bundle.ts";
import { changing, deploying, standing } from "../e2e/services.ts";
import { until } from "../e2e/world.ts";
import { host, inScope, never, type ScopeWorld } from "./scope-world.ts";

const rollouts = createRollouts({ ...host, by: "autopilot@test" });

async function deployed(world: ScopeWorld, builder: BundleBuilder, runId = "run-1"): Promise<Deployed> {
  const offer = await world.place(runId, builder);
  const attempt = world.attempt(offer);
  expect(await rollouts.begin(world.config(), attempt, never)).toMatchObject({ healthy: true });
  const { bundlePath, bundleSha256 } = offer;
  return { bundlePath, bundleSha256, runtimeRunId: attempt.runtimeRunId, atMs: Date.now() };
}

async function watching(work: (look: Look) => Promise<void>, deps = {}): Promise<void> {
  const sentries = createSentries({ ...host, ...deps });
  try {
    await work((world, what, more) => sentries.look(world.config(more), what, never));
  } finally {
    await sentries.close();
  }
}
type Look = (
  world: ScopeWorld,
  what: Deployed,
  more?: Partial<ScopeConfig>,
) => ReturnType<ReturnType<typeof createSentries>["look"]>;

test("a service that is gone, one that is not wanted and one that is as it should be are told apart", async () => {
  await inScope(async (world) => {
    const both = await deployed(world, deploying([standing("web", 1), standing("cache", 2)]));
    await watching(async (look) => {
      expect(await look(world, both)).toEqual({ kind: "standing" });
      await world.kill("sleep 70002");
      expect(await look(world, both)).toMatchObject({
        kind: "drifted",
        resources: [{ resourceId: "cache" }],
      });
      // Another bundle of the same scope is held against the same world.
      const one = await world.place("run-2", deploying([standing("web", 7)]));
      const wanted: Deployed = { ...both, bundlePath: one.bundlePath, bundleSha256: one.bundleSha256 };
      expect(await look(world, wanted)).toMatchObject({
        kind: "drifted",
        resources: expect.arrayContaining([
          { resourceId: "cache", what: "unmanaged", message: expect.any(String) },
          { resourceId: "web", what: "changed", message: expect.stringContaining("/command/1") },
        ]),
      });
    });
  });
});

test("a service that stands and fails its probe is unhealthy, and standing again when it passes", async () => {
  let status = 200;
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("", { status }) });
  try {
    await inScope(async (world) => {
      const url = `http://127.0.0.1:${server.port}/ready`;
      const readiness = { kind: "http", url, interval_ms: 50, failure_threshold: 1, success_threshold: 1 };
      const stands = await deployed(world, deploying([standing("web", 1, { process: { readiness } })]));
      await watching(async (look) => {
        await until("it stands", async () => (await look(world, stands)).kind === "standing");
        status = 503;
        await until("it is unhealthy", async () => (await look(world, stands)).kind === "drifted");
        expect(await look(world, stands)).toMatchObject({
          kind: "drifted",
          resources: [{ resourceId: "web", what: "unhealthy" }],
        });
        status = 200;
        await until("it stands again", async () => (await look(world, stands)).kind === "standing");
      });
    });
  } finally {
    await server.stop(true);
  }
});

test("a look writes nothing into the scope and takes no lease", async () => {
  await inScope(async (world) => {
    const stands = await deployed(world, deploying([standing("web", 1)]));
    const before = filesOf(world.scopeRoot);
    const events = await eventsOf(world, stands.runtimeRunId);
    await watching(async (look) => {
      for (let count = 0; count < 5; count += 1) expect((await look(world, stands)).kind).toBe("standing");
      await world.kill("sleep 70001");
      expect((await look(world, stands)).kind).toBe("drifted");
    });
    expect(filesOf(world.scopeRoot)).toEqual(before);
    expect(await eventsOf(world, stands.runtimeRunId)).toBe(events);
    expect(await world.store((store) => store.scopeLease())).toBeNull();
  });
});

test("what is kept in memory alone is seen as the scope keeps it, whoever changed it", async () => {
  await inScope(async (world) => {
    const wants = (id: string) =>
      bundle()
        .started("work", sh("true"))
        .with({
          deployment_provider: { kind: "in_memory" },
          deployment_intents: [{ node_id: id, kind: "service", name: id }],
        });
    const first = await deployed(world, wants("web"));
    await watching(async (look) => {
      expect(await look(world, first)).toEqual({ kind: "standing" });
      const second = await deployed(world, wants("cache"), "run-2");
      expect(await look(world, first)).toMatchObject({
        kind: "drifted",
        resources: [
          { resourceId: "web", what: "missing" },
          { resourceId: "cache", what: "unmanaged" },
        ],
      });
      expect(await look(world, second)).toEqual({ kind: "standing" });
    });
  });
});

test("nobody is asked where the bundle wants nothing, or is not the one that was deployed", async () => {
  await inScope(async (world) => {
    const stands = await deployed(world, bundle().started("work", sh("true")));
    await watching(async (look) => {
      expect(await look(world, stands)).toEqual({ kind: "nothing" });
      expect(await look(world, { ...stands, bundleSha256: "0".repeat(64) })).toMatchObject({
        kind: "unseen",
        code: "BUNDLE_HASH_MISMATCH",
      });
      const gone = { ...stands, bundlePath: `${stands.bundlePath}.gone` };
      expect(await look(world, gone)).toMatchObject({ kind: "unseen", code: "FILE_NOT_FOUND" });
    });
  });
});

test("a provider that does not answer is neither drift nor health, and holds nobody up", async () => {
  await inScope(async (world) => {
    await world.write("compose.yaml", "services: {}");
    const hanging = await world.write("docker", "#!/bin/sh\nexec sleep 60\n");
    Bun.spawnSync(["chmod", "+x", hanging]);
    const wants = bundle()
      .started("work", sh("true"))
      .with({
        deployment_provider: {
          kind: "docker_compose_observe",
          compose_files: ["compose.yaml"],
          project: "shop",
        },
        deployment_intents: [{ node_id: "web", kind: "service", name: "web" }],
      });
    const { bundlePath, bundleSha256 } = await world.place("run-1", wants);
    const what = { bundlePath, bundleSha256, runtimeRunId: "run", atMs: 0 };
    const env = { ...changing, AKC_DOCKER: hanging, AKC_ENABLE_EXTERNAL_DEPLOYMENT_PROVIDER: "1" };
    await watching(
      async (look) => expect(await look(world, what)).toMatchObject({ kind: "unseen", code: "TOOL_TIMEOUT" }),
      { env, lookMs: 300 },
    );
    await watching(
      async (look) => {
        const sighting = await look(world, what);
        expect(sighting).toMatchObject({ kind: "unseen", code: "PROVIDER_GATED" });
      },
      { env: { PATH: changing.PATH } },
    );
  });
});

test("what differs while somebody deploys is on its way, and no drift", async () => {
  await inScope(async (world) => {
    const stands = await deployed(world, deploying([standing("web", 1)]));
    await world.kill("sleep 70001");
    await world.store(async (store) => {
      const writer = await store.resumeRun(stands.runtimeRunId, thisProcess(), Date.now());
      try {
        await writer.holdScope(Date.now());
        await watching(async (look) => {
          expect(await look(world, stands)).toMatchObject({ kind: "unseen", code: "SCOPE_HELD" });
        });
      } finally {
        await writer.close();
      }
    });
    await watching(async (look) => expect((await look(world, stands)).kind).toBe("drifted"));
  });
});

test("a look ends with the signal", async () => {
  await inScope(async (world) => {
    const stands = await deployed(world, deploying([standing("web", 1)]));
    const sentries = createSentries(host);
    const stop = AbortSignal.abort(new Error("enough"));
    await expect(sentries.look(world.config(), stands, stop)).rejects.toThrow("enough");
    await sentries.close();
  });
});

async function eventsOf(world: ScopeWorld, runtimeRunId: string): Promise<number> {
  return world.store(async (store) => {
    const reader = await store.openRun(runtimeRunId);
    try {
      return (await reader.run()).lastSeq;
    } finally {
      await reader.close();
    }
  });
}

/** Every file with its content but the two that SQLite keeps beside an open database. */
function filesOf(root: string): Readonly<Record<string, string>> {
  const names = readdirSync(root, { recursive: true }).map(String).toSorted();
  return Object.fromEntries(
    names
      .filter((name) => !/sqlite3-(wal|shm)$/.test(name) && statSync(join(root, name)).isFile())
      .map((name) => [name, sha256Hex(readFileSync(join(root, name)))]),
  );
}
