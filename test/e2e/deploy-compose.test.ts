/** What the built binary makes of a project on a real Docker engine, and what it leaves alone. */
import { afterAll, describe, expect, test } from "bun:test";
import { acquireDocker, type DockerEngine } from "../env/docker.ts";
import type { Json } from "./bundle.ts";
import {
  expectGatedAndPromoted,
  intent,
  outcomes,
  planned,
  type Release,
  Releases,
  siteIn,
} from "./releases.ts";
import { expectError, inWorld, type World } from "./world.ts";

const engine = await acquireDocker();
afterAll(async () => await engine?.release());

/** Runs until it is told otherwise, and ends at once then. */
function service(more: Json = {}): Json {
  const still = { network_mode: "none", pull_policy: "never", stop_grace_period: "0s" };
  return { image: "local/busybox:1", ...still, command: ["sleep", "1000"], ...more };
}

function release(
  id: string,
  services: Readonly<Record<string, Json>>,
  needs: Readonly<Record<string, string>> = {},
): Release {
  return {
    id,
    intents: Object.keys(services).map((name) =>
      intent(name, 1, {}, name in needs ? [String(needs[name])] : []),
    ),
    manifest: JSON.stringify({ services }),
  };
}

/** A project of its own, with nothing of it left behind. */
class Stage {
  readonly project = `akc-${crypto.randomUUID().slice(0, 8)}`;
  readonly releases: Releases;
  readonly #engine: DockerEngine;

  constructor(world: World, docker: DockerEngine) {
    this.#engine = docker;
    const provider = { kind: "docker_compose_apply", project: this.project };
    this.releases = new Releases(siteIn(world), provider, docker.env);
  }

  docker(...args: readonly string[]): Promise<string> {
    return this.#engine.docker(...args);
  }

  /** What runs of the project, as a person would see it: `web 1f3c…`; what was made anew has another id. */
  async running(): Promise<Readonly<Record<string, string>>> {
    const rows = await this.docker(
      "ps",
      "--no-trunc",
      "--format",
      "{{.Names}} {{.ID}}",
      "--filter",
      `name=${this.project}-`,
    );
    const named = rows.split("\n").filter((row) => row !== "");
    return Object.fromEntries(
      named.map((row) => row.replace(`${this.project}-`, "").replace(/-1 /, " ").split(" ")),
    );
  }

  /** Of the environment of the only container of a service. */
  async variable(name: string, key: string): Promise<string | undefined> {
    const text = await this.docker("inspect", "--format", "{{json .Config.Env}}", this.container(name));
    return (JSON.parse(text) as string[]).find((one) => one.startsWith(`${key}=`))?.slice(key.length + 1);
  }

  container(name: string): string {
    return `${this.project}-${name}-1`;
  }

  async end(): Promise<void> {
    const ids = await this.docker("ps", "-aq", "--filter", `name=${this.project}-`).catch(() => "");
    if (ids !== "") await this.docker("rm", "-f", "-v", ...ids.split("\n"));
  }
}

async function onStage(work: (stage: Stage) => Promise<void>): Promise<void> {
  await inWorld(async (world) => {
    if (engine === undefined) throw new Error("there is no engine");
    const stage = new Stage(world, engine);
    try {
      await work(stage);
    } finally {
      await stage.end();
    }
  });
}

const first = release(
  "v1",
  { web: service({ environment: { V: "1" } }), db: service(), old: service() },
  { web: "db" },
);

describe.skipIf(engine === undefined)("docker_compose_apply", () => {
  test("makes a project stand, sees what was changed by hand field by field, and puts it right", () =>
    onStage(async (stage) => {
      const { releases } = stage;
      const started = await releases.start(first);
      expect({ code: started.code, ...started.report }).toMatchObject({
        code: 0,
        outcome: "succeeded",
        converged: true,
      });
      expect(Object.keys(await stage.running()).toSorted()).toEqual(["db", "old", "web"]);
      const look = await releases.reconcile("--dry-run", "--diff", "--exit-code");
      expect({ code: look.code, planned: planned(look), ...look.report }).toMatchObject({
        code: 0,
        planned: [],
        converged: true,
      });
      const before = await stage.running();

      await stage.docker("kill", stage.container("db"));
      await stage.docker(
        "update",
        "--memory",
        "64m",
        "--memory-swap",
        "64m",
        "--restart",
        "always",
        stage.container("web"),
      );
      const differs = await releases.reconcile("--dry-run", "--diff", "--exit-code");
      expect({ code: differs.code, planned: planned(differs) }).toEqual({
        code: 7,
        planned: ["db update /stopped", "web update /memory_bytes /restart"],
      });
      expect(differs.stderr).toContain("2 to update");
      const applied = await releases.reconcile("--apply");
      expect({ code: applied.code, outcomes: outcomes(applied) }).toEqual({
        code: 0,
        outcomes: ["db converged", "old converged", "web converged"],
      });
      expect((await releases.reconcile("--dry-run", "--exit-code")).code).toBe(0);
      expect(
        await stage.docker("inspect", "--format", "{{.HostConfig.Memory}}", stage.container("web")),
      ).toBe("0");
      expect((await stage.running())["old"]).toBe(String(before["old"]));
      expect((await releases.verify()).report).toMatchObject({ verdict: "verified" });
    }));

  test("rolls out a new release, deletes what it no longer wants, and touches nothing that is not its own", () =>
    onStage(async (stage) => {
      const { releases, project } = stage;
      await releases.start(first);
      const before = await stage.running();
      // Of the same project, as far as Compose can tell, though nobody of akc has made it.
      const labels = [
        "--label",
        `com.docker.compose.project=${project}`,
        "--label",
        "com.docker.compose.service=guest",
      ];
      await stage.docker(
        "run",
        "--detach",
        "--name",
        stage.container("guest"),
        "--network",
        "none",
        ...labels,
        "local/busybox:1",
        "sleep",
        "1000",
      );
      const guest = (await stage.running())["guest"];

      const next = await releases.start(
        release("v2", { web: service({ environment: { V: "2" } }), db: service() }, { web: "db" }),
      );
      expect({ code: next.code, ...next.report }).toMatchObject({ code: 0, converged: true });
      const after = await stage.running();
      expect(after).toEqual({ db: String(before["db"]), web: expect.any(String), guest: String(guest) });
      expect(await stage.variable("web", "V")).toBe("2");
      expect((await releases.reconcile("--dry-run", "--exit-code")).code).toBe(0);

      // In the place of a resource it is reported, and left alone until somebody says otherwise.
      const claiming = await releases.start(
        release(
          "v3",
          { web: service({ environment: { V: "2" } }), db: service(), guest: service() },
          { web: "db" },
        ),
      );
      expect({ code: claiming.code, ...claiming.report }).toMatchObject({ code: 0, converged: false });
      expect(planned(await releases.reconcile("--dry-run"))).toEqual([
        expect.stringMatching(/^guest update .*\(not_owned\)$/),
      ]);
      expect(await stage.running()).toEqual(after);
      expect((await releases.reconcile("--apply", "--adopt")).report).toMatchObject({ converged: true });
      expect((await stage.running())["guest"]).not.toBe(String(guest));
      expect((await releases.verify()).report).toMatchObject({ verdict: "verified" });
    }));

  for (const [what, fault, reason] of [
    ["names an image that nobody has", { image: "local/nobody-has-this:1" }, "apply_failed"],
    ["ends as soon as it is started", { command: ["false"] }, "unhealthy"],
  ] as const) {
    test(`brings a release back as a whole that ${what}`, () =>
      onStage(async (stage) => {
        const { releases } = stage;
        await releases.start(first);
        const beforeMs = performance.now();
        const broken = {
          web: service({ environment: { V: "2" }, ...fault }),
          db: service({ environment: { V: "2" } }),
        };
        const ran = await releases.start(release("v2", broken, { web: "db" }));
        // What has died is not waited for until the deadline.
        expect(performance.now() - beforeMs).toBeLessThan(10_000);
        expect({ code: ran.code, ...ran.report }).toMatchObject({
          code: 0,
          outcome: "succeeded",
          converged: false,
        });
        expect(Object.keys(await stage.running()).toSorted()).toEqual(["db", "old", "web"]);
        expect([await stage.variable("web", "V"), await stage.variable("db", "V")]).toEqual(["1", undefined]);
        const status = await releases.ask("rollout", "status");
        expect({ code: status.code, ...status.report }).toMatchObject({
          code: 1,
          phase: "rolled_back",
          reason,
        });
        expect((await releases.verify()).report).toMatchObject({ verdict: "verified" });
      }));
  }

  test("plans nothing while the engine is out of reach, and says so of each resource", () =>
    onStage(async (stage) => {
      const { releases } = stage;
      await releases.start(first);
      const before = await stage.running();
      const away = {
        DOCKER_HOST: "unix:///nobody/listens.sock",
        AKC_ENABLE_MUTATING_DEPLOYMENT_PROVIDER: "1",
      };
      for (const [how, code] of [
        ["--dry-run", 7],
        ["--apply", 1],
      ] as const) {
        const ran = await releases.reconcileIn(away, how, "--exit-code");
        expect({ code: ran.code, outcomes: outcomes(ran) }).toEqual({
          code,
          outcomes: ["db blocked unobservable", "old blocked unobservable", "web blocked unobservable"],
        });
        expect(planned(ran)).toEqual([
          "db noop (unobservable)",
          "old noop (unobservable)",
          "web noop (unobservable)",
        ]);
        expect(ran.stderr).toContain("3 left alone (unobservable)");
      }
      expect(await stage.running()).toEqual(before);
      expect((await releases.reconcile("--apply", "--exit-code")).code).toBe(0);
      expect(await stage.running()).toEqual(before);
    }));

  test("is refused before any action of the run while its gate is closed, and without a packet", () =>
    onStage(async (stage) => {
      await expectGatedAndPromoted(stage.releases, first);
      expect(await stage.running()).toEqual({});
    }));

  test("a reconciliation says that its gate is closed, or that docker lacks Compose, and not that nothing is wanted", () =>
    onStage(async (stage) => {
      const { releases } = stage;
      await releases.start(release("v1", { web: service() }));
      expectError(await releases.reconcileIn({}, "--dry-run"), "PROVIDER_GATED", 2);
      expectError(await releases.reconcile("--apply", "--plan", "plan-0"), "PLAN_NOT_FOUND", 2);
      const bare = { DOCKER_CONFIG: "/nobody/configures", AKC_ENABLE_EXTERNAL_DEPLOYMENT_PROVIDER: "1" };
      expectError(await releases.reconcileIn(bare, "--dry-run"), "TOOL_MISSING", 1);
    }));
});
