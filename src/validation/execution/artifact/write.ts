/**
 * Writes what bindings came to below a folder: each file whole or not at all, an artifact only once everything it points at is there.
 * Never writes outside of the folder, also not through a link.
 *
 * Source: spec reconcile §6.4.
 */
import { basename, dirname, join } from "node:path";
import { AkcError } from "../../../errors.ts";
import { asDiskError, errnoOf, resolveConfined, writeFileAtomic } from "../../../system/files.ts";
import type { BindingObservation, ObservedFile } from "../model.ts";

/**
 * @param scopeRoot absolute; what the paths of the files are relative to. It must exist.
 * @returns the paths of the artifacts, relative to it, in the order of `observations`
 * @throws AkcError PATH_UNSAFE, DISK_FULL, OUTPUTS_UNWRITABLE
 */
export async function writeObservations(
  scopeRoot: string,
  observations: Iterable<Pick<BindingObservation, "files">>,
): Promise<string[]> {
  const artifacts: string[] = [];
  for (const { files } of observations) {
    const [artifact, ...others] = files;
    for (const file of others) await writeFileBelow(scopeRoot, file);
    if (artifact === undefined) continue;
    await writeFileBelow(scopeRoot, artifact);
    artifacts.push(artifact.path);
  }
  return artifacts;
}

async function writeFileBelow(root: string, { path, bytes }: ObservedFile): Promise<void> {
  // Only the folder: a link that stands where the file is to be is replaced, and nothing is written behind it.
  const place = join(await resolveConfined(root, dirname(path)), basename(path));
  try {
    await writeFileAtomic(place, bytes);
  } catch (cause) {
    const failure = asDiskError(cause, place);
    if (failure instanceof AkcError) throw failure;
    throw new AkcError("OUTPUTS_UNWRITABLE", {
      cause,
      details: { path: place, errno: errnoOf(cause) ?? "unknown" },
    });
  }
}
