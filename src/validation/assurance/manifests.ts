/**
 * The compile run that a verification means when nobody names one: that of the newest manifest, by the times that it holds itself.
 * A copy or a restore gives files new times of their own; only a manifest without any is dated by its file.
 *
 * Source: spec reconcile §9.
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { isIdentifier } from "../../bundle/identifier.ts";
import { listAt, member, objectAt } from "../../bundle/member.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { errnoOf, resolveConfined } from "../../system/files.ts";
import { readArtifact } from "../artifact.ts";

const suffix = ".manifest.json";

/** `run_id` of the newest; undefined where there is none. @throws AkcError PATH_UNSAFE */
export async function newestManifest(scopeRoot: string): Promise<string | undefined> {
  let newest: { readonly runId: string; readonly atMs: number } | undefined;
  for (const { runId, path, mtimeMs } of await manifests(scopeRoot)) {
    const atMs = await recordedMs(scopeRoot, path, mtimeMs);
    if (newest === undefined || atMs > newest.atMs) newest = { runId, atMs };
  }
  return newest?.runId;
}

interface Found {
  readonly runId: string;
  readonly path: string;
  readonly mtimeMs: number;
}

/** The last written first; more than the bound are not read. */
async function manifests(scopeRoot: string): Promise<readonly Found[]> {
  const folder = ".akc/run";
  let names: readonly string[];
  const root = await resolveConfined(scopeRoot, folder);
  try {
    names = await readdir(root);
  } catch (cause) {
    if (["ENOENT", "ENOTDIR"].includes(errnoOf(cause) ?? "")) return [];
    throw cause;
  }
  const found: Found[] = [];
  for (const name of names) {
    const runId = name.slice(0, -suffix.length);
    if (!name.endsWith(suffix) || !isIdentifier(runId)) continue;
    const mtimeMs = await stat(join(root, name)).then(
      (file) => file.mtimeMs,
      () => 0,
    );
    found.push({ runId, path: `${folder}/${name}`, mtimeMs });
  }
  return found.toSorted((left, right) => right.mtimeMs - left.mtimeMs).slice(0, limits.manifestsReadMax);
}

/** One that cannot be read keeps its file's time: it may be the newest, and then it is what is verified, and fails. */
async function recordedMs(scopeRoot: string, path: string, mtimeMs: number): Promise<number> {
  const artifact = await readArtifact(scopeRoot, path, { bytesMax: limits.validityEvidenceBytesMax });
  if (artifact.kind === "failed" || !isJsonObject(artifact.value)) return mtimeMs;
  const times = timesOf(artifact.value);
  return times.length === 0 ? mtimeMs : times.reduce((latest, time) => Math.max(latest, time), 0);
}

function timesOf(manifest: JsonObject): readonly number[] {
  const lifecycle = objectAt(objectAt(manifest, "control_plane"), "lifecycle_timestamps");
  const rows = listAt(manifest, "runtime_evidence").flatMap((row) =>
    isJsonObject(row) ? [member(row, "timestamp")] : [],
  );
  return [...Object.values(lifecycle), ...rows].filter(isTime);
}

function isTime(value: JsonValue | undefined): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0;
}
