/**
 * Writes the evidence files of a run once more, from its events, into a folder that is thrown away: what stands there is what
 * the files must say. It never touches the files themselves.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { objectAt, textAt } from "../bundle/member.ts";
import { factsOf } from "../evidence/facts-text.ts";
import { type EvidencePaths, evidencePaths } from "../evidence/layout.ts";
import { writeFiles } from "../evidence/run-files.ts";
import { parseJson } from "../json/read.ts";
import { isJsonObject } from "../json/value.ts";
import type { EvidenceFile, RunReader, RunRow } from "../store/contract.ts";

export interface Rebuilt {
  readonly paths: EvidencePaths;
  readonly files: readonly EvidenceFile[];
}

/**
 * Calls `work` with the rebuilt files and removes them afterwards.
 * @param scopeRoot where the run is now; where it was is taken from what the run kept
 * @throws AkcError STORE_DAMAGED, DISK_FULL
 */
export async function withRebuilt<Answer>(
  {
    reader,
    run,
    scopeRoot,
  }: { readonly reader: RunReader; readonly run: RunRow; readonly scopeRoot: string },
  work: (rebuilt: Rebuilt) => Promise<Answer>,
): Promise<Answer> {
  const base = await mkdtemp(join(tmpdir(), "akc-replay-"));
  try {
    const paths = evidencePaths(base, run.context);
    await mkdir(paths.folder, { recursive: true });
    const outputsRoot = outputsRootOf(run, scopeRoot);
    const { scope } = run.context;
    const { files } = await writeFiles({
      reader,
      run,
      facts: await factsOf(reader, run),
      outputsRoot,
      nowMs: run.finishedAtMs ?? run.startedAtMs,
      shown: evidencePaths(join(outputsRoot, scope.tenantId, scope.repoId), run.context),
      paths,
      shared: false,
      fingerprinted: false,
    });
    return await work({ paths, files });
  } finally {
    await rm(base, { recursive: true, force: true });
  }
}

/** As the run's record shows it; the tree may have been moved since. */
function outputsRootOf(run: RunRow, scopeRoot: string): string {
  const extra = parseJson(run.extra);
  const resolved = objectAt(
    objectAt(isJsonObject(extra) ? extra : {}, "developer_profile_decisions"),
    "resolved",
  );
  return textAt(objectAt(resolved, "outputs_root"), "value") ?? resolve(scopeRoot, "../..");
}
