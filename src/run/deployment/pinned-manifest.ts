/**
 * The manifest that a bundle pins, held against its digest before any action of the run starts. What is in it is the provider's to
 * read, and it reads it again; this module reads one file below the repository and changes nothing.
 *
 * Source: spec reconcile §4.3, §4.6; reconcile:W-11.
 */
import { textAt } from "../../bundle/member.ts";
import { AkcError } from "../../errors.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import { limits } from "../../limits.ts";
import { readFileBounded, resolveConfined } from "../../system/files.ts";
import type { Deployment } from "./deployment.ts";

/**
 * Silent where nothing is pinned: that is the provider's to judge.
 * @throws AkcError DESIRED_STATE_INVALID for another file, FILE_NOT_FOUND, FILE_UNREADABLE, PATH_UNSAFE, JSON_TOO_LARGE
 */
export async function refuseOtherManifest({
  settings,
  repoRoot,
}: Pick<Deployment, "settings" | "repoRoot">): Promise<void> {
  const path = textAt(settings, "apply_manifest_path");
  const pinned = textAt(settings, "apply_manifest_sha256")?.toLowerCase();
  if (path === undefined || pinned === undefined) return;
  const found = sha256Hex(
    await readFileBounded(await resolveConfined(repoRoot, path), limits.manifestBytesMax),
  );
  if (found === pinned) return;
  throw new AkcError("DESIRED_STATE_INVALID", {
    message: `the manifest ${path} is not the one that the bundle pins`,
    hint: "Compile the bundle anew, or bring back the file whose SHA-256 is apply_manifest_sha256.",
    details: { path, found, pinned },
  });
}
