/** The autopilot's memory where a process dies, a disk is full or nothing can be written: all of a batch is there, or nothing of it. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newIdentity, scopeKey } from "../../src/autopilot/lease/name.ts";
import { createLeaseBackend } from "../../src/autopilot/lease/open.ts";
import { openAutopilotStore } from "../../src/autopilot/state/open.ts";
import { systemClock } from "../../src/system/clock.ts";
import { failpointPlaces } from "../../src/system/failpoint.ts";
import { codeOf, failed, mill, outputs, shop, startMs, triggered } from "./memory-world.ts";

const places = Object.keys(failpointPlaces).filter((place) => place.startsWith("autopilot."));
/** Reached once a process; the others once a batch. */
const atStart = ["autopilot.lease_acquired", "autopilot.fence_raised"];

describe.each([
  ["sqlite", places],
  // What differs there is how the lease is found afterwards.
  ["filesystem", atStart],
] as const)("with %s leases", (backend, reached) => {
  test.each(reached)("whoever dies at %s leaves whole batches, and another goes on", async (place) => {
    using room = outputs();
    const nth = atStart.includes(place) ? 1 : 2;
    const died = await dying(room.root, backend, `${place}:${nth}:kill`);
    expect(died.signal).toBe("SIGKILL");
    const told = died.lines.filter((line) => line.startsWith("appended")).length;
    const store = await openAutopilotStore(room.root);
    const entries = await store.entries(shop, 0, 100);
    // The batch that it died in may be there or not, and then all of it is.
    expect(entries.length % 3).toBe(0);
    expect(entries.length / 3 - told).toBeOneOf(place === "autopilot.appended" ? [1] : [0]);
    expect(await store.cursors(shop)).toEqual(
      entries.length === 0 ? [] : [{ runtimeRunId: "r", seq: entries.length / 3 }],
    );
    expect(await store.verify()).toEqual([]);
    const before = (await store.fence(shop))?.token ?? 0;
    expect(before).toBe(place === "autopilot.lease_acquired" ? 0 : 1);
    await store.close();
    // A lease in a file is waited for.
    if (backend === "filesystem") await Bun.sleep(700);
    const next = await dying(room.root, backend, "autopilot.appended:99:kill");
    expect(next.lines).toEqual([`held ${before + 1}`, "appended 1", "appended 2", "appended 3"]);
    expect(next.code).toBe(0);
  });
});

test("a disk that fails in the middle of a batch: its code is told, nothing of the batch is there, and the same process goes on", async () => {
  for (const [act, code] of [
    ["enospc", "DISK_FULL"],
    ["eio", "STORE_IO"],
  ]) {
    using room = outputs();
    const ran = await dying(room.root, "sqlite", `autopilot.inside_append:2:${act}`);
    expect(ran.lines).toEqual(["held 1", "appended 1", code ?? "", "appended 3"]);
    const store = await openAutopilotStore(room.root);
    expect(await store.entries(shop, 0, 100)).toHaveLength(6);
    expect(await store.verify()).toEqual([]);
    await store.close();
  }
});

describe("a full disk", () => {
  const disk = mounted("size=1m");

  test.skipIf(disk === undefined)(
    "fails the batch with its own code, keeps what was there, and with space again all goes on",
    async () => {
      const root = disk ?? "";
      const store = await openAutopilotStore(root);
      const fence = await store.raiseFence(shop, "one", startMs);
      const message = "x".repeat(50_000);
      let told = 0;
      const fact = { type: "visit_failed", code: "X", message } as const;
      const append = () => store.append(shop, [fact], fence, { nowMs: startMs });
      let code = await codeOf(append);
      for (; code === "none"; code = await codeOf(append)) told += 1;
      expect(code).toBe("DISK_FULL");
      expect(told).toBeGreaterThan(2);
      expect((await store.state(shop)).seq).toBe(told);
      expect(
        await codeOf(() => store.say(shop, triggered("k", { reason: message }), "me@here", startMs)),
      ).toBe("DISK_FULL");
      const lease = createLeaseBackend(
        { backend: "filesystem", ttlMs: 15_000 },
        { outputsRoot: root, identity: newIdentity("one"), clock: systemClock, env: {} },
      );
      expect(await lease.acquire(`acme/mill/${scopeKey(mill)}`, startMs)).toMatchObject({ kind: "unknown" });
      Bun.spawnSync(["mount", "-o", "remount,size=8m", root]);
      expect(await lease.acquire(`acme/mill/${scopeKey(mill)}`, startMs)).toMatchObject({ kind: "held" });
      await append();
      expect(await store.verify()).toEqual([]);
      expect(await store.entries(shop, 0, 1_000)).toHaveLength(told + 1);
      await store.close();
    },
  );
});

describe("a place that cannot be written", () => {
  const disk = mounted("size=4m");

  test.skipIf(disk === undefined)(
    "is read by who only looks, and a word or a fact ends with its own code",
    async () => {
      const root = disk ?? "";
      const made = await openAutopilotStore(root);
      const fence = await made.raiseFence(shop, "one", startMs);
      await made.append(shop, [failed], fence, { nowMs: startMs });
      await made.close();
      Bun.spawnSync(["mount", "-o", "remount,ro", root]);
      const store = await openAutopilotStore(root, { create: false });
      expect((await store.state(shop)).seq).toBe(1);
      expect(await store.version()).toBeGreaterThan(0);
      expect(await store.verify()).toEqual([]);
      expect(await codeOf(() => store.append(shop, [failed], fence, { nowMs: startMs }))).toBe(
        "STORE_UNWRITABLE",
      );
      expect(await codeOf(() => store.say(shop, triggered("k"), "me@here", startMs))).toBe(
        "STORE_UNWRITABLE",
      );
      for (const backend of ["sqlite", "filesystem"] as const) {
        const lease = createLeaseBackend(
          { backend, ttlMs: 15_000 },
          { outputsRoot: root, identity: newIdentity("one"), clock: systemClock, env: {} },
        );
        expect(await lease.acquire(`acme/shop/${scopeKey(shop)}`, startMs)).toMatchObject({
          kind: "unknown",
        });
        await lease.close();
      }
      await store.close();
    },
  );
});

/** Runs it to its end with a failpoint. */
async function dying(root: string, backend: string, failpoint: string) {
  const script = `${import.meta.dir}/memory-dying.child.ts`;
  const child = Bun.spawn([process.execPath, "--define", "AKC_FAILPOINTS=true", script, root, backend], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
    env: { ...process.env, AKC_FAILPOINT: failpoint },
  });
  const lines = (await new Response(child.stdout).text()).split("\n").filter((line) => line !== "");
  const code = await child.exited;
  return { lines, code, signal: child.signalCode };
}

/** A file system of its own, or undefined where none may be mounted. */
function mounted(options: string): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "akc-disk-"));
  try {
    const { exitCode } = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]);
    if (exitCode === 0) {
      afterAll(() => {
        Bun.spawnSync(["umount", "-l", folder]);
        rmSync(folder, { recursive: true, force: true });
      });
      return folder;
    }
  } catch {
    // No `mount` on this machine.
  }
  rmSync(folder, { recursive: true });
  return undefined;
}
