/** Bad days of services, with real processes: crashes, kills, taken ports, full disks, and numbers that mean somebody else. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Change, Revision } from "../../src/providers/contract.ts";
import type { ReplicaRecord } from "../../src/providers/process/record.ts";
import { bootId } from "../../src/system/process-identity.ts";
import { statOf } from "../../src/system/process-table.ts";
import { call, ProcessWorld, scope, until } from "./process-world.ts";

let world: ProcessWorld;
beforeEach(() => {
  world = new ProcessWorld();
});
const others: Bun.Subprocess[] = [];
afterEach(async () => {
  for (const one of others.splice(0)) one.kill("SIGKILL");
  await world.end();
});

const open = { level: "none" };
const sleeper = { command: ["sleep", "1000"], sandbox: open, stop: { grace_ms: 2_000 } };
const deletion = (revision: Revision) => ({
  resource: { ...revision, providerId: "process", handle: {} },
  mark: { scope, resourceId: revision.resourceId },
  idempotencyKey: "delete",
  expectedVersion: null,
});

/** A process that is none of ours. */
function stranger(): number {
  const child = Bun.spawn(["sleep", "1000"], { env: {}, stdio: ["ignore", "ignore", "ignore"] });
  others.push(child);
  return child.pid;
}

function writeRecord(id: string, record: ReplicaRecord): void {
  writeFileSync(join(world.folder(id), `${record.slot}.json`), JSON.stringify(record));
}

/** Runs an akc of its own that dies at `place`. */
async function dying(place: string, revision: Revision): Promise<Change> {
  const { resourceId, desiredHash } = revision;
  const change: Change = {
    kind: "create",
    revision,
    mark: { scope, resourceId, desiredHash },
    idempotencyKey: "once",
    expectedVersion: null,
    adopt: false,
  };
  const child = Bun.spawn(
    [
      process.execPath,
      join(import.meta.dir, "process-dying.child.ts"),
      world.root,
      place,
      JSON.stringify(change),
    ],
    { stdout: "inherit", stderr: "inherit", env: { ...process.env } },
  );
  await child.exited;
  return change;
}

test("a copy that is killed is noticed and started again; its exit is told", async () => {
  const provider = world.provider({ supervise: true });
  const revision = await world.revision(provider, "api", { ...sleeper, restart: { backoff_ms: 50 } });
  await world.apply(provider, revision);
  const told: string[] = [];
  world.watch(provider, (ids) => told.push(...ids));
  const pid = world.pid("api");
  await Bun.sleep(100);
  process.kill(pid, "SIGKILL");
  await until(() => world.living("api").length === 1 && world.pid("api") !== pid);
  expect(told).toContain("api");
  await until(() => world.record("api").phase === "running");
  const { last_exit: exit, restarts, total_restarts: total } = world.record("api");
  expect(exit).toMatchObject({ why: "exit", signal: "SIGKILL" });
  expect([restarts, total]).toEqual([1, 1]);
});

test("a death is noticed by an akc that is not its parent", async () => {
  const first = world.provider();
  const revision = await world.revision(first, "api", { ...sleeper, restart: { backoff_ms: 20 } });
  await dying("end", revision);
  const provider = world.provider({ supervise: true });
  world.watch(provider);
  const pid = world.pid("api");
  await Bun.sleep(200);
  expect(world.living("api")).toEqual([pid]);
  process.kill(pid, "SIGKILL");
  await until(() => world.living("api").length === 1 && world.living("api")[0] !== pid, 3_000);
});

test("a crash loop backs off longer each time, is called degraded while it lasts, and never runs twice", async () => {
  const provider = world.provider({ supervise: true });
  const revision = await world.revision(provider, "api", {
    command: ["sh", "-c", "date +%s%3N; sleep 0.05; exit 3"],
    sandbox: open,
    restart: { backoff_ms: 100, backoff_max_ms: 400 },
  });
  world.watch(provider);
  await world.apply(provider, revision);
  await until(
    () =>
      existsSync(join(world.folder("api"), "logs", "0.log")) &&
      world.log("api").trim().split("\n").length >= 5,
  );
  const starts = world.log("api").trim().split("\n").map(Number);
  const waits = starts.slice(1).map((at, index) => at - (starts[index] ?? 0));
  const bounds = [100, 200, 400, 400];
  for (const [index, bound] of bounds.entries()) expect(waits[index]).toBeGreaterThanOrEqual(bound);
  const standing = await world.present(provider, revision);
  expect(standing.health).toBe("degraded");
  expect(standing.conditions[0]?.reason).toBe("crash_looping");
  expect(standing.message).toContain("exit code 3");
  expect(world.living("api").length).toBeLessThanOrEqual(2);
});

test("policy never gives up and says failed; on_failure leaves a clean end alone", async () => {
  const provider = world.provider({ supervise: true });
  world.watch(provider);
  const ends = (policy: string, code: number) =>
    world.revision(provider, `${policy}-${code}`, {
      command: ["sh", "-c", `exit ${code}`],
      sandbox: open,
      restart: { policy, backoff_ms: 0 },
    });
  const never = await ends("never", 4);
  const clean = await ends("on_failure", 0);
  await world.apply(provider, never);
  await world.apply(provider, clean);
  await until(async () => (await world.present(provider, never)).health === "failed");
  await until(() => world.record(clean.resourceId).phase === "completed");
  expect((await world.present(provider, never)).message).toContain("exit code 4");
  expect(world.record(never.resourceId)).toMatchObject({ phase: "given_up", total_restarts: 0 });
  expect((await world.present(provider, clean)).conditions[0]?.reason).toBe("completed");
});

test("without supervision a death is a difference, and the next change makes it good and nothing else", async () => {
  const provider = world.provider();
  const told: string[] = [];
  world.watch(provider, (ids) => told.push(...ids));
  const revision = await world.revision(provider, "api", {
    ...sleeper,
    replicas: 2,
    restart: { backoff_ms: 200 },
  });
  const change = await world.apply(provider, revision);
  const [dead, other] = [world.pid("api", 0), world.pid("api", 1)];
  await Bun.sleep(100);
  process.kill(dead, "SIGKILL");
  await until(() => world.record("api").phase === "waiting");
  expect((await world.present(provider, revision)).fields["replicas"]).toBe(2);
  expect((await world.present(provider, revision)).health).toBe("degraded");
  await provider.apply(change, call());
  expect(world.living("api")).toEqual([other]);
  told.length = 0;
  await until(async () => (await world.present(provider, revision)).fields["replicas"] === 1);
  await until(() => told.includes("api"));
  await Bun.sleep(150);
  expect(world.living("api")).toEqual([other]);
  await provider.apply(change, call());
  expect(world.living("api")).toHaveLength(2);
  expect(world.pid("api", 1)).toBe(other);
  expect((await world.present(provider, revision)).fields).toEqual(revision.fields);
});

test("a liveness probe that fails ends the copy and its policy starts it again", async () => {
  const provider = world.provider({ supervise: true });
  world.watch(provider);
  const revision = await world.revision(provider, "api", {
    command: ["sh", "-c", "touch alive; sleep 0.3; rm alive; exec sleep 1000"],
    sandbox: open,
    stop: { grace_ms: 1_000 },
    restart: { backoff_ms: 10 },
    liveness: {
      kind: "exec",
      command: ["test", "-e", "alive"],
      initial_delay_ms: 150,
      interval_ms: 50,
      failure_threshold: 2,
    },
  });
  await world.apply(provider, revision);
  const pid = world.pid("api");
  await until(() => world.record("api").total_restarts > 0);
  expect(world.record("api").last_exit?.why).toBe("liveness");
  expect(world.living("api")).not.toContain(pid);
});

test("a number that is another process's by now is neither taken for ours nor signalled", async () => {
  const provider = world.provider();
  const revision = await world.revision(provider, "api", { ...sleeper, restart: { backoff_ms: 0 } });
  await world.apply(provider, revision);
  const record = world.record("api");
  process.kill(world.pid("api"), "SIGKILL");
  await until(() => world.living("api").length === 0);
  const pid = stranger();
  // As if the number had been given away again: first the number alone, then with another boot.
  const startTicks = statOf(pid)?.startTicks ?? 0;
  for (const claim of [
    { pid, start_ticks: startTicks - 1, boot_id: bootId() },
    { pid, start_ticks: startTicks, boot_id: "another-boot" },
  ]) {
    writeRecord("api", { ...record, process: claim });
    expect((await world.present(provider, revision)).health).toBe("degraded");
    await provider.delete(deletion(revision), call());
    expect(statOf(pid)?.state).toBe("S");
    await world.apply(provider, revision);
  }
  expect(statOf(pid)?.state).toBe("S");
});

test("a zombie is gone", async () => {
  const provider = world.provider();
  const revision = await world.revision(provider, "api", sleeper);
  await world.apply(provider, revision);
  const record = world.record("api");
  const parent = Bun.spawn(["sh", "-c", "sleep 0.05 & echo $!; exec sleep 1000"], { stdout: "pipe" });
  others.push(parent);
  const reader = parent.stdout.getReader();
  const pid = Number(new TextDecoder().decode((await reader.read()).value).trim());
  await until(() => statOf(pid)?.state === "Z");
  const zombie = { pid, start_ticks: statOf(pid)?.startTicks ?? 0, boot_id: bootId() };
  writeRecord("api", { ...record, process: zombie });
  expect((await world.present(provider, revision)).health).toBe("degraded");
});

test("a port that is taken fails the change and is named, and nothing is left running", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await until(() => server.listening);
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  try {
    const provider = world.provider();
    for (const handover of ["none", "listen_fds", "reuse_port"]) {
      const revision = await world.revision(provider, handover.replace("_", "-"), {
        ...sleeper,
        ports: { listen: [{ name: "http", port }], handover },
      });
      const failing = world.apply(provider, revision);
      await expect(failing).rejects.toMatchObject({
        code: "PROVIDER_FAILED",
        details: { port, retryable: true },
      });
      await expect(failing).rejects.toThrow(String(port));
      expect(world.living(revision.resourceId)).toEqual([]);
    }
  } finally {
    server.close();
  }
});

test("a program that is gone by the time of the change fails it with its name; the next try starts it", async () => {
  const program = join(world.root, "server");
  copyFileSync("/bin/sleep", program);
  const provider = world.provider();
  const revision = await world.revision(provider, "api", { ...sleeper, command: [program, "1000"] });
  rmSync(program);
  await expect(world.apply(provider, revision)).rejects.toThrow(program);
  expect((await world.present(provider, revision)).copies?.total).toBe(0);
  copyFileSync("/bin/sleep", program);
  await world.apply(provider, revision);
  expect(world.living("api")).toHaveLength(1);
});

for (const place of ["before", "after"]) {
  test(`an akc killed ${place} the start and before its record leaves no second copy when another goes on`, async () => {
    const provider = world.provider();
    for (const [id, sandbox] of [
      ["plain", open],
      ["confined", {}],
    ] as const) {
      const revision = await world.revision(provider, id, { ...sleeper, sandbox });
      const change = await dying(place, revision);
      const isThere = place === "after" && id === "plain";
      // Its parent is woken before it has its own environment, which it is known by.
      if (isThere) await until(() => world.living(id).length > 0);
      const early = world.living(id);
      // Confined, the launcher has never been told what to start: it goes by itself.
      expect(early.length).toBe(isThere ? 1 : 0);
      expect(world.record(id).phase).toBe("starting");
      await provider.apply(change, call());
      expect(world.record(id).phase).toBe("running");
      await until(() => world.living(id).length === 1);
      if (early.length === 1) expect(world.living(id)).toEqual(early);
      const standing = await world.present(provider, revision);
      expect(standing.copies).toMatchObject({ total: 1 });
    }
  });
}

test("services live on when akc is killed, and when it ends with everything that came of it", async () => {
  const provider = world.provider();
  for (const place of ["end", "sweep", "plainly"]) {
    for (const [kind, sandbox] of [
      ["plain", open],
      ["confined", {}],
    ] as const) {
      const revision = await world.revision(provider, `${place}-${kind}`, {
        command: ["sh", "-c", "sleep 1000 & exec sleep 1000"],
        sandbox,
      });
      await dying(place, revision);
      await until(() => world.living(revision.resourceId).length === 2);
      await Bun.sleep(50);
      expect(world.living(revision.resourceId)).toHaveLength(2);
      expect((await world.present(provider, revision)).health).toBe("healthy");
    }
  }
}, 30_000);

test("who ignores the signal is killed after the grace, with all that came of it", async () => {
  const provider = world.provider();
  const revision = await world.revision(provider, "api", {
    command: [
      "sh",
      "-c",
      "trap '' TERM; setsid sleep 1000 & sleep 1000 & echo up; while :; do sleep 1000; done",
    ],
    sandbox: open,
    stop: { grace_ms: 300 },
  });
  await world.apply(provider, revision);
  await until(() => world.log("api").includes("up") && world.living("api").length >= 4);
  const startedAt = performance.now();
  await provider.delete(deletion(revision), call());
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(300);
  expect(world.living("api")).toEqual([]);
});

test("who takes the signal has its time to end", async () => {
  const provider = world.provider();
  const revision = await world.revision(provider, "api", {
    command: ["sh", "-c", "trap 'sleep 0.2; echo bye; exit 0' INT; echo up; while :; do sleep 0.05; done"],
    sandbox: open,
    stop: { signal: "SIGINT", grace_ms: 5_000 },
  });
  await world.apply(provider, revision);
  await until(() => world.log("api").includes("up"));
  await provider.delete(deletion(revision), call());
  expect(world.log("api")).toContain("bye");
});

test("a deletion that is broken off goes on when it is asked again", async () => {
  const provider = world.provider();
  const revision = await world.revision(provider, "api", {
    command: ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"],
    sandbox: open,
    replicas: 2,
    stop: { grace_ms: 60_000 },
  });
  await world.apply(provider, revision);
  await until(() => world.log("api").includes("up") && world.log("api", 1).includes("up"));
  const asked = deletion(revision);
  await expect(provider.delete(asked, call(AbortSignal.timeout(200)))).rejects.toMatchObject({
    code: "CANCELLED",
  });
  expect((await world.present(provider, revision)).kind).toBe("present");
  for (const pid of world.living("api")) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // One of the short-lived children of the shells: it has ended by itself in the meantime.
    }
  }
  await provider.delete(asked, call());
  expect((await world.standing(provider, revision)).kind).toBe("absent");
});

test("what a process that died left of a record goes with the next change; what a living one writes stays", async () => {
  const provider = world.provider();
  const revision = await world.revision(provider, "web", sleeper);
  await world.apply(provider, revision);
  const gone = Bun.spawnSync(["true"]).pid;
  const left = join(world.folder("web"), `.0.json.tmp.${gone}.0123abcd`);
  const written = join(world.folder("web"), `.0.json.tmp.${stranger()}.0123abcd`);
  for (const path of [left, written]) writeFileSync(path, "{");
  await world.apply(provider, await world.revision(provider, "web", { ...sleeper, env: { V: "2" } }));
  expect([existsSync(left), existsSync(written)]).toEqual([false, true]);
});

test("a record that cannot be read makes its service unobservable, never absent, and no other", async () => {
  const provider = world.provider();
  const broken = await world.revision(provider, "broken", sleeper);
  const whole = await world.revision(provider, "whole", sleeper);
  await world.apply(provider, broken);
  await world.apply(provider, whole);
  await Bun.sleep(150);
  await world.present(provider, broken);
  await Bun.sleep(10);
  writeFileSync(join(world.folder("broken"), "1.json"), "{");
  expect(await world.standing(provider, broken)).toMatchObject({
    kind: "unobservable",
    reason: "record_unreadable",
  });
  expect((await world.present(provider, whole)).health).toBe("healthy");
  await expect(provider.delete(deletion(broken), call())).rejects.toMatchObject({ code: "PROVIDER_FAILED" });
});

test("two akcs that make the same change at the same time start one copy", async () => {
  const [one, other] = [world.provider(), world.provider()];
  const revision = await world.revision(one, "api", sleeper);
  const change = await world.apply(one, revision);
  process.kill(world.pid("api"), "SIGKILL");
  const next: Change = { ...change, idempotencyKey: "next", expectedVersion: null };
  await until(() => world.living("api").length === 0);
  const { version } = await world.present(one, revision);
  const both = [one, other].map((provider) => provider.apply({ ...next, expectedVersion: version }, call()));
  await Promise.allSettled(both);
  expect(world.living("api")).toHaveLength(1);
});

const mounts = mayMount();

test.skipIf(!mounts)(
  "on a full disk nothing is started that could not be recorded, and what runs goes on running",
  async () => {
    const disk = join(world.root, ".akc");
    mkdirSync(disk);
    expect(Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk]).exitCode).toBe(0);
    // With this beside it, a log that is due does not fit there twice.
    writeFileSync(join(disk, "ballast"), Buffer.alloc(90_000));
    try {
      const provider = world.provider({ supervise: true });
      world.watch(provider);
      const go = join(world.root, "go");
      const waits = `while ! test -e ${go}; do sleep 0.01; done`;
      const noisy = await world.revision(provider, "noisy", {
        command: ["sh", "-c", `${waits}; while :; do echo 0123456789012345678901234567890123456789; done`],
        sandbox: open,
        logs: { max_bytes: 100_000, keep: 3 },
      });
      await world.apply(provider, noisy);
      // Not before it is recorded as started: what it prints fills the disk within milliseconds.
      writeFileSync(go, "");
      const pid = world.pid("noisy");
      await until(async () =>
        (await world.present(provider, noisy)).conditions.some(({ type }) => type === "LogRotation"),
      );
      expect(world.living("noisy")).toContain(pid);
      const late = await world.revision(provider, "late", sleeper);
      await expect(world.apply(provider, late)).rejects.toMatchObject({ code: "DISK_FULL" });
      expect(world.living("late")).toEqual([]);
      await provider.delete(deletion(noisy), call());
      expect(world.living("noisy")).toEqual([]);
      rmSync(join(disk, "ballast"));
      await world.apply(provider, late);
      expect(world.living("late")).toHaveLength(1);
    } finally {
      await world.end(() => void Bun.spawnSync(["umount", "-l", disk]));
    }
  },
);

function mayMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "akc-process-mount-"));
  const done = Bun.spawnSync(["mount", "-t", "tmpfs", "tmpfs", folder]).exitCode === 0;
  if (done) Bun.spawnSync(["umount", folder]);
  rmSync(folder, { recursive: true, force: true });
  return done;
}
