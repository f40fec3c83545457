/**
 * Writes what a verification found beside the run, and links it in the manifest of its compile run. Every key of the manifest stays,
 * known or not; a manifest that is another one by now is left alone.
 *
 * Source: spec reconcile §9; cli:W-13.
 */
import { objectAt } from "../../bundle/member.ts";
import { prettyJson } from "../../json/canonical.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import type { JsonObject } from "../../json/value.ts";
import { digestOfFile } from "../../system/file-digest.ts";
import { resolveConfined, writeFileAtomic } from "../../system/files.ts";
import type { Coupling } from "./couple.ts";
import { resolvedProfilePath } from "./governance.ts";
import { assurancePath } from "./result.ts";
import { manifestPath, readManifest, type Subject } from "./subject.ts";

/** Paths of both below the scope; `linked` is undefined where there is no manifest. */
export interface Linked {
  readonly result: string;
  readonly linked: string | undefined;
}

/** @throws AkcError PATH_UNSAFE, DISK_FULL; and what the system throws for a place that cannot be written */
export async function writeAssurance(subject: Subject, coupling: Coupling): Promise<Linked> {
  const { scopeRoot, runId } = subject;
  const result = assurancePath(runId);
  const text = `${prettyJson(coupling.result)}\n`;
  await writeFileAtomic(await resolveConfined(scopeRoot, result), text);
  if (subject.manifest === undefined) return { result, linked: undefined };
  const linked = manifestPath(runId);
  // Read again: a run may have written it while files were looked at.
  const manifest = await readManifest(subject, runId);
  const control: JsonObject = {
    ...objectAt(manifest, "control_plane"),
    operational_assurance_ref: { path: result, sha256: sha256Hex(text) },
    operational_assurance_passed: coupling.passed,
    operational_assurance_enforcement_mode: coupling.governance.enforcement,
    ...(await profileRef(scopeRoot)),
  };
  await writeFileAtomic(
    await resolveConfined(scopeRoot, linked),
    prettyJson({ ...manifest, control_plane: control }),
  );
  return { result, linked };
}

async function profileRef(scopeRoot: string): Promise<JsonObject> {
  const path = await resolveConfined(scopeRoot, resolvedProfilePath).catch(() => undefined);
  const digest = path === undefined ? undefined : await digestOfFile(path);
  if (digest === undefined) return {};
  return { governance_profile_ref: { path: resolvedProfilePath, sha256: digest.sha256 } };
}
