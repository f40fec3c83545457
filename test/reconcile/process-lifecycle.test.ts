/** Processes as resources from their creation to their end, with real ones: what stands is asked of /proc, not of the provider. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Deletion, Revision } from "../../src/providers/contract.ts";
import { call, ProcessWorld, scope, until } from "./process-world.ts";

let world: ProcessWorld;
beforeEach(() => {
  world = new ProcessWorld();
});
afterEach(async () => {
  await world.end();
});

const open = { level: "none" };
const sleeper = { command: ["sleep", "1000"], sandbox: open, stop: { grace_ms: 2_000 } };

function deletion({ resourceId, desiredHash }: Revision, expectedVersion: string | null = null): Deletion {
  return {
    resource: {
      providerId: "process",
      resourceId,
      resourceClass: "service",
      desiredHash,
      dependsOn: [],
      handle: {},
    },
    mark: { scope, resourceId },
    idempotencyKey: "delete-1",
    expectedVersion,
  };
}

test("a service stands with its copies, its fields as wanted and its mark, and is gone with everything after the delete", async () => {
  const provider = world.provider();
  const revision = await world.revision(provider, "api", { ...sleeper, replicas: 3 });
  expect((await world.standing(provider, revision)).kind).toBe("absent");
  await world.apply(provider, revision);
  const standing = await world.present(provider, revision);
  expect(standing.fields).toEqual(revision.fields);
  expect(standing).toMatchObject({
    owner: "akc",
    markedHash: revision.desiredHash,
    health: "healthy",
    copies: { total: 3, ready: 3, updated: 3, updatedReady: 3 },
  });
  expect(world.living("api")).toHaveLength(3);
  await provider.delete(deletion(revision, standing.version), call());
  expect(world.living("api")).toEqual([]);
  expect((await world.standing(provider, revision)).kind).toBe("absent");
  expect(existsSync(join(world.folder("api"), "logs", "0.log"))).toBe(true);
  await provider.delete(deletion(revision), call());
});

test("a service is in a session of its own, its output in its log, and its environment made from nothing", async () => {
  process.env["AKC_TEST_LEAK"] = "leaked";
  const provider = world.provider();
  const revision = await world.revision(provider, "api", {
    command: ["sh", "-c", "env; echo oops >&2; exec sleep 1000"],
    env: { COLOUR: "green", HOME: "/nowhere" },
    sandbox: open,
  });
  await world.apply(provider, revision);
  await until(() => world.log("api").includes("oops"));
  delete process.env["AKC_TEST_LEAK"];
  const log = world.log("api");
  expect(log).toContain("COLOUR=green\n");
  expect(log).toContain("HOME=/nowhere\n");
  expect(log).toContain("AKC_REPLICA=0\n");
  expect(log).not.toContain("leaked");
  const pid = world.pid("api");
  expect(readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ")[3]).toBe(String(pid));
});

test("the same change asked twice is made once, and one made for another version is refused", async () => {
  const provider = world.provider();
  const revision = await world.revision(provider, "api", sleeper);
  const change = await world.apply(provider, revision);
  const pid = world.pid("api");
  await provider.apply(change, call());
  expect(world.pid("api")).toBe(pid);
  const stale = { ...change, idempotencyKey: "another" };
  await expect(provider.apply(stale, call())).rejects.toMatchObject({ code: "PROVIDER_CONFLICT" });
  await expect(provider.delete(deletion(revision, "stale"), call())).rejects.toMatchObject({
    code: "PROVIDER_CONFLICT",
  });
  expect(world.living("api")).toEqual([pid]);
});

test("only what a process is started with starts it anew; everything else, the mark too, is told to the one that runs", async () => {
  const provider = world.provider();
  const first = await world.revision(provider, "api", sleeper);
  await world.apply(provider, first);
  const pid = world.pid("api");
  const before = await world.present(provider, first);
  const patient = await world.revision(provider, "api", { ...sleeper, restart: { backoff_ms: 7 } });
  await world.apply(provider, patient);
  const after = await world.present(provider, patient);
  expect(world.pid("api")).toBe(pid);
  expect(after.fields).toEqual(patient.fields);
  expect(after.markedHash).toBe(patient.desiredHash);
  expect(after.version).not.toBe(before.version);
  const greener = await world.revision(provider, "api", { ...sleeper, env: { COLOUR: "green" } });
  await world.apply(provider, greener);
  expect(world.pid("api")).not.toBe(pid);
  expect(world.living("api")).toEqual([world.pid("api")]);
  expect((await world.present(provider, greener)).fields).toEqual(greener.fields);
});

test("a mark that changes without any field is written, and nothing is started anew", async () => {
  const provider = world.provider();
  const revision = await world.revision(provider, "api", sleeper);
  await world.apply(provider, revision);
  const pid = world.pid("api");
  const renamed = { ...revision, desiredHash: "f".repeat(64) };
  await world.apply(provider, renamed);
  expect(world.pid("api")).toBe(pid);
  expect((await world.present(provider, renamed)).markedHash).toBe("f".repeat(64));
});

test("copies of two revisions stand side by side as asked, and the difference is seen until the last is new", async () => {
  const provider = world.provider();
  const old = await world.revision(provider, "api", { ...sleeper, replicas: 3 });
  await world.apply(provider, old);
  const next = await world.revision(provider, "api", { ...sleeper, replicas: 3, env: { V: "2" } });
  await world.apply(provider, next, { copies: { updated: 1, previous: 2 } });
  const half = await world.present(provider, next);
  expect(half.copies).toEqual({ total: 3, ready: 3, updated: 1, updatedReady: 1 });
  expect(half.health).toBe("healthy");
  expect(half.fields).not.toEqual(next.fields);
  await world.apply(provider, next, { copies: { updated: 3, previous: 1 } });
  expect((await world.present(provider, next)).copies).toMatchObject({ total: 4, updated: 3 });
  await world.apply(provider, next);
  const whole = await world.present(provider, next);
  expect(whole.copies).toEqual({ total: 3, ready: 3, updated: 3, updatedReady: 3 });
  expect(whole.fields).toEqual(next.fields);
  expect(world.living("api")).toHaveLength(3);
});

test("a later akc finds the processes of an earlier one, and starts and ends none of them", async () => {
  const earlier = world.provider();
  const revision = await world.revision(earlier, "api", { ...sleeper, replicas: 2 });
  const change = await world.apply(earlier, revision);
  const pids = world.living("api");
  await earlier.close();
  const later = world.provider({ supervise: true });
  world.watch(later);
  expect((await world.present(later, revision)).health).toBe("healthy");
  await later.apply(change, call());
  await world.apply(later, revision);
  await Bun.sleep(300);
  expect(world.living("api")).toEqual(pids);
});

test("everything that bears the scope's mark is observed, asked for or not", async () => {
  const provider = world.provider();
  const revisions = await Promise.all(
    ["one", "Two/slashed", "two~x"].map((id) => world.revision(provider, id, sleeper)),
  );
  for (const revision of revisions) await world.apply(provider, revision);
  const seen = await provider.observe([], [], call());
  expect(seen.map(({ resourceId }) => resourceId).sort()).toEqual(["Two/slashed", "one", "two~x"]);
  expect(seen.every(({ standing }) => standing.kind === "present" && standing.owner === "akc")).toBe(true);
});

test("records of another scope are somebody else's: seen, and touched only when they are to be adopted", async () => {
  const foreign = world.provider({ scope: "acme/other" });
  const revision = await world.revision(foreign, "api", sleeper);
  const made = await world.apply(foreign, revision, {
    mark: { scope: "acme/other", resourceId: "api", desiredHash: revision.desiredHash },
  });
  const pid = world.pid("api");
  const ours = world.provider();
  const standing = await world.present(ours, revision);
  expect(standing.owner).toBe("other");
  await expect(world.apply(ours, revision)).rejects.toMatchObject({ code: "PROVIDER_NOT_OWNED" });
  await expect(ours.delete(deletion(revision), call())).rejects.toMatchObject({ code: "PROVIDER_NOT_OWNED" });
  expect(world.living("api")).toEqual([pid]);
  await world.apply(ours, revision, { adopt: true });
  expect((await world.present(ours, revision)).owner).toBe("akc");
  expect(world.pid("api")).toBe(pid);
  expect(made.mark.scope).toBe("acme/other");
});

test("a process that is not to be confined less than the operator demands is refused, and so is what cannot be", async () => {
  const provider = world.provider({ containment: "landlock" });
  const reason = async (process: Readonly<Record<string, unknown>>) => {
    const [answer] = await provider.resolve([world.desired("api", process)], call());
    return answer?.kind === "refused" ? answer.message : "resolved";
  };
  expect(await reason(sleeper)).toContain("less than the operator demands");
  const confined = { ...sleeper, sandbox: {} };
  expect(await reason(confined)).toBe("resolved");
  expect(await reason({ command: ["no-such-program-here"] })).toContain("no-such-program-here");
  expect(await reason({ command: ["./server"] })).toContain("absolute");
  expect(await reason({ ...confined, workdir: "../elsewhere" })).toContain("workdir");
  expect(await reason({ ...confined, workdir: "/etc" })).toContain("workdir");
  expect(await reason({ ...confined, env: { LD_PRELOAD: "/x.so" } })).toContain("LD_PRELOAD");
  expect(await reason({ ...confined, env: { BUN_OPTIONS: "x" } })).toContain("BUN_OPTIONS");
  expect(await reason({ ...confined, env: { LISTEN_FDS: "3" } })).toContain("LISTEN_FDS");
  expect(await reason({ ...confined, sandbox: { write: [join(world.root, ".akc")] } })).toContain(
    "akc keeps",
  );
  expect(
    await reason({ ...confined, replicas: 2, ports: { listen: [{ name: "http", port: 80 }] } }),
  ).toContain("handover");
  expect(await reason({ ...confined, comand: 1 })).toContain("comand");
  expect(await provider.resolve([{ ...world.desired("api", {}), settings: {} }], call())).toMatchObject([
    { kind: "refused" },
  ]);
});

test("a confined service writes to its own folder and to what it was given, and to nothing else", async () => {
  const data = join(world.root, "data");
  mkdirSync(data);
  const provider = world.provider();
  const revision = await world.revision(provider, "api", {
    command: [
      "sh",
      "-c",
      `echo a > own && echo own; echo b > ${data}/b && echo given; echo c > ${world.root}/c && echo outside; kill -0 1 && echo signal; echo done; exec sleep 1000`,
    ],
    sandbox: { write: [data], network: false },
    limits: { open_files: 77 },
  });
  await world.apply(provider, revision);
  await until(() => world.log("api").includes("done"));
  const words = world.log("api").split("\n");
  expect(words.filter((word) => ["own", "given", "outside", "signal"].includes(word))).toEqual([
    "own",
    "given",
  ]);
  expect(readFileSync(`/proc/${world.pid("api")}/limits`, "utf8")).toMatch(/Max open files\s+77\s+77/);
  await provider.delete(deletion(revision), call());
  expect(world.living("api")).toEqual([]);
});

test("readiness decides whether a copy may be used, and an exec probe sees what the service sees", async () => {
  const provider = world.provider();
  const revision = await world.revision(provider, "api", {
    command: ["sh", "-c", "sleep 0.4; echo yes > ready; exec sleep 1000"],
    readiness: { kind: "exec", command: ["grep", "yes", "ready"], interval_ms: 50, failure_threshold: 1_000 },
  });
  await world.apply(provider, revision);
  expect((await world.present(provider, revision)).health).toBe("unknown");
  await until(async () => (await world.present(provider, revision)).health === "healthy");
  expect((await world.present(provider, revision)).copies).toMatchObject({ total: 1, ready: 1 });
});

test("a program of an exec probe that hangs is ended with its time, and nothing of it stays", async () => {
  const provider = world.provider();
  const revision = await world.revision(provider, "api", {
    ...sleeper,
    readiness: {
      kind: "exec",
      command: ["sleep", "999"],
      interval_ms: 50,
      timeout_ms: 100,
      failure_threshold: 2,
    },
  });
  await world.apply(provider, revision);
  await until(async () => (await world.present(provider, revision)).health === "degraded");
  const { message, conditions } = await world.present(provider, revision);
  expect(conditions[0]).toMatchObject({ type: "Ready", status: "false", reason: "not_ready" });
  expect(message).toContain("ended by a signal");
  await provider.close();
  await until(() => world.living("api").length === 1);
});

test("the provider's documented probes degrade what is healthy, whatever the resource", async () => {
  const provider = world.provider({ observeProbes: [{ kind: "tcp", port: 0 }] });
  const revision = await world.revision(provider, "api", sleeper);
  await world.apply(provider, revision);
  const standing = await world.present(provider, revision);
  expect(standing.health).toBe("degraded");
  expect(standing.conditions).toContainEqual({
    type: "ProbeTcp",
    status: "false",
    reason: "tcp_failed",
    message: "invalid_port",
  });
});
