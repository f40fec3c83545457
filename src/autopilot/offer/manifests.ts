/**
 * Finds the newest bundle of a scope by its compile manifests. Newest is the bundle that was written last: akc writes into a manifest
 * itself whenever it has deployed or repaired, so that the manifest's own age says nothing of what was compiled.
 *
 * Source: spec cli §10.1 (`find_latest_run_manifest`), §14.7; bundle:W-17.
 */
import { readdirSync } from "node:fs";
import { isAbsolute, join, relative } from "node:path";
import { objectAt, objectsAt, textAt } from "../../bundle/member.ts";
import { AkcError } from "../../errors.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { errnoOf, readFileBounded, resolveConfined } from "../../system/files.ts";
import { type ScopeId, scopeName } from "../model.ts";
import { type Made, type StampedFiles, stampOf } from "./stamped.ts";

export interface NamedBundle {
  readonly manifestPath: string;
  /** Absolute, below the scope; whether it stands was not asked. */
  readonly bundlePath: string;
}

interface Scope {
  readonly scope: ScopeId;
  readonly scopeRoot: string;
}

/**
 * Undefined where no manifest names a bundle that stands.
 * @throws AkcError MANIFEST_INVALID when the manifest that was written last cannot be read, whatever else lies there; PATH_UNSAFE
 */
export async function newestNamed(
  scope: Scope,
  files: StampedFiles<NamedBundle>,
): Promise<NamedBundle | undefined> {
  const manifests = manifestsOf(scope.scopeRoot).slice(0, limits.autopilotManifestsReadMax);
  files.keepOnly(manifests.map(({ path }) => path));
  let newest: { readonly named: NamedBundle; readonly writtenMs: number } | undefined;
  for (const [index, { path }] of manifests.entries()) {
    let named: NamedBundle;
    try {
      named = await files.read(path, (place) => readManifest(place, scope));
    } catch (cause) {
      // An old one that is broken says nothing that is asked for.
      if (index === 0 || !(cause instanceof AkcError)) throw cause;
      continue;
    }
    const writtenMs = stampOf(named.bundlePath)?.modifiedMs;
    if (writtenMs !== undefined && (newest === undefined || writtenMs > newest.writtenMs)) {
      newest = { named, writtenMs };
    }
  }
  return newest?.named;
}

/** Those written last first. */
function manifestsOf(scopeRoot: string): readonly { readonly path: string; readonly modifiedMs: number }[] {
  const folder = join(scopeRoot, ".akc/run");
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch (cause) {
    const errno = errnoOf(cause);
    if (errno === "ENOENT" || errno === "ENOTDIR") return [];
    throw new AkcError("FILE_UNREADABLE", { cause, details: { path: folder, errno } });
  }
  return names
    .filter((name) => name.endsWith(".manifest.json") && !name.startsWith("."))
    .flatMap((name) => {
      const path = join(folder, name);
      const stamp = stampOf(path);
      return stamp === undefined ? [] : [{ path, modifiedMs: stamp.modifiedMs }];
    })
    .sort((one, other) => other.modifiedMs - one.modifiedMs || (one.path < other.path ? 1 : -1));
}

async function readManifest(path: string, { scope, scopeRoot }: Scope): Promise<Made<NamedBundle>> {
  const manifest = await documentAt(scopeRoot, relative(scopeRoot, path)).catch((cause) => {
    if (!(cause instanceof AkcError)) throw cause;
    throw invalid(path, cause.message, cause);
  });
  const { tenantId, repoId } = scope;
  if (textAt(manifest, "tenant_id") !== tenantId || textAt(manifest, "repo_id") !== repoId) {
    throw invalid(path, `it is not one of ${scopeName(scope)}`);
  }
  const runId = textAt(manifest, "run_id");
  if (runId === undefined) throw invalid(path, "it has no run_id");
  const packet = await packetOf(manifest, scopeRoot);
  const named =
    textAt(objectAt(packet.document, "apply_target_metadata"), "runtime_bundle_path") ??
    passPath(manifest) ??
    `.akc/runtime/${runId}.runtime_bundle.json`;
  const below = isAbsolute(named) ? relative(scopeRoot, named) : named;
  const bundlePath = await resolveConfined(scopeRoot, below);
  // A packet that is still to come may name another.
  return { value: { manifestPath: path, bundlePath }, keep: packet.settled };
}

function passPath(manifest: JsonObject): string | undefined {
  const pass = objectsAt(manifest, "passes").findLast((one) => textAt(one, "name") === "runtime_bundle");
  return pass === undefined ? undefined : textAt(objectAt(pass, "metadata"), "runtime_bundle_path");
}

/** What a packet that cannot be read is worth is the promotion gate's to say. */
async function packetOf(
  manifest: JsonObject,
  scopeRoot: string,
): Promise<{ readonly document: JsonObject; readonly settled: boolean }> {
  const ref = textAt(objectAt(objectAt(manifest, "control_plane"), "promotion_packet_ref"), "path");
  if (ref === undefined) return { document: {}, settled: true };
  try {
    return { document: await documentAt(scopeRoot, ref), settled: true };
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    return { document: {}, settled: false };
  }
}

async function documentAt(scopeRoot: string, below: string): Promise<JsonObject> {
  const path = await resolveConfined(scopeRoot, below);
  const document = parseJson(await readFileBounded(path, limits.jsonTextBytesMax));
  if (!isJsonObject(document)) throw new AkcError("MANIFEST_INVALID", { message: "it is no object" });
  return document;
}

function invalid(path: string, why: string, cause?: unknown): AkcError {
  return new AkcError("MANIFEST_INVALID", {
    message: `the newest compile manifest cannot be used: ${why}`,
    hint: "Compile anew, or take the file away; what is deployed stays as it is meanwhile.",
    details: { path },
    ...(cause === undefined ? {} : { cause }),
  });
}
