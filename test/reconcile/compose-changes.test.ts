/** What the Compose provider changes on a real engine, and what it leaves alone. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { acquireDocker } from "../env/docker.ts";
import {
  ComposeStage,
  call,
  desired,
  drift,
  eventually,
  present,
  resolved,
  scope,
  service,
} from "./compose-stage.ts";

const engine = await acquireDocker();
afterAll(async () => await engine?.release());

describe.skipIf(engine === undefined)("a Compose project on a real engine", () => {
  let stage: ComposeStage;
  beforeEach(() => {
    if (engine !== undefined) stage = new ComposeStage(engine);
  });
  afterEach(async () => await stage.end());

  test("what was applied and left alone differs in nothing, whatever the definition says", async () => {
    writeFileSync(join(stage.repo, "secret.env"), "TOKEN=hunter2\n");
    const provider = stage.provider(
      {
        plain: service(),
        rich: service({
          command: ["sh", "-c", "echo $$HOME; exec sleep 1000"],
          environment: { A: "1", DOLLAR: "x$$y", UNSET: null },
          env_file: ["secret.env"],
          ports: ["8080:80", "127.0.0.1::53/udp", "8000-8002:90"],
          volumes: ["data:/data", `./:/repo/:ro`, "/anonymous"],
          secrets: ["key", { source: "key", target: "other" }],
          configs: [{ source: "key2", target: "/etc/key2" }],
          tmpfs: "/run",
          labels: { "com.akc.run.intent-id": "x", price: "5$$" },
          mem_limit: "64m",
          cpus: 0.5,
          pids_limit: 50,
          user: "0:0",
          working_dir: "/tmp",
          restart: "on-failure:3",
          cap_drop: ["ALL"],
          read_only: true,
          init: true,
          sysctls: {},
          deploy: { replicas: 2 },
          healthcheck: {
            test: ["CMD", "true"],
            interval: "1m30s",
            timeout: "2s",
            retries: 3,
            start_period: "1s",
          },
        }),
        unchecked: service({ healthcheck: { disable: true }, entrypoint: ["sleep", "1000"], command: [] }),
        any: service({ deploy: { restart_policy: { condition: "any" } } }),
        sometimes: service({ deploy: { restart_policy: { condition: "on-failure", max_attempts: 2 } } }),
        never: service({ deploy: { restart_policy: { condition: "none" } } }),
        limited: service({ deploy: { resources: { limits: { cpus: "0.25", memory: "32M", pids: 10 } } } }),
      },
      {
        top: {
          volumes: { data: {} },
          secrets: { key: { file: "./secret.env" } },
          configs: { key2: { file: "./secret.env" } },
        },
      },
    );
    const ids = ["plain", "rich", "unchecked", "any", "sometimes", "never", "limited"];
    const revisions = await stage.settle(
      provider,
      ids.map((id) => desired(id)),
    );
    const observations = await provider.observe(revisions, [], call);
    expect(revisions.map((revision) => [revision.resourceId, drift(observations, revision)])).toEqual(
      ids.map((id) => [id, []]),
    );
    for (const revision of revisions) {
      const { owner, markedHash } = present(observations, revision.resourceId);
      expect([owner, markedHash]).toEqual(["akc", revision.desiredHash]);
    }
    expect(present(observations, "rich").copies).toMatchObject({ total: 2, updated: 2 });
    expect(JSON.stringify(revisions)).not.toContain("hunter2");
    expect(JSON.stringify(observations)).not.toContain("hunter2");
    const stamped = await stage.docker("inspect", "-f", "{{json .Config.Labels}}", stage.container("rich"));
    expect(JSON.parse(stamped)).toMatchObject({ "com.akc.run.intent-id": "x", "run.akc.scope": scope });
  });

  test("an update of one service makes no other anew", async () => {
    const first = stage.provider({ a: service(), b: service({ depends_on: ["a"] }), c: service() });
    await stage.settle(first, [desired("a"), desired("b"), desired("c")]);
    const before = await stage.ids();
    // The manifest changes all three, and what is needed by b; what is asked for is b.
    const more = { environment: { NEW: "1" } };
    const second = stage.provider({
      a: service(more),
      b: service({ ...more, depends_on: ["a"] }),
      c: service(more),
    });
    const [, b] = await resolved(second, [desired("a", 2), desired("b", 2), desired("c", 2)]);
    if (b === undefined) throw new Error("b is resolved");
    const observations = await second.observe([b], [], call);
    expect(drift(observations, b)).toEqual(["/definition", "/environment"]);
    await second.apply(stage.change(b, present(observations, "b").version), call);
    const after = await stage.ids();
    expect(Object.keys(after).filter((name) => after[name] !== before[name])).toEqual([stage.container("b")]);
    expect(Object.keys(after).sort()).toEqual(Object.keys(before).sort());
  });

  test("another intent for the same fields restarts nothing and counts as applied", async () => {
    const provider = stage.provider({ web: service() });
    await stage.settle(provider, [desired("web", 1)]);
    const before = await stage.ids();
    const [revision] = await stage.settle(provider, [desired("web", 2)]);
    if (revision === undefined) throw new Error("web is resolved");
    expect(await stage.ids()).toEqual(before);
    expect(present(await provider.observe([revision], [], call), "web").markedHash).toBe(
      revision.desiredHash,
    );
  });

  test("one copy more leaves those that run as they are", async () => {
    await stage.settle(stage.provider({ web: service({ deploy: { replicas: 1 } }) }), [desired("web", 1)]);
    const before = await stage.ids();
    const provider = stage.provider({ web: service({ deploy: { replicas: 3 } }) });
    const [revision] = await stage.settle(provider, [desired("web", 2)]);
    if (revision === undefined) throw new Error("web is resolved");
    const after = await stage.ids();
    expect(Object.keys(after)).toHaveLength(3);
    expect(after).toMatchObject(before);
    const observations = await provider.observe([revision], [], call);
    expect(drift(observations, revision)).toEqual([]);
    const none = stage.provider({ web: service({ deploy: { replicas: 0 } }) });
    const [gone] = await stage.settle(none, [desired("web", 3)]);
    if (gone === undefined) throw new Error("web is resolved");
    expect(await stage.ids()).toEqual({});
    expect(drift(await none.observe([gone], [], call), gone)).toEqual([]);
  });

  test("a rollback brings back the manifest of then, with every file gone", async () => {
    const old = stage.provider({ web: service({ environment: { V: "1" } }) });
    const [first] = await stage.settle(old, [desired("web", 1)]);
    const next = stage.provider({ web: service({ environment: { V: "2" } }) });
    const [second] = await stage.settle(next, [desired("web", 2)]);
    if (first === undefined || second === undefined) throw new Error("web is resolved");
    rmSync(join(stage.repo, "app.yaml"));
    const kept = structuredClone(first);
    const { version } = present(await next.observe([second], [], call), "web");
    await next.apply(stage.change(kept, version, { kind: "rollback" }), call);
    const observations = await next.observe([kept], [], call);
    expect(drift(observations, kept)).toEqual([]);
    expect(present(observations, "web").markedHash).toBe(first.desiredHash);
    expect(await stage.docker("inspect", "-f", "{{.Config.Env}}", stage.container("web"))).toContain("V=1");
  });

  test("the documented map of manifests by desired hash is what is resolved for a hash of old", async () => {
    const old = desired("web", 1).desiredHash;
    const pinned = stage.pinned("old.yaml", JSON.stringify({ services: { web: service({ user: "0:0" }) } }));
    const provider = stage.provider(
      { web: service() },
      { settings: { rollback_apply_manifest_by_desired_hash: { [old.toUpperCase()]: pinned } } },
    );
    const stored = await provider.resolveStored(desired("web", 2), old, call);
    expect(stored).toMatchObject({
      kind: "resolved",
      revision: { desiredHash: old, fields: { user: "0:0" } },
    });
    expect(await provider.resolveStored(desired("web", 2), "0".repeat(64), call)).toBeUndefined();
  });

  test("a delete takes away its own service and leaves the rest, and is no error twice", async () => {
    const provider = stage.provider({
      a: service(),
      b: service(),
      job: service({ command: ["true"], restart: "no" }),
    });
    const [a] = await stage.settle(provider, [desired("a"), desired("b"), desired("job")]);
    if (a === undefined) throw new Error("a is resolved");
    const before = await stage.ids();
    const deletion = {
      resource: stage.owned(a),
      mark: { scope, resourceId: "a" },
      idempotencyKey: "delete-1",
      expectedVersion: present(await provider.observe([a], [], call), "a").version,
    };
    await expect(provider.delete({ ...deletion, expectedVersion: "other" }, call)).rejects.toMatchObject({
      code: "PROVIDER_CONFLICT",
    });
    await provider.delete(deletion, call);
    const { [stage.container("a")]: _, ...rest } = before;
    expect(await stage.ids()).toEqual(rest);
    await provider.delete(deletion, call);
    const [observation] = await provider.observe([], [stage.owned(a)], call);
    expect(observation?.standing).toEqual({ kind: "absent" });
  });

  test("a container that akc has not made is neither changed nor deleted, unless it is taken over", async () => {
    const provider = stage.provider({ web: service() });
    await stage.docker(
      "run",
      "-d",
      "--network",
      "none",
      "--name",
      stage.container("web"),
      "--label",
      `com.docker.compose.project=${stage.project}`,
      "--label",
      "com.docker.compose.service=web",
      "--label",
      "com.docker.compose.oneoff=False",
      "--label",
      "com.docker.compose.container-number=1",
      "local/busybox:1",
      "sleep",
      "1000",
    );
    const before = await stage.ids();
    const [revision] = await resolved(provider, [desired("web")]);
    if (revision === undefined) throw new Error("web is resolved");
    const standing = present(await provider.observe([revision], [], call), "web");
    expect(standing.owner).toBe("other");
    expect(standing.markedHash).toBeUndefined();
    const change = stage.change(revision, standing.version);
    await expect(provider.apply(change, call)).rejects.toMatchObject({ code: "PROVIDER_NOT_OWNED" });
    const resource = stage.owned(revision);
    await provider.delete(
      { resource, mark: { scope, resourceId: "web" }, idempotencyKey: "d", expectedVersion: null },
      call,
    );
    expect(await stage.ids()).toEqual(before);
    await provider.apply({ ...change, adopt: true }, call);
    const observations = await provider.observe([revision], [], call);
    expect(present(observations, "web").owner).toBe("akc");
    expect(drift(observations, revision)).toEqual([]);
  });

  test("another scope's service of the same name is left alone", async () => {
    const services = { web: service() };
    await stage.settle(stage.provider(services), [desired("web")]);
    const other = stage.provider(services, { deps: { scope: "acme/other" } });
    const [revision] = await resolved(other, [desired("web")]);
    if (revision === undefined) throw new Error("web is resolved");
    const standing = present(await other.observe([revision], [], call), "web");
    expect(standing.owner).toBe("other");
    const { desiredHash } = revision;
    const mark = { scope: "acme/other", resourceId: "web", desiredHash };
    await expect(other.apply(stage.change(revision, standing.version, { mark }), call)).rejects.toMatchObject(
      { code: "PROVIDER_NOT_OWNED" },
    );
  });

  test("a change for a world that has moved changes nothing; the same change twice changes once", async () => {
    const provider = stage.provider({ web: service() });
    const [revision] = await resolved(provider, [desired("web")]);
    if (revision === undefined) throw new Error("web is resolved");
    const create = stage.change(revision, null);
    await provider.apply(create, call);
    const made = await stage.ids();
    await provider.apply(create, call);
    expect(await stage.ids()).toEqual(made);
    const stale = present(await provider.observe([revision], [], call), "web").version;
    await stage.docker("stop", stage.container("web"));
    const next = stage.provider({ web: service({ user: "0:0" }) });
    const [update] = await resolved(next, [desired("web", 2)]);
    if (update === undefined) throw new Error("web is resolved");
    await expect(next.apply(stage.change(update, stale), call)).rejects.toMatchObject({
      code: "PROVIDER_CONFLICT",
    });
    await expect(next.apply(stage.change(update, null), call)).rejects.toMatchObject({
      code: "PROVIDER_CONFLICT",
    });
    expect(await stage.ids()).toEqual(made);
  });

  test("a change that was cut off half way goes on when it is asked for again", async () => {
    const provider = stage.provider({ web: service({ deploy: { replicas: 2 } }) });
    const [revision] = await resolved(provider, [desired("web")]);
    if (revision === undefined) throw new Error("web is resolved");
    const create = stage.change(revision, null);
    await provider.apply(create, call);
    await stage.docker("rm", "-f", stage.container("web", 2));
    await provider.apply(create, call);
    expect(drift(await provider.observe([revision], [], call), revision)).toEqual([]);
  });

  test("a resource that moves to another service leaves nothing of the old one", async () => {
    const services = { old: service(), new: service() };
    await stage.settle(stage.provider(services, { settings: { service_map: { shop: "old" } } }), [
      desired("shop"),
    ]);
    const provider = stage.provider(services, { settings: { service_map: { shop: "new" } } });
    const [revision] = await resolved(provider, [desired("shop", 2)]);
    if (revision === undefined) throw new Error("shop is resolved");
    const before = await provider.observe([revision], [], call);
    expect(drift(before, revision)).toContain("/service");
    await provider.apply(stage.change(revision, present(before, "shop").version), call);
    expect(Object.keys(await stage.ids())).toEqual([stage.container("new")]);
    expect(drift(await provider.observe([revision], [], call), revision)).toEqual([]);
  });

  test("a missing image, a taken name and a bad command fail with docker's own words and harm nobody", async () => {
    const taken = stage.container("taken-by-hand");
    await stage.docker("run", "-d", "--network", "none", "--name", taken, "local/busybox:1", "sleep", "1000");
    try {
      const provider = stage.provider({
        missing: service({ image: "local/nowhere:1" }),
        named: service({ container_name: taken }),
        broken: service({ command: ["/nowhere"] }),
        fine: service(),
      });
      const revisions = await resolved(
        provider,
        ["missing", "named", "broken", "fine"].map((id) => desired(id)),
      );
      const errors = await Promise.all(
        revisions.map(async (revision) =>
          provider.apply(stage.change(revision, null), call).then(
            () => "applied",
            (cause) => [cause.code, cause.details.reason, cause.details.retryable],
          ),
        ),
      );
      expect(errors).toEqual([
        ["PROVIDER_FAILED", "image_missing", false],
        ["PROVIDER_FAILED", "taken", true],
        ["PROVIDER_FAILED", "cannot_start", false],
        "applied",
      ]);
      expect(await stage.docker("inspect", "-f", "{{.State.Running}}", taken)).toBe("true");
      const observations = await provider.observe(revisions, [], call);
      expect(present(observations, "fine").health).toBe("healthy");
      expect(present(observations, "broken").health).toBe("failed");
      expect(observations.find(({ resourceId }) => resourceId === "missing")?.standing.kind).toBe("absent");
    } finally {
      await stage.docker("rm", "-f", taken);
    }
  });

  test("a job that has done its work stands as it should", async () => {
    const provider = stage.provider({
      job: service({ command: ["true"], restart: "no" }),
      migration: service({ command: ["true"] }),
      web: service({ depends_on: { migration: { condition: "service_completed_successfully" } } }),
      failing: service({ command: ["false"], restart: "no" }),
    });
    const revisions = await stage.settle(
      provider,
      ["job", "migration", "web", "failing"].map((id) => desired(id)),
    );
    await eventually(async () => {
      const seen = await provider.observe(revisions, [], call);
      return ["job", "migration", "failing"].every(
        (id) => present(seen, id).conditions[0]?.message === "exited",
      );
    });
    const seen = await provider.observe(revisions, [], call);
    expect(
      revisions.map((revision) => [
        revision.resourceId,
        present(seen, revision.resourceId).health,
        drift(seen, revision),
      ]),
    ).toEqual([
      ["job", "healthy", []],
      ["migration", "healthy", []],
      ["web", "healthy", []],
      ["failing", "failed", ["/stopped"]],
    ]);
  });
});
