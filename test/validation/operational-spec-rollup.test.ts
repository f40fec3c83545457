/**
 * Windows of evidence over several runs, as they stand on a disk.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { sha256Hex } from "../../src/json/fingerprint.ts";
import { limits } from "../../src/limits.ts";
import { loadRollup } from "../../src/validation/operational-spec/rollup.ts";

const at = ".akc/verification/w.operational_evidence_window.json";
let outputs: string;
let root: string;

beforeEach(async () => {
  outputs = await mkdtemp(join(tmpdir(), "akc-rollup-"));
  root = join(outputs, "acme", "shop");
  await mkdir(root, { recursive: true });
});
afterEach(() => rm(outputs, { recursive: true, force: true }));

async function file(path: string, text: string): Promise<{ path: string; sha256: string }> {
  const place = join(root, path);
  await mkdir(dirname(place), { recursive: true });
  await Bun.write(place, text);
  return { path, sha256: sha256Hex(text) };
}

const row = (run: string, timestamp: number) => ({
  evidence_type: "terminal_health",
  runtime_run_id: run,
  timestamp,
  payload: {},
});
const evidence = (run: string, ...times: number[]) =>
  file(`.akc/runtime/${run}/runtime_evidence.json`, JSON.stringify(times.map((time) => row(run, time))));

async function written(members: object): Promise<void> {
  await file(at, JSON.stringify({ window_start_ms: 0, window_end_ms: 100, ...members }));
}

/** Reason and message of what could not be loaded. */
async function refusal(members?: object): Promise<string> {
  if (members !== undefined) await written(members);
  const rollup = await loadRollup(root, at);
  return rollup.kind === "failed" ? rollup.reason : "loaded";
}

test("records of all exports come by time, whatever their runs are called", async () => {
  await written({
    runtime_evidence_exports: [await evidence("z", 10, 30), await evidence("a", 20)],
    notes: "n",
  });
  const rollup = await loadRollup(root, at);
  if (rollup.kind === "failed") throw new Error(rollup.message);
  expect(rollup).toMatchObject({ windowStartMs: 0, windowEndMs: 100 });
  expect(rollup.records.map((record) => `${record.runtime_run_id}${record.timestamp}`)).toEqual([
    "z10",
    "a20",
    "z30",
  ]);
  expect(rollup.exports.map(({ path }) => path)).toEqual([
    ".akc/runtime/z/runtime_evidence.json",
    ".akc/runtime/a/runtime_evidence.json",
  ]);
  expect(rollup.metrics).toBeUndefined();
});

test("bytes that are not those of the digest are tampered with", async () => {
  const one = await evidence("a", 20);
  const members = { runtime_evidence_exports: [one] };
  expect(await refusal(members)).toBe("loaded");
  await Bun.write(join(root, one.path), `${JSON.stringify([row("a", 20)])} `);
  expect(await refusal()).toBe("tampered");
});

describe("a window that cannot be judged by says why", () => {
  test("missing", async () => {
    expect(await refusal()).toBe("missing");
    const gone = { path: ".akc/runtime/a.json", sha256: "0".repeat(64) };
    expect(await refusal({ runtime_evidence_exports: [gone] })).toBe("missing");
    expect(await loadRollup(join(outputs, "nowhere"), at)).toMatchObject({
      kind: "failed",
      reason: "missing",
    });
  });

  test("malformed", async () => {
    const one = await evidence("a", 20);
    const exports = { runtime_evidence_exports: [one] };
    for (const members of [
      { runtime_evidence_exports: [] },
      {},
      { ...exports, colour: 1 },
      { ...exports, window_end_ms: -1 },
      { ...exports, window_start_ms: 101 },
      { ...exports, window_start_ms: "0" },
      { runtime_evidence_exports: [one, one] },
      { runtime_evidence_exports: [{ ...one, sha256: one.sha256.toUpperCase() }] },
      { runtime_evidence_exports: [{ ...one, size: 1 }] },
      { runtime_evidence_exports: [await file("not-json.json", "{")] },
      { runtime_evidence_exports: [await file("object.json", "{}")] },
      { runtime_evidence_exports: [await file("row.json", '[{"evidence_type":"x"}]')] },
      {
        runtime_evidence_exports: Array.from({ length: limits.rollupExportsMax + 1 }, (_, n) => ({
          ...one,
          path: `${n}`,
        })),
      },
    ]) {
      expect(await refusal(members)).toBe("malformed");
    }
    await file(at, "[]");
    expect(await refusal()).toBe("malformed");
  });

  test("path", async () => {
    await Bun.write(join(outputs, "outside.json"), "[]");
    const sha256 = sha256Hex("[]");
    for (const path of ["../../outside.json", "/etc/passwd", ".akc/../../x.json", "a\0b"]) {
      expect(await refusal({ runtime_evidence_exports: [{ path, sha256 }] })).toBe("path");
    }
    await symlink(join(outputs, "outside.json"), join(root, "link.json"));
    expect(await refusal({ runtime_evidence_exports: [{ path: "link.json", sha256 }] })).toBe("path");
    for (const path of [
      "w.json",
      "../.akc/verification/w.json",
      ".akc/verification/../w.json",
      ".akc/run/w.json",
    ]) {
      expect(await loadRollup(root, path)).toMatchObject({ kind: "failed", reason: "path" });
    }
  });
});

test("metric lines of a window are pinned like its evidence, and are of its scope", async () => {
  const scope = { tenantId: "acme", repoId: "shop" };
  const metric = (tenant: string) =>
    JSON.stringify({
      resource: { attributes: { "akc.tenant_id": tenant } },
      metric: { name: "m", as_int: 1 },
    });
  const ours = await file("ours.jsonl", `${metric("acme")}\n`);
  const foreign = await file("foreign.jsonl", `${metric("other")}\n`);
  const exports = { runtime_evidence_exports: [await evidence("a", 20)] };
  await written({ ...exports, otel_metric_exports: [ours] });
  expect(await loadRollup(root, at, scope)).toMatchObject({
    metrics: { records: [{}], rejectedReason: null },
  });
  await written({ ...exports, otel_metric_exports: [ours, foreign] });
  expect(await loadRollup(root, at, scope)).toMatchObject({
    metrics: { records: [], rejectedReason: "other_scope" },
  });
  expect(await refusal({ ...exports, otel_metric_exports: [{ ...ours, sha256: foreign.sha256 }] })).toBe(
    "tampered",
  );
});
