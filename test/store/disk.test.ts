import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { databasePath, openStore } from "../../src/store/sqlite/open.ts";
import { allEvents, chainHolds, codeOf, event, runRow, scope, startedAtMs, turn } from "./builders.ts";

describe("a full disk", () => {
  const disk = smallDisk();

  test.skipIf(disk === undefined)(
    "ends the turn with its own code and rolls it back; with space again, the same writer goes on",
    async () => {
      const scopeRoot = join(disk ?? "", "acme", "shop");
      const store = await openStore(scopeRoot);
      const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
      const payload = "x".repeat(60_000);
      let committed = 0;
      let code = "none";
      while (code === "none") {
        code = await codeOf(() => writer.commit(turn({ events: [event(committed + 1, "a", payload)] })));
        if (code === "none") committed += 1;
      }
      expect(code).toBe("DISK_FULL");
      expect(committed).toBeGreaterThan(3);
      const reader = await store.openRun("r");
      expect(await allEvents(reader)).toHaveLength(committed);
      const sink = writer.artifacts.begin();
      expect(await codeOf(() => sink.write(new Uint8Array(2_000_000)))).toBe("DISK_FULL");
      Bun.spawnSync(["mount", "-o", "remount,size=8m", disk ?? ""]);
      await writer.commit(turn({ events: [event(committed + 1, "a", payload)] }));
      const events = await allEvents(reader);
      expect(events).toHaveLength(committed + 1);
      expect(chainHolds(events, await reader.run())).toBe(true);
      await reader.close();
      await writer.close();
      await store.close();
      unmount(disk ?? "");
    },
  );

  test("a limit on the size of files fails the turn and leaves the ones before it whole", async () => {
    using place = scope();
    const child = Bun.spawnSync([
      "bash",
      "-c",
      // The signal would end the process; without it the write fails, as on a broken disk.
      `trap '' XFSZ; ulimit -f 600; exec "$0" "$@"`,
      process.execPath,
      `${import.meta.dir}/writing.child.ts`,
      place.scopeRoot,
      "r",
    ]);
    expect(child.exitCode).not.toBe(0);
    expect(child.stderr.toString()).toContain("STORE_IO");
    const reported = Number(child.stdout.toString().trimEnd().split("\n").at(-1));
    const store = await openStore(place.scopeRoot);
    const reader = await store.openRun("r");
    const events = await allEvents(reader);
    expect(events).toHaveLength(reported);
    expect(chainHolds(events, await reader.run())).toBe(true);
    await reader.close();
    await store.close();
  });
});

describe("a database that is not as this akc knows it", () => {
  test("made by a newer akc: refused, and not a byte changed", async () => {
    using place = scope();
    await madeWith(place.scopeRoot, (db) => db.run("PRAGMA user_version = 999"));
    const before = digestOf(databasePath(place.scopeRoot));
    expect(await codeOf(() => openStore(place.scopeRoot))).toBe("STORE_TOO_NEW");
    expect(digestOf(databasePath(place.scopeRoot))).toBe(before);
  });

  test("made newer by a turn that still stands in the log: refused as well", async () => {
    using place = scope();
    await (await openStore(place.scopeRoot)).close();
    const path = databasePath(place.scopeRoot);
    using held = new Database(path, { strict: true });
    held.run("PRAGMA wal_autocheckpoint = 0");
    held.run("PRAGMA user_version = 999");
    expect(await codeOf(() => openStore(place.scopeRoot))).toBe("STORE_TOO_NEW");
  });

  test("of another program: refused", async () => {
    using place = scope();
    const path = databasePath(place.scopeRoot);
    mkdirSync(dirname(path), { recursive: true });
    const db = new Database(path, { create: true });
    db.run("CREATE TABLE notes (text)");
    db.close();
    expect(await codeOf(() => openStore(place.scopeRoot))).toBe("STORE_DAMAGED");
  });

  test.each([
    ["overwritten", (bytes: Buffer) => bytes.fill(0x5a)],
    ["with a torn first page", (bytes: Buffer) => bytes.fill(0x5a, 0, 60)],
  ])("%s: said to be damaged", async (_, damage) => {
    using place = scope();
    await madeWith(place.scopeRoot, () => undefined);
    const path = databasePath(place.scopeRoot);
    writeFileSync(path, damage(readFileSync(path)));
    expect(await codeOf(() => openStore(place.scopeRoot))).toBe("STORE_DAMAGED");
  });

  test("damaged in the middle: what reads it says so", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
    for (let seq = 1; seq < 200; seq += 1)
      await writer.commit(turn({ events: [event(seq, "a", "x".repeat(3_000))] }));
    await writer.close();
    await store.close();
    const path = databasePath(place.scopeRoot);
    const bytes = readFileSync(path);
    for (let at = 16 * 8_192; at < 40 * 8_192; at += 8_192) bytes.fill(0xff, at, at + 100);
    writeFileSync(path, bytes);
    const code = await codeOf(async () => {
      const again = await openStore(place.scopeRoot);
      await allEvents(await again.openRun("r"));
    });
    expect(code).toBe("STORE_DAMAGED");
  });
});

describe("a place that cannot be written", () => {
  test("a file stands where the folder should: the error says that it cannot be written here", async () => {
    using place = scope();
    mkdirSync(place.scopeRoot, { recursive: true });
    writeFileSync(join(place.scopeRoot, ".akc"), "");
    expect(await codeOf(() => openStore(place.scopeRoot))).toBe("STORE_UNWRITABLE");
  });

  const readOnly = mounted("ro,size=1m");
  test.skipIf(readOnly === undefined)("a read-only file system: the same", async () => {
    expect(await codeOf(() => openStore(join(readOnly ?? "", "acme", "shop")))).toBe("STORE_UNWRITABLE");
    unmount(readOnly ?? "");
  });

  test("a command that only looks makes no database", async () => {
    using place = scope();
    expect(await codeOf(() => openStore(place.scopeRoot, { create: false }))).toBe("RUN_NOT_FOUND");
    expect(await Bun.file(databasePath(place.scopeRoot)).exists()).toBe(false);
  });
});

async function madeWith(scopeRoot: string, change: (db: Database) => unknown): Promise<void> {
  const store = await openStore(scopeRoot);
  const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
  await writer.close();
  await store.close();
  const db = new Database(databasePath(scopeRoot), { strict: true });
  change(db);
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  db.close();
}

function digestOf(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

function smallDisk(): string | undefined {
  return mounted("size=1m");
}

/** A file system of its own, or undefined where none may be mounted. */
function mounted(options: string): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "akc-disk-"));
  try {
    const { exitCode } = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]);
    if (exitCode === 0) return folder;
  } catch {
    // No `mount` on this machine.
  }
  rmSync(folder, { recursive: true });
  return undefined;
}

function unmount(folder: string): void {
  Bun.spawnSync(["umount", "-l", folder]);
  rmSync(folder, { recursive: true, force: true });
}
