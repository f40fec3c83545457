/** Pictures of runs that earlier versions recorded, of every shape: they say what the tables say, and each becomes a page. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reportPage } from "../../src/picture/html/report.ts";
import type { RunPicture } from "../../src/picture/model.ts";
import { readPicture } from "../../src/picture/read.ts";
import type { ActionRow } from "../../src/store/contract.ts";
import { openArchive } from "../../src/store/sqlite/archive.ts";

const folder = join(import.meta.dir, "../replay/histories");
const names = readdirSync(folder).filter((name) => name.endsWith(".akcrun.gz"));
let unpacked = "";

beforeAll(() => {
  unpacked = mkdtempSync(join(tmpdir(), "akc-pictures-"));
});
afterAll(() => rmSync(unpacked, { recursive: true, force: true }));

async function pictureOf(name: string): Promise<{ picture: RunPicture; actions: readonly ActionRow[] }> {
  const path = join(unpacked, name);
  writeFileSync(path, Bun.gunzipSync(await Bun.file(join(folder, name)).bytes()));
  const { reader } = await openArchive(path);
  try {
    const row = await reader.run();
    return { picture: await readPicture({ reader, row }, row.startedAtMs), actions: await reader.actions() };
  } finally {
    await reader.close();
  }
}

test.each(names)("%s: every action stands in the picture as its row stands", async (name) => {
  const { picture, actions } = await pictureOf(name);
  const pictured = new Map(picture.steps.map((step) => [step.actionId, step]));
  for (const { actionId, phase, outputSha256 } of actions) {
    const step = pictured.get(actionId);
    expect([actionId, step?.phase]).toEqual([actionId, phase]);
    if (phase === "succeeded") expect(step?.outputSha256 ?? null).toBe(outputSha256);
  }
  expect(new Set(picture.steps.map(({ actionId }) => actionId)).size).toBe(picture.steps.length);
  expect(picture.steps.map(({ layer }) => layer)).toEqual(
    picture.steps.map(({ layer }) => layer).toSorted((a, b) => a - b),
  );
  for (const { from, to } of picture.edges) {
    expect(picture.steps[from]?.layer).toBeLessThan(picture.steps[to]?.layer ?? -1);
  }
  const page = reportPage(picture, "akc");
  for (const step of picture.steps) expect(page).toContain(step.name);
});

async function ofShape(shape: string): Promise<RunPicture> {
  return (await pictureOf(`0.1.0-${shape}.akcrun.gz`)).picture;
}

test("tries, with how each ended, are those of the events", async () => {
  const { steps } = await ofShape("retried");
  const retried = steps.find(({ attempts }) => attempts.length > 1);
  expect(retried?.attempts.map(({ number, end }) => [number, end])).toEqual([
    [1, "failed"],
    [2, "succeeded"],
  ]);
  expect(retried?.attempts[0]?.code).toBeDefined();
});

test("a denied step says why, and what it blocks names it", async () => {
  const { steps } = await ofShape("denied");
  const denied = steps.find(({ phase }) => phase === "denied");
  expect(denied?.reason).toBeString();
  expect(denied?.code).toBe("SUBPROCESS_NOT_ALLOWED");
  expect(denied?.attempts.map(({ end }) => end)).toEqual(["denied"]);
});

test("an attempt that its process did not outlive is lost, and the next one is there", async () => {
  const { steps } = await ofShape("resumed");
  const ends = steps.flatMap(({ attempts }) => attempts.map(({ end }) => end));
  expect(ends).toContain("lost");
  expect(ends).toContain("succeeded");
});

test("a wait for a signal is told from work", async () => {
  const { steps } = await ofShape("waits");
  const waited = steps
    .flatMap(({ attempts }) => attempts)
    .filter(({ waitedFromMs }) => waitedFromMs !== undefined);
  expect(waited.length).toBeGreaterThan(0);
  for (const { startedAtMs, waitedFromMs } of waited)
    expect(waitedFromMs).toBeGreaterThanOrEqual(startedAtMs);
});
