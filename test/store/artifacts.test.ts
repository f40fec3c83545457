import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { limits } from "../../src/limits.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { artifactsRoot, databasePath, openStore } from "../../src/store/sqlite/open.ts";
import { ownerName } from "../../src/system/process-owner.ts";
import { action, codeOf, runRow, scope, startedAtMs, turn } from "./builders.ts";

const inlineMax = limits.artifactInlineBytesMax;

test("content of any size, written whole or in parts, is read back under its own hash, at once and by others after the commit", async () => {
  using place = scope();
  const store = await openStore(place.scopeRoot);
  const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
  const reader = await store.openRun("r");
  const size = fc.oneof(fc.nat(200), fc.integer({ min: inlineMax - 2, max: inlineMax + 2 }), fc.nat(200_000));
  await fc.assert(
    fc.asyncProperty(
      size,
      fc.integer({ min: 1, max: 50_000 }),
      fc.boolean(),
      async (bytes, chunk, streamed) => {
        const content = new Uint8Array(bytes).map((_, index) => (index * 31 + bytes) & 0xff);
        const sha256 = createHash("sha256").update(content).digest("hex");
        const given = Uint8Array.from(content);
        const ref = await (async () => {
          if (!streamed) return writer.artifacts.put(given);
          const sink = writer.artifacts.begin();
          for (let at = 0; at < given.length; at += chunk) sink.write(given.subarray(at, at + chunk));
          return sink.finish();
        })();
        given.fill(0);
        expect(ref).toEqual({ sha256, sizeBytes: bytes });
        expect(await writer.artifacts.read(sha256)).toEqual(content);
        await writer.commit(turn({}));
        expect(await reader.artifacts.read(sha256)).toEqual(content);
        expect(await reader.artifacts.sizeOf(sha256)).toBe(bytes);
        expect(existsSync(join(artifactsRoot(place.scopeRoot), sha256.slice(0, 2), sha256))).toBe(
          bytes > inlineMax,
        );
      },
    ),
    { numRuns: 60 },
  );
  expect(filesUnder(join(artifactsRoot(place.scopeRoot), "incoming"))).toEqual([]);
  await reader.close();
  await store.close();
});

test("an artifact is durable with the turn that names it, and not before", async () => {
  using place = scope();
  const store = await openStore(place.scopeRoot);
  const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
  const reader = await store.openRun("r");
  const { sha256 } = await writer.artifacts.put(new Uint8Array([1]));
  expect(await codeOf(() => reader.artifacts.read(sha256))).toBe("STORE_DAMAGED");
  await writer.commit(turn({ actions: [action("a", "succeeded", { outputSha256: sha256 })] }));
  expect(await reader.artifacts.read(sha256)).toEqual(new Uint8Array([1]));
  await reader.close();
  await store.close();
});

test("the same content is kept once", async () => {
  using place = scope();
  const store = await openStore(place.scopeRoot);
  const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
  const other = await store.createRun(runRow("r2"), thisProcess(), startedAtMs);
  for (const one of [writer, other, writer]) {
    await one.artifacts.put(new Uint8Array(10));
    await one.artifacts.put(new Uint8Array(100_000));
    await one.commit(turn({}));
  }
  await store.close();
  const db = new Database(databasePath(place.scopeRoot));
  expect(db.query("SELECT count(*) AS n FROM artifact").get()).toEqual({ n: 2 });
  db.close();
});

test("content that was changed, or is gone, is never handed out", async () => {
  using place = scope();
  const store = await openStore(place.scopeRoot);
  const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
  const small = await writer.artifacts.put(new Uint8Array(10));
  const large = await writer.artifacts.put(new Uint8Array(100_000));
  await writer.commit(turn({}));
  const file = join(artifactsRoot(place.scopeRoot), large.sha256.slice(0, 2), large.sha256);
  writeFileSync(file, new Uint8Array(100_000).fill(1));
  expect(await codeOf(() => writer.artifacts.read(large.sha256))).toBe("STORE_DAMAGED");
  await Bun.file(file).delete();
  expect(await codeOf(() => writer.artifacts.read(large.sha256))).toBe("STORE_DAMAGED");
  const db = new Database(databasePath(place.scopeRoot));
  db.run("UPDATE artifact SET content = x'00' WHERE content IS NOT NULL");
  db.close();
  expect(await codeOf(() => writer.artifacts.read(small.sha256))).toBe("STORE_DAMAGED");
  await store.close();
});

test("what is discarded leaves nothing, and what a dead process left half-written is swept away", async () => {
  using place = scope();
  const incoming = join(artifactsRoot(place.scopeRoot), "incoming");
  mkdirSync(incoming, { recursive: true });
  const gone = Bun.spawnSync(["true"]).pid;
  const ofDead = `${ownerName(gone)}.x`;
  const ofLiving = `${ownerName(process.ppid)}.x`;
  // A number that says nothing here: that process may well be there.
  const ofElsewhere = `${gone}-00000000.x`;
  for (const name of [ofDead, ofLiving, ofElsewhere]) writeFileSync(join(incoming, name), "half");
  const store = await openStore(place.scopeRoot);
  const writer = await store.createRun(runRow("r"), thisProcess(), Date.now());
  expect(filesUnder(incoming).toSorted()).toEqual([ofLiving, ofElsewhere].toSorted());
  const sink = writer.artifacts.begin();
  sink.write(new Uint8Array(100_000));
  expect(filesUnder(incoming)).toHaveLength(3);
  sink.discard();
  expect(filesUnder(incoming)).toHaveLength(2);
  await store.createRun(runRow("later"), thisProcess(), Date.now() + limits.incomingFileAgeMsMax + 60_000);
  expect(filesUnder(incoming)).toEqual([ofLiving]);
  await store.close();
});

function filesUnder(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
