/**
 * From the path that a hook names to a bundle that could be rolled out: confined, read whole, bound to its scope, known by its hash.
 * Trusts neither the path nor what it says of itself, and rolls out nothing.
 *
 * Source: spec cli §10.1, §15.3; cli:W-39, cli:W-58.
 */
import { realpath, stat } from "node:fs/promises";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { isIdentifier } from "../../bundle/identifier.ts";
import { loadBundle } from "../../bundle/load.ts";
import { objectAt, objectsAt, textAt } from "../../bundle/member.ts";
import { AkcError } from "../../errors.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { readBundleSource } from "../../run/bundle-files.ts";
import { errnoOf, readFileBounded } from "../../system/files.ts";
import type { ScopeConfig } from "../config/model.ts";
import type { Offer } from "../model.ts";

export type OfferedScope = Pick<ScopeConfig, "scope" | "scopeRoot">;

/**
 * @param path absolute, or relative to the scope's folder
 * @throws AkcError PATH_UNSAFE, FILE_NOT_FOUND, FILE_UNREADABLE, BUNDLE_SCOPE_MISMATCH, BUNDLE_HASH_MISMATCH, MANIFEST_INVALID, what
 *   `loadBundle` throws
 */
export async function offeredBy(
  answer: { readonly kind: "bundle" | "manifest"; readonly path: string },
  scope: OfferedScope,
  outputsRoot: string,
): Promise<Offer> {
  const path = await confined(answer.path, scope, outputsRoot);
  if (answer.kind === "bundle") return offerAt(path, scope);
  const manifest = await manifestAt(path, scope);
  const named = bundleOf(manifest);
  const bundlePath = await confined(named.path, scope, outputsRoot);
  return { ...(await offerAt(bundlePath, scope, named)), manifestPath: path };
}

async function offerAt(
  path: string,
  { scope, scopeRoot }: OfferedScope,
  wanted: { readonly sha256?: string; readonly runId?: string } = {},
): Promise<Offer> {
  const { sha256 } = wanted;
  const bundle = await loadBundle(await readBundleSource(path), {
    mode: "enforce",
    ...(sha256 === undefined ? {} : { expectedSha256: sha256 }),
  });
  const { tenantId, repoId } = bundle.scope;
  const otherRun = wanted.runId !== undefined && wanted.runId !== bundle.runId;
  if (tenantId !== scope.tenantId || repoId !== scope.repoId || otherRun) {
    throw new AkcError("BUNDLE_SCOPE_MISMATCH", {
      message: otherRun
        ? "the bundle that the hook offers is of another compile run than its manifest"
        : "the bundle that the hook offers is of another scope",
      details: { path },
    });
  }
  const manifestPath = join(scopeRoot, ".akc", "run", `${bundle.runId}.manifest.json`);
  return {
    bundlePath: bundle.path,
    bundleSha256: bundle.sha256,
    runId: bundle.runId,
    ...((await isFile(manifestPath)) ? { manifestPath } : {}),
    source: "recompile",
  };
}

/** Below the scope's folder, or elsewhere below the outputs root where no other scope is. Links are followed before it is asked. */
async function confined(
  written: string,
  { scope, scopeRoot }: OfferedScope,
  outputsRoot: string,
): Promise<string> {
  const asked = isAbsolute(written) ? resolve(written) : resolve(scopeRoot, written);
  const [real, root] = await Promise.all([realOf(asked), realOf(outputsRoot)]);
  const [first = "", second] = relative(root, real).split(sep);
  const outside = first === ".." || isAbsolute(relative(root, real));
  const isOwn = first === scope.tenantId && second === scope.repoId;
  if (!outside && (isOwn || first.startsWith("."))) return real;
  throw new AkcError("PATH_UNSAFE", {
    message: "the recompile hook offers a file outside of its scope",
    hint: `Let it write below ${scopeRoot}.`,
    details: { path: written.slice(0, limits.autopilotReasonChars) },
  });
}

async function realOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    const missing = ["ENOENT", "ENOTDIR"].includes(errnoOf(cause) ?? "");
    throw new AkcError(missing ? "FILE_NOT_FOUND" : "FILE_UNREADABLE", {
      ...(missing ? { message: `the recompile hook offers a file that is not there: ${path}` } : {}),
      details: { path },
      cause,
    });
  }
}

async function manifestAt(path: string, { scope }: OfferedScope): Promise<JsonObject> {
  const manifest = parseJson(await readFileBounded(path, limits.jsonTextBytesMax));
  if (!isJsonObject(manifest)) {
    throw new AkcError("MANIFEST_INVALID", { message: "the manifest that the hook offers is no object" });
  }
  if (textAt(manifest, "tenant_id") !== scope.tenantId || textAt(manifest, "repo_id") !== scope.repoId) {
    throw new AkcError("BUNDLE_SCOPE_MISMATCH", {
      message: "the manifest that the hook offers is of another scope",
      details: { path },
    });
  }
  return manifest;
}

/** Where it says that its bundle is; else where a compiler leaves it. */
function bundleOf(manifest: JsonObject): {
  readonly path: string;
  readonly sha256?: string;
  readonly runId: string;
} {
  const runId = textAt(manifest, "run_id");
  if (runId === undefined || !isIdentifier(runId)) {
    throw new AkcError("MANIFEST_INVALID", { message: "the manifest that the hook offers has no run_id" });
  }
  const pointer = objectAt(manifest, "runtime_bundle");
  const path = textAt(pointer, "path");
  const sha256 = textAt(pointer, "sha256");
  if (path !== undefined) return { path, runId, ...(sha256 === undefined ? {} : { sha256 }) };
  const pass = objectsAt(manifest, "passes").find((one) => textAt(one, "name") === "runtime_bundle");
  const made = pass === undefined ? undefined : textAt(objectAt(pass, "metadata"), "runtime_bundle_path");
  return { path: made ?? `.akc/runtime/${runId}.runtime_bundle.json`, runId };
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
