/** What the Compose provider sees of what others do to a project on a real engine, and what it says when it sees nothing. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ComposeProvider } from "../../src/providers/compose/provider.ts";
import type { Health, Revision } from "../../src/providers/contract.ts";
import { acquireDocker } from "../env/docker.ts";
import {
  ComposeStage,
  call,
  desired,
  drift,
  eventually,
  present,
  resolved,
  service,
} from "./compose-stage.ts";

const engine = await acquireDocker();
afterAll(async () => await engine?.release());

describe.skipIf(engine === undefined)("a Compose project that others work on", () => {
  let stage: ComposeStage;
  beforeEach(() => {
    if (engine !== undefined) stage = new ComposeStage(engine);
  });
  afterEach(async () => await stage.end());

  /** Sees what differs, then mends it. */
  async function mend(provider: ComposeProvider, revision: Revision): Promise<readonly string[]> {
    const seen = await provider.observe([revision], [], call);
    const paths = drift(seen, revision);
    await provider.apply(stage.change(revision, present(seen, revision.resourceId).version), call);
    expect(drift(await provider.observe([revision], [], call), revision)).toEqual([]);
    return paths;
  }

  test("what was changed by hand is seen field by field, and mended", async () => {
    const provider = stage.provider({
      web: service({ mem_limit: "64m", restart: "always", deploy: { replicas: 2 } }),
    });
    const [web] = await stage.settle(provider, [desired("web")]);
    if (web === undefined) throw new Error("web is resolved");
    const versions = new Set([present(await provider.observe([web], [], call), "web").version]);
    const byHand: readonly (readonly [readonly string[], Health, readonly string[]])[] = [
      [["stop"], "degraded", ["/stopped"]],
      [["rm", "-f"], "degraded", ["/replicas"]],
      [["pause"], "unknown", ["/stopped"]],
      [["update", "--memory", "32m", "--memory-swap", "64m"], "healthy", ["/memory_bytes"]],
      [["update", "--restart", "no"], "healthy", ["/restart"]],
    ];
    for (const [command, health, paths] of byHand) {
      const [one = ""] = Object.keys(await stage.ids());
      await stage.docker(...command, one);
      const standing = present(await provider.observe([web], [], call), "web");
      expect(versions).not.toContain(standing.version);
      versions.add(standing.version);
      expect([command, standing.health]).toEqual([command, health]);
      expect([command, await mend(provider, web)]).toEqual([command, paths]);
    }
  }, 60_000);

  test("what somebody applied over it without akc is no longer akc's, and its differences are seen", async () => {
    const provider = stage.provider({ web: service({ environment: { MODE: "fast" } }) });
    const [web] = await stage.settle(provider, [desired("web")]);
    if (web === undefined) throw new Error("web is resolved");
    const edited = join(stage.repo, "edited.yaml");
    const changed = service({ environment: { MODE: "slow", MORE: "1" }, user: "0:0" });
    writeFileSync(edited, JSON.stringify({ services: { web: changed } }));
    await stage.docker("compose", "-p", stage.project, "-f", edited, "up", "-d", "web");
    const seen = await provider.observe([web], [], call);
    expect(present(seen, "web").owner).toBe("other");
    expect(drift(seen, web)).toEqual(["/environment/MODE", "/environment/MORE", "/user"]);
    const owned = await provider.observe([], [stage.owned(web)], call);
    expect(owned.map(({ standing }) => standing)).toEqual([{ kind: "absent" }]);
  });

  test("what is gone is absent, and comes back", async () => {
    const provider = stage.provider({ web: service() });
    const [web] = await stage.settle(provider, [desired("web")]);
    if (web === undefined) throw new Error("web is resolved");
    await stage.docker("rm", "-f", stage.container("web"));
    expect((await provider.observe([web], [], call)).map(({ standing }) => standing)).toEqual([
      { kind: "absent" },
    ]);
    await provider.apply(stage.change(web, null), call);
    expect(drift(await provider.observe([web], [], call), web)).toEqual([]);
  });

  test("one copy of two whose health check fails makes the service degraded, and no other", async () => {
    const healthcheck = {
      test: ["CMD", "test", "!", "-e", "/tmp/ill"],
      interval: "1s",
      timeout: "5s",
      retries: 1,
    };
    const provider = stage.provider({
      web: service({ healthcheck, deploy: { replicas: 2 } }),
      other: service(),
    });
    const revisions = await stage.settle(provider, [desired("web"), desired("other")]);
    const health = async (id: string) => present(await provider.observe(revisions, [], call), id).health;
    expect(["unknown", "healthy"]).toContain(await health("web"));
    await eventually(async () => (await health("web")) === "healthy");
    await stage.docker("exec", stage.container("web", 2), "touch", "/tmp/ill");
    await eventually(async () => (await health("web")) === "degraded");
    const seen = await provider.observe(revisions, [], call);
    const web = present(seen, "web");
    expect(web.copies).toEqual({ total: 2, ready: 1, updated: 2, updatedReady: 1 });
    expect(web.message).toContain(`1 of 2 ready: ${stage.container("web", 2)}`);
    expect(web.conditions.map(({ type, status }) => [type, status])).toEqual([
      ["RuntimeRunning", "true"],
      ["ContainerHealth", "false"],
    ]);
    expect(drift(seen, revisions[0] ?? neverRevision())).toEqual([]);
    expect(present(seen, "other").health).toBe("healthy");
  }, 60_000);

  test("a container that ends again and again is degraded, not unknown", async () => {
    const provider = stage.provider({ web: service({ command: ["false"], restart: "always" }) });
    const revisions = await stage.settle(provider, [desired("web")]);
    await eventually(async () => {
      const { health, message } = present(await provider.observe(revisions, [], call), "web");
      return health === "degraded" && (message ?? "").includes("restarting after code 1");
    });
  });

  test("a pass over ten services takes two commands, one when nothing stands, and resolving them takes one", async () => {
    const ids = Array.from({ length: 10 }, (_, index) => `s${index}`);
    const provider = stage.provider(Object.fromEntries(ids.map((id) => [id, service()])));
    const revisions = await resolved(
      provider,
      ids.map((id) => desired(id)),
    );
    expect(stage.calls()).toEqual(["compose"]);
    await provider.observe(revisions, [], call);
    expect(stage.calls()).toEqual(["ps"]);
    for (const revision of revisions) await provider.apply(stage.change(revision, null), call);
    stage.calls();
    const seen = await provider.observe(revisions, [], call);
    expect(stage.calls()).toEqual(["ps", "inspect"]);
    expect(revisions.flatMap((revision) => drift(seen, revision))).toEqual([]);
  }, 60_000);

  test("what bears the scope's mark and is wanted no more is reported as such", async () => {
    const services = { web: service(), worker: service() };
    await stage.settle(stage.provider(services), [desired("web"), desired("worker")]);
    const provider = stage.provider({ web: service() });
    const revisions = await resolved(provider, [desired("web")]);
    const seen = await provider.observe(revisions, [], call);
    expect(seen.map(({ resourceId }) => resourceId)).toEqual(["web", "worker"]);
    const { owner, markedHash, handle } = present(seen, "worker");
    expect([owner, markedHash, handle]).toEqual([
      "akc",
      desired("worker").desiredHash,
      { project: stage.project, service: "worker" },
    ]);
    const stranger = stage.provider(services, { deps: { scope: "acme/other" } });
    expect(await stranger.observe([], [], call)).toEqual([]);
  });

  test("a failed probe degrades what is healthy, and one list is run once a look", async () => {
    const rows = [{ kind: "tcp", port: 1 }];
    const ran: unknown[] = [];
    const probe = async (asked: readonly unknown[]) => {
      ran.push(asked);
      return [{ type: "ProbeTcp", status: "false" as const, reason: "tcp_failed" }];
    };
    const provider = stage.provider(
      { a: service(), b: service(), c: service() },
      { settings: { observe_probes: rows }, deps: { probe } },
    );
    const own = { docker_compose: { observe_probes: [] } };
    const revisions = await stage.settle(provider, [desired("a"), desired("b"), desired("c", 1, own)]);
    ran.length = 0;
    const seen = await provider.observe(revisions, [], call);
    expect(["a", "b", "c"].map((id) => present(seen, id).health)).toEqual([
      "degraded",
      "degraded",
      "healthy",
    ]);
    expect(ran).toEqual([rows]);
  });

  test("a provider that only observes judges what it has not made, and changes nothing", async () => {
    const file = join(stage.repo, "compose.yaml");
    writeFileSync(
      file,
      JSON.stringify({ services: { web: service({ user: "0:0", environment: { A: "1" } }) } }),
    );
    await stage.docker("compose", "-p", stage.project, "-f", file, "up", "-d", "web");
    const open = (more: Record<string, string[]>) => stage.open({ kind: "docker_compose_observe", ...more });
    const provider = open({ compose_files: ["compose.yaml"] });
    expect([...provider.capabilities]).toEqual(["observe"]);
    const [web] = await resolved(provider, [desired("web")]);
    if (web === undefined) throw new Error("web is resolved");
    const seen = await provider.observe([web], [], call);
    expect([present(seen, "web").health, drift(seen, web)]).toEqual(["healthy", []]);
    await expect(provider.apply(stage.change(web, null), call)).rejects.toMatchObject({
      code: "PROVIDER_FAILED",
    });
    const blind = open({});
    const [bare] = await resolved(blind, [desired("web")]);
    if (bare === undefined) throw new Error("web is resolved");
    expect(drift(await blind.observe([bare], [], call), bare)).toEqual([]);
  });

  test("an engine that is gone makes everything unobservable, never absent; when it is back it is seen again", async () => {
    const provider = stage.provider({ web: service() });
    const [web] = await stage.settle(provider, [desired("web")]);
    if (web === undefined) throw new Error("web is resolved");
    const before = await stage.ids();
    const { version } = present(await provider.observe([web], [], call), "web");
    stage.disconnect();
    const [observation] = await provider.observe([web], [stage.owned(web)], call);
    expect(observation?.standing).toMatchObject({ kind: "unobservable", reason: "unreachable" });
    await expect(provider.apply(stage.change(web, "x"), call)).rejects.toMatchObject({
      code: "PROVIDER_FAILED",
      details: { reason: "unreachable", retryable: true },
    });
    expect(await resolved(provider, [desired("web")])).toEqual([web]);
    stage.connect();
    const again = await provider.observe([web], [], call);
    expect([present(again, "web").version, drift(again, web)]).toEqual([version, []]);
    expect(await stage.ids()).toEqual(before);
  });

  test("a docker that is not there or never answers is said to be just that", async () => {
    const provider = stage.provider({ web: service() });
    const [web] = await resolved(provider, [desired("web")]);
    if (web === undefined) throw new Error("web is resolved");
    const without = (docker: string) =>
      stage.provider({ web: service() }, { deps: { env: { AKC_DOCKER: docker } } });
    const [missing] = await without("/nowhere/docker").observe([web], [], call);
    expect(missing?.standing).toMatchObject({ kind: "unobservable", reason: "tool_missing" });
    const silent = join(stage.repo, "silent");
    writeFileSync(silent, "#!/bin/sh\nexec sleep 600\n", { mode: 0o755 });
    const hurry = { signal: AbortSignal.timeout(300) };
    const [late] = await without(silent).observe([web], [], hurry);
    expect(late?.standing).toMatchObject({ kind: "unobservable", reason: "timeout" });
    const stopped = { signal: AbortSignal.abort() };
    await expect(without(silent).observe([web], [], stopped)).rejects.toMatchObject({ code: "CANCELLED" });
    const rubbish = join(stage.repo, "rubbish");
    writeFileSync(rubbish, "#!/bin/sh\necho '[1, 2'\n", { mode: 0o755 });
    const [odd] = await without(rubbish).observe([web], [], call);
    expect(odd?.standing).toMatchObject({ kind: "unobservable", reason: "not_understood" });
  });

  test("a file that the manifest refers to is seen to have changed", async () => {
    writeFileSync(join(stage.repo, "web.env"), "TOKEN=one\n");
    const provider = stage.provider({ web: service({ env_file: ["web.env"] }) });
    await stage.settle(provider, [desired("web")]);
    writeFileSync(join(stage.repo, "web.env"), "TOKEN=two\n");
    const [web] = await resolved(provider, [desired("web")]);
    if (web === undefined) throw new Error("web is resolved");
    expect(await mend(provider, web)).toEqual(["/definition", "/environment/TOKEN"]);
  });
});

describe.skipIf(engine === undefined)("a Compose manifest", () => {
  let stage: ComposeStage;
  beforeEach(() => {
    if (engine !== undefined) stage = new ComposeStage(engine);
  });
  afterEach(async () => await stage.end());

  const code = async (work: Promise<unknown>) =>
    await work.then(
      () => "done",
      (cause) => cause.code,
    );

  test("is applied only as it was pinned, and only from inside the repository", async () => {
    const changed = stage.provider({ web: service() });
    writeFileSync(join(stage.repo, "app.yaml"), "services: {}");
    expect(await code(changed.resolve([desired("web")], call))).toBe("DESIRED_STATE_INVALID");
    const pinned = stage.pinned("app.yaml", JSON.stringify({ services: { web: service() } }));
    mkdirSync(join(stage.repo, "inside"));
    symlinkSync("/", join(stage.repo, "outside"));
    const open = (more: Record<string, string>) => stage.open({ ...pinned, ...more });
    expect(await code(open({}).resolve([desired("web")], call))).toBe("done");
    for (const path of ["../app.yaml", "/app.yaml", "outside/etc/hostname"])
      expect(await code(open({ apply_manifest_path: path }).resolve([desired("web")], call))).toBe(
        "PATH_UNSAFE",
      );
    for (const path of ["..", "/", "outside"])
      expect(await code(open({ compose_working_dir: path }).resolve([desired("web")], call))).toBe(
        "PATH_UNSAFE",
      );
  });

  test("that is not valid, fills in what nobody sets or draws in other files is refused before anything is touched", async () => {
    const texts = {
      "services: {web: [": "DESIRED_STATE_INVALID",
      "services: {web: {image: x, colour: red}}": "DESIRED_STATE_INVALID",
      "services: {web: {image: 'x:${TAG}'}}": "DESIRED_STATE_INVALID",
      "services: {web: {extends: {file: other.yaml, service: web}}}": "DESIRED_STATE_INVALID",
      "include: [other.yaml]": "DESIRED_STATE_INVALID",
      "services: {web: {image: 'x:${TAG:-1}'}}": "done",
    };
    // Beside the manifest, and pinned by nothing.
    writeFileSync(join(stage.repo, ".env"), "TAG=2\n");
    for (const [text, expected] of Object.entries(texts)) {
      const provider = stage.open(stage.pinned("app.yaml", text));
      expect([text, await code(provider.resolve([desired("web")], call))]).toEqual([text, expected]);
    }
  });

  test("that has no such service refuses that resource alone", async () => {
    const provider = stage.provider(
      { web: service(), b: service() },
      { settings: { service_map: { twin: "b" } } },
    );
    const settings = { docker_compose: { services: "web" } };
    const wanted = [
      desired("web"),
      desired("nowhere"),
      desired("b"),
      desired("twin"),
      desired("odd", 1, settings),
    ];
    const resolutions = await provider.resolve(wanted, call);
    expect(resolutions.map(({ kind }) => kind)).toEqual([
      "resolved",
      "refused",
      "refused",
      "refused",
      "refused",
    ]);
  });
});

function neverRevision(): never {
  throw new Error("there is a revision");
}
